"""Gradient flows in blocks of lanes, compiled by numba: Dormand-Prince with a step of its own in each lane.

Numba's cache of this kernel looks at this file alone: after a change in one that it imports, touch it.
"""

from __future__ import annotations

import numpy as np

from gradflow.kernels.compiling import kernel, scalar
from gradflow.kernels.lanes import BLOCK, block, evaluate, row

IDLE = -1
FINISHED, CONVERGED, DIVERGED, INTERRUPTED, FAILED, BUDGET = range(6)
EPS = 2.220446049250313e-16
SAFETY, LEAST_FACTOR, MOST_FACTOR, LEAST_SPACINGS = 0.9, 0.2, 10.0, 10.0
# Bits of about x^(-1/5) are these less a fifth of those of x.
ROOT_BITS = 1.2 * (1023.0 - 0.045) * 2.0**52


@scalar
def inverse_fifth_root(x):
    """Return x^(-1/5) for positive x that is not denormal, to about 1e-12."""
    y = np.int64(ROOT_BITS - 0.2 * np.float64(np.float64(x).view(np.int64))).view(np.float64)
    for _ in range(4):
        square = y * y
        y *= 1.2 - 0.2 * (x * (square * square * y))
    return y


@scalar
def combined(k, h, coefficients, count, y):
    """Write h sum_j a_j k_j over the first `count` slopes; others may hold anything."""
    for i in range(y.shape[0]):
        for b in range(BLOCK):
            y[i, b] = coefficients[0] * k[0, i, b]
        for j in range(1, count):
            factor = coefficients[j]
            if factor != 0.0:
                for b in range(BLOCK):
                    y[i, b] += factor * k[j, i, b]
        for b in range(BLOCK):
            y[i, b] *= h[b]


@kernel
def slopes(problem, minus_rate, y, out, loss, work):
    """Write -mu grad E and E at y."""
    kind, sizes, inputs, targets = problem
    evaluate(kind, sizes, inputs, targets, y, out, loss, *work)
    for i in range(y.shape[0]):
        factor = minus_rate[i]
        for b in range(BLOCK):
            out[i, b] *= factor


@scalar
def mean_square(a, w, y, rtol, atol, out):
    """Write for each lane the mean square of a over atol + rtol max(|w|, |y|)."""
    for b in range(BLOCK):
        out[b] = 0.0
    share = 1.0 / a.shape[0]
    for i in range(a.shape[0]):
        for b in range(BLOCK):
            one, other = abs(w[i, b]), abs(y[i, b])
            scaled = a[i, b] / (atol[b] + rtol * (one if one > other else other))
            out[b] += share * (scaled * scaled)


@kernel
def first_steps(problem, minus_rate, fresh, w, k, h, y, loss, end_time, rtol, atol, spare, work):
    """Write the first steps of new runs, as Hairer, Norsett and Wanner choose them (II.4)."""
    size, slope, bend = row(), row(), row()
    gap = block(w.shape[0])
    mean_square(w, w, w, rtol, atol, size)
    mean_square(k[0], w, w, rtol, atol, slope)
    for b in range(BLOCK):
        small = size[b] < 1e-10 or slope[b] < 1e-10
        spare[b] = min(1e-6 if small else 0.01 * np.sqrt(size[b] / slope[b]), end_time)
    for i in range(w.shape[0]):
        for b in range(BLOCK):
            y[i, b] = w[i, b] + spare[b] * k[0, i, b]
    slopes(problem, minus_rate, y, gap, loss, work)
    for i in range(w.shape[0]):
        for b in range(BLOCK):
            gap[i, b] -= k[0, i, b]
    mean_square(gap, w, w, rtol, atol, bend)
    for b in range(BLOCK):
        if fresh[b]:
            steepest = max(np.sqrt(slope[b]), np.sqrt(bend[b]) / spare[b])
            second = (0.01 / steepest) ** 0.2 if steepest > 1e-15 else max(1e-6, 1e-3 * spare[b])
            h[b] = min(100.0 * spare[b], second, end_time)
            if not np.isfinite(h[b]):
                h[b] = spare[b]


