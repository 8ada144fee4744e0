// What the page was given when it was made: nothing, a problem to begin with, saved runs, or Python behind it.

import { part } from "./elements";
import type { Line, RunView } from "./picture";

type Values = readonly (number | null)[];

interface GivenLine {
  readonly times: Values;
  readonly values: Values;
}

export interface GivenRun {
  readonly label: string;
  readonly isFlow: boolean;
  readonly losses: GivenLine;
  readonly distance: GivenLine | null;
  readonly sharpness: GivenLine | null;
  readonly ceiling: number | null;
  readonly path: Values | null;
  readonly facts: readonly (readonly [string, string])[];
}

export interface GivenRuns {
  readonly axes: readonly [string, string];
  readonly flow: GivenRun | null;
  readonly descents: readonly GivenRun[];
}

export interface Saved extends GivenRuns {
  readonly kind: "runs";
  readonly title: string;
  readonly remark: string;
}

export interface Asked {
  readonly kind: "asked";
  readonly title: string;
  readonly remark: string;
  readonly numWeights: number;
  readonly endTime: number;
  readonly hasSeeds: boolean;
}

export interface Named {
  readonly kind: "problem";
  readonly name: string;
}

export type Given = Named | Saved | Asked | null;

export function given(): Given {
  return JSON.parse(part("given").textContent) as Given;
}

/** JSON has no word for what is not finite; charts leave it out. */
function numbers(values: Values): number[] {
  return values.map((value) => value ?? NaN);
}

function line(found: GivenLine | null): Line | null {
  return found && { times: numbers(found.times), values: numbers(found.values) };
}

export function viewOf(run: GivenRun): RunView {
  return {
    label: run.label,
    losses: line(run.losses)!,
    distance: line(run.distance),
    sharpness: line(run.sharpness),
    ceiling: run.ceiling,
    path: run.path && numbers(run.path),
    isFlow: run.isFlow,
  };
}
