// The page as people use it: from disk, at any size, by keyboard, in the dark, by ear.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { CATALOG } from "../src/numbers/catalog";
import { done, facts, FILE, follow, open, ROOT } from "./pages";

const SIZES = [
  [360, 740],
  [900, 900],
  [1600, 1000],
];
const SHOTS = join(ROOT, "web", ".build", "browser", "shots");
mkdirSync(SHOTS, { recursive: true });

/** Whether each canvas that is seen holds more than one color. */
async function drawn(page: Page): Promise<boolean[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll("canvas")]
      .filter((canvas) => canvas.offsetParent)
      .map((canvas) => {
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size > 1;
      }),
  );
}

for (const [width, height] of SIZES)
  test(`from disk, without network, at ${width} pixels`, async () => {
    for (const { name } of CATALOG.slice(0, 7)) {
      const address = `${FILE}#problem=${name}`;
      const { page, requests, said } = await open(address, { viewport: { width, height } });
      await done(page);
      assert.deepEqual(requests, [FILE]);
      assert.deepEqual(said, []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${name} is ${wide} pixels wide`);
      const pictures = await drawn(page);
      assert.ok(pictures.length >= 5 && pictures.every(Boolean), `${name}: ${pictures.join()}`);
      await page.screenshot({ path: join(SHOTS, `${name}-${width}.png`), fullPage: true });
      await page.context().close();
    }
  });

test("the tab key goes through everything in the order in which it stands", async () => {
  const { page } = await open(FILE);
  await done(page);
  const seen: string[] = [];
  for (let k = 0; k < 30; k++) {
    await page.keyboard.press("Tab");
    const id = await page.evaluate(() => document.activeElement!.id);
    if (!id) break;
    seen.push(id);
  }
  assert.deepEqual(seen, [
    ...["theme", "problem", "rate", "rate-number", "rule", "start-0", "start-1", "time"],
    ...["play", "step", "reset", "link", "png", "csv", "python", "landscape", "map-kind"],
  ]);
  await page.context().close();
});

test("keys alone choose a problem, a rate, a start, a step and a theme", async () => {
  const { page } = await open(FILE);
  await page.focus("#problem");
  await page.keyboard.type("Double");
  await page.waitForFunction(() => document.querySelector("#formula")!.textContent.includes("¼"));
  const before = await page.inputValue("#rate-number");
  await page.focus("#rate");
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction(
    (old) => document.querySelector<HTMLInputElement>("#rate-number")!.value !== old,
    before,
  );
  assert.ok(Number(await page.inputValue("#rate-number")) > Number(before));
  const start = Number(await page.inputValue("#start-0"));
  await page.focus("#landscape");
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction(
    (old) => Number(document.querySelector<HTMLInputElement>("#start-0")!.value) < old,
    start,
  );
  await page.focus("#reset");
  await page.keyboard.press("Enter");
  await page.focus("#step");
  await page.keyboard.press("Enter");
  assert.match((await page.textContent("#shown"))!, /^step 1 of/);
  await page.focus("#theme");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.context().close();
});

test("a click and a drag move the start", async () => {
  const { page } = await open(`${FILE}#problem=quadratic`);
  const box = (await page.locator("#landscape").boundingBox())!;
  await page.mouse.move(box.x + 0.3 * box.width, box.y + 0.4 * box.height);
  await page.mouse.down();
  await page.waitForFunction(() => Number(document.querySelector<HTMLInputElement>("#start-0")!.value) < 0);
  await page.mouse.move(box.x + 0.9 * box.width, box.y + 0.4 * box.height, { steps: 5 });
  await page.waitForFunction(() => Number(document.querySelector<HTMLInputElement>("#start-0")!.value) > 1);
  await page.mouse.up();
  await page.context().close();
});

test("a click in the diagram takes its learning rate, one in the map its start too", async () => {
  const { page } = await open(`${FILE}#problem=double-well&rate=0.5`);
  await done(page);
  const rate = async (): Promise<number> => Number(await page.inputValue("#rate-number"));
  const clickAt = async (id: string, right: number, down: number): Promise<void> => {
    const { width, height } = (await page.locator(id).boundingBox())!;
    await page.locator(id).click({ position: { x: right * width, y: down * height } });
  };
  await clickAt("#diagram", 0.9, 0.5);
  await page.waitForFunction(() => Number(document.querySelector<HTMLInputElement>("#rate-number")!.value) > 1.8);
  await clickAt("#map", 0.2, 0.75);
  await page.waitForFunction(() => Number(document.querySelector<HTMLInputElement>("#start-0")!.value) < -1);
  assert.ok((await rate()) < 0.6);
  await page.context().close();
});

test("a network's start is dragged in its plane, and its loss stays what Python says", async () => {
  const { page, said } = await open(`${FILE}#problem=xor&rate=0.3`);
  await done(page);
  const box = (await page.locator("#landscape").boundingBox())!;
  await page.mouse.click(box.x + 0.6 * box.width, box.y + 0.3 * box.height);
  await page.waitForFunction(() => document.querySelector<HTMLSelectElement>("#seed")!.value === "");
  await done(page);
  assert.deepEqual(said, []);
  await page.click("#link");
  assert.equal(new URL(await page.inputValue("#lines")).hash.split("w0=")[1].split("&")[0].split(",").length, 17);
  await page.context().close();
});

test("a link brings back the same numbers", async () => {
  const { page } = await open(FILE);
  await follow(page, "#problem=minimalist-edge&rate=0.123456789012345&rule=nesterov&momentum=0.4&w0=2.1,0.3&time=7");
  await done(page);
  await page.click("#link");
  const link = await page.inputValue("#lines");
  const other = await open(link);
  await done(other.page);
  assert.deepEqual(await facts(other.page), await facts(page));
  assert.equal(await other.page.textContent("#verdict"), await page.textContent("#verdict"));
  await Promise.all([page.context().close(), other.page.context().close()]);
});

test("links that make no sense are read as far as they do", async () => {
  for (const hash of ["#problem=nothing", "#rate=-1&time=x&w0=1,a", "#%E0%A4%A&rule=__proto__", "#w0=1e999,2&momentum=1"]) {
    const { page, said } = await open(FILE + hash);
    await page.waitForFunction(() => document.querySelector("#verdict")!.textContent.length > 5);
    assert.equal(await page.inputValue("#problem"), "two-weight-product");
    assert.deepEqual(said, []);
    await page.context().close();
  }
});

test("play goes from the start to the end, and stops there", async () => {
  const { page } = await open(`${FILE}#problem=quadratic&rate=0.18&time=1`);
  // Within the page, so that the play is not over before one looks.
  const said = await page.evaluate(() => {
    const button = document.querySelector<HTMLElement>("#play")!;
    button.click();
    return button.textContent;
  });
  assert.equal(said, "Pause");
  await page.waitForFunction(() => document.querySelector("#play")!.textContent === "Play");
  assert.equal(await page.textContent("#shown"), "step 5 of 5");
  await page.click("#reset");
  assert.equal(await page.textContent("#shown"), "step 0 of 5");
  await page.context().close();
});

test("runs that leave the finite numbers are told, not drawn into infinity", async () => {
  const { page, said } = await open(`${FILE}#problem=double-well&rate=5&w0=1.5&time=300`);
  await done(page);
  assert.match((await page.textContent("#verdict"))!, /diverged/);
  assert.match((await page.textContent("#numbers"))!, /left the finite numbers/);
  assert.deepEqual(said, []);
  await page.context().close();
});

test("the map of starts has a million pixels, each as descent says", async () => {
  const { page, said } = await open(`${FILE}#problem=two-weight-product&rate=0.4`);
  await page.selectOption("#map-kind", "starts");
  await page.waitForFunction(() => document.querySelector<HTMLElement>("#map")!.dataset.block === "1", null, {
    timeout: 60_000,
  });
  assert.match((await page.getAttribute("#map", "aria-label"))!, /from \d+\.\d % of the starts/);
  assert.deepEqual(said, []);
  await page.context().close();
});

test("a picture can be taken away", async () => {
  const { page } = await open(FILE);
  await done(page);
  const coming = page.waitForEvent("download");
  await page.click("#png");
  assert.equal((await coming).suggestedFilename(), "gradflow.png");
  await page.context().close();
});

test("everything has a name for a screen reader", async () => {
  const { page } = await open(FILE);
  await done(page);
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLInputElement>("input, select, button, textarea, canvas, [role=img]")]
      .filter((each) => !each.closest("[role=img], .u-legend") || each.getAttribute("role") === "img")
      .filter((each) => {
        const label = each.getAttribute("aria-label") ?? each.labels?.[0]?.textContent ?? each.textContent;
        return !label.trim();
      })
      .map((each) => each.id || each.outerHTML.slice(0, 80)),
  );
  assert.deepEqual(nameless, []);
  const said = await page.getAttribute("#loss", "aria-label");
  assert.match(said!, /^Loss over flow time: flow from [\d.e-]+ to [\d.e-]+; descent from/);
  await page.context().close();
});

