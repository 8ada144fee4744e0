// From what is asked to what is drawn, computed here.

import { type Entry, entryOf } from "../numbers/catalog";
import { type Descent, descend, stepsUntil, weightsAt } from "../numbers/descent";
import { type Flow, flow } from "../numbers/flow";
import { sharpness } from "../numbers/limits";
import { distance } from "../numbers/problem";
import { type Rule, rule, stableProduct } from "../numbers/rules";
import { type Line, type Picture, type RunView, thinned } from "./picture";
import { flowPlane, type Plane } from "./plane";
import { type State, startOf } from "./state";

export const MOST_STEPS = 20_000;
const POINTS = 1200;
const GROWN = 1e4;

/** All that hangs on the start and the time, not on the learning rate. */
export interface Ground {
  readonly entry: Entry;
  readonly w0: Float64Array;
  readonly endTime: number;
  readonly flow: Flow;
  readonly plane: Plane | null;
  readonly flowSharpness: Line;
  /** The sharpness at the start, and the one whose 2/lambda is the unit of the slider. */
  readonly startSharpness: number;
  readonly unitSharpness: number;
}

export interface Run {
  readonly ground: Ground;
  readonly rule: Rule;
  readonly descent: Descent;
  /** Steps that the flow time has room for; the descent may have fewer. */
  readonly asked: number;
  readonly distances: Line;
  readonly sharpness: Line;
}

// Good enough for the flow of a network while its start is dragged.
const ROUGHLY = 1e-6;

/** Return the ground for a state; the plane of a start that is being dragged stays, and its flow is rough. */
export function groundOf(state: State, plane: Plane | null = null): Ground {
  const entry = entryOf(state.problem)!;
  const { problem } = entry;
  const w0 = startOf(state);
  const found = plane ? flow(problem, w0, state.endTime, ROUGHLY) : flow(problem, w0, state.endTime);
  const n = problem.numWeights;
  const rows = thinned(found.times.length - 1, n > 2 ? 80 : 400);
  const values = rows.map((k) => sharpness(problem, found.weights.subarray(k * n, (k + 1) * n)));
  const most = Math.max(...values);
  return {
    entry,
    w0,
    endTime: state.endTime,
    flow: found,
    plane: n > 2 ? (plane ?? flowPlane(found, n)) : null,
    flowSharpness: { times: rows.map((k) => found.times[k]), values },
    startSharpness: values[0],
    unitSharpness: values[0] > 1e-6 * most ? values[0] : most > 0 ? most : 1,
  };
}

/** Return 2/lambda, the unit of learning rates. */
export function unitOf(ground: Ground): number {
  return 2 / ground.unitSharpness;
}

export function rateOf(state: State, ground: Ground): number {
  return state.rate ?? Number((ground.entry.share * unitOf(ground)).toPrecision(3));
}

export function runOf(state: State, ground: Ground): Run {
  const taken = rule(state.rule, rateOf(state, ground), state.momentum);
  const { problem } = ground.entry;
  const n = problem.numWeights;
  const asked = stepsUntil(state.endTime, taken);
  const descent = descend(problem, ground.w0, taken, Math.min(asked, MOST_STEPS));
  const seen = lastSeen(descent);
  const steps = thinned(seen, POINTS);
  const there = new Float64Array(n);
  const distances = steps.map((k) => {
    ground.flow.at(Math.min(k * descent.stepLength, state.endTime), there);
    return distance(weightsAt(descent, k, n), there);
  });
  const looked = thinned(seen, n > 2 ? 80 : 400);
  return {
    ground,
    rule: taken,
    descent,
    asked,
    distances: { times: steps.map((k) => k * descent.stepLength), values: distances },
    sharpness: {
      times: looked.map((k) => k * descent.stepLength),
      values: looked.map((k) => sharpness(problem, weightsAt(descent, k, n))),
    },
  };
}

/** Return the last step that charts show: what grows without end would leave nothing else to see. */
function lastSeen({ losses, numSteps }: Descent): number {
  const lost = losses.findIndex((loss) => loss > GROWN * Math.abs(losses[0]));
  return lost < 0 ? numSteps : lost;
}

export function pictureOf(run: Run): Picture {
  return { flow: flowView(run.ground), descents: [descentView(run)] };
}

function flowView(ground: Ground): RunView {
  const rows = thinned(ground.flow.times.length - 1, POINTS);
  const n = ground.entry.problem.numWeights;
  return {
    label: "flow",
    losses: { times: rows.map((k) => ground.flow.times[k]), values: rows.map((k) => ground.flow.losses[k]) },
    distance: null,
    sharpness: ground.flowSharpness,
    ceiling: null,
    path: pathOf(ground, rows, (k) => ground.flow.weights.subarray(k * n, (k + 1) * n), ground.flow.losses),
    isFlow: true,
  };
}

function descentView({ ground, rule: taken, descent, distances, sharpness: curvature }: Run): RunView {
  const steps = thinned(lastSeen(descent), POINTS);
  const n = ground.entry.problem.numWeights;
  const product = stableProduct(taken);
  return {
    label: taken.name.replace("-", " "),
    losses: {
      times: steps.map((k) => k * descent.stepLength),
      values: steps.map((k) => descent.losses[k]),
    },
    distance: distances,
    sharpness: curvature,
    ceiling: Number.isNaN(product) ? null : product / taken.learningRate,
    path: pathOf(
      ground,
      thinned(descent.numSteps, MOST_STEPS),
      (k) => weightsAt(descent, k, n),
      descent.losses,
    ),
    isFlow: false,
  };
}

/** Return pairs: (w, E) of one weight, the weights of two, and where more of them are on the plane. */
function pathOf(
  { entry, plane }: Ground,
  rows: number[],
  weights: (row: number) => Float64Array,
  losses: Float64Array,
): Float64Array {
  const pairs = new Float64Array(2 * rows.length);
  rows.forEach((row, i) => {
    const w = weights(row);
    if (plane) pairs.set(plane.project(w), 2 * i);
    else pairs.set(entry.problem.numWeights === 1 ? [w[0], losses[row]] : w, 2 * i);
  });
  return pairs;
}
