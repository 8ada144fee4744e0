// Bundle the tests of a folder and run them in node; the truth they compare with is computed by gradflow first.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const folder = process.argv[2] ?? "test";
const out = join(root, ".build", folder);
const python = process.env.PYTHON ?? "python3";

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const environment = { ...process.env, PYTHONPATH: join(root, ".."), OMP_NUM_THREADS: "1" };
const truth = join(out, "truth.json");
const options = { env: environment, maxBuffer: 1 << 28 };
writeFileSync(truth, execFileSync(python, [join(root, "scripts", "truth.py")], options));

const tests = readdirSync(join(root, folder)).filter((name) => name.endsWith(".test.ts"));
await build({
  entryPoints: tests.map((name) => join(root, folder, name)),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  packages: "external",
  format: "esm",
  logLevel: "warning",
});
const files = tests.map((name) => join(out, name.replace(".ts", ".mjs")));
const run = spawnSync(process.execPath, ["--test", ...files], {
  stdio: "inherit",
  env: { ...environment, TRUTH: truth, PYTHON: python, ROOT: join(root, "..") },
});
process.exit(run.status ?? 1);
