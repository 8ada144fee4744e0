// Update rules: one step each, in the operations and the order of gradflow.rules.

import type { Vector } from "./problem";

export const RULES = ["descent", "heavy-ball", "nesterov", "sign"] as const;
export type RuleName = (typeof RULES)[number];

export interface Rule {
  readonly name: RuleName;
  readonly learningRate: number;
  readonly momentum: number;
}

export function rule(name: RuleName, learningRate: number, momentum = 0): Rule {
  return { name, learningRate, momentum: hasMomentum(name) ? momentum : 0 };
}

export function hasMomentum(name: RuleName): boolean {
  return name === "heavy-ball" || name === "nesterov";
}

/** Whether a step is linear in weights, gradient and memory. */
export function isLinear({ name }: Rule): boolean {
  return name !== "sign";
}

/** The largest stable learning rate times the sharpness; nan where steps do not shrink with the gradient. */
export function stableProduct({ name, momentum: b }: Rule): number {
  if (name === "sign") return NaN;
  if (name === "nesterov") return (2 + 2 * b) / (1 + 2 * b);
  return 2 + 2 * b;
}

/** The flow time of one step, at rate 1. */
export function stepLength({ name, learningRate, momentum }: Rule): number {
  return (hasMomentum(name) ? 1 / (1 - momentum) : 1) * learningRate;
}

/** Take one step in place: weights, and the velocity where the rule has one. */
export function update(taken: Rule, w: Vector, gradient: Vector, velocity: Vector): void {
  const eta = taken.learningRate;
  const b = taken.momentum;
  switch (taken.name) {
    case "descent":
      for (let i = 0; i < w.length; i++) w[i] = w[i] - eta * gradient[i];
      return;
    case "sign":
      for (let i = 0; i < w.length; i++) w[i] = w[i] - eta * Math.sign(gradient[i]);
      return;
    case "heavy-ball":
      for (let i = 0; i < w.length; i++) {
        velocity[i] = b * velocity[i] - eta * gradient[i];
        w[i] = w[i] + velocity[i];
      }
      return;
    case "nesterov":
      for (let i = 0; i < w.length; i++) {
        const pull = eta * gradient[i];
        velocity[i] = b * velocity[i] - pull;
        w[i] = w[i] + b * velocity[i] - pull;
      }
  }
}
