// A stretch of a run, as much of it as a verdict needs, and what its tail does: settle, repeat, neither.

import { areFinite, distance, largest, type Problem, type Vector } from "./problem";
import { type Rule, update } from "./rules";

const NUM_WINDOWS = 8;
const ARRIVED = 1e-12;

export class Stretch {
  readonly losses: number[] = [];
  /** The length of every step. */
  readonly lengths: number[] = [];
  readonly samples = new Map<number, Vector>();
  largest = 0;
  isComplete = true;
  /** Where the last row is, and the rule's memory there. */
  readonly weights: Vector;
  readonly velocity: Vector;
  private readonly next: Vector;
  private readonly gradient: Vector;
  private readonly ring: Vector[];

  constructor(
    readonly problem: Problem,
    readonly rule: Rule,
    start: Vector,
    velocity: Vector | null,
    tail = 1,
    private readonly wanted: ReadonlySet<number> = new Set(),
  ) {
    const n = problem.numWeights;
    this.weights = Float64Array.from(start);
    this.next = Float64Array.from(start);
    this.velocity = velocity ? Float64Array.from(velocity) : new Float64Array(n);
    this.gradient = new Float64Array(n);
    this.ring = Array.from({ length: tail }, () => new Float64Array(n));
  }

  /** Go on until there are so many rows, unless the run leaves the finite numbers before. */
  advance(numRows: number): void {
    while (this.isComplete && this.losses.length < numRows) this.isComplete = this.addRow();
  }

  /** The last weights, oldest first. */
  get tail(): Vector[] {
    const kept = Math.min(this.ring.length, this.losses.length);
    const first = this.losses.length - kept;
    return Array.from({ length: kept }, (_, i) => this.ring[(first + i) % this.ring.length]);
  }

  private addRow(): boolean {
    const row = this.losses.length;
    // The velocity belongs to the last row that is good: a step is taken only when the next row is asked for.
    if (row > 0) {
      this.next.set(this.weights);
      update(this.rule, this.next, this.gradient, this.velocity);
    }
    const loss = this.problem.lossAndGradient(this.next, this.gradient);
    if (!Number.isFinite(loss) || !areFinite(this.gradient) || !areFinite(this.next)) return false;
    if (row > 0) this.lengths.push(distance(this.next, this.weights));
    this.weights.set(this.next);
    if (this.wanted.has(row)) this.samples.set(row, Float64Array.from(this.weights));
    this.losses.push(loss);
    this.ring[row % this.ring.length].set(this.weights);
    this.largest = Math.max(this.largest, largest(this.weights));
    return true;
  }
}

/** Return bounds of `count` nearly equal parts of `length` rows, the first ones longer. */
export function parts(length: number, count: number): [number, number][] {
  const [size, rest] = [Math.floor(length / count), length % count];
  let start = 0;
  return Array.from({ length: count }, (_, i) => {
    const stop = start + size + (i < rest ? 1 : 0);
    const bounds: [number, number] = [start, stop];
    start = stop;
    return bounds;
  });
}

export function highest(values: ArrayLike<number>, start: number, stop: number): number {
  let most = -Infinity;
  for (let i = start; i < stop; i++) if (values[i] > most) most = values[i];
  return most;
}

/** Return whether steps of these lengths, from `first` on, die away for good. */
export function settles(lengths: ArrayLike<number>, first: number, most: number): boolean {
  const longest = parts(lengths.length - first, NUM_WINDOWS).map(([start, stop]) =>
    highest(lengths, first + start, first + stop),
  );
  if (longest[NUM_WINDOWS - 1] <= ARRIVED * (1 + most)) return true;
  const falls = longest.slice(1).map((value, i) => Math.log(longest[i]) - Math.log(value));
  if (longest.slice(1).some((value, i) => !(value - longest[i] < 0))) return false;
  const half = falls.length >> 1;
  return total(falls.slice(-half)) >= 0.5 * total(falls.slice(0, half));
}

function total(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Return the steps after which the points repeat: 1 if they rest, 0 if they do not repeat. */
export function periodOf(points: Vector[], scale: number, maxPeriod = 32, tolerance = 1e-4): number {
  const n = points[0].length;
  let size = 0;
  for (let i = 0; i < n; i++) {
    let [low, high] = [Infinity, -Infinity];
    for (const point of points) {
      low = Math.min(low, point[i]);
      high = Math.max(high, point[i]);
    }
    size = Math.max(size, high - low);
  }
  if (size <= 1e-9 * scale) return 1;
  for (let period = 1; period <= Math.min(maxPeriod, points.length >> 1); period++)
    if (returns(points, period, tolerance * size)) return period;
  return 0;
}

function returns(points: Vector[], period: number, most: number): boolean {
  for (let k = period; k < points.length; k++)
    for (let i = 0; i < points[k].length; i++)
      if (!(Math.abs(points[k][i] - points[k - period][i]) <= most)) return false;
  return true;
}
