// Maps that sharpen: a picture of starts, or of starts and learning rates, coarse first, then in ever smaller blocks.

import type { Problem } from "./problem";
import { REGIMES, regime } from "./regimes";
import { type Rule, rule } from "./rules";

export interface Grid {
  readonly width: number;
  readonly height: number;
  /** One number a pixel, row by row from the top. */
  readonly values: Float32Array;
}

export interface Window {
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly top: number;
}

export function grid(width: number, height: number): Grid {
  return { width, height, values: new Float32Array(width * height) };
}

const COARSEST = 8;

/** Fill the grid with value(x, y), in blocks of 8, 4, 2 and 1 pixels; yields the block's size every `stride` pixels. */
export function* sharpened(
  { width, height, values }: Grid,
  window: Window,
  value: (x: number, y: number) => number,
  stride: number,
): Generator<number, void> {
  let count = 0;
  const across = (window.right - window.left) / width;
  const up = (window.top - window.bottom) / height;
  for (let block = COARSEST; block >= 1; block /= 2) {
    for (let row = 0; row < height; row += block) {
      const y = window.top - (row + 0.5) * up;
      const isNewRow = block === COARSEST || row % (2 * block) !== 0;
      for (let column = 0; column < width; column += block) {
        if (!isNewRow && column % (2 * block) === 0) continue;
        const found = value(window.left + (column + 0.5) * across, y);
        for (let j = row; j < Math.min(row + block, height); j++)
          values.fill(found, j * width + column, j * width + Math.min(column + block, width));
        if (++count % stride === 0) yield block;
      }
    }
  }
}

/** Return the number of the regime in REGIMES by first weight and learning rate. */
export function regimeValue(
  problem: Problem,
  taken: Rule,
  w0: Float64Array,
  numSteps: number,
): (x: number, learningRate: number) => number {
  const start = Float64Array.from(w0);
  return (x, learningRate) => {
    start[0] = x;
    return REGIMES.indexOf(
      regime(problem, rule(taken.name, learningRate, taken.momentum), start, numSteps),
    );
  };
}

export const DIVERGES = -1;
export const WANDERS = -2;
const LOW = 1e-9;
const FAR = 1e12;

/** Return after how many steps descent from (x, y) has a loss below 1e-9; -1 where it leaves, -2 where neither. */
export function productSteps(learningRate: number, most: number): (x: number, y: number) => number {
  return (x, y) => {
    for (let step = 0; step <= most; step++) {
      const miss = x * y - 1;
      if (0.5 * miss * miss < LOW) return step;
      if (!(x * x + y * y < FAR)) return DIVERGES;
      const moved = x - learningRate * (miss * y);
      y = y - learningRate * (miss * x);
      x = moved;
    }
    return WANDERS;
  };
}

/** The same for any problem of two weights, whose least loss is 0. */
export function stepsToLow(
  problem: Problem,
  learningRate: number,
  most: number,
): (x: number, y: number) => number {
  if (problem.name === "two-weight-product") return productSteps(learningRate, most);
  const [w, gradient] = [new Float64Array(2), new Float64Array(2)];
  return (x, y) => {
    w[0] = x;
    w[1] = y;
    for (let step = 0; step <= most; step++) {
      if (problem.lossAndGradient(w, gradient) < LOW) return step;
      if (!(w[0] * w[0] + w[1] * w[1] < FAR)) return DIVERGES;
      w[0] = w[0] - learningRate * gradient[0];
      w[1] = w[1] - learningRate * gradient[1];
    }
    return WANDERS;
  };
}
