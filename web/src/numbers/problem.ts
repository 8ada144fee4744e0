// What is descended: a loss over a few weights, with its gradient and its whole Hessian.

export type Vector = Float64Array;

export interface Problem {
  readonly name: string;
  readonly numWeights: number;
  /** Return E(w) and write dE/dw, operation by operation as gradflow takes them. */
  lossAndGradient(w: Vector, gradient: Vector): number;
  /** Write H(w), row by row, both halves. */
  hessian(w: Vector, out: Vector): void;
}

export function lossAt(problem: Problem, w: Vector): number {
  return problem.lossAndGradient(w, new Float64Array(problem.numWeights));
}

export function norm(v: Vector): number {
  let sum = 0;
  for (const x of v) sum += x * x;
  return Math.sqrt(sum);
}

export function distance(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return Math.sqrt(sum);
}

export function largest(v: Vector): number {
  let most = 0;
  for (const x of v) most = Math.max(most, Math.abs(x));
  return most;
}

export function areFinite(v: Vector): boolean {
  for (const x of v) if (!Number.isFinite(x)) return false;
  return true;
}