@kernel
def integrate(
    problem, num_signals, minus_rate, coefficients, starts, atols, part, end_time, asked, halt, ends
):
    """Bring the flows of a part from time 0 to their ends, and write these into their rows.

    `coefficients` (7, 7) are those of the stages and, in the last row, of the error; `asked` are rtol, the
    tolerance of the gradient (nan where none is asked) and the most gradients. `halt[0]` other than 0 ends
    the work.
    """
    coming, stop = part
    rtol, gradient_tolerance, most = asked
    codes, end_losses, num_steps, num_gradients, times, weights, outcomes = ends
    size = weights.shape[1]
    with_slope = gradient_tolerance == gradient_tolerance
    w, y, gap = block(size), block(size), block(size)
    k = np.zeros((7, size, BLOCK))
    work = (block(num_signals), block(num_signals), block(num_signals))
    loss, new_loss, t, h, taken, atol, error, spare = row(), row(), row(), row(), row(), row(), row(), row()
    slope, rejected = row(), row()
    run, fresh = np.full(BLOCK, IDLE), np.zeros(BLOCK, np.int64)
    steps, paid = np.zeros(BLOCK, np.int64), np.zeros(BLOCK, np.int64)
    num_free = BLOCK
    for b in range(BLOCK):
        atol[b], h[b], t[b] = 1.0, 1.0, -1e300
    while True:
        if coming < stop and halt[0] == 0 and 8 * num_free >= BLOCK:
            for b in range(BLOCK):
                fresh[b] = run[b] == IDLE and coming < stop
                if fresh[b]:
                    run[b], atol[b], t[b], rejected[b] = coming, atols[coming], 0.0, 0.0
                    steps[b], paid[b] = 0, 2
                    for i in range(size):
                        w[i, b] = starts[coming, i]
                    coming += 1
                    num_free -= 1
            slopes(problem, minus_rate, w, k[0], loss, work)
            first_steps(problem, minus_rate, fresh, w, k, h, y, new_loss, end_time, rtol, atol, spare, work)
            if with_slope:
                for b in range(BLOCK):
                    slope[b] = 0.0
                for i in range(size):
                    for b in range(BLOCK):
                        slope[b] += (k[0, i, b] / minus_rate[i]) ** 2
        if num_free == BLOCK:
            return
        for b in range(BLOCK):
            rest = end_time - t[b]
            taken[b] = h[b] if h[b] < rest else rest
        for number in range(6):
            combined(k, taken, coefficients[number], number + 1, y)
            for i in range(size):
                for b in range(BLOCK):
                    y[i, b] += w[i, b]
            slopes(problem, minus_rate, y, k[number + 1], new_loss, work)
        combined(k, taken, coefficients[6], 7, gap)
        mean_square(gap, w, y, rtol, atol, error)
        met = 0
        for b in range(BLOCK):
            # Of the mean square, whose tenth power stands for the fifth of the error.
            fine = error[b] < 1.0 and new_loss[b] - new_loss[b] == 0.0
            bounded = error[b] if error[b] < 1e12 else 1e12
            bounded = bounded if bounded > 1e-14 else 1e-14
            factor = SAFETY * inverse_fifth_root(np.sqrt(bounded))
            factor = factor if factor < MOST_FACTOR else MOST_FACTOR
            if fine:
                factor = factor if rejected[b] == 0.0 or factor < 1.0 else 1.0
            else:
                factor = factor if factor > LEAST_FACTOR and factor < 1.0 else LEAST_FACTOR
            h[b] = taken[b] * factor
            spare[b] = 1.0 if fine else 0.0
            rejected[b] = 1.0 - spare[b]
            loss[b] = new_loss[b] if fine else loss[b]
            rest = end_time - t[b]
            ahead = t[b] + taken[b]
            t[b] = (end_time if taken[b] >= rest else ahead) if fine else t[b]
            met += t[b] >= end_time
            met += h[b] < LEAST_SPACINGS * EPS * t[b] or h[b] < 1e-300
        for i in range(size):
            for b in range(BLOCK):
                w[i, b] = y[i, b] if spare[b] > 0.0 else w[i, b]
                k[0, i, b] = k[6, i, b] if spare[b] > 0.0 else k[0, i, b]
        for b in range(BLOCK):
            steps[b] += np.int64(spare[b])
            paid[b] += 6
            met += paid[b] + 6 > most
        if with_slope:
            for b in range(BLOCK):
                slope[b] = 0.0
            for i in range(size):
                for b in range(BLOCK):
                    slope[b] += (k[0, i, b] / minus_rate[i]) ** 2
            for b in range(BLOCK):
                met += np.sqrt(slope[b]) <= gradient_tolerance
        if met == 0 and halt[0] == 0:
            continue
        for b in range(BLOCK):
            if run[b] == IDLE:
                continue
            why = -1
            if with_slope and np.sqrt(slope[b]) <= gradient_tolerance:
                why = CONVERGED
            elif t[b] >= end_time:
                why = FINISHED
            elif h[b] < LEAST_SPACINGS * EPS * t[b] or h[b] < 1e-300:
                why = FAILED if np.isfinite(error[b]) and np.isfinite(new_loss[b]) else DIVERGED
            elif paid[b] + 6 > most:
                why = BUDGET
            elif halt[0] != 0:
                why = INTERRUPTED
            if why >= 0:
                n = run[b]
                codes[n], end_losses[n], times[n] = outcomes[why], loss[b], t[b]
                num_steps[n], num_gradients[n] = steps[b], paid[b]
                for i in range(size):
                    weights[n, i] = w[i, b]
                    w[i, b], k[0, i, b] = 0.0, 0.0
                run[b], h[b], t[b] = IDLE, 1.0, -1e300
                steps[b], paid[b] = 0, -(2**60)
                num_free += 1
