// What the page shows in a browser is what gradflow computes in Python.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { entryOf } from "../src/numbers/catalog";
import { rule, type RuleName, stepLength } from "../src/numbers/rules";
import { facts, FILE, follow, open, PYTHON, ROOT, table } from "./pages";

interface Run {
  problem: string;
  rule: RuleName;
  momentum: number;
  rate: number;
  w0: number[];
}
interface Truth {
  descents: (Run & { weights: number[][]; losses: number[] })[];
  flows: { problem: string; w0: number[]; times: number[]; weights: number[][] }[];
  curvatures: { problem: string; w: number[]; sharpness: number; limits: Record<string, number> }[];
  criticals: (Run & { critical: number })[];
  regimes: (Run & { steps: number; regime: string })[];
}

const truth = JSON.parse(readFileSync(process.env.TRUTH!, "utf8")) as Truth;
const EXACT = ["quadratic", "double-well", "two-weight-product", "minimalist-edge"];

function near(found: number, wanted: number, tolerance: number, what: string): void {
  const error = Math.abs(found - wanted) / Math.max(1, Math.abs(wanted));
  assert.ok(error <= tolerance, `${what}: ${found} is not ${wanted} (${error})`);
}

/** Return the link of a run; its time is that of its steps, and half a step more. */
function linkOf(run: Run, steps: number): string {
  const h = stepLength(rule(run.rule, run.rate, run.momentum));
  return link(run.problem, run.w0, (steps + 0.5) * h, run);
}

function link(problem: string, w0: number[], time: number, run: Partial<Run> = {}): string {
  const asked = {
    problem,
    rate: String(run.rate ?? 0.01),
    rule: run.rule ?? "descent",
    momentum: String(run.momentum ?? 0),
    w0: w0.join(),
    time: String(time),
  };
  return `#${new URLSearchParams(asked).toString()}`;
}

/** Open the page without its map, which is of no use here. */
async function opened(): Promise<Page> {
  const { page } = await open(FILE);
  await page.selectOption("#map-kind", "none");
  return page;
}

test("descents are those of Python, of polynomial losses to the last bit", async () => {
  const page = await opened();
  for (const each of truth.descents) {
    await follow(page, linkOf(each, each.weights.length - 1));
    const { descent } = await table(page);
    assert.equal(descent.length, each.weights.length);
    const weights = descent.map((row) => row.slice(3));
    if (EXACT.includes(each.problem)) assert.deepEqual(weights, each.weights);
    else weights.flat().forEach((w, i) => near(w, each.weights.flat()[i], 1e-10, each.problem));
    descent.forEach((row, k) => near(row[2], each.losses[k], 1e-12, "loss"));
  }
  await page.context().close();
});

test("flows are those of Python to 1e-9", async () => {
  const page = await opened();
  for (const each of truth.flows)
    for (const k of [2, each.times.length - 1]) {
      await follow(page, link(each.problem, each.w0, each.times[k]));
      const { flow } = await table(page);
      const last = flow[flow.length - 1];
      assert.equal(last[1], each.times[k]);
      each.weights[k].forEach((w, i) => near(last[3 + i], w, 1e-9, each.problem));
    }
  await page.context().close();
});

test("sharpness, limits and critical rates are those of Python to 1e-8", async () => {
  const page = await opened();
  for (const each of truth.curvatures) {
    await follow(page, link(each.problem, each.w, 1));
    const found = await facts(page);
    near(found["sharpness λ at the start"], each.sharpness, 1e-8, "sharpness");
    if (each.sharpness > 0) near(found["limit at the start"] / each.limits.descent, 1, 1e-8, "limit");
  }
  for (const each of truth.criticals) {
    await follow(page, linkOf(each, 20));
    await page.waitForFunction(
      () =>
        [...document.querySelectorAll("#numbers dt")].some(
          (term) => term.textContent.startsWith("critical") && term.nextElementSibling!.textContent !== "–",
        ),
    );
    near((await facts(page))["critical rate of the run"] / each.critical, 1, 1e-8, "critical rate");
  }
  await page.context().close();
});

test("the regimes of 100 random points are those of Python", async () => {
  const page = await opened();
  const found: string[] = [];
  for (const each of truth.regimes) found.push(await follow(page, linkOf(each, each.steps)));
  assert.ok(found.length >= 100);
  const wanted = truth.regimes.map((each) => each.regime.toLowerCase().replaceAll("_", " "));
  assert.deepEqual(found, wanted);
  await page.context().close();
});

test("the Python lines give what the page shows", async () => {
  const page = await opened();
  for (const name of ["two-weight-product", "xor"]) {
    const start = entryOf(name)!.starts[0].join();
    for (const more of ["rule=heavy-ball&momentum=0.5", `rule=descent&w0=${start}`, "rule=sign"]) {
      const said = await follow(page, `#problem=${name}&rate=0.05&time=3&${more}`);
      await page.click("#python");
      const lines = await page.inputValue("#lines");
      const program = `${lines}print(run.final_weights.tolist())\n`;
      const told = execFileSync(PYTHON, ["-c", program], { env: { ...process.env, PYTHONPATH: ROOT } });
      const [comparison, regime, weights] = told.toString().trim().split("\n");
      assert.match(comparison, /^Comparison at/);
      assert.equal(regime.toLowerCase().replaceAll("_", " "), said);
      const { descent } = await table(page);
      const last = descent[descent.length - 1].slice(3);
      (JSON.parse(weights) as number[]).forEach((w, i) => near(last[i], w, 1e-12, name));
    }
  }
  await page.context().close();
});
