// The problems of the page: what they are called, where they start, and what part of them is shown.

import { doubleWell, identityNeuron, minimalistEdge, quadratic, twoWeightProduct } from "./landscapes";
import type { Window } from "./maps";
import { chebyshev, network, xor } from "./network";
import type { Problem } from "./problem";
import { CHEBYSHEV_STARTS, XOR_STARTS } from "./starts";

export interface Entry {
  readonly name: string;
  readonly title: string;
  readonly formula: string;
  readonly problem: Problem;
  /** Starting weights by seed; landscapes have one. */
  readonly starts: readonly (readonly number[])[];
  readonly endTime: number;
  /** The learning rate one meets first, in 2/lambda. */
  readonly share: number;
  /** The part of the landscape that is drawn; null for a network, whose plane follows its run. */
  readonly window: Window | null;
  /** The Python lines that make the problem and, of a network, its start by seed. */
  readonly python: string;
  readonly remark: string;
}

const square = (left: number, right: number, bottom: number, top: number): Window => ({
  left,
  right,
  bottom,
  top,
});

function chebyshevEntry(degree: number): Entry {
  return {
    name: `chebyshev-${degree}`,
    title: `Chebyshev net T${subscript(degree)}, 1-10-1`,
    formula: "E = 1/(2N) Σₚ (yₚ − Tₖ(xₚ))², 20 points, tanh, 31 weights",
    problem: network(`chebyshev-${degree}`, chebyshev(degree), 10),
    starts: CHEBYSHEV_STARTS,
    endTime: 150,
    share: 0.35,
    window: null,
    python: `case = gf.cases.make("chebyshev-${degree}", seed=SEED)\nproblem = case.problem`,
    remark: "The sharpness grows along the flow, until it meets 2/η.",
  };
}

function subscript(digit: number): string {
  return String.fromCharCode(0x2080 + digit);
}

export const CATALOG: readonly Entry[] = [
  {
    name: "quadratic",
    title: "Quadratic",
    formula: "E = ½ (x² + 10 y²)",
    problem: quadratic(1, 10),
    starts: [[1.5, 0.6]],
    endTime: 5,
    share: 0.9,
    window: square(-2, 2, -1.4, 1.4),
    python: "problem = gf.problems.Quadratic([1.0, 10.0])",
    remark: "One sharpness everywhere: the limit 2/λ is exact.",
  },
  {
    name: "identity-neuron",
    title: "Identity neuron, one weight",
    formula: "E = ½ Σ (ŷ − y)², ŷ = A(w x), x = y ∈ {0, 1};  (6) ∂E/∂w = (ŷ − y) · x · (1 − A(w x)) · A(w x)",
    problem: identityNeuron,
    starts: [[-2]],
    endTime: 1000,
    share: 0.6,
    window: square(-6, 10, 0, 0.66),
    python: "problem = gf.problems.SigmoidNeuron()",
    remark: "It should learn f(x) = x on {0, 1}; w only grows, like ½ ln 2t, and no rate diverges.",
  },
  {
    name: "double-well",
    title: "Double well, one weight",
    formula: "E = ¼ (x² − 1)²",
    problem: doubleWell,
    starts: [[0.3]],
    endTime: 20,
    share: 1.2,
    window: square(-1.7, 1.7, -0.02, 0.9),
    python: "problem = gf.problems.DoubleWell()",
    remark: "Cycles from η = 1 on, chaos from 1.305, no return beyond 2.",
  },
  {
    name: "two-weight-product",
    title: "Product of two weights",
    formula: "E = ½ (x y − 1)²",
    problem: twoWeightProduct,
    starts: [[1.8, 0.2]],
    endTime: 12,
    share: 1.1,
    window: square(-3, 3, -3, 3),
    python: "problem = gf.problems.ScalarProduct(2)",
    remark: "The flow keeps x² − y²; descent beyond 2/λ moves to a flatter minimum.",
  },
  {
    name: "minimalist-edge",
    title: "Minimalist edge of stability",
    formula: "E = ½ (1 − x² y²)²",
    problem: minimalistEdge,
    starts: [[2.6, 0.35]],
    endTime: 40,
    share: 1.15,
    window: square(0.1, 3.1, 0.05, 1.65),
    python: "problem = gf.problems.MinimalistEdge()",
    remark: "Descent settles where the sharpness is just below 2/η.",
  },
  {
    name: "xor",
    title: "XOR network 2-4-1",
    formula: "E = 1/(2N) Σₚ (yₚ − tₚ)², tanh, 17 weights",
    problem: network("xor", xor, 4),
    starts: XOR_STARTS,
    endTime: 200,
    share: 0.6,
    window: null,
    python: 'case = gf.cases.make("xor", seed=SEED)\nproblem = case.problem',
    remark: "A plateau first, then a fall.",
  },
  ...[3, 4, 5, 6].map(chebyshevEntry),
];

export function entryOf(name: string): Entry | undefined {
  return CATALOG.find((entry) => entry.name === name);
}
