// Maps that sharpen while one waits: regimes by start and learning rate, or how long descent takes from each start.

import { type Grid, grid, regimeValue, sharpened, stepsToLow, type Window } from "../numbers/maps";
import { REGIMES } from "../numbers/regimes";
import { rule } from "../numbers/rules";
import { type Run, unitOf } from "./compute";
import { clipped, dot, drawAxes, type Frame, frameOf } from "./frame";
import type { Work } from "./tasks";

export const KINDS = ["none", "regimes", "starts"] as const;
export type Kind = (typeof KINDS)[number];

// Those of gradflow's own figures, from calm to wild.
export const REGIME_COLORS: Record<string, string> = {
  MONOTONE: "#0072B2",
  OVERSHOOTING: "#56B4E9",
  CATAPULT: "#CC79A7",
  EDGE_OF_STABILITY: "#009E73",
  PERIODIC: "#F0E442",
  CHAOTIC: "#E69F00",
  STALLED: "#999999",
  DIVERGED: "#D55E00",
};
const NUM_STEPS = 200;
const MOST_STEPS = 400;
const MILLION = 1000;
const REPAINT_MS = 120;

export class RegimeMap {
  private grid: Grid = grid(1, 1);
  private window: Window = { left: 0, right: 1, bottom: 0, top: 1 };
  private kind: Kind = "none";
  private unit = 1;
  private readonly image = document.createElement("canvas");
  block = 0;
  /** What the map shows, in words. */
  summary = "";

  /** Compute the map of a run's problem, coarse first. */
  *work(kind: Kind, run: Run, drawn: () => void): Work {
    this.begin(kind, run);
    const { problem } = run.ground.entry;
    const taken = rule(run.rule.name, run.rule.learningRate, run.rule.momentum);
    const inStarts = kind === "starts";
    const value = inStarts
      ? stepsToLow(problem, taken.learningRate, MOST_STEPS)
      : regimeValue(problem, taken, run.ground.w0, NUM_STEPS);
    const stride = inStarts ? 500 : problem.numWeights > 2 ? 1 : 6;
    let painted = performance.now();
    for (const block of sharpened(this.grid, this.window, value, stride)) {
      const now = performance.now();
      // The first whole picture at once, and then so often that one sees it sharpen.
      const isFirst = this.block === 8 && block === 4;
      this.block = block;
      if (isFirst || now - painted > REPAINT_MS) {
        this.paint();
        drawn();
        painted = now;
      }
      yield;
    }
    this.block = 1;
    this.paint();
    drawn();
  }

  /** Draw the map with the run in it, and return the frame that tells where a pointer is. */
  draw(canvas: HTMLCanvasElement, run: Run): Frame {
    const frame = frameOf(canvas, this.window);
    clipped(frame, () => {
      frame.context.imageSmoothingEnabled = false;
      frame.context.drawImage(this.image, frame.left, frame.top, frame.width, frame.height);
      const { w0 } = run.ground;
      const y = this.kind === "starts" ? w0[1] : run.rule.learningRate;
      dot(frame, w0[0], y, 6, "#ffffff");
      dot(frame, w0[0], y, 4, "#000000");
    });
    const labels: [string, string] =
      this.kind === "starts" ? ["start x", "start y"] : ["first weight of the start", "learning rate η"];
    drawAxes(frame, ...labels);
    return frame;
  }

  /** Say in words what the map shows. */
  private summarized(): string {
    const { values } = this.grid;
    if (this.kind === "starts") {
      const arrived = values.reduce((sum, value) => sum + (value >= 0 ? 1 : 0), 0);
      return `from ${((100 * arrived) / values.length).toFixed(1)} % of the starts the loss falls below 1e-9 within ${MOST_STEPS} steps`;
    }
    const counts = new Array<number>(REGIMES.length).fill(0);
    for (const value of values) counts[value]++;
    return REGIMES.map((name, i) => [name, counts[i]] as const)
      .filter(([, count]) => count)
      .map(([name, count]) => `${name} ${((100 * count) / values.length).toFixed(0)} %`)
      .join(", ");
  }

  private begin(kind: Kind, { ground }: Run): void {
    this.kind = kind;
    this.unit = unitOf(ground);
    this.block = 8;
    const own = ground.entry.window;
    const [left, right] = own ? [own.left, own.right] : [ground.w0[0] - 2, ground.w0[0] + 2];
    const isSmall = ground.entry.problem.numWeights <= 2;
    this.grid = kind === "starts" ? grid(MILLION, MILLION) : isSmall ? grid(160, 100) : grid(64, 40);
    this.window =
      kind === "starts"
        ? { ...own! }
        : { left, right, bottom: 0, top: 2.4 * this.unit };
  }

  private paint(): void {
    this.summary = this.summarized();
    const { width, height, values } = this.grid;
    this.image.width = width;
    this.image.height = height;
    const context = this.image.getContext("2d")!;
    const pixels = context.createImageData(width, height);
    const words = new Uint32Array(pixels.data.buffer);
    const table = this.kind === "starts" ? startTable() : REGIMES.map((name) => word(REGIME_COLORS[name]));
    const offset = this.kind === "starts" ? 2 : 0;
    for (let i = 0; i < values.length; i++) words[i] = table[values[i] + offset];
    context.putImageData(pixels, 0, 0);
  }
}

/** Return the colors of -2 (neither), -1 (leaves) and 0 to 400 steps: dark to light, on a logarithmic scale. */
function startTable(): number[] {
  const steps = Array.from({ length: MOST_STEPS + 1 }, (_, k) => {
    const share = Math.log1p(k) / Math.log1p(MOST_STEPS);
    return word(hexOf([13 + 230 * share, 8 + 225 * share ** 1.3, 110 + 60 * (1 - share) - 60 * share]));
  });
  return [word(REGIME_COLORS.STALLED), word(REGIME_COLORS.DIVERGED), ...steps];
}

function hexOf(parts: number[]): string {
  return `#${parts.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

/** Return a color as the little-endian word that image data wants. */
function word(hex: string): number {
  const rgb = parseInt(hex.slice(1), 16);
  return ((0xff << 24) | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
}
