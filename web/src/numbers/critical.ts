// The learning rate up to which a run settles, by bisection, as gradflow's critical_learning_rate takes it.

import { largestStableLearningRate } from "./limits";
import { largest, type Problem, type Vector } from "./problem";
import { type Rule, rule } from "./rules";
import { settles, Stretch } from "./stretch";

const MOST_HALVINGS = 30;
const MOST_QUARTERS = 60;
const DOWN = 0.5;
const UP = 1.25;

/** Return the critical learning rate, nan where there is none; yields after every run, so that others may work. */
export function* criticalLearningRate(
  problem: Problem,
  taken: Rule,
  w0: Vector,
  numSteps = 2000,
  tolerance = 1e-6,
): Generator<void, number> {
  const settled = (learningRate: number): boolean =>
    settlesAt(problem, rule(taken.name, learningRate, taken.momentum), w0, numSteps);
  const limit = largestStableLearningRate(problem, w0, taken);
  let low = (Number.isFinite(limit) ? limit : 1) * DOWN;
  let count = 0;
  while (!settled(low)) {
    if (++count === MOST_HALVINGS) return NaN;
    low *= DOWN;
    yield;
  }
  let high = low * UP;
  for (count = 0; settled(high); count++) {
    if (count === MOST_QUARTERS - 1) return NaN;
    low = high;
    high = high * UP;
    yield;
  }
  while (high - low > tolerance * low) {
    const middle = 0.5 * (low + high);
    if (settled(middle)) low = middle;
    else high = middle;
    yield;
  }
  return low;
}

function settlesAt(problem: Problem, taken: Rule, w0: Vector, numSteps: number): boolean {
  const run = new Stretch(problem, taken, w0, null);
  run.advance(numSteps + 1);
  return run.isComplete && settles(run.lengths, (run.lengths.length + 1) >> 1, largest(run.weights));
}

/** Run a generator to its end at once. */
export function finished<Value>(work: Generator<unknown, Value>): Value {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