for (const colorScheme of ["light", "dark"] as const)
  test(`text has a contrast of at least 4.5, ${colorScheme}`, async () => {
    const { page } = await open(FILE, { colorScheme });
    await done(page);
    await page.click("#python");
    const found = await page.evaluate(() => {
      const parse = (text: string): number[] => text.match(/[\d.]+/g)!.map(Number);
      const light = (rgb: number[]): number => {
        const [r, g, b] = rgb.slice(0, 3).map((v) => {
          const share = v / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = (start: Element): number[] => {
        for (let each: Element | null = start; each; each = each.parentElement) {
          const color = parse(getComputedStyle(each).backgroundColor);
          if (color.length === 3 || color[3] === 1) return color;
        }
        return [255, 255, 255];
      };
      const contrast = (a: number[], b: number[]): number => {
        const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
        return (high + 0.05) / (low + 0.05);
      };
      const texts = [...document.querySelectorAll<HTMLElement>("body *")].filter(
        (each) => each.offsetParent && [...each.childNodes].some((node) => node.nodeType === 3 && node.nodeValue!.trim()),
      );
      const low = texts
        .map((each) => ({
          text: `${each.tagName}#${each.id} ${each.textContent.slice(0, 30)}`,
          contrast: contrast(parse(getComputedStyle(each).color), ground(each)),
        }))
        .filter(({ contrast: found }) => found < 4.5);
      // What canvases write is in these colors.
      const probe = document.body.appendChild(document.createElement("i"));
      const named = ["text", "faint", "flow", "limit", ...[1, 2, 3, 4, 5, 6].map((k) => `run-${k}`)].map((name) => {
        probe.style.color = `var(--${name})`;
        probe.style.backgroundColor = "var(--panel)";
        const style = getComputedStyle(probe);
        return { text: name, contrast: contrast(parse(style.color), parse(style.backgroundColor)) };
      });
      return { count: texts.length, low: [...low, ...named.filter((each) => each.contrast < 4.5)] };
    });
    assert.ok(found.count > 40);
    assert.deepEqual(found.low, []);
    await page.context().close();
  });
