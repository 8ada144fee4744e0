// Where descent ends up at each learning rate, followed from one to the next.

import { norm, type Problem, type Vector } from "./problem";
import { type Rule, rule } from "./rules";
import { periodOf, Stretch } from "./stretch";

export interface Attractor {
  readonly learningRate: number;
  /** Successive weights on it; empty where the run diverged. */
  readonly points: Vector[];
  readonly losses: number[];
  /** 1 for a point, 0 where none was found. */
  readonly period: number;
}

const NUDGE = 1e-6;

/** Yield the attractor at each learning rate; each run starts where the last one ended. */
export function* attractors(
  problem: Problem,
  taken: Rule,
  learningRates: Iterable<number>,
  w0: Vector,
  numTransient = 1000,
  numKept = 128,
): Generator<Attractor> {
  let w = w0;
  for (const learningRate of learningRates) {
    const run = new Stretch(problem, rule(taken.name, learningRate, taken.momentum), w, null, numKept);
    run.advance(numTransient + numKept);
    w = w0;
    if (!run.isComplete) {
      yield { learningRate, points: [], losses: [], period: 0 };
      continue;
    }
    const points = run.tail.map((point) => Float64Array.from(point));
    yield {
      learningRate,
      points,
      losses: run.losses.slice(numTransient),
      period: periodOf(points, run.largest),
    };
    const away = norm(w0);
    w = run.weights.map((x) => x + NUDGE * (x + away));
  }
}
