// The page with Python behind it, and the page of saved runs.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { done, open, PYTHON, ROOT, served } from "./pages";

const folder = mkdtempSync(join(tmpdir(), "explorer-"));
after(() => rmSync(folder, { recursive: true }));

function python(program: string): void {
  execFileSync(PYTHON, ["-c", program], { env: { ...process.env, PYTHONPATH: ROOT }, cwd: folder });
}

test("a problem of one's own is computed in Python behind the page", async () => {
  const file = join(folder, "mine.py");
  const lines = ["import gradflow as gf", "def bowl():", "    return gf.problems.Quadratic([1.0, 4.0]), [1.0, 1.0]"];
  writeFileSync(file, lines.join("\n"));
  await served([`${file}:bowl`], async (url) => {
    const { page, requests, said } = await open(url);
    await done(page);
    assert.match((await page.textContent("#verdict"))!, /^η = 0.25: monotone$/);
    await page.fill("#rate-number", "0.45");
    await page.press("#rate-number", "Enter");
    await page.waitForFunction(() => document.querySelector("#verdict")!.textContent === "η = 0.45: overshooting");
    await page.selectOption("#rule", "heavy-ball");
    await page.waitForFunction(() => !document.querySelector<HTMLElement>("#momentum-field")!.hidden);
    await done(page);
    assert.ok(requests.every((request) => request === url || request === `${url}runs`));
    assert.deepEqual(said, []);
    await page.context().close();
  });
});

test("a problem of the page's own is served too, and asks for nothing more", async () => {
  await served(["double-well"], async (url) => {
    const { page, requests, said } = await open(url);
    await done(page);
    assert.equal(await page.inputValue("#problem"), "double-well");
    assert.deepEqual([requests, said], [[url], []]);
    await page.context().close();
  });
});

test("a study is looked at in a file of its own, from disk", async () => {
  python(
    "import gradflow as gf\n" +
      "study = gf.study(gf.problems.Quadratic([1.0, 4.0]), [1.0, 1.0], [0.1, 0.4, 0.6], 5.0)\n" +
      "gf.explore(study).write('study.html')\n",
  );
  const address = `file://${join(folder, "study.html")}`;
  const { page, requests, said } = await open(address);
  await done(page);
  assert.deepEqual([requests, said], [[address], []]);
  assert.equal(await page.locator("#runs input").count(), 4);
  const before = await page.getAttribute("#loss", "aria-label");
  assert.match(before!, /η = 0.6 from/);
  await page.uncheck("#run-3");
  assert.notEqual(await page.getAttribute("#loss", "aria-label"), before);
  await page.context().close();
});

test("a notebook shows the page in a frame, which computes there", async () => {
  python(
    "import gradflow as gf\n" +
      "open('notebook.html', 'w', encoding='utf-8').write('<!doctype html>' + gf.explore('quadratic')._repr_html_())\n",
  );
  const { page, said } = await open(`file://${join(folder, "notebook.html")}`);
  const frame = page.frameLocator("iframe");
  await frame.locator("#verdict", { hasText: "overshooting" }).waitFor({ timeout: 30_000 });
  await frame.locator("#link").click();
  assert.match(await frame.locator("#lines").inputValue(), /#problem=quadratic&rate=/);
  assert.deepEqual(said, []);
  await page.context().close();
});
