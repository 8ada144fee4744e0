// The landscape: a curve for one weight, contours for two, a plane through the run for more; runs upon it.

import { type Window } from "../numbers/maps";
import { lossAt } from "../numbers/problem";
import type { Ground } from "./compute";
import { contour, type Field, fieldOf, levels } from "./contours";
import { clipped, dot, drawAxes, type Frame, frameOf, stroke } from "./frame";
import { isDark } from "./theme";
import type { Picture, RunView } from "./picture";

const COLUMNS = 90;
const ROWS = 70;
const NUM_LEVELS = 16;

interface Sheet {
  readonly window: Window;
  readonly field: Field;
  readonly levels: readonly number[];
  readonly segments: readonly (readonly number[])[];
}

let kept: { ground: Ground; sheet: Sheet } | null = null;

/** Draw everything up to `share` of the descents' steps, and return the frame that tells where a pointer is. */
export function drawLandscape(
  canvas: HTMLCanvasElement,
  picture: Picture,
  ground: Ground | null,
  share: number,
): Frame {
  const frame = frameOf(canvas, windowOf(picture, ground));
  clipped(frame, () => {
    if (ground) drawGround(frame, ground);
    if (picture.flow?.path) stroke(frame, picture.flow.path, frame.colors.flow, 2.6);
    picture.descents.forEach((run, index) => drawRun(frame, run, index, share));
    const first = picture.flow?.path ?? picture.descents[0]?.path;
    if (first) drawStart(frame, first[0], first[1]);
  });
  drawAxes(frame, ...labels(ground, picture));
  return frame;
}

function windowOf(picture: Picture, ground: Ground | null): Window {
  if (ground) return ground.plane?.window ?? widened(ground);
  const paths = [picture.flow, ...picture.descents].flatMap((run) => Array.from(run?.path ?? []));
  if (!paths.length) return { left: 0, right: 1, bottom: 0, top: 1 };
  const xs = paths.filter((_, i) => i % 2 === 0);
  const ys = paths.filter((_, i) => i % 2 === 1);
  const [left, right] = [least(xs), -least(xs.map((x) => -x))];
  const [bottom, top] = [least(ys), -least(ys.map((y) => -y))];
  const [wide, high] = [Math.max(right - left, 1e-9), Math.max(top - bottom, 1e-9)];
  return {
    left: left - 0.08 * wide,
    right: right + 0.08 * wide,
    bottom: bottom - 0.08 * high,
    top: top + 0.08 * high,
  };
}

function least(values: number[]): number {
  return values.reduce((low, value) => Math.min(low, value), Infinity);
}

/** Return the landscape's own window, made wide enough for the start. */
function widened({ entry, w0 }: Ground): Window {
  const { left, right, bottom, top } = entry.window!;
  const high = w0.length === 1 ? lossAt(entry.problem, w0) : w0[1];
  return {
    left: Math.min(left, w0[0]),
    right: Math.max(right, w0[0]),
    bottom: Math.min(bottom, high),
    top: Math.max(top, high),
  };
}

function labels(ground: Ground | null, picture: Picture): [string, string] {
  if (!ground) return picture.axes ? [...picture.axes] : ["", ""];
  if (ground.plane) return ["along the flow", "across"];
  return ground.entry.problem.numWeights === 1 ? ["weight w", "loss E"] : ["weight x", "weight y"];
}

function drawGround(frame: Frame, ground: Ground): void {
  if (ground.entry.problem.numWeights === 1) drawCurve(frame, ground);
  else drawContours(frame, sheetOf(ground, frame.window));
}

function drawCurve(frame: Frame, { entry }: Ground): void {
  const { left, right } = frame.window;
  const pairs = Array.from({ length: 301 }, (_, i) => left + (i / 300) * (right - left)).flatMap((w) => [
    w,
    lossAt(entry.problem, Float64Array.of(w)),
  ]);
  stroke(frame, pairs, frame.colors.faint, 1.5);
}

function sheetOf(ground: Ground, window: Window): Sheet {
  if (kept?.ground.entry === ground.entry && isSame(kept.sheet.window, window)) {
    if (!ground.plane || kept.ground.plane === ground.plane) return kept.sheet;
  }
  const across = (window.right - window.left) / (COLUMNS - 1);
  const up = (window.top - window.bottom) / (ROWS - 1);
  const { problem } = ground.entry;
  const gradient = new Float64Array(problem.numWeights);
  const field = fieldOf(COLUMNS, ROWS, (i, j) => {
    const [x, y] = [window.left + i * across, window.bottom + j * up];
    return problem.lossAndGradient(ground.plane ? ground.plane.lift(x, y) : Float64Array.of(x, y), gradient);
  });
  const found = levels(field, NUM_LEVELS);
  const sheet = { window, field, levels: found, segments: found.map((level) => contour(field, level)) };
  kept = { ground, sheet };
  return sheet;
}

function isSame(a: Window, b: Window): boolean {
  return a.left === b.left && a.right === b.right && a.bottom === b.bottom && a.top === b.top;
}

function drawContours(frame: Frame, { field, window, levels: found, segments }: Sheet): void {
  const { context: c } = frame;
  const across = (window.right - window.left) / (field.columns - 1);
  const up = (window.top - window.bottom) / (field.rows - 1);
  segments.forEach((flat, index) => {
    const light = isDark() ? 34 + (30 * index) / found.length : 62 + (26 * index) / found.length;
    c.strokeStyle = `hsl(212 38% ${light.toFixed(0)}%)`;
    c.lineWidth = 1;
    c.beginPath();
    for (let k = 0; k < flat.length; k += 4) {
      c.moveTo(frame.x(window.left + flat[k] * across), frame.y(window.bottom + flat[k + 1] * up));
      c.lineTo(frame.x(window.left + flat[k + 2] * across), frame.y(window.bottom + flat[k + 3] * up));
    }
    c.stroke();
  });
}

function drawRun(frame: Frame, run: RunView, index: number, share: number): void {
  if (!run.path) return;
  const color = frame.colors.runs[index % frame.colors.runs.length];
  const last = Math.round(share * (run.path.length / 2 - 1));
  stroke(frame, run.path, color, 1.2, last);
  const every = Math.max(1, Math.ceil((last + 1) / 400));
  const radius = last > 60 ? 1.5 : 2.4;
  for (let k = 0; k <= last; k += every) dot(frame, run.path[2 * k], run.path[2 * k + 1], radius, color);
  dot(frame, run.path[2 * last], run.path[2 * last + 1], 4.5, color);
}

function drawStart(frame: Frame, x: number, y: number): void {
  dot(frame, x, y, 7, frame.colors.text);
  dot(frame, x, y, 5, frame.colors.panel);
}
