// A canvas with axes: from numbers to pixels and back, ticks, labels.

import type { Window } from "../numbers/maps";
import { type Colors, colors, FONT } from "./theme";

const LEFT = 56;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 34;

export interface Frame {
  readonly context: CanvasRenderingContext2D;
  readonly colors: Colors;
  readonly window: Window;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  x(value: number): number;
  y(value: number): number;
  /** Return the numbers at a pixel. */
  place(px: number, py: number): [number, number];
}

/** Return a cleared frame of the canvas for a window of numbers. */
export function frameOf(canvas: HTMLCanvasElement, window: Window): Frame {
  const ratio = devicePixelRatio || 1;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  // A frame of another page may have no size yet.
  const [columns, rows] = [wide, high].map((length) => Math.max(1, Math.round(length * ratio)));
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const found = colors();
  context.fillStyle = found.panel;
  context.fillRect(0, 0, wide, high);
  const [width, height] = [Math.max(wide - LEFT - RIGHT, 1), Math.max(high - TOP - BOTTOM, 1)];
  const across = (window.right - window.left) / width;
  const up = (window.top - window.bottom) / height;
  return {
    context,
    colors: found,
    window,
    left: LEFT,
    top: TOP,
    width,
    height,
    x: (value) => LEFT + (value - window.left) / across,
    y: (value) => TOP + (window.top - value) / up,
    place: (px, py) => [window.left + (px - LEFT) * across, window.top - (py - TOP) * up],
  };
}

/** Return round numbers between low and high, about `count` of them. */
export function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((value) => value >= rough)!;
  // 0.3 / 0.1 is a little less than 3.
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/** Draw the axes with ticks, and what they are called. */
export function drawAxes(frame: Frame, xLabel: string, yLabel: string, isLogY = false): void {
  const { context: c, left, top, width, height, window } = frame;
  c.strokeStyle = frame.colors.grid;
  c.lineWidth = 1;
  c.strokeRect(left + 0.5, top + 0.5, width, height);
  c.fillStyle = frame.colors.faint;
  c.font = FONT;
  c.textAlign = "center";
  c.textBaseline = "top";
  for (const tick of ticks(window.left, window.right, Math.max(2, width / 80)))
    c.fillText(String(tick), frame.x(tick), top + height + 4);
  c.fillText(xLabel, left + width / 2, top + height + 18);
  c.textAlign = "right";
  c.textBaseline = "middle";
  for (const tick of ticks(window.bottom, window.top, Math.max(2, height / 50)))
    if (!isLogY || Number.isInteger(tick))
      c.fillText(isLogY ? `1e${tick}` : String(tick), left - 5, frame.y(tick));
  c.save();
  c.translate(9, top + height / 2);
  c.rotate(-Math.PI / 2);
  c.textAlign = "center";
  c.fillText(yLabel, 0, 0);
  c.restore();
}

/** Draw inside the axes only. */
export function clipped(frame: Frame, draw: () => void): void {
  const { context: c } = frame;
  c.save();
  c.beginPath();
  c.rect(frame.left, frame.top, frame.width, frame.height);
  c.clip();
  draw();
  c.restore();
}

/** Stroke a line through flat pairs, from pair 0 to pair `last`. */
export function stroke(
  frame: Frame,
  pairs: ArrayLike<number>,
  color: string,
  width: number,
  last = pairs.length / 2 - 1,
): void {
  const { context: c } = frame;
  c.strokeStyle = color;
  c.lineWidth = width;
  c.lineJoin = "round";
  c.beginPath();
  for (let i = 0; i <= last; i++) {
    const [x, y] = [near(frame.x(pairs[2 * i])), near(frame.y(pairs[2 * i + 1]))];
    if (i) c.lineTo(x, y);
    else c.moveTo(x, y);
  }
  c.stroke();
}

/** Keep a pixel within what canvases can draw; a run that leaves goes very far. */
function near(pixel: number): number {
  return Math.min(Math.max(pixel, -1e5), 1e5);
}

export function dot(frame: Frame, x: number, y: number, radius: number, color: string): void {
  const { context: c } = frame;
  c.fillStyle = color;
  c.beginPath();
  c.arc(near(frame.x(x)), near(frame.y(y)), radius, 0, 2 * Math.PI);
  c.fill();
}

export function verticalLine(frame: Frame, value: number, color: string, dash: number[] = []): void {
  const { context: c } = frame;
  c.strokeStyle = color;
  c.lineWidth = 1.5;
  c.setLineDash(dash);
  c.beginPath();
  c.moveTo(frame.x(value), frame.top);
  c.lineTo(frame.x(value), frame.top + frame.height);
  c.stroke();
  c.setLineDash([]);
}
