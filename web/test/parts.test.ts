// The small parts, against what is known of them in closed form.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CATALOG, entryOf } from "../src/numbers/catalog";
import { descend } from "../src/numbers/descent";
import { largestEigenvalue } from "../src/numbers/eigenvalues";
import { flow } from "../src/numbers/flow";
import { DIVERGES, grid, productSteps, sharpened, stepsToLow, WANDERS } from "../src/numbers/maps";
import { lossAt, type Problem } from "../src/numbers/problem";
import { hasMomentum, rule, RULES, stableProduct } from "../src/numbers/rules";
import { parts, periodOf, settles } from "../src/numbers/stretch";
import { contour, fieldOf, levels } from "../src/page/contours";
import { ticks } from "../src/page/frame";
import { brief, thinned } from "../src/page/picture";
import { notchOf, shareOf } from "../src/page/slider";
import { asHash, fromHash, initialState, startOf } from "../src/page/state";

const problemOf = (name: string): Problem => entryOf(name)!.problem;

test("the largest eigenvalue of a path's Laplacian is 2 - 2 cos(pi k / n)", () => {
  for (const n of [1, 2, 3, 17, 31]) {
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      matrix[i * n + i] = 2;
      if (i) matrix[i * n + i - 1] = matrix[(i - 1) * n + i] = -1;
    }
    const wanted = 2 - 2 * Math.cos((Math.PI * n) / (n + 1));
    assert.ok(Math.abs(largestEigenvalue(matrix, n) - wanted) < 1e-13);
  }
});

test("the largest eigenvalue survives rotations, signs, sizes and zero", () => {
  const n = 6;
  for (const values of [[-3, -1, -0.5, -7, -2, -9], [0, 0, 0, 0, 0, 0], [1e-200, 0, 0, 0, 0, 0], [1e200, 1, 1, 1, 1, -1e200]]) {
    // A reflection turns the diagonal into a full matrix with the same eigenvalues.
    const v = Array.from({ length: n }, (_, i) => Math.sin(i + 1));
    const square = v.reduce((sum, x) => sum + x * x, 0);
    const reflection = (i: number, j: number): number => (i === j ? 1 : 0) - (2 * v[i] * v[j]) / square;
    const matrix = Float64Array.from({ length: n * n }, (_, k) => {
      const [i, j] = [Math.floor(k / n), k % n];
      return values.reduce((sum, value, m) => sum + reflection(i, m) * value * reflection(j, m), 0);
    });
    const size = Math.max(...values.map(Math.abs));
    assert.ok(Math.abs(largestEigenvalue(matrix, n) - Math.max(...values)) <= 1e-14 * size);
  }
});

test("every gradient and Hessian is the difference of what it is the derivative of", () => {
  for (const { problem, starts } of CATALOG) {
    const n = problem.numWeights;
    const w = Float64Array.from(starts[0], (x, i) => x + 0.1 * Math.cos(i));
    const [gradient, ahead, behind] = [0, 1, 2].map(() => new Float64Array(n));
    const hessian = new Float64Array(n * n);
    problem.lossAndGradient(w, gradient);
    problem.hessian(w, hessian);
    const h = 1e-5;
    for (let i = 0; i < n; i++) {
      const at = (step: number): Float64Array => w.map((x, k) => (k === i ? x + step : x));
      const slope = (lossAt(problem, at(h)) - lossAt(problem, at(-h))) / (2 * h);
      assert.ok(Math.abs(slope - gradient[i]) < 1e-7 * (1 + Math.abs(slope)), `${problem.name} ${i}`);
      problem.lossAndGradient(at(h), ahead);
      problem.lossAndGradient(at(-h), behind);
      for (let j = 0; j < n; j++) {
        const bend = (ahead[j] - behind[j]) / (2 * h);
        assert.ok(Math.abs(bend - hessian[i * n + j]) < 1e-6 * (1 + Math.abs(bend)));
      }
    }
  }
});

test("each rule is stable just below its limit on a quadratic and not just above", () => {
  for (const name of RULES.filter((each) => each !== "sign")) {
    const b = hasMomentum(name) ? 0.6 : 0;
    const limit = stableProduct(rule(name, 1, b)) / 10;
    const far = (share: number): number => {
      const run = descend(problemOf("quadratic"), Float64Array.of(0, 1), rule(name, share * limit, b), 3000);
      return Math.abs(run.weights[run.weights.length - 1]);
    };
    assert.ok(far(0.98) < 1e-6, name);
    assert.ok(far(1.02) > 1e3, name);
  }
});

test("the flow of the quadratic is exp(-lambda t), at its steps and between", () => {
  const found = flow(problemOf("quadratic"), Float64Array.of(1, 1), 3);
  const w = new Float64Array(2);
  for (let t = 0; t <= 3; t += 0.0137) {
    found.at(t, w);
    assert.ok(Math.abs(w[0] - Math.exp(-t)) < 1e-10);
    assert.ok(Math.abs(w[1] - Math.exp(-10 * t)) < 1e-10);
  }
});

