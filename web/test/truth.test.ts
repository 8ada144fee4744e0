// The numbers of the page are gradflow's.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { attractors } from "../src/numbers/bifurcation";
import { CATALOG, entryOf } from "../src/numbers/catalog";
import { criticalLearningRate, finished } from "../src/numbers/critical";
import { descend } from "../src/numbers/descent";
import { flow } from "../src/numbers/flow";
import { largestExponent } from "../src/numbers/growth";
import { largestStableLearningRate, sharpness } from "../src/numbers/limits";
import type { Problem } from "../src/numbers/problem";
import { regime } from "../src/numbers/regimes";
import { type RuleName, rule } from "../src/numbers/rules";

interface Run {
  problem: string;
  rule: RuleName;
  momentum: number;
  rate: number;
  w0: number[];
}
interface Truth {
  names: string[];
  descents: (Run & { weights: number[][]; losses: number[]; times: number[] })[];
  flows: { problem: string; w0: number[]; times: number[]; weights: number[][] }[];
  curvatures: { problem: string; w: number[]; sharpness: number; limits: Record<string, number> }[];
  criticals: (Run & { critical: number })[];
  regimes: (Run & { steps: number; regime: string })[];
  attractors: { rates: number[]; periods: number[]; points: (number[] | null)[] };
  exponents: { problem: string; rate: number; w0: number[]; exponent: number }[];
}

const truth = JSON.parse(readFileSync(process.env.TRUTH!, "utf8")) as Truth;
const problemOf = (name: string): Problem => entryOf(name)!.problem;
const start = (w0: number[]): Float64Array => Float64Array.from(w0);
// Those without exp or tanh take the very operations of gradflow.
const EXACT = ["quadratic", "double-well", "two-weight-product", "minimalist-edge"];

function near(found: number, wanted: number, tolerance: number, what: string): void {
  const error = Math.abs(found - wanted) / Math.max(1, Math.abs(wanted));
  assert.ok(error <= tolerance, `${what}: ${found} is not ${wanted} (${error})`);
}

test("Python knows the problems of the page by their names", () => {
  assert.deepEqual(
    CATALOG.map(({ name }) => name),
    truth.names,
  );
});

for (const each of truth.descents)
  test(`descent: ${each.problem}, ${each.rule}`, () => {
    const taken = rule(each.rule, each.rate, each.momentum);
    const run = descend(problemOf(each.problem), start(each.w0), taken, each.weights.length - 1);
    const wanted = each.weights.flat();
    assert.equal(run.weights.length, wanted.length);
    if (EXACT.includes(each.problem)) assert.deepEqual(Array.from(run.weights), wanted);
    else wanted.forEach((w, i) => near(run.weights[i], w, 1e-10, `weight ${i}`));
    each.losses.forEach((loss, i) => near(run.losses[i], loss, 1e-12, `loss ${i}`));
    each.times.forEach((time, k) => assert.equal(k * run.stepLength, time));
  });

for (const each of truth.flows)
  test(`flow: ${each.problem}`, () => {
    const found = flow(problemOf(each.problem), start(each.w0), each.times[each.times.length - 1]);
    assert.ok(found.isComplete);
    const w = new Float64Array(each.w0.length);
    each.times.forEach((time, k) => {
      found.at(time, w);
      each.weights[k].forEach((wanted, i) => near(w[i], wanted, 1e-9, `w[${i}] at ${time}`));
    });
  });

for (const [index, each] of truth.curvatures.entries())
  test(`curvature ${index}: ${each.problem}`, () => {
    const [problem, w] = [problemOf(each.problem), start(each.w)];
    near(sharpness(problem, w), each.sharpness, 1e-8, "sharpness");
    for (const [name, limit] of Object.entries(each.limits)) {
      const momentum = name === "heavy-ball" ? 0.7 : 0.6;
      const found = largestStableLearningRate(problem, w, rule(name as RuleName, 1, momentum));
      near(found / limit, 1, 1e-8, `limit of ${name}`);
    }
  });

for (const each of truth.criticals)
  test(`critical rate: ${each.problem}, ${each.rule}`, () => {
    const taken = rule(each.rule, 1, each.momentum);
    const found = finished(criticalLearningRate(problemOf(each.problem), taken, start(each.w0)));
    near(found / each.critical, 1, 1e-8, "critical rate");
  });

for (const [index, each] of truth.regimes.entries())
  test(`regime ${index}: ${each.problem}, ${each.rule}, ${each.regime}`, () => {
    const taken = rule(each.rule, each.rate, each.momentum);
    assert.equal(regime(problemOf(each.problem), taken, start(each.w0), each.steps), each.regime);
  });

test("the random points meet at least five regimes", () => {
  assert.ok(new Set(truth.regimes.map((each) => each.regime)).size >= 5);
});

test("attractors of the double well", () => {
  const { rates, periods, points } = truth.attractors;
  const found = [...attractors(problemOf("double-well"), rule("descent", 1), rates, start([0.9]))];
  assert.deepEqual(
    found.map((each) => each.period),
    periods,
  );
  found.forEach((each, i) =>
    assert.deepEqual(each.points.length ? each.points.map((p) => p[0]) : null, points[i]),
  );
});

for (const each of truth.exponents)
  test(`exponent: ${each.problem} at ${each.rate}`, () => {
    const problem = problemOf(each.problem);
    const rest = new Float64Array(problem.numWeights);
    const found = largestExponent(problem, rule("descent", each.rate), start(each.w0), rest, 300);
    near(found, each.exponent, 1e-8, "exponent");
  });
