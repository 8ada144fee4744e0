// A network d-h-1 with tanh and biases: E = 1/(2N) sum_p (y_p - t_p)^2.

import type { Problem, Vector } from "./problem";

export interface Samples {
  readonly inputs: readonly (readonly number[])[];
  readonly targets: readonly number[];
}

interface Workspace {
  readonly hidden: Vector;
  readonly jacobian: Vector;
}

/** The weights are [W, b] of the hidden units, unit after unit, then the outgoing a and its bias. */
export function network(name: string, samples: Samples, width: number): Problem {
  const inputs = samples.inputs.map((row) => Float64Array.from([...row, 1]));
  const targets = Float64Array.from(samples.targets);
  const columns = inputs[0].length;
  const numWeights = width * columns + width + 1;
  const space: Workspace = { hidden: new Float64Array(width), jacobian: new Float64Array(numWeights) };
  const outgoing = width * columns;

  /** Write the hidden signals and return y. */
  function output(w: Vector, x: Vector): number {
    let y = w[outgoing + width];
    for (let j = 0; j < width; j++) {
      let sum = 0;
      for (let i = 0; i < columns; i++) sum += w[j * columns + i] * x[i];
      const signal = Math.tanh(sum);
      space.hidden[j] = signal;
      y += w[outgoing + j] * signal;
    }
    return y;
  }

  /** Write dy/dw after `output`. */
  function slopes(w: Vector, x: Vector): void {
    for (let j = 0; j < width; j++) {
      const signal = space.hidden[j];
      const delta = w[outgoing + j] * (1 - signal * signal);
      for (let i = 0; i < columns; i++) space.jacobian[j * columns + i] = delta * x[i];
      space.jacobian[outgoing + j] = signal;
    }
    space.jacobian[outgoing + width] = 1;
  }

  /** Add miss times d2y/dw2, which couples the weights of each hidden unit alone. */
  function addBend(w: Vector, x: Vector, miss: number, out: Vector): void {
    for (let j = 0; j < width; j++) {
      const signal = space.hidden[j];
      const slope = 1 - signal * signal;
      const bend = -2 * signal * slope * w[outgoing + j] * miss;
      const a = outgoing + j;
      for (let i = 0; i < columns; i++) {
        const row = j * columns + i;
        for (let k = 0; k < columns; k++) out[row * numWeights + j * columns + k] += bend * x[i] * x[k];
        out[row * numWeights + a] += miss * slope * x[i];
        out[a * numWeights + row] += miss * slope * x[i];
      }
    }
  }

  return {
    name,
    numWeights,
    lossAndGradient(w, gradient) {
      gradient.fill(0);
      let loss = 0;
      for (let p = 0; p < inputs.length; p++) {
        const miss = output(w, inputs[p]) - targets[p];
        loss += miss * miss;
        slopes(w, inputs[p]);
        for (let i = 0; i < numWeights; i++) gradient[i] += miss * space.jacobian[i];
      }
      for (let i = 0; i < numWeights; i++) gradient[i] /= inputs.length;
      return (0.5 * loss) / inputs.length;
    },
    hessian(w, out) {
      out.fill(0);
      for (let p = 0; p < inputs.length; p++) {
        const miss = output(w, inputs[p]) - targets[p];
        slopes(w, inputs[p]);
        const { jacobian } = space;
        for (let i = 0; i < numWeights; i++)
          for (let k = 0; k < numWeights; k++) out[i * numWeights + k] += jacobian[i] * jacobian[k];
        addBend(w, inputs[p], miss, out);
      }
      for (let i = 0; i < out.length; i++) out[i] /= inputs.length;
    },
  };
}

export const xor: Samples = {
  inputs: [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ],
  targets: [0, 1, 1, 0],
};

/** Samples of T_k at 20 equal distances in [-1, 1], from T_k = 2 x T_{k-1} - T_{k-2}. */
export function chebyshev(degree: number): Samples {
  const count = 20;
  const xs = Array.from({ length: count }, (_, i) => (i === count - 1 ? 1 : -1 + i * (2 / (count - 1))));
  return { inputs: xs.map((x) => [x]), targets: xs.map((x) => polynomial(degree, x)) };
}

function polynomial(degree: number, x: number): number {
  let [before, value] = [1, x];
  for (let k = 1; k < degree; k++) [before, value] = [value, 2 * x * value - before];
  return value;
}
