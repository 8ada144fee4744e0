// The charts and the landscape, which every kind of page has.

import { type Chart, chart } from "./charts";
import type { Ground } from "./compute";
import { canvas, part } from "./elements";
import type { Frame } from "./frame";
import { drawLandscape } from "./landscape";
import { brief, type Picture } from "./picture";

export class Panels {
  private readonly charts: Record<"loss" | "sharpness" | "distance", Chart>;
  frame: Frame | null = null;

  constructor() {
    this.charts = {
      loss: chart(part("loss"), (run) => run.losses, true, false),
      sharpness: chart(part("sharpness"), (run) => run.sharpness, false, true),
      distance: chart(part("distance"), (run) => run.distance, true, false),
    };
  }

  /** Draw a picture anew, with a line at the time that is shown. */
  show(picture: Picture, ground: Ground | null, share: number, time: number | null): void {
    for (const each of Object.values(this.charts)) each.show(picture, time);
    this.landscape(picture, ground, share);
    describe(picture);
  }

  /** Move what shows the step alone. */
  mark(picture: Picture, ground: Ground | null, share: number, time: number | null): void {
    for (const each of Object.values(this.charts)) each.mark(time);
    this.landscape(picture, ground, share);
  }

  resize(): void {
    for (const each of Object.values(this.charts)) each.resize();
  }

  private landscape(picture: Picture, ground: Ground | null, share: number): void {
    this.frame = drawLandscape(canvas("landscape"), picture, ground, share);
  }
}

/** Say in words what the charts show. */
function describe({ flow, descents }: Picture): void {
  const runs = flow ? [flow, ...descents] : descents;
  const say = (id: string, what: string, words: (string | null)[]): void => {
    const known = words.filter((each) => each !== null);
    part(id).setAttribute("aria-label", `${what}: ${known.join("; ") || "nothing to show"}`);
  };
  say(
    "loss",
    "Loss over flow time",
    runs.map(({ label, losses }) => `${label} from ${ends(losses.values)}`),
  );
  say(
    "sharpness",
    "Sharpness over flow time",
    runs.map(({ label, sharpness, ceiling }) => {
      if (!sharpness) return null;
      const limit = ceiling === null ? "" : `, stable up to ${brief(ceiling)}`;
      return `${label} from ${ends(sharpness.values)}${limit}`;
    }),
  );
  say(
    "distance",
    "Distance to the flow",
    runs.map(({ label, distance }) => {
      if (!distance) return null;
      const most = Array.from(distance.values).reduce((high, value) => Math.max(high, value), 0);
      return `${label} at most ${brief(most)}, at the end ${brief(distance.values[distance.values.length - 1])}`;
    }),
  );
}

function ends(values: ArrayLike<number>): string {
  return `${brief(values[0])} to ${brief(values[values.length - 1])}`;
}
