// Lines of equal loss by marching squares, and levels that show a landscape of any steepness.

export interface Field {
  readonly columns: number;
  readonly rows: number;
  /** Row by row from the bottom. */
  readonly values: Float64Array;
}

export function fieldOf(
  columns: number,
  rows: number,
  value: (column: number, row: number) => number,
): Field {
  const values = new Float64Array(columns * rows);
  for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++) values[j * columns + i] = value(i, j);
  return { columns, rows, values };
}

/** Return levels at equal shares of the sorted values, dense where the landscape is low. */
export function levels({ values }: Field, count: number): number[] {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  const found = Array.from({ length: count }, (_, i) => {
    const share = ((i + 1) / (count + 1)) ** 1.2;
    return sorted[Math.floor(share * (sorted.length - 1))];
  });
  return [...new Set(found)];
}

/** Return segments (x0, y0, x1, y1), in units of grid spacings, flat. */
export function contour({ columns, rows, values }: Field, level: number): number[] {
  const segments: number[] = [];
  for (let j = 0; j + 1 < rows; j++)
    for (let i = 0; i + 1 < columns; i++) {
      const a = values[j * columns + i] - level;
      const b = values[j * columns + i + 1] - level;
      const c = values[(j + 1) * columns + i + 1] - level;
      const d = values[(j + 1) * columns + i] - level;
      const points: number[] = [];
      if (a < 0 !== b < 0) points.push(i + a / (a - b), j);
      if (b < 0 !== c < 0) points.push(i + 1, j + b / (b - c));
      if (c < 0 !== d < 0) points.push(i + d / (d - c), j + 1);
      if (d < 0 !== a < 0) points.push(i, j + a / (a - d));
      segments.push(...points);
    }
  return segments;
}
