// The page of saved runs: which of them are seen, and how far.

import { canvas, part, patch, show, tell } from "./elements";
import type { GivenRun, Saved } from "./given";
import { viewOf } from "./given";
import { Panels } from "./panels";
import { lossTable, type Picture, type RunView } from "./picture";
import { Player } from "./player";
import { takeaways } from "./takeaways";
import { colors } from "./theme";

/** Rows of a path that the player counts as steps. */
function rows(run: RunView): number {
  return (run.path?.length ?? 2) / 2 - 1;
}

export class Viewer {
  private readonly panels = new Panels();
  private readonly runs: { given: GivenRun; view: RunView; isSeen: boolean }[];
  private readonly player: Player;

  constructor(private readonly saved: Saved) {
    const all = saved.flow ? [saved.flow, ...saved.descents] : [...saved.descents];
    this.runs = all.map((each) => ({ given: each, view: viewOf(each), isSeen: true }));
    this.player = new Player(
      () => Math.max(...this.runs.map(({ view }) => rows(view))),
      () => this.redraw(),
    );
    hideControls();
    part("subtitle").textContent = saved.title;
    part("landscape-title").textContent = "Paths";
    part("remark").textContent = saved.remark;
    this.list();
    takeaways({ link: null, lines: null, table: () => lossTable(this.runs.map(({ view }) => view)) });
    document.documentElement.dataset.state = "done";
    this.redraw();
  }

  redraw(): void {
    this.panels.resize();
    const picture = this.picture();
    this.panels.show(picture, null, this.player.share, null);
    this.player.tell();
    show("sharpness-figure", this.runs.some(({ view }) => view.sharpness));
    show("distance-figure", this.runs.some(({ view }) => view.distance));
    tell(
      "numbers",
      this.runs.filter(({ isSeen }) => isSeen).flatMap(({ given }) => [[given.label, ""] as const, ...given.facts]),
    );
    const names = this.runs.map(({ view }) => view.label).join(", ");
    canvas("landscape").setAttribute("aria-label", `Paths of ${names}`);
  }

  /** Unseen runs keep their colors: they stay in the picture, empty. */
  private picture(): Picture {
    const seen = this.runs.map(({ view, isSeen }) => (isSeen ? view : { ...view, ...NOTHING }));
    const flow = this.saved.flow ? seen[0] : null;
    return { flow, descents: seen.slice(flow ? 1 : 0), axes: this.saved.axes };
  }

  private list(): void {
    const found = colors();
    part("runs").replaceChildren(
      ...this.runs.map((run, index) => {
        const order = this.saved.flow ? index - 1 : index;
        const color = order < 0 ? found.flow : found.runs[order % found.runs.length];
        const label = patch("label", color, run.given.label) as HTMLLabelElement;
        const box = document.createElement("input");
        Object.assign(box, { type: "checkbox", checked: true, id: `run-${index}` });
        box.addEventListener("change", () => {
          run.isSeen = box.checked;
          this.redraw();
        });
        label.prepend(box);
        return label;
      }),
    );
  }
}

const EMPTY = { times: [], values: [] };
const NOTHING = { losses: EMPTY, distance: null, sharpness: null, ceiling: null, path: null };

/** Leave of the controls what saved runs have. */
function hideControls(): void {
  const unused = ["problem", "rate", "rule", "momentum", "start", "seed", "time"].map((id) => `${id}-field`);
  for (const id of [...unused, "formula", "verdict", "cobweb-figure", "diagram-figure", "map-figure"])
    show(id, false);
  for (const id of ["link", "python", "landscape-hint"]) show(id, false);
  canvas("landscape").tabIndex = -1;
  canvas("landscape").setAttribute("role", "img");
}

