// What is drawn, wherever it was computed: here, in Python behind the page, or before in a saved run.

export interface Line {
  readonly times: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

export interface RunView {
  readonly label: string;
  readonly losses: Line;
  readonly distance: Line | null;
  readonly sharpness: Line | null;
  /** 2 eta over the rule's stable product, inverted: the sharpness up to which it is stable; null of a flow. */
  readonly ceiling: number | null;
  /** Flat pairs, where the run is in the picture of the landscape. */
  readonly path: ArrayLike<number> | null;
  readonly isFlow: boolean;
}

export interface Picture {
  readonly flow: RunView | null;
  readonly descents: readonly RunView[];
  /** What the axes of the paths are called, where these do not lie in a landscape. */
  readonly axes?: readonly [string, string];
}

/** Return losses over flow time as a table. */
export function lossTable(runs: readonly RunView[]): string {
  const rows = runs.flatMap(({ label, losses }) =>
    Array.from(losses.times, (time, i) => `${label},${time},${losses.values[i]}`),
  );
  return `${["run,flow_time,loss", ...rows].join("\n")}\n`;
}

/** Return at most `most` of the indices 0 to last, the first and the last among them. */
export function thinned(last: number, most: number): number[] {
  if (last < most) return Array.from({ length: last + 1 }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * last) / (most - 1)));
}

export function brief(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(digits - 1);
  return String(Number(value.toPrecision(digits)));
}
