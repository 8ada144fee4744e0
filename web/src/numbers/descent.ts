// Descent: every step kept, on the clock of the flow.

import { areFinite, type Problem, type Vector } from "./problem";
import { type Rule, stepLength, update } from "./rules";

export interface Descent {
  readonly rule: Rule;
  readonly stepLength: number;
  /** The weights of step k begin at k n. */
  readonly weights: Vector;
  readonly losses: Vector;
  readonly numSteps: number;
  readonly diverged: boolean;
}

/** Return the last step that does not pass `endTime`, rounding apart. */
export function stepsUntil(endTime: number, taken: Rule): number {
  return Math.trunc((endTime * (1 + 1e-12)) / stepLength(taken));
}

export function descend(problem: Problem, w0: Vector, taken: Rule, numSteps: number): Descent {
  const n = problem.numWeights;
  const weights = new Float64Array((numSteps + 1) * n);
  const losses = new Float64Array(numSteps + 1);
  const w = Float64Array.from(w0);
  const gradient = new Float64Array(n);
  const velocity = new Float64Array(n);
  let step = 0;
  for (; step <= numSteps; step++) {
    const loss = problem.lossAndGradient(w, gradient);
    const isLast = step === numSteps;
    if (!Number.isFinite(loss) || !areFinite(w) || !(isLast || areFinite(gradient))) break;
    weights.set(w, step * n);
    losses[step] = loss;
    update(taken, w, gradient, velocity);
  }
  const reached = Math.max(step, 1);
  return {
    rule: taken,
    stepLength: stepLength(taken),
    weights: weights.subarray(0, reached * n),
    losses: losses.subarray(0, reached),
    numSteps: reached - 1,
    diverged: step <= numSteps,
  };
}

export function weightsAt(run: Descent, step: number, n: number): Vector {
  return run.weights.subarray(step * n, (step + 1) * n);
}
