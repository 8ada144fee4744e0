// What a learning rate does to a run: gradflow.analysis.stability.regime, threshold by threshold.

import { largestExponent } from "./growth";
import { effectiveSharpness, sharpness } from "./limits";
import { areFinite, norm, type Problem, type Vector } from "./problem";
import { isLinear, type Rule, update } from "./rules";
import { highest, parts, periodOf, settles, Stretch } from "./stretch";

export const REGIMES = [
  "MONOTONE",
  "OVERSHOOTING",
  "CATAPULT",
  "EDGE_OF_STABILITY",
  "PERIODIC",
  "CHAOTIC",
  "STALLED",
  "DIVERGED",
] as const;
export type RegimeName = (typeof REGIMES)[number];

const NUM_CONTINUED = 400;
const MOST_CONTINUED = 10_000;
const RISE = 1e-9;
const GROWTH = 1e-6;
const CATAPULT_RISE = 1.05;
const EDGE = [1.9, 2.1];
const HOVER = [1.8, 2.2];
const MOVED = 0.01;
const LONG_RUN_FALL = 0.8;
const CHAOS = 0.02;
const STALLED_CHANGE = 1e-6;
const STALLED_SHARPNESS = 1e-3;
const STALLED_STEP = 1e-3;
const NUM_SAMPLES = 16;
const TAIL = 128;
// The run is continued by so many steps, and further while its loss keeps growing.
const LENGTHS = [NUM_CONTINUED, 5 * NUM_CONTINUED, MOST_CONTINUED];
const SAMPLED = new Set(LENGTHS.flatMap(sampled));

/** Return the regime of the run of `numSteps` steps from w0. */
export function regime(problem: Problem, taken: Rule, w0: Vector, numSteps: number): RegimeName {
  const run = firstRun(problem, taken, w0, numSteps);
  if (!run) return "DIVERGED";
  const more = new Stretch(problem, taken, run.w, run.velocity, TAIL, SAMPLED);
  for (const length of LENGTHS) {
    more.advance(length + 1);
    if (!more.isComplete || !grows(more, run.losses[0])) break;
  }
  if (!more.isComplete || grows(more, run.losses[0])) return "DIVERGED";
  return verdict(problem, taken, w0, run.losses, more);
}

interface FirstRun {
  readonly losses: number[];
  readonly w: Vector;
  readonly velocity: Vector;
}

function firstRun(problem: Problem, taken: Rule, w0: Vector, numSteps: number): FirstRun | null {
  const n = problem.numWeights;
  const [w, velocity, gradient] = [Float64Array.from(w0), new Float64Array(n), new Float64Array(n)];
  const losses: number[] = [];
  for (let step = 0; ; step++) {
    const loss = problem.lossAndGradient(w, gradient);
    if (!Number.isFinite(loss) || !areFinite(w)) return null;
    losses.push(loss);
    if (step === numSteps) return { losses, w, velocity };
    if (!areFinite(gradient)) return null;
    update(taken, w, gradient, velocity);
  }
}

/** Return rows of a stretch, odd and even steps in turn: an oscillation of period two must not hide. */
function sampled(numSteps: number): number[] {
  const step = numSteps / (NUM_SAMPLES - 1);
  return Array.from({ length: NUM_SAMPLES }, (_, i) => {
    const row = i === NUM_SAMPLES - 1 ? numSteps : Math.trunc(i * step);
    return i % 2 === 1 && row % 2 === 0 ? row - 1 : row;
  });
}

/** Return whether the loss, above the first one, grew from quarter to quarter of the continuation. */
function grows({ losses }: Stretch, first: number): boolean {
  const most = parts(losses.length, 4).map(([start, stop]) => highest(losses, start, stop));
  return most[3] > first && most.slice(1).every((value, i) => value > (1 + GROWTH) * most[i]);
}

function verdict(
  problem: Problem,
  taken: Rule,
  w0: Vector,
  firstLosses: number[],
  more: Stretch,
): RegimeName {
  const losses = firstLosses.concat(more.losses.slice(1));
  const settled = settles(more.lengths, 0, Math.max(...more.weights.map(Math.abs)));
  const period = periodOf(more.tail, more.largest);
  const rows = sampled(more.lengths.length);
  const values = rows.map((row) => effectiveSharpness(problem, more.samples.get(row)!, taken));
  const first = effectiveSharpness(problem, w0, taken);
  const final = values[values.length - 1];
  if (isStalled(problem, more, losses[0], final)) return "STALLED";
  const hasRises = numRises(losses, 0) > 0;
  const isThrown = highest(losses, 0, losses.length) > CATAPULT_RISE * losses[0];
  const isFlatter = final < EDGE[0] && final < first;
  const isQuiet = numRises(losses, firstLosses.length - 1) === 0;
  if (isThrown && isFlatter && (settled || isQuiet)) return "CATAPULT";
  if (hasRises && isAtEdge(problem.numWeights, losses, settled, first, values)) return "EDGE_OF_STABILITY";
  if (!settled && period > 1) return "PERIODIC";
  if (!settled && period === 0 && isLinear(taken)) {
    const exponent = largestExponent(problem, taken, more.weights, more.velocity, NUM_CONTINUED);
    if (exponent > CHAOS) return "CHAOTIC";
  }
  return hasRises || final > 1 ? "OVERSHOOTING" : "MONOTONE";
}

/** Return how many steps, from the given one on, raised the loss by more than rounding. */
function numRises(losses: number[], from: number): number {
  let count = 0;
  for (let i = from; i + 1 < losses.length; i++)
    if (losses[i + 1] - losses[i] > RISE * (Math.abs(losses[i]) + RISE * Math.abs(losses[0]))) count++;
  return count;
}

function isAtEdge(
  numWeights: number,
  losses: number[],
  settled: boolean,
  first: number,
  values: number[],
): boolean {
  const final = values[values.length - 1];
  if (settled) {
    const moved = Math.abs(final - first) > MOVED * final;
    return EDGE[0] <= final && final <= EDGE[1] && moved && numWeights > 1;
  }
  const fifths = parts(losses.length, 5);
  const longRun = mean(losses, ...fifths[4]) / mean(losses, ...fifths[2]);
  const hovering = mean(values, 0, values.length);
  return longRun < LONG_RUN_FALL && HOVER[0] <= hovering && hovering <= HOVER[1];
}

function mean(values: number[], start: number, stop: number): number {
  let sum = 0;
  for (let i = start; i < stop; i++) sum += values[i];
  return sum / (stop - start);
}

function isStalled(problem: Problem, more: Stretch, firstLoss: number, final: number): boolean {
  if (!(final < STALLED_SHARPNESS)) return false;
  const most = highest(more.losses, 0, more.losses.length);
  const least = more.losses.reduce((low, value) => Math.min(low, value), Infinity);
  if (most - least > STALLED_CHANGE * Math.abs(firstLoss)) return false;
  const gradient = new Float64Array(problem.numWeights);
  problem.lossAndGradient(more.weights, gradient);
  const curvature = sharpness(problem, more.weights);
  return !(curvature > 0 && norm(gradient) <= STALLED_STEP * (1 + norm(more.weights)) * curvature);
}
