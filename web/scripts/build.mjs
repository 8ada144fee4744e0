// Bundle the page into one file without a request to anywhere.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, transform } from "esbuild";

const root = join(import.meta.dirname, "..");
const source = join(root, "src", "page");
const target = join(root, "..", "gradflow", "explorer", "page.html");
const MOST_BYTES = 150_000;

const bundled = await build({
  entryPoints: [join(source, "main.ts")],
  bundle: true,
  write: false,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
});
const script = bundled.outputFiles[0].text.trim().replaceAll("</script", "<\\/script");
const chart = readFileSync(join(root, "node_modules", "uplot", "dist", "uPlot.min.css"), "utf8");
const own = readFileSync(join(source, "style.css"), "utf8");
const style = (await transform(chart + own, { loader: "css", minify: true })).code.trim();
const license = "/* With uPlot, (c) Leon Sorokin, MIT License: see LICENSE-uPlot.txt of gradflow. */";
const parts = {
  HASH: createHash("sha256").update(`${license}${script}`).digest("base64"),
  STYLE: style,
  SCRIPT: `${license}${script}`,
};
const page = readFileSync(join(source, "page.html"), "utf8").replace(/%([A-Z]+)%/g, (_, name) => parts[name]);
const size = Buffer.byteLength(page);
if (size > MOST_BYTES) throw new Error(`the page has ${size} bytes, more than ${MOST_BYTES}`);
writeFileSync(target, page);
console.log(`${target}: ${size} bytes`);
