// Eigenvalues of a small symmetric matrix: Householder's tridiagonal form, then bisection by Sturm counts.

import type { Vector } from "./problem";

interface Tridiagonal {
  readonly diagonal: Vector;
  /** beside[i] couples i and i + 1. */
  readonly beside: Vector;
}

/** Return the largest (not the largest absolute) eigenvalue of the symmetric n x n matrix, row by row. */
export function largestEigenvalue(matrix: Vector, n: number): number {
  if (n === 1) return matrix[0];
  if (n === 2) {
    const half = (matrix[0] - matrix[3]) / 2;
    return (matrix[0] + matrix[3]) / 2 + Math.hypot(half, matrix[1]);
  }
  // In units of its largest entry, so that no square of an entry overflows or vanishes.
  const unit = matrix.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
  if (!(unit > 0 && unit < Infinity)) return unit === 0 ? 0 : NaN;
  return unit * topOf(tridiagonal(matrix.map((entry) => entry / unit), n));
}

function tridiagonal(a: Vector, n: number): Tridiagonal {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n - 1);
  const v = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = a[k * n + k];
    beside[k] = reflector(a, n, k, v);
    if (beside[k] !== 0 && k < n - 2) reflect(a, n, k + 1, v, p);
  }
  diagonal[n - 1] = a[n * n - 1];
  return { diagonal, beside };
}

/** Write the unit vector whose reflection leaves of column k below the diagonal its first entry; return that. */
function reflector(a: Vector, n: number, k: number, v: Vector): number {
  let scale = 0;
  for (let i = k + 1; i < n; i++) scale = Math.max(scale, Math.abs(a[i * n + k]));
  if (scale === 0) return 0;
  let square = 0;
  for (let i = k + 1; i < n; i++) {
    v[i] = a[i * n + k] / scale;
    square += v[i] * v[i];
  }
  const length = v[k + 1] > 0 ? -Math.sqrt(square) : Math.sqrt(square);
  const size = Math.sqrt(2 * length * (length - v[k + 1]));
  v[k + 1] -= length;
  for (let i = k + 1; i < n; i++) v[i] /= size;
  return length * scale;
}

/** Replace the trailing block A from row `first` on by (1 - 2 v v') A (1 - 2 v v'). */
function reflect(a: Vector, n: number, first: number, v: Vector, p: Vector): void {
  let along = 0;
  for (let i = first; i < n; i++) {
    let sum = 0;
    for (let j = first; j < n; j++) sum += a[i * n + j] * v[j];
    p[i] = sum;
    along += sum * v[i];
  }
  for (let i = first; i < n; i++)
    for (let j = first; j < n; j++)
      a[i * n + j] += 4 * along * v[i] * v[j] - 2 * (v[i] * p[j] + p[i] * v[j]);
}

function topOf({ diagonal, beside }: Tridiagonal): number {
  const n = diagonal.length;
  let [low, high] = [-Infinity, -Infinity];
  for (let i = 0; i < n; i++) {
    const reach = Math.abs(beside[i - 1] ?? 0) + Math.abs(beside[i] ?? 0);
    low = Math.max(low, diagonal[i]);
    high = Math.max(high, diagonal[i] + reach);
  }
  const width = 4 * Number.EPSILON * Math.max(Math.abs(low), Math.abs(high));
  while (high - low > width) {
    const middle = low + (high - low) / 2;
    if (allBelow(middle, diagonal, beside)) high = middle;
    else low = middle;
    if (!(middle > -Infinity)) return NaN;
  }
  return low + (high - low) / 2;
}

function allBelow(x: number, diagonal: Vector, beside: Vector): boolean {
  let pivot = diagonal[0] - x;
  for (let i = 1; i < diagonal.length; i++) {
    if (!(pivot < 0)) return false;
    pivot = diagonal[i] - x - (beside[i - 1] * beside[i - 1]) / pivot;
  }
  return pivot < 0;
}
