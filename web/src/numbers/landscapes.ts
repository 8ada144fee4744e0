// Losses of one and two weights. Each expression is gradflow's, in its order, so that descents agree to the bit.

import type { Problem } from "./problem";

/** E = 1/2 (lambda_1 x^2 + lambda_2 y^2). */
export function quadratic(first: number, second: number): Problem {
  return {
    name: "quadratic",
    numWeights: 2,
    lossAndGradient(w, gradient) {
      gradient[0] = first * w[0];
      gradient[1] = second * w[1];
      return 0.5 * (w[0] * gradient[0] + w[1] * gradient[1]);
    },
    hessian(_, out) {
      out.set([first, 0, 0, second]);
    },
  };
}

/** E = 1/8 + 1/2 (sigma(w) - 1)^2: the one-weight network that should learn f(x) = x on {0, 1}. */
export const identityNeuron: Problem = {
  name: "identity-neuron",
  numWeights: 1,
  lossAndGradient(w, gradient) {
    const y = 1 / (1 + Math.exp(-w[0]));
    const miss = y - 1;
    gradient[0] = miss * (y * (1 - y));
    return 0.5 * (0.25 + miss * miss);
  },
  hessian(w, out) {
    const y = 1 / (1 + Math.exp(-w[0]));
    const slope = y * (1 - y);
    out[0] = slope * slope + (y - 1) * slope * (1 - 2 * y);
  },
};

/** E = 1/4 (x^2 - 1)^2. */
export const doubleWell: Problem = {
  name: "double-well",
  numWeights: 1,
  lossAndGradient(w, gradient) {
    const x = w[0];
    const excess = x * x - 1;
    gradient[0] = x * excess;
    return 0.25 * (excess * excess);
  },
  hessian(w, out) {
    out[0] = 3 * w[0] * w[0] - 1;
  },
};

/** E = 1/2 (x y - 1)^2. */
export const twoWeightProduct: Problem = {
  name: "two-weight-product",
  numWeights: 2,
  lossAndGradient(w, gradient) {
    const x = w[0];
    const y = w[1];
    const miss = x * y - 1;
    gradient[0] = miss * y;
    gradient[1] = miss * x;
    return 0.5 * miss * miss;
  },
  hessian(w, out) {
    const x = w[0];
    const y = w[1];
    const mixed = 2 * x * y - 1;
    out[0] = y * y;
    out[1] = mixed;
    out[2] = mixed;
    out[3] = x * x;
  },
};

/** E = 1/2 (1 - x^2 y^2)^2. */
export const minimalistEdge: Problem = {
  name: "minimalist-edge",
  numWeights: 2,
  lossAndGradient(w, gradient) {
    const x = w[0];
    const y = w[1];
    const miss = x * y * x * y - 1;
    gradient[0] = miss * (2 * x * y * y);
    gradient[1] = miss * (2 * x * x * y);
    return 0.5 * miss * miss;
  },
  hessian(w, out) {
    const x = w[0];
    const y = w[1];
    const miss = x * y * x * y - 1;
    const along = 2 * x * y * y;
    const across = 2 * x * x * y;
    const mixed = along * across + miss * 4 * x * y;
    out[0] = along * along + miss * 2 * y * y;
    out[1] = mixed;
    out[2] = mixed;
    out[3] = across * across + miss * 2 * x * x;
  },
};
