// The buttons that give something away: a link, a picture, a table, Python lines.

import { part } from "./elements";
import { download, mosaic } from "./exports";

export interface Takeaway {
  /** The part of a link behind "#"; null where there is none. */
  readonly link: (() => string) | null;
  readonly lines: (() => string) | null;
  readonly table: () => string;
}

export function takeaways(page: Takeaway): void {
  const on = (id: string, act: () => void): void => part(id).addEventListener("click", act);
  const { link, lines } = page;
  if (link)
    on("link", () => {
      // A page inside another one has no address of its own.
      if (location.protocol !== "about:") history.replaceState(null, "", link());
      offer(location.href.split("#")[0] + link());
    });
  if (lines) on("python", () => offer(lines()));
  on("csv", () => download("gradflow.csv", new Blob([page.table()], { type: "text/csv" })));
  on("png", () => {
    const figures = [...document.querySelectorAll<HTMLElement>("#panels figure")];
    mosaic(figures.filter((figure) => !figure.hidden)).toBlob((blob) => {
      if (blob) download("gradflow.png", blob);
    });
  });
}

/** Show the text, selected, and copy it where the browser lets us. */
function offer(text: string): void {
  const box = part("lines") as HTMLTextAreaElement;
  box.hidden = false;
  box.value = text;
  box.focus();
  box.select();
  // A page inside another one may not, and one from elsewhere may have no clipboard.
  const { clipboard } = navigator as Partial<Navigator>;
  if (location.protocol !== "about:") void clipboard?.writeText(text).catch(() => undefined);
}
