// Pages in headless Chromium, which complain of whatever they ask for or say.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before } from "node:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

export const ROOT = process.env.ROOT!;
export const PYTHON = process.env.PYTHON!;
export const FILE = `file://${join(ROOT, "gradflow", "explorer", "page.html")}`;

let browser: Browser;

before(async () => {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
});
after(() => browser.close());

export interface Watched {
  readonly page: Page;
  readonly requests: string[];
  /** Errors, and everything that was said on the console. */
  readonly said: string[];
}

/** Open an address, without network where it is a file. */
export async function open(address: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ offline: address.startsWith("file:"), ...options });
  const page = await context.newPage();
  const [requests, said]: [string[], string[]] = [[], []];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  await page.goto(address);
  return { page, requests, said };
}

export async function done(page: Page): Promise<void> {
  await page.waitForFunction(() => document.documentElement.dataset.state === "done", null, {
    timeout: 120_000,
  });
}

/** Go to a link and wait until the run is judged. */
export async function follow(page: Page, hash: string): Promise<string> {
  await page.evaluate((link) => {
    location.hash = link;
  }, hash);
  const link = new URLSearchParams(hash.replace(/^#/, ""));
  await page.waitForFunction(
    ([problem, rate]) => {
      const shown = document.querySelector<HTMLInputElement>("#rate-number")!.value;
      const isHere = document.querySelector<HTMLSelectElement>("#problem")!.value === problem;
      return isHere && shown === rate && !document.querySelector("#verdict")!.textContent.endsWith("…");
    },
    [link.get("problem"), link.get("rate")],
    { timeout: 60_000 },
  );
  return (await page.textContent("#verdict"))!.split(": ")[1];
}

export interface Rows {
  readonly flow: number[][];
  readonly descent: number[][];
}

/** Take the CSV away and return its rows: step, flow time, loss, weights. */
export async function table(page: Page): Promise<Rows> {
  const coming = page.waitForEvent("download");
  await page.click("#csv");
  const text = readFileSync(await (await coming).path(), "utf8");
  const rows = text.trim().split("\n").slice(1);
  const pick = (isFlow: boolean): number[][] =>
    rows
      .filter((row) => row.startsWith("flow,") === isFlow)
      .map((row) => row.split(",").slice(1).map(Number));
  return { flow: pick(true), descent: pick(false) };
}

/** Return the numbers of the page by what they are called, with all their digits. */
export async function facts(page: Page): Promise<Record<string, number>> {
  return page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll("#numbers dt")].map((term) => [
        term.textContent,
        Number((term.nextElementSibling as HTMLElement).title || NaN),
      ]),
    ),
  );
}

/** Run `gradflow explore` with these words, use its address, and end it. */
export async function served(words: string[], use: (url: string) => Promise<void>): Promise<void> {
  const server = spawn(PYTHON, ["-m", "gradflow", "explore", "--no-browser", ...words], {
    env: { ...process.env, PYTHONPATH: ROOT },
  });
  try {
    const [url] = (await once(createInterface(server.stdout), "line")) as [string];
    await use(url);
  } finally {
    server.kill("SIGINT");
  }
}
