// What can be taken away: a picture, a table, the Python lines that say the same.

import { weightsAt } from "../numbers/descent";
import type { Run } from "./compute";
import { colors } from "./theme";

const CLASSES = {
  descent: "GradientDescent",
  "heavy-ball": "HeavyBall",
  nesterov: "Nesterov",
  sign: "SignDescent",
} as const;

/** Return the Python lines that compute what is seen. */
export function pythonLines(run: Run, seed: number | null): string {
  const { entry, w0, endTime } = run.ground;
  const start = seed === null ? `[${Array.from(w0, String).join(", ")}]` : "case.w0";
  const { name, learningRate, momentum } = run.rule;
  const more = name === "heavy-ball" || name === "nesterov" ? `, momentum=${momentum}` : "";
  return [
    "import gradflow as gf",
    "",
    entry.python.replace("SEED", String(seed ?? 0)),
    `w0 = ${start}`,
    `rule = gf.rules.${CLASSES[name]}(${learningRate}${more})`,
    `flow = gf.integrate(gf.GradientFlow(problem), w0, ${endTime})`,
    `run = gf.descend(problem, w0, rule, ${run.descent.numSteps})`,
    "print(gf.compare(run, flow))",
    "print(gf.analysis.stability.regime(run, problem).name)",
    "",
  ].join("\n");
}

/** Return a table of both runs: one row a point, every digit. */
export function csv(run: Run): string {
  const { entry, flow } = run.ground;
  const n = entry.problem.numWeights;
  const names = Array.from({ length: n }, (_, i) => `w${i + 1}`);
  const rows = [["run", "step", "flow_time", "loss", ...names].join(",")];
  for (let k = 0; k < flow.times.length; k++)
    rows.push(["flow", k, flow.times[k], flow.losses[k], ...flow.weights.subarray(k * n, k * n + n)].join());
  const { descent } = run;
  for (let k = 0; k <= descent.numSteps; k++)
    rows.push(
      [run.rule.name, k, k * descent.stepLength, descent.losses[k], ...weightsAt(descent, k, n)].join(),
    );
  return `${rows.join("\n")}\n`;
}

const GAP = 16;
const HEAD = 26;

/** Return one picture of all figures that are seen, two in a row. */
export function mosaic(figures: readonly HTMLElement[]): HTMLCanvasElement {
  const ratio = devicePixelRatio || 1;
  const tiles = figures
    .map((figure) => ({
      title: figure.querySelector("h2")?.textContent ?? "",
      canvas: figure.querySelector("canvas"),
    }))
    .filter((tile) => tile.canvas && tile.canvas.width > 0);
  const wide = Math.max(...tiles.map(({ canvas }) => canvas!.width));
  const high = Math.max(...tiles.map(({ canvas }) => canvas!.height)) + HEAD * ratio;
  const sheet = document.createElement("canvas");
  sheet.width = 2 * wide + 3 * GAP * ratio;
  sheet.height = Math.ceil(tiles.length / 2) * (high + GAP * ratio) + GAP * ratio;
  const c = sheet.getContext("2d")!;
  const found = colors();
  c.fillStyle = found.panel;
  c.fillRect(0, 0, sheet.width, sheet.height);
  c.fillStyle = found.text;
  c.font = `600 ${14 * ratio}px system-ui, sans-serif`;
  c.textBaseline = "top";
  tiles.forEach(({ title, canvas }, index) => {
    const x = GAP * ratio + (index % 2) * (wide + GAP * ratio);
    const y = GAP * ratio + Math.floor(index / 2) * (high + GAP * ratio);
    c.fillText(title, x, y);
    c.drawImage(canvas!, x, y + HEAD * ratio);
  });
  return sheet;
}

export function download(name: string, content: Blob): void {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(content);
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}
