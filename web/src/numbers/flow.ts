// The gradient flow dw/dt = -dE/dw by Dormand and Prince's method of order 5, with its interpolant of order 4.

import { areFinite, largest, type Problem, type Vector } from "./problem";

export interface Flow {
  readonly times: Vector;
  /** The weights of row k begin at k n. */
  readonly weights: Vector;
  readonly losses: Vector;
  /** The flow reached its end; else it was too costly, or left the finite numbers. */
  readonly isComplete: boolean;
  /** Write w(t), within the flow's span. */
  at(t: number, out: Vector): void;
}

const A = [
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
];
const E = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];
// Powers of the share of the step that stage i weighs with, from the first on (Shampine 1986).
const P = [
  [1, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432],
  [0, 0, 0, 0],
  [0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799],
  [0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072],
  [0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632],
  [0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844],
  [0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423],
];
const RELATIVE = 1e-11;
export const MOST_STEPS = 60_000;

interface Step {
  readonly start: number;
  readonly length: number;
  readonly w: Vector;
  readonly stages: Vector[];
}

export function flow(problem: Problem, w0: Vector, endTime: number, relative = RELATIVE): Flow {
  const n = problem.numWeights;
  const floor = relative * Math.max(largest(w0), 1e-3) * 1e-2;
  const steps: Step[] = [];
  const losses: number[] = [];
  let w = Float64Array.from(w0);
  let stages = fresh(n);
  losses.push(velocity(problem, w, stages[0]));
  let t = 0;
  let h = Math.min(endTime, firstStep(w, stages[0], relative, floor));
  let calls = 0;
  while (t < endTime && calls++ < MOST_STEPS && h > 1e-14 * t) {
    const next = new Float64Array(n);
    const loss = tried(problem, w, stages, h, next);
    const error = scaledError(w, next, stages, h, relative, floor);
    if (error <= 1 && Number.isFinite(loss) && areFinite(next)) {
      steps.push({ start: t, length: h, w, stages });
      const following = fresh(n);
      following[0].set(stages[6]);
      stages = following;
      w = next;
      losses.push(loss);
      t = endTime - (t + h) < 1e-14 * endTime ? endTime : t + h;
    }
    const factor = Number.isFinite(error) ? 0.9 * Math.max(error, 1e-10) ** -0.2 : 0.2;
    h = Math.min(h * Math.min(5, Math.max(0.2, factor)), endTime - t);
  }
  return asFlow(steps, w, t, losses, n, t >= endTime);
}

function fresh(n: number): Vector[] {
  return Array.from({ length: 7 }, () => new Float64Array(n));
}

function velocity(problem: Problem, w: Vector, out: Vector): number {
  const loss = problem.lossAndGradient(w, out);
  for (let i = 0; i < out.length; i++) out[i] = -out[i];
  return loss;
}

function firstStep(w: Vector, speed: Vector, relative: number, floor: number): number {
  const pace = largest(speed);
  return pace > 0 ? (0.01 * (largest(w) * relative ** 0.2 + floor)) / pace : Infinity;
}

/** Fill the stages behind the first, write the new weights, and return the loss there. */
function tried(problem: Problem, w: Vector, stages: Vector[], h: number, next: Vector): number {
  let loss = NaN;
  for (let s = 0; s < A.length; s++) {
    for (let i = 0; i < w.length; i++) {
      let sum = 0;
      for (let j = 0; j <= s; j++) sum += A[s][j] * stages[j][i];
      next[i] = w[i] + h * sum;
    }
    loss = velocity(problem, next, stages[s + 1]);
  }
  return loss;
}

function scaledError(
  w: Vector,
  next: Vector,
  stages: Vector[],
  h: number,
  relative: number,
  floor: number,
): number {
  let sum = 0;
  for (let i = 0; i < w.length; i++) {
    let error = 0;
    for (let j = 0; j < E.length; j++) error += E[j] * stages[j][i];
    const scaled = (h * error) / (floor + relative * Math.max(Math.abs(w[i]), Math.abs(next[i])));
    sum += scaled * scaled;
  }
  return Math.sqrt(sum / w.length);
}

function asFlow(
  steps: Step[],
  last: Vector,
  endTime: number,
  losses: number[],
  n: number,
  isComplete: boolean,
): Flow {
  const times = Float64Array.from([...steps.map((step) => step.start), endTime]);
  const weights = new Float64Array(times.length * n);
  steps.forEach((step, k) => {
    weights.set(step.w, k * n);
  });
  weights.set(last, steps.length * n);
  return {
    times,
    weights,
    losses: Float64Array.from(losses),
    isComplete,
    at(t, out) {
      if (t >= endTime || !steps.length) out.set(last);
      else between(steps[rowBefore(times, t)], t, out);
    },
  };
}

/** Return the last row whose time does not exceed t, but not the very last. */
export function rowBefore(times: Vector, t: number): number {
  let [low, high] = [0, times.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= t) low = middle;
    else high = middle;
  }
  return low;
}

function between({ start, length, w, stages }: Step, t: number, out: Vector): void {
  const x = (t - start) / length;
  out.set(w);
  for (let j = 0; j < P.length; j++) {
    const weight = length * x * (P[j][0] + x * (P[j][1] + x * (P[j][2] + x * P[j][3])));
    for (let i = 0; i < out.length; i++) out[i] += weight * stages[j][i];
  }
}
