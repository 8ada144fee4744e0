// The bifurcation diagram: where descent ends up at each learning rate.

import { type Attractor, attractors } from "../numbers/bifurcation";
import type { Window } from "../numbers/maps";
import { lossAt } from "../numbers/problem";
import { rule } from "../numbers/rules";
import { type Ground, type Run, unitOf } from "./compute";
import { clipped, drawAxes, frameOf, verticalLine } from "./frame";
import type { Work } from "./tasks";

const SHARES = [0.05, 2.4];
const GROWN = 1e4;
const LEAST = 1e-16;

export class Diagram {
  private found: Attractor[] = [];
  private unit = 1;
  private isLog = false;
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

  draw(canvas: HTMLCanvasElement, ground: Ground, rate: number, limit: number): void {
    const frame = frameOf(canvas, this.window());
    const { context: c } = frame;
    clipped(frame, () => {
      c.fillStyle = frame.colors.runs[0];
      for (const each of this.found)
        for (const value of this.valuesOf(each))
          c.fillRect(frame.x(each.learningRate / this.unit) - 0.6, frame.y(value) - 0.6, 1.2, 1.2);
      if (Number.isFinite(limit)) verticalLine(frame, limit / this.unit, frame.colors.limit, [5, 4]);
      verticalLine(frame, rate / this.unit, frame.colors.text);
    });
    const what = ground.entry.problem.numWeights > 1 ? "loss E" : "weight w";
    drawAxes(frame, "learning rate in 2/λ", what, this.isLog);
  }

  /** Say in words what the diagram holds. */
  summary(): string {
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
