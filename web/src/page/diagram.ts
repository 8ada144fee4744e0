// The bifurcation diagram: where descent ends up at each learning rate.

import { type Attractor, attractors } from "../numbers/bifurcation";
import type { Window } from "../numbers/maps";
import { lossAt } from "../numbers/problem";
import { rule } from "../numbers/rules";
import { type Ground, type Run, unitOf } from "./compute";
import { clipped, drawAxes, type Frame, frameOf, verticalLine } from "./frame";
import type { Work } from "./tasks";
import { isDark } from "./theme";

const SHARES = [0.05, 2.4];
const GROWN = 1e4;
const LEAST = 1e-16;

/** The dots as they were drawn last, so that a line over them costs no more than a line. */
interface Sheet {
  readonly key: string;
  readonly found: readonly Attractor[];
  readonly window: Window;
  readonly image: HTMLCanvasElement;
}

export class Diagram {
  private found: Attractor[] = [];
  private unit = 1;
  private isLog = false;
  private sheet: Sheet | null = null;
  /** Logarithm of the highest loss that is drawn: a run on its way to infinity has no attractor. */
  private highest = Infinity;

  /** Follow the attractor over the learning rates; `drawn` is called now and then. */
  *work(run: Run, drawn: () => void): Work {
    const { ground } = run;
    const isSmall = ground.entry.problem.numWeights <= 2;
    const count = isSmall ? 360 : 90;
    this.found = [];
    this.unit = unitOf(ground);
    this.isLog = ground.entry.problem.numWeights > 1;
    this.highest = Math.log10(GROWN * lossAt(ground.entry.problem, ground.w0) + Number.MIN_VALUE);
    const rates = Array.from(
      { length: count },
      (_, i) => this.unit * (SHARES[0] + ((SHARES[1] - SHARES[0]) * (i + 0.5)) / count),
    );
    const taken = rule(run.rule.name, 1, run.rule.momentum);
    const length = isSmall ? 600 : 300;
    for (const each of attractors(ground.entry.problem, taken, rates, ground.w0, length, isSmall ? 96 : 48)) {
      this.found.push(each);
      if (this.found.length % 40 === 0) drawn();
      yield;
    }
    drawn();
  }

  /** Draw the diagram with a line at the learning rate, and return its frame. */
  draw(canvas: HTMLCanvasElement, ground: Ground, rate: number, limit: number): Frame {
    const key = `${this.found.length} ${canvas.clientWidth} ${canvas.clientHeight} ${isDark()}`;
    if (this.sheet?.key !== key || this.sheet.found !== this.found) {
      const window = this.window();
      this.sheet = { key, found: this.found, window, image: this.dots(canvas, window) };
      canvas.setAttribute("aria-label", `Bifurcation diagram: ${this.summary()}`);
    }
    const frame = frameOf(canvas, this.sheet.window);
    const { image } = this.sheet;
    clipped(frame, () => {
      frame.context.drawImage(image, 0, 0, canvas.clientWidth, canvas.clientHeight);
      if (Number.isFinite(limit)) verticalLine(frame, limit / this.unit, frame.colors.limit, [5, 4]);
      verticalLine(frame, rate / this.unit, frame.colors.text);
    });
    const what = ground.entry.problem.numWeights > 1 ? "loss E" : "weight w";
    drawAxes(frame, "learning rate in 2/λ", what, this.isLog);
    return frame;
  }

  /** Return the dots of all attractors, as large as the canvas. */
  private dots(canvas: HTMLCanvasElement, window: Window): HTMLCanvasElement {
    const frame = frameOf(canvas, window);
    const { context: c } = frame;
    c.fillStyle = frame.colors.runs[0];
    for (const each of this.found)
      for (const value of this.valuesOf(each))
        c.fillRect(frame.x(each.learningRate / this.unit) - 0.6, frame.y(value) - 0.6, 1.2, 1.2);
    const image = document.createElement("canvas");
    image.width = canvas.width;
    image.height = canvas.height;
    image.getContext("2d")!.drawImage(canvas, 0, 0);
    return image;
  }

  /** Say in words what the diagram holds. */
  private summary(): string {
    const kinds = new Map<string, number>();
    for (const { points, period } of this.found) {
      const kind = !points.length ? "diverged" : period === 0 ? "without period" : `period ${period}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    return [...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ");
  }

  private valuesOf(each: Attractor): number[] {
    if (!this.isLog) return each.points.map((point) => point[0]);
    const logs = each.losses.map((loss) => Math.log10(Math.max(loss, LEAST)));
    return logs.filter((log) => log <= this.highest);
  }

  private window(): Window {
    let [bottom, top] = [Infinity, -Infinity];
    for (const each of this.found)
      for (const value of this.valuesOf(each)) {
        bottom = Math.min(bottom, value);
        top = Math.max(top, value);
      }
    if (!(bottom <= top)) [bottom, top] = [-1, 1];
    const room = 0.06 * (top - bottom) + 0.1;
    return { left: SHARES[0], right: SHARES[1], bottom: bottom - room, top: top + room };
  }
}
