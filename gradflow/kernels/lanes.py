"""Problems at many weight vectors at once, compiled by numba.

Weights of a block of lanes are (n, BLOCK): every sum runs over rows of so many lanes, which makes vectors of
any problem, and a lane's numbers are the same to the last bit whatever runs beside it.
"""

from __future__ import annotations

import numpy as np

from gradflow.kernels.compiling import kernel, scalar
from gradflow.kernels.double import (
    ZERO,
    exp_below,
    gelu,
    gelu_slope,
    relu_slope,
    sigmoid,
    sigmoid_slope,
    softplus,
    swish,
    swish_slope,
    tanh,
    tanh_slope,
)
from gradflow.kernels.recipes import CATAPULT, EDGE, NETWORK, NEURON, PRODUCT, QUADRATIC, WELL

BLOCK = 128


@scalar
def put_values(code, y, start, stop):
    """Write f(y) over rows of y."""
    if code == 1:
        for i in range(start, stop):
            for b in range(BLOCK):
                y[i, b] = tanh(y[i, b])
    elif code == 2:
        for i in range(start, stop):
            for b in range(BLOCK):
                y[i, b] = sigmoid(y[i, b])
    elif code == 3:
        for i in range(start, stop):
            for b in range(BLOCK):
                y[i, b] = y[i, b] if y[i, b] > 0.0 else y[i, b] * 0.0
    elif code == 4:
        for i in range(start, stop):
            for b in range(BLOCK):
                y[i, b] = softplus(y[i, b])
    elif code == 5:
        for i in range(start, stop):
            for b in range(BLOCK):
                y[i, b] = swish(y[i, b])
    elif code == 6:
        for i in range(start, stop):
            for b in range(BLOCK):
                y[i, b] = gelu(y[i, b])


@scalar
def chain(code, x, y, delta, start, stop):
    """Multiply rows of delta by f'."""
    if code == 1:
        for i in range(start, stop):
            for b in range(BLOCK):
                delta[i, b] *= tanh_slope(y[i, b])
    elif code == 2:
        for i in range(start, stop):
            for b in range(BLOCK):
                delta[i, b] *= sigmoid_slope(y[i, b])
    elif code == 3:
        for i in range(start, stop):
            for b in range(BLOCK):
                delta[i, b] *= relu_slope(y[i, b])
    elif code == 4:
        for i in range(start, stop):
            for b in range(BLOCK):
                delta[i, b] *= sigmoid(x[i, b])
    elif code == 5:
        for i in range(start, stop):
            for b in range(BLOCK):
                delta[i, b] *= swish_slope(x[i, b])
    elif code == 6:
        for i in range(start, stop):
            for b in range(BLOCK):
                delta[i, b] *= gelu_slope(x[i, b])


@scalar
def residual(loss, y, delta, start, targets, p, losses, spare):
    """Write dE/dy of sample p, times N, into rows of delta, and add its loss."""
    classes = targets.shape[1]
    if loss == 0:
        for c in range(classes):
            t = targets[p, c]
            for b in range(BLOCK):
                miss = y[start + c, b] - t
                delta[start + c, b] = miss
                losses[b] += 0.5 * miss * miss
        return
    for b in range(BLOCK):
        spare[0, b] = y[start, b]
        spare[1, b] = 0.0
    for c in range(1, classes):
        for b in range(BLOCK):
            spare[0, b] = y[start + c, b] if y[start + c, b] > spare[0, b] else spare[0, b]
    for c in range(classes):
        t = targets[p, c]
        for b in range(BLOCK):
            below = y[start + c, b] - spare[0, b]
            losses[b] -= t * below
            m, _, s = exp_below(below, ZERO)
            e = m * s if below == below else below
            delta[start + c, b] = e
            spare[1, b] += e
    for b in range(BLOCK):
        losses[b] += np.log(spare[1, b])
    for c in range(classes):
        t = targets[p, c]
        for b in range(BLOCK):
            delta[start + c, b] = delta[start + c, b] / spare[1, b] - t


@scalar
def network(sizes, inputs, targets, w, g, losses, x, y, delta):
    """Write gradients and losses of a feed-forward network."""
    num_layers, bias, loss = sizes[0], sizes[1], sizes[2]
    num_samples = inputs.shape[0]
    for i in range(w.shape[0]):
        for b in range(BLOCK):
            g[i, b] = 0.0
    for p in range(num_samples):
        start, below, at = 0, 0, 0
        for n in range(num_layers):
            fan_in, fan_out, code = sizes[3 + n], sizes[4 + n], sizes[4 + num_layers + n]
            for o in range(start, start + fan_out):
                if bias:
                    for b in range(BLOCK):
                        y[o, b] = w[at + fan_in, b]
                else:
                    for b in range(BLOCK):
                        y[o, b] = 0.0
                if n == 0:
                    for i in range(fan_in):
                        value = inputs[p, i]
                        if value != 0.0:
                            for b in range(BLOCK):
                                y[o, b] += value * w[at + i, b]
                else:
                    left = fan_in % 4
                    for i in range(left):
                        for b in range(BLOCK):
                            y[o, b] += w[at + i, b] * y[below + i, b]
                    for i in range(left, fan_in, 4):
                        for b in range(BLOCK):
                            first = w[at + i, b] * y[below + i, b] + w[at + i + 1, b] * y[below + i + 1, b]
                            second = w[at + i + 2, b] * y[below + i + 2, b]
                            y[o, b] += first + (second + w[at + i + 3, b] * y[below + i + 3, b])
                at += fan_in + bias
            if code > 3:
                for o in range(start, start + fan_out):
                    for b in range(BLOCK):
                        x[o, b] = y[o, b]
            put_values(code, y, start, start + fan_out)
            below = start
            start += fan_out
        residual(loss, y, delta, below, targets, p, losses, x[x.shape[0] - 2 :])
        for back in range(num_layers):
            n = num_layers - 1 - back
            fan_in, fan_out, code = sizes[3 + n], sizes[4 + n], sizes[4 + num_layers + n]
            start = below
            below = start - fan_in
            chain(code, x, y, delta, start, start + fan_out)
            at -= fan_out * (fan_in + bias)
            if n > 0:
                for i in range(fan_in):
                    for b in range(BLOCK):
                        delta[below + i, b] = 0.0
            for o in range(fan_out):
                row = at + o * (fan_in + bias)
                if bias:
                    for b in range(BLOCK):
                        g[row + fan_in, b] += delta[start + o, b]
                for i in range(fan_in):
                    if n > 0:
                        for b in range(BLOCK):
                            g[row + i, b] += delta[start + o, b] * y[below + i, b]
                            delta[below + i, b] += delta[start + o, b] * w[row + i, b]
                    else:
                        value = inputs[p, i]
                        if value != 0.0:
                            for b in range(BLOCK):
                                g[row + i, b] += value * delta[start + o, b]
    share = 1.0 / num_samples
    for i in range(w.shape[0]):
        for b in range(BLOCK):
            g[i, b] *= share
    for b in range(BLOCK):
        losses[b] *= share


