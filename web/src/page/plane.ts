// The plane in which a network's runs are drawn: through the start, along the flow and where the flow bends.

import type { Flow } from "../numbers/flow";
import type { Window } from "../numbers/maps";
import { norm, type Vector } from "../numbers/problem";
import { DIRECTIONS } from "../numbers/starts";

export interface Plane {
  readonly window: Window;
  project(w: Vector): [number, number];
  /** Return the weights at a place of the plane. */
  lift(x: number, y: number): Float64Array;
}

export function flowPlane(flow: Flow, n: number): Plane {
  const rows = flow.times.length;
  const row = (k: number): Vector => flow.weights.subarray(k * n, (k + 1) * n);
  const origin = Float64Array.from(row(0));
  const offset = (k: number): Float64Array => row(k).map((w, i) => w - origin[i]);
  const along = unit(offset(rows - 1)) ?? unit(Float64Array.from(DIRECTIONS.slice(0, n)))!;
  let bend = outside(Float64Array.from(DIRECTIONS.slice(n, 2 * n)), along);
  let most = 0;
  for (let k = 1; k < rows - 1; k++) {
    const away = outside(offset(k), along);
    if (norm(away) > most) [bend, most] = [away, norm(away)];
  }
  const across = unit(bend)!;
  const project = (w: Vector): [number, number] => {
    const away = w.map((x, i) => x - origin[i]);
    return [dot(away, along), dot(away, across)];
  };
  return {
    window: around(Array.from({ length: rows }, (_, k) => project(row(k)))),
    project,
    lift: (x, y) => origin.map((w, i) => w + x * along[i] + y * across[i]),
  };
}

function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function unit(v: Float64Array): Float64Array | null {
  const length = norm(v);
  return length > 1e-12 ? v.map((x) => x / length) : null;
}

function outside(v: Float64Array, along: Vector): Float64Array {
  const share = dot(v, along);
  return v.map((x, i) => x - share * along[i]);
}

/** Return a window around the points with room on all sides, at most twice as wide as high. */
function around(points: [number, number][]): Window {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
  const half = Math.max(0.75 * (right - left), 1.2 * (top - bottom), 0.3);
  const [x, y] = [(left + right) / 2, (bottom + top) / 2];
  return { left: x - half, right: x + half, bottom: y - 0.75 * half, top: y + 0.75 * half };
}
