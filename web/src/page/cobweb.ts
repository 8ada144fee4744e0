// The cobweb of one weight: the map of one step, the diagonal, and the stairs of the run between them.

import type { Window } from "../numbers/maps";
import { type Rule, rule, update } from "../numbers/rules";
import type { Run } from "./compute";
import { clipped, drawAxes, frameOf, stroke } from "./frame";

const MOST_STAIRS = 400;

/** Whether a step is a map of the weight alone: with momentum it is not. */
export function hasCobweb(numWeights: number, taken: Rule): boolean {
  return numWeights === 1 && taken.momentum === 0;
}

export function drawCobweb(canvas: HTMLCanvasElement, run: Run, share: number): void {
  const window = windowOf(run);
  const frame = frameOf(canvas, window);
  const ahead = stepMap(run);
  clipped(frame, () => {
    const { left, right } = window;
    stroke(frame, [left, left, right, right], frame.colors.faint, 1);
    const places = Array.from({ length: 301 }, (_, i) => left + (i / 300) * (right - left));
    stroke(
      frame,
      places.flatMap((x) => [x, ahead(x)]),
      frame.colors.flow,
      2,
    );
    stroke(frame, stairs(run.descent.weights, share), frame.colors.runs[0], 1.2);
  });
  drawAxes(frame, "weight w", "after one step");
}

function windowOf({ ground, descent }: Run): Window {
  const own = ground.entry.window!;
  const low = descent.weights.reduce((most, w) => Math.min(most, w), own.left);
  const high = descent.weights.reduce((most, w) => Math.max(most, w), own.right);
  const reach = 3 * (own.right - own.left);
  const [left, right] = [Math.max(low, own.left - reach), Math.min(high, own.right + reach)];
  return { left, right, bottom: left, top: right };
}

function stepMap({ ground, rule: taken }: Run): (x: number) => number {
  const [w, gradient, velocity] = [new Float64Array(1), new Float64Array(1), new Float64Array(1)];
  const one = rule(taken.name, taken.learningRate);
  return (x) => {
    w[0] = x;
    ground.entry.problem.lossAndGradient(w, gradient);
    update(one, w, gradient, velocity);
    return w[0];
  };
}

function stairs(weights: Float64Array, share: number): number[] {
  const last = Math.min(Math.round(share * (weights.length - 1)), MOST_STAIRS);
  const pairs = [weights[0], weights[0]];
  for (let k = 0; k < last; k++) pairs.push(weights[k], weights[k + 1], weights[k + 1], weights[k + 1]);
  return pairs;
}