test("a flow at a minimum or of no time at all stays", () => {
  const still = flow(problemOf("double-well"), Float64Array.of(1), 10);
  assert.deepEqual([still.isComplete, still.weights.at(-1)], [true, 1]);
  const saddle = flow(problemOf("two-weight-product"), Float64Array.of(0, 0), 10);
  assert.deepEqual([saddle.isComplete, Array.from(saddle.weights.slice(-2))], [true, [0, 0]]);
});

test("a map is filled in ever smaller blocks, each place at its own value", () => {
  const made = grid(37, 21);
  const window = { left: -1, right: 1, bottom: 0, top: 3 };
  const blocks = new Set(sharpened(made, window, (x, y) => 10 * x + y, 1));
  assert.deepEqual([...blocks], [8, 4, 2, 1]);
  for (let j = 0; j < 21; j++)
    for (let i = 0; i < 37; i++) {
      const wanted = 10 * (-1 + (2 * (i + 0.5)) / 37) + 3 - (3 * (j + 0.5)) / 21;
      assert.ok(Math.abs(made.values[j * 37 + i] - wanted) < 1e-5);
    }
});

test("no place of a map is computed twice", () => {
  let count = 0;
  const made = grid(33, 18);
  const all = sharpened(made, { left: 0, right: 1, bottom: 0, top: 1 }, () => ++count, 1000);
  while (!all.next().done);
  assert.equal(count, 33 * 18);
});

test("the map of starts counts the steps of descent", () => {
  for (const name of ["two-weight-product", "minimalist-edge", "quadratic"]) {
    const problem = problemOf(name);
    const steps = stepsToLow(problem, 0.15, 400);
    for (let k = 0; k < 200; k++) {
      const [x, y] = [2.5 * Math.sin(7 * k), 2.5 * Math.cos(3 * k)];
      const run = descend(problem, Float64Array.of(x, y), rule("descent", 0.15), 400);
      const first = run.losses.findIndex((loss) => loss < 1e-9);
      const found = steps(x, y);
      if (first >= 0) assert.equal(found, first);
      else assert.ok(found === DIVERGES ? run.diverged || run.losses.at(-1)! > 1e6 : found === WANDERS);
    }
  }
  assert.equal(productSteps(0.1, 400)(1, 1), 0);
});

test("parts, periods and settling are those of numpy and of the definitions", () => {
  assert.deepEqual(parts(10, 4), [
    [0, 3],
    [3, 6],
    [6, 8],
    [8, 10],
  ]);
  const points = (values: number[]): Float64Array[] => values.map((value) => Float64Array.of(value));
  assert.equal(periodOf(points([1, 2, 3, 1, 2, 3, 1, 2, 3]), 3), 3);
  assert.equal(periodOf(points([1, 1, 1, 1]), 1), 1);
  assert.equal(periodOf(points([1, 2, 4, 8, 16, 32]), 32), 0);
  const decay = Array.from({ length: 400 }, (_, k) => 0.9 ** k);
  assert.ok(settles(decay, 0, 1));
  assert.ok(!settles(decay.map((value) => value + 0.1), 0, 1));
});

test("a circle is the level line of a paraboloid", () => {
  const field = fieldOf(81, 81, (i, j) => ((i - 40) / 20) ** 2 + ((j - 40) / 20) ** 2);
  const segments = contour(field, 1);
  assert.ok(segments.length > 4 * 60);
  for (let k = 0; k < segments.length; k += 2)
    assert.ok(Math.abs(Math.hypot(segments[k] - 40, segments[k + 1] - 40) - 20) < 0.02);
  const found = levels(field, 8);
  assert.ok(found.every((level, i) => i === 0 || level > found[i - 1]));
});

test("ticks are round numbers within the window", () => {
  assert.deepEqual(ticks(-1, 1, 4), [-1, -0.5, 0, 0.5, 1]);
  assert.deepEqual(ticks(0, 0.3, 3), [0, 0.1, 0.2, 0.3]);
});

test("the slider goes there and back, and 2/lambda lies on it", () => {
  for (const share of [0.01, 0.5, 1, 2.2, 4]) assert.ok(Math.abs(shareOf(notchOf(share)) / share - 1) < 1e-12);
  assert.deepEqual([notchOf(0.01), Math.round(notchOf(4))], [0, 400]);
});

test("links come back to the last bit", () => {
  for (const entry of CATALOG) {
    const w0 = entry.starts[0].map((w) => w + Math.PI / 3);
    const state = { ...initialState(entry), rule: "nesterov" as const, momentum: 1 / 3, rate: Math.SQRT2 / 7, w0 };
    assert.deepEqual(fromHash(asHash(state)), state);
    assert.deepEqual(startOf(state), Float64Array.from(w0));
  }
  const seeded = { ...initialState(entryOf("xor")), seed: 3 };
  assert.deepEqual(fromHash(asHash(seeded)), seeded);
});

test("numbers are brief, and rows thinned with both ends", () => {
  assert.deepEqual([0, 1 / 3, 1e-9, 12345678, NaN, -2].map((x) => brief(x)), ["0", "0.333", "1.00e-9", "1.23e+7", "–", "-2"]);
  assert.deepEqual(thinned(3, 10), [0, 1, 2, 3]);
  assert.deepEqual(thinned(100, 3), [0, 50, 100]);
});
