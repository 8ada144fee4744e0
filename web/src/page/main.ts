// Where the page begins.

import { part } from "./elements";
import { Asker } from "./asker";
import { Explorer } from "./explorer";
import { given } from "./given";
import { Viewer } from "./viewer";
import { isDark } from "./theme";

function themed(redraw: () => void): void {
  const button = part("theme");
  const tell = (): void => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-pressed", String(isDark()));
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    tell();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    tell();
    redraw();
  });
  tell();
}

function pageOf(): { redraw(): void } {
  const found = given();
  if (found?.kind === "runs") return new Viewer(found);
  if (found?.kind === "asked") return new Asker(found);
  const named = found ? `#problem=${found.name}` : "";
  const page = new Explorer(location.hash || named);
  addEventListener("hashchange", () => page.follow(location.hash));
  return page;
}

function begin(): void {
  const page = pageOf();
  performance.mark("picture");
  themed(() => page.redraw());
  let wide = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === wide) return;
    wide = innerWidth;
    page.redraw();
  });
}

begin();
