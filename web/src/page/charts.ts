// Charts over flow time: loss, sharpness against its ceiling, distance.

import uPlot from "uplot";
import type { Line, Picture, RunView } from "./picture";
import { colors, FONT } from "./theme";

export interface Chart {
  show(picture: Picture, time: number | null): void;
  /** Move the line that says which step is shown. */
  mark(time: number | null): void;
  resize(): void;
  readonly canvas: HTMLCanvasElement;
}

type Pick = (run: RunView) => Line | null;

const HEIGHT = 230;
// Decades that a logarithmic ordinate shows below its highest value.
const MOST_DECADES = 18;
// Up to so many points each one is marked.
const MOST_MARKS = 160;

/** Return a chart in the box; `isLog` has a logarithmic ordinate, `hasCeiling` draws 2/eta. */
export function chart(box: HTMLElement, pick: Pick, isLog: boolean, hasCeiling: boolean): Chart {
  let plot: uPlot | null = null;
  let shape = "";
  let marked: number | null = null;

  const drawMark = (u: uPlot): void => {
    if (marked === null) return;
    const x = u.valToPos(marked, "x", true);
    u.ctx.save();
    u.ctx.strokeStyle = colors().text;
    u.ctx.lineWidth = devicePixelRatio;
    u.ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
    u.ctx.restore();
  };

  const made: Chart = {
    show(picture, time) {
      marked = time;
      const lines = linesOf(picture, pick, hasCeiling);
      const data = joined(lines, isLog);
      const next = lines.map((line) => `${line.label} ${line.color} ${line.hasMarks}`).join();
      if (plot && next === shape) plot.setData(data);
      else {
        plot?.destroy();
        plot = new uPlot(options(box, lines, isLog, drawMark), data, box);
        shape = next;
      }
    },
    mark(time) {
      marked = time;
      plot?.redraw(false);
    },
    resize() {
      plot?.setSize({ width: box.clientWidth, height: HEIGHT });
    },
    get canvas() {
      return box.querySelector("canvas")!;
    },
  };
  return made;
}

interface Drawn extends Line {
  readonly label: string;
  readonly color: string;
  readonly width: number;
  readonly dash: number[];
  readonly hasMarks: boolean;
}

function linesOf({ flow, descents }: Picture, pick: Pick, hasCeiling: boolean): Drawn[] {
  const found = colors();
  const lines: Drawn[] = [];
  const flowLine = flow && pick(flow);
  if (flow && flowLine)
    lines.push({ ...flowLine, label: flow.label, color: found.flow, width: 2.6, dash: [], hasMarks: false });
  descents.forEach((run, index) => {
    const color = found.runs[index % found.runs.length];
    const line = pick(run);
    if (line) {
      const hasMarks = line.times.length <= MOST_MARKS;
      lines.push({ ...line, label: run.label, color, width: 1.4, dash: [], hasMarks });
    }
    if (hasCeiling && run.ceiling !== null && (line ?? flowLine)) {
      const { times } = (line ?? flowLine)!;
      const ends = [times[0], times[times.length - 1]];
      const label = descents.length > 1 ? `2/η, ${run.label}` : "2/η";
      const shade = descents.length > 1 ? color : found.limit;
      lines.push({
        times: ends,
        values: [run.ceiling, run.ceiling],
        label,
        color: shade,
        width: 1.4,
        dash: [6, 4],
        hasMarks: false,
      });
    }
  });
  return lines;
}

/** Return one table of all lines over all their times; of a logarithmic ordinate the logarithms to base 10. */
function joined(lines: Drawn[], isLog: boolean): uPlot.AlignedData {
  const tables = lines.map(({ times, values }): uPlot.AlignedData => {
    const kept = Array.from(values, (value) => {
      if (!Number.isFinite(value)) return null;
      if (!isLog) return value;
      return value > 0 ? Math.log10(value) : null;
    });
    return [Array.from(times), kept];
  });
  return tables.length ? uPlot.join(tables) : [[]];
}

function options(
  box: HTMLElement,
  lines: Drawn[],
  isLog: boolean,
  drawMark: (u: uPlot) => void,
): uPlot.Options {
  const found = colors();
  const axis = {
    stroke: found.faint,
    font: FONT,
    grid: { stroke: found.grid, width: 1 },
    ticks: { stroke: found.grid, width: 1, size: 4 },
  };
  return {
    width: Math.max(box.clientWidth, 120),
    height: HEIGHT,
    padding: [10, 22, 0, 0],
    cursor: { drag: { x: true, y: false } },
    scales: { x: { time: false }, y: isLog ? { range: decades } : {} },
    axes: [
      { ...axis, label: "flow time t = k h", labelFont: FONT, labelSize: 18, size: 28, values: (_, splits) => splits.map(short) },
      {
        ...axis,
        size: 52,
        ...(isLog ? { incrs: [1, 2, 3, 4, 5, 10, 20] } : {}),
        values: (_, splits) => splits.map(isLog ? (v) => `1e${v}` : short),
      },
    ],
    series: [
      { label: "t", value: (_, v: number | null) => short(v) },
      ...lines.map(
        ({ label, color, width, dash, hasMarks }): uPlot.Series => ({
          label,
          stroke: color,
          width,
          dash,
          spanGaps: true,
          points: { show: hasMarks, size: 5, fill: color },
          value: (_, v: number | null) => short(isLog && v !== null ? 10 ** v : v),
        }),
      ),
    ],
    hooks: { draw: [drawMark] },
  };
}

/** Return whole decades around the logarithms low and high. */
function decades(_: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax {
  if (low === null || high === null) return [-3, 0];
  const top = Math.ceil(high + 1e-9);
  return [Math.max(Math.floor(low), top - MOST_DECADES), top];
}

/** A number on an axis or in a legend; where there is none uPlot hands over null. */
function short(value: number | null): string {
  if (value === null) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(0);
  return String(Number(value.toPrecision(4)));
}
