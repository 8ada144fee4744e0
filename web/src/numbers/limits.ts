// Sharpness, and how large a learning rate may be, linear and local.

import { largestEigenvalue } from "./eigenvalues";
import type { Problem, Vector } from "./problem";
import { type Rule, stableProduct } from "./rules";

export function sharpness(problem: Problem, w: Vector): number {
  const n = problem.numWeights;
  const hessian = new Float64Array(n * n);
  problem.hessian(w, hessian);
  return largestEigenvalue(hessian, n);
}

/** Return (the rule's stable product) / lambda; nan where the loss does not curve upwards. */
export function largestStableLearningRate(problem: Problem, w: Vector, taken: Rule): number {
  const curvature = sharpness(problem, w);
  return curvature > 0 ? stableProduct(taken) / curvature : NaN;
}

/** Return 2 eta over the largest stable learning rate: below 2 the rule is linearly stable. */
export function effectiveSharpness(problem: Problem, w: Vector, taken: Rule): number {
  return (2 * taken.learningRate * sharpness(problem, w)) / stableProduct(taken);
}
