// Print how long the page takes: to its first picture, from slider to answer, to a map of a million starts.
// Wall time is what this machine gives; CPU time is of all of Chromium.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const root = join(import.meta.dirname, "..", "..");
const python = process.env.PYTHON ?? "python3";
const file = `file://${join(root, "gradflow", "explorer", "page.html")}`;
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const session = await browser.newBrowserCDPSession();

/** Return the CPU milliseconds of all of Chromium so far. */
async function cpu() {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  return 1000 * processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function say(what, wall, used) {
  console.log(`${what.padEnd(58)} wall ${wall.toFixed(0).padStart(6)} ms   CPU ${used.toFixed(0).padStart(6)} ms`);
}

const done = (page) => page.waitForFunction(() => document.documentElement.dataset.state === "done", null, { timeout: 120000 });

/** Return wall and CPU time from the address to the first picture. */
async function firstPicture(address) {
  const page = await browser.newPage();
  const [begun, used] = [performance.now(), await cpu()];
  await page.goto(address, { waitUntil: "commit" });
  await page.waitForFunction(() => performance.getEntriesByName("picture").length > 0);
  const found = [performance.now() - begun, (await cpu()) - used];
  await page.close();
  return found;
}

/** Return wall times of slider events until the answer is painted, and the CPU time of each. */
async function slide(page, count) {
  const used = await cpu();
  const walls = await page.evaluate(async (events) => {
    const slider = document.querySelector("#rate");
    const times = [];
    for (let k = 0; k < events; k++) {
      const before = document.querySelector("#verdict").textContent;
      const begun = performance.now();
      slider.value = String(150 + ((k * 37) % 120));
      slider.dispatchEvent(new Event("input"));
      while (document.querySelector("#verdict").textContent === before)
        await new Promise((resolve) => requestAnimationFrame(resolve));
      times.push(performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return times;
  }, count);
  return [median(walls), ((await cpu()) - used) / count];
}

const pictures = [];
for (let k = 0; k < 5; k++) pictures.push(await firstPicture(file));
say("file to first picture, median of 5", median(pictures.map(([wall]) => wall)), median(pictures.map(([, used]) => used)));

for (const problem of ["two-weight-product", "identity-neuron", "xor", "chebyshev-3"]) {
  const page = await browser.newPage();
  await page.goto(`${file}#problem=${problem}`);
  await page.selectOption("#map-kind", "none");
  await done(page);
  say(`slider to answer, ${problem}, median of 30`, ...(await slide(page, 30)));
  await page.close();
}

const page = await browser.newPage();
await page.goto(`${file}#problem=two-weight-product&rate=0.3`);
await done(page);
const used = await cpu();
const [preview, whole] = await page.evaluate(async () => {
  const [chosen, map] = [document.querySelector("#map-kind"), document.querySelector("#map")];
  const begun = performance.now();
  chosen.value = "starts";
  chosen.dispatchEvent(new Event("change"));
  const until = async (ready) => {
    while (!ready()) await new Promise((resolve) => setTimeout(resolve, 1));
    return performance.now() - begun;
  };
  await until(() => map.dataset.block !== "1");
  // Blocks of 8 pixels are all there once those of 4 begin.
  return [await until(() => Number(map.dataset.block) <= 4), await until(() => map.dataset.block === "1")];
});
say("a million starts: first preview", preview, 0);
say("a million starts: whole", whole, (await cpu()) - used);
await page.close();

for (const word of ["double-well", "parity-3"]) {
  const begun = performance.now();
  const server = spawn(python, ["-m", "gradflow", "explore", "--no-browser", word], { env: { ...process.env, PYTHONPATH: root } });
  const [url] = await once(createInterface(server.stdout), "line");
  const page = await browser.newPage();
  await page.goto(url, { waitUntil: "commit" });
  await page.waitForFunction(() => performance.getEntriesByName("picture").length > 0);
  await page.waitForFunction(() => document.querySelector("#verdict").textContent);
  console.log(`gradflow explore ${word} to first picture: wall ${(performance.now() - begun).toFixed(0)} ms`);
  if (word === "parity-3") {
    await done(page);
    say(`slider to answer by Python, ${word}, median of 30`, ...(await slide(page, 30)));
  }
  server.kill("SIGINT");
  await page.close();
}
await browser.close();
