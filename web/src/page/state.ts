// What is looked at, and the link that says so.

import { CATALOG, type Entry, entryOf } from "../numbers/catalog";
import { RULES, type RuleName } from "../numbers/rules";

export interface State {
  readonly problem: string;
  readonly rule: RuleName;
  readonly momentum: number;
  /** eta; null stands for a share of the limit that fits the problem. */
  readonly rate: number | null;
  readonly seed: number;
  /** The start where it is not the seed's. */
  readonly w0: readonly number[] | null;
  readonly endTime: number;
}

export const MOMENTUM = 0.9;

export function initialState(entry: Entry = CATALOG[3]): State {
  return {
    problem: entry.name,
    rule: "descent",
    momentum: MOMENTUM,
    rate: null,
    seed: 0,
    w0: null,
    endTime: entry.endTime,
  };
}

/** Return the part of a link behind "#"; numbers are written so that they come back to the last bit. */
export function asHash(state: State): string {
  const parts = new URLSearchParams({ problem: state.problem });
  if (state.rate !== null) parts.set("rate", String(state.rate));
  parts.set("rule", state.rule);
  if (state.rule === "heavy-ball" || state.rule === "nesterov")
    parts.set("momentum", String(state.momentum));
  if (state.w0) parts.set("w0", state.w0.map(String).join(","));
  else if (state.seed) parts.set("seed", String(state.seed));
  parts.set("time", String(state.endTime));
  return `#${parts.toString().replaceAll("%2C", ",")}`;
}

/** Return the state that a link asks for; what it gets wrong is left at what it is by itself. */
export function fromHash(hash: string): State {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const entry = entryOf(parts.get("problem") ?? "") ?? CATALOG[3];
  const state = initialState(entry);
  const named = RULES.find((name) => name === parts.get("rule"));
  const w0 = (parts.get("w0") ?? "").split(",").map(asNumber);
  const momentum = asNumber(parts.get("momentum"));
  const seed = asNumber(parts.get("seed"));
  return {
    ...state,
    rule: named ?? state.rule,
    momentum: momentum >= 0 && momentum < 1 ? momentum : state.momentum,
    rate: positive(asNumber(parts.get("rate"))),
    seed: Number.isInteger(seed) && seed >= 0 && seed < entry.starts.length ? seed : 0,
    w0: w0.length === entry.problem.numWeights && w0.every(Number.isFinite) ? w0 : null,
    endTime: positive(asNumber(parts.get("time"))) ?? state.endTime,
  };
}

function asNumber(text: string | null): number {
  return text === null || text.trim() === "" ? NaN : Number(text);
}

export function positive(value: number): number | null {
  return value > 0 && value < Infinity ? value : null;
}

export function startOf(state: State): Float64Array {
  const entry = entryOf(state.problem)!;
  return Float64Array.from(state.w0 ?? entry.starts[state.seed]);
}
