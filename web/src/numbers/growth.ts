// The largest Lyapunov exponent of a run: how fast a small difference between two runs grows.

import { areFinite, norm, type Problem, type Vector } from "./problem";
import { hasMomentum, type Rule, update } from "./rules";
import { DIRECTIONS } from "./starts";

/** Return the growth per step over `numSteps` steps, or nan where the run leaves the finite numbers. */
export function largestExponent(
  problem: Problem,
  taken: Rule,
  w0: Vector,
  velocity0: Vector,
  numSteps: number,
): number {
  const n = problem.numWeights;
  const [w, velocity] = [Float64Array.from(w0), Float64Array.from(velocity0)];
  const gradient = new Float64Array(n);
  const hessian = new Float64Array(n * n);
  const product = new Float64Array(n);
  const difference = Float64Array.from(DIRECTIONS.slice(0, hasMomentum(taken.name) ? 2 * n : n));
  scale(difference, 1 / norm(difference));
  const moved = difference.subarray(0, n);
  const memory = hasMomentum(taken.name) ? difference.subarray(n) : new Float64Array(n);
  let sum = 0;
  for (let step = 0; step < numSteps; step++) {
    problem.lossAndGradient(w, gradient);
    problem.hessian(w, hessian);
    multiply(hessian, moved, product);
    update(taken, moved, product, memory);
    if (!areFinite(difference) || !areFinite(w)) return NaN;
    const length = norm(difference);
    sum += Math.log(length);
    if (length > 0) scale(difference, 1 / length);
    else difference.fill(1 / Math.sqrt(difference.length));
    update(taken, w, gradient, velocity);
  }
  return sum / numSteps;
}

function scale(v: Vector, factor: number): void {
  for (let i = 0; i < v.length; i++) v[i] *= factor;
}

function multiply(matrix: Vector, v: Vector, out: Vector): void {
  for (let i = 0; i < v.length; i++) {
    let sum = 0;
    for (let j = 0; j < v.length; j++) sum += matrix[i * v.length + j] * v[j];
    out[i] = sum;
  }
}