@scalar
def neuron(inputs, targets, w, g, losses):
    """Write gradients and losses of the sigmoid neuron of one weight."""
    for b in range(BLOCK):
        g[0, b] = 0.0
    for p in range(inputs.shape[0]):
        value, t = inputs[p, 0], targets[p, 0]
        for b in range(BLOCK):
            y = sigmoid(w[0, b] * value)
            miss = y - t
            losses[b] += 0.5 * miss * miss
            g[0, b] += miss * value * (y * (1.0 - y))


@scalar
def product(target, w, g, losses):
    """Write gradients and losses of the product of all weights."""
    last = w.shape[0] - 1
    if last == 1:
        for b in range(BLOCK):
            miss = w[0, b] * w[1, b] - target
            losses[b] = 0.5 * miss * miss
            g[0, b] = miss * w[1, b]
            g[1, b] = miss * w[0, b]
        return
    for b in range(BLOCK):
        g[0, b] = 1.0
    for i in range(last):
        for b in range(BLOCK):
            g[i + 1, b] = g[i, b] * w[i, b]
    for b in range(BLOCK):
        miss = g[last, b] * w[last, b] - target
        losses[b] = miss
        g[last, b] *= miss
    for b in range(BLOCK):
        behind = w[last, b]
        for i in range(last - 1, -1, -1):
            g[i, b] *= behind * losses[b]
            behind *= w[i, b]
        losses[b] = 0.5 * losses[b] * losses[b]


@scalar
def quadratic(hessian, minimizer, w, g, losses, x):
    """Write gradients and losses of a quadratic."""
    size = w.shape[0]
    for i in range(size):
        for b in range(BLOCK):
            x[i, b] = w[i, b] - minimizer[0, i]
            g[i, b] = 0.0
    for i in range(size):
        for j in range(size):
            value = hessian[i, j]
            if value != 0.0:
                for b in range(BLOCK):
                    g[i, b] += value * x[j, b]
        for b in range(BLOCK):
            losses[b] += 0.5 * x[i, b] * g[i, b]


@scalar
def catapult(w, g, losses):
    """Write gradients and losses of u.v / sqrt(n) that should be 0."""
    width = w.shape[0] // 2
    share = 1.0 / np.sqrt(np.float64(width))
    for i in range(width):
        for b in range(BLOCK):
            losses[b] += w[i, b] * w[width + i, b]
    for b in range(BLOCK):
        losses[b] *= share
    for i in range(width):
        for b in range(BLOCK):
            g[i, b] = losses[b] * (w[width + i, b] * share)
            g[width + i, b] = losses[b] * (w[i, b] * share)
    for b in range(BLOCK):
        losses[b] = 0.5 * losses[b] * losses[b]


@kernel
def evaluate(kind, sizes, inputs, targets, w, g, losses, x, y, delta):
    """Write the gradients (n, BLOCK) and the losses (BLOCK,) of a problem at the weights (n, BLOCK)."""
    for b in range(BLOCK):
        losses[b] = 0.0
    if kind == NETWORK:
        network(sizes, inputs, targets, w, g, losses, x, y, delta)
    elif kind == NEURON:
        neuron(inputs, targets, w, g, losses)
    elif kind == WELL:
        for b in range(BLOCK):
            excess = w[0, b] * w[0, b] - 1.0
            losses[b] = 0.25 * excess * excess
            g[0, b] = w[0, b] * excess
    elif kind == PRODUCT:
        product(targets[0, 0], w, g, losses)
    elif kind == EDGE:
        for b in range(BLOCK):
            both = w[0, b] * w[1, b]
            miss = both * both - 1.0
            losses[b] = 0.5 * miss * miss
            g[0, b] = miss * (2.0 * both * w[1, b])
            g[1, b] = miss * (2.0 * both * w[0, b])
    elif kind == QUADRATIC:
        quadratic(inputs, targets, w, g, losses, x)
    elif kind == CATAPULT:
        catapult(w, g, losses)


@scalar
def block(num_rows):
    """Return rows of zeros."""
    return np.zeros((num_rows, BLOCK))


@scalar
def row():
    """Return one number a lane, zero."""
    return np.zeros(BLOCK)


@scalar
def all_finite(rows, b):
    """Return whether a lane has finite numbers alone."""
    for i in range(rows.shape[0]):  # noqa: SIM110
        if not np.isfinite(rows[i, b]):
            return False
    return True
