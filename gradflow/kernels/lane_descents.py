"""Descents in blocks of lanes, compiled by numba: whole runs, from their starts to their ends.

A block takes eight steps at a time. Where nothing is asked on the way it takes them blindly, and lanes that
are not finite afterwards take them again, looked at after each. Numba's cache of these kernels looks at this
file alone: after a change in one that it imports, touch it.
"""

from __future__ import annotations

import numpy as np

from gradflow.kernels.compiling import kernel, scalar
from gradflow.kernels.double import sigmoid
from gradflow.kernels.lanes import BLOCK, all_finite, block, evaluate, row
from gradflow.kernels.recipes import EDGE, NEURON, PRODUCT, WELL

STRIDE = 8
# What a block of steps that are not looked at may not reach; losses up to its eighth power are finite.
LARGE = 1e35
IDLE, NEVER = -1, 2.0**62
FINISHED, CONVERGED, DIVERGED, INTERRUPTED = range(4)


@scalar
def well_glide(w, q, left):
    """Take eight steps in the double well."""
    for b in range(BLOCK):
        x = w[0, b]
        for s in range(STRIDE):
            factor = q[b] if s < left[b] else 0.0
            x += factor * (x * (x * x - 1.0))
        w[0, b] = x


@scalar
def product_glide(target, w, q, left):
    """Take eight steps on the product of two weights."""
    for b in range(BLOCK):
        x, y = w[0, b], w[1, b]
        for s in range(STRIDE):
            factor = q[b] if s < left[b] else 0.0
            miss = factor * (x * y - target)
            x, y = x + miss * y, y + miss * x
        w[0, b], w[1, b] = x, y


@scalar
def edge_glide(w, q, left):
    """Take eight steps on the minimalist example of the edge of stability."""
    for b in range(BLOCK):
        x, y = w[0, b], w[1, b]
        for s in range(STRIDE):
            factor = q[b] if s < left[b] else 0.0
            both = x * y
            slope = factor * ((both * both - 1.0) * (2.0 * both))
            x, y = x + slope * y, y + slope * x
        w[0, b], w[1, b] = x, y


@scalar
def neuron_glide(inputs, targets, w, q, left):
    """Take eight steps of the sigmoid neuron that has one pattern to learn."""
    value, target = inputs[-1, 0], targets[-1, 0]
    for s in range(STRIDE):
        for b in range(BLOCK):
            factor = value * q[b] if s < left[b] else 0.0
            y = sigmoid(w[0, b] * value)
            w[0, b] += factor * ((y - target) * (y * (1.0 - y)))


@scalar
def move(w, g, v, q, p, s, r):
    """Move weights and memory."""
    if v.shape[0]:
        for i in range(w.shape[0]):
            for b in range(BLOCK):
                w[i, b] += q[b] * g[i, b] + p[b] * v[i, b]
                v[i, b] = s[b] * g[i, b] + r[b] * v[i, b]
    else:
        for i in range(w.shape[0]):
            for b in range(BLOCK):
                w[i, b] += q[b] * g[i, b]


@scalar
def all_below(rows, b):
    """Return whether all numbers of a lane are small enough for steps that are not looked at."""
    for i in range(rows.shape[0]):  # noqa: SIM110
        if not abs(rows[i, b]) < LARGE:
            return False
    return True


@scalar
def copied(source, out):
    """Copy rows."""
    for i in range(source.shape[0]):
        for b in range(BLOCK):
            out[i, b] = source[i, b]


@scalar
def can_glide(kind, inputs, size, has_memory):
    """Return whether eight steps have a loop of their own."""
    one_pattern = len(inputs) == 1 or (len(inputs) == 2 and inputs[0, 0] == 0.0)
    two = kind == PRODUCT and size == 2
    return not has_memory and (kind in (WELL, EDGE) or two or (kind == NEURON and one_pattern))


@scalar
def glide(kind, inputs, targets, w, q, left):
    """Take eight steps where they have a loop of their own, and write no losses."""
    if kind == WELL:
        well_glide(w, q, left)
    elif kind == PRODUCT:
        product_glide(targets[0, 0], w, q, left)
    elif kind == EDGE:
        edge_glide(w, q, left)
    else:
        neuron_glide(inputs, targets, w, q, left)


@kernel
def blindly(problem, w, g, v, loss, q, p, s, r, left, work):
    """Take eight steps, of each lane as many as it has left."""
    kind, sizes, inputs, targets = problem
    x, y, delta = work
    for taken in range(STRIDE):
        move(w, g, v, q, p, s, r)
        evaluate(kind, sizes, inputs, targets, w, g, loss, x, y, delta)
        for b in range(BLOCK):
            if left[b] == taken + 1:
                q[b], p[b] = 0.0, 0.0


@kernel
def carefully(problem, w, g, v, loss, slope, q, p, s, r, left, asked, mask, stopped, work, before, kept):
    """Take eight steps in the lanes of a mask, looking at each, and return how many runs ended.

    `stopped` is written why, and after how many steps; `mask` is cleared where a run ends. A lane that
    diverges goes back to its last finite step.
    """
    kind, sizes, inputs, targets = problem
    x, y, delta = work
    loss_tolerance, gradient_tolerance, every = asked
    run, step, kept_losses, kept_weights = kept
    with_slope = gradient_tolerance == gradient_tolerance
    # A little above, for the rounding of the square.
    least_slope = 1.0000001 * gradient_tolerance * gradient_tolerance
    loss_before = before[w.shape[0]]
    w_end, loss_end = np.empty_like(w), np.empty_like(loss)
    # From the place before the first step: a start has none before it.
    ended = 0
    for taken in range(STRIDE + 1):
        if taken > 0:
            copied(w, before)
            for b in range(BLOCK):
                loss_before[b] = loss[b]
            move(w, g, v, q, p, s, r)
            evaluate(kind, sizes, inputs, targets, w, g, loss, x, y, delta)
        for b in range(BLOCK):
            slope[b] = 0.0
        for i in range(w.shape[0]):
            for b in range(BLOCK):
                # Weights that are not finite show as well.
                slope[b] += g[i, b] * g[i, b] + 0.0 * w[i, b]
        met = 0
        for b in range(BLOCK):
            met += not (slope[b] + loss[b] - (slope[b] + loss[b]) == 0.0)  # noqa: SIM201
            met += loss[b] <= loss_tolerance
            met += slope[b] <= least_slope
            met += left[b] == taken
        if met == 0 and every == 0:
            continue
        for b in range(BLOCK):
            # The place where eight steps begin has been looked at, unless it is a start.
            if not mask[b] or (taken == 0 and step[b] > 0):
                continue
            fine = np.isfinite(loss[b]) and all_finite(w, b)
            if fine and (taken < left[b] or with_slope):
                fine = all_finite(g, b)
            why = -1
            if not fine:
                why = DIVERGED
            else:
                if every > 0 and (step[b] + taken) % every == 0:
                    place = np.int64(step[b] + taken) // every
                    kept_losses[run[b], place] = loss[b]
                    for i in range(w.shape[0]):
                        kept_weights[run[b], place, i] = w[i, b]
                if loss[b] <= loss_tolerance or (with_slope and np.sqrt(slope[b]) <= gradient_tolerance):
                    why = CONVERGED
                elif taken == left[b]:
                    why = FINISHED
            if why < 0:
                continue
            ended += 1
            mask[b], q[b], p[b] = 0, 0.0, 0.0
            stopped[0, b], stopped[1, b] = why, taken
            back = why == DIVERGED and taken > 0
            stopped[1, b] = taken - back
            loss_end[b] = loss_before[b] if back else loss[b]
            for i in range(w.shape[0]):
                w_end[i, b] = before[i, b] if back else w[i, b]
                w[i, b] = 0.0
    for b in range(BLOCK):
        if stopped[0, b] >= 0 and ended:
            loss[b] = loss_end[b]
            for i in range(w.shape[0]):
                w[i, b] = w_end[i, b]
    return ended


@scalar
def enter(b, why, step, loss, w, run, last_step, ends):
    """Write the end of the run in a lane into its row."""
    codes, end_losses, num_steps, num_gradients, weights, outcomes = ends
    k = run[b]
    codes[k], end_losses[k], num_gradients[k] = outcomes[why], loss[b], np.int64(step) + 1
    num_steps[k] = last_step if why == FINISHED else np.int64(step)
    for i in range(weights.shape[1]):
        weights[k, i] = w[i, b]


@scalar
def gaps(a, a_before, share, same, apart, size):
    """Clear `same` in lanes that are not where they were."""
    for b in range(BLOCK):
        apart[b], size[b] = 0.0, 0.0
    for i in range(a.shape[0]):
        for b in range(BLOCK):
            gap = a[i, b] - a_before[i, b]
            apart[b] += gap * gap if share > 0.0 else abs(gap)
            size[b] += a[i, b] * a[i, b]
    for b in range(BLOCK):
        same[b] = same[b] if apart[b] <= share * share * size[b] else 0.0


@kernel
def descend(problem, num_signals, starts, numbers, part, last_step, asked, repeats, halt, ends, rows):
    """Bring the runs of a part to their ends, and write these into their rows.

    `numbers` (K, 1 or 4) are those of w <- w + q g + p v, v <- s g + r v. `asked` are tolerances, nan
    where nothing is asked, and how often rows are kept, 0 where not; `repeats` is negative where runs that
    repeat go on. `halt[0]` other than 0 ends the work.
    """
    kind, sizes, inputs, targets = problem
    coming, stop = part
    loss_tolerance, gradient_tolerance, every = asked
    size, has_memory = ends[4].shape[1], numbers.shape[1] > 1
    watched = loss_tolerance == loss_tolerance or gradient_tolerance == gradient_tolerance or every > 0
    gliding = not watched and can_glide(kind, inputs, size, has_memory)
    w, g, w_there, w_again, g_again = block(size), block(size), block(size), block(size), block(size)
    v, v_there = block(size * has_memory), block(size * has_memory)
    before, work = block(size + 1), (block(num_signals), block(num_signals), block(num_signals))
    qp, qp_there, s, r = block(2), block(2), row(), row()
    q, p = qp[0], qp[1]
    loss, loss_again, slope, apart, same = row(), row(), row(), row(), row()
    run, step, last = np.full(BLOCK, IDLE), row(), np.full(BLOCK, NEVER)
    left, mask, stopped = row(), np.zeros(BLOCK, np.int64), np.zeros((2, BLOCK), np.int64)
    free, num_free = np.arange(BLOCK), BLOCK
    while True:
        fresh = 0
        while num_free and coming < stop and halt[0] == 0:
            num_free -= 1
            b = free[num_free]
            run[b], step[b], last[b] = coming, 0.0, last_step
            q[b] = numbers[coming, 0]
            if has_memory:
                p[b], s[b], r[b] = numbers[coming, 1], numbers[coming, 2], numbers[coming, 3]
                for i in range(size):
                    v[i, b] = 0.0
            for i in range(size):
                w[i, b] = starts[coming, i]
            coming += 1
            fresh += 1
        if num_free == BLOCK:
            return
        if fresh and not gliding:
            evaluate(kind, sizes, inputs, targets, w, g, loss, *work)
        copied(w, w_there)
        copied(v, v_there)
        ending = 0
        for b in range(BLOCK):
            left[b] = last[b] - step[b]
            ending += left[b] <= STRIDE
        if watched:
            for b in range(BLOCK):
                mask[b], stopped[0, b], stopped[1, b] = run[b] != IDLE, -1, STRIDE
            kept = (run, step, rows[0], rows[1])
            ending += carefully(
                problem, w, g, v, loss, slope, q, p, s, r, left, asked, mask, stopped, work, before, kept
            )
        else:
            lost = 0
            if gliding:
                glide(kind, inputs, targets, w, q, left)
            else:
                copied(qp, qp_there)
                blindly(problem, w, g, v, loss, q, p, s, r, left, work)
                for b in range(BLOCK):
                    lost += not loss[b] - loss[b] == 0.0  # noqa: SIM201
            for i in range(size):
                for b in range(BLOCK):
                    lost += not abs(w[i, b]) < LARGE
            if gliding and (ending or lost):
                copied(qp, qp_there)
                evaluate(kind, sizes, inputs, targets, w, g, loss, *work)
            if ending or lost:
                for b in range(BLOCK):
                    ends_here = run[b] != IDLE and left[b] <= STRIDE
                    stopped[0, b] = FINISHED if ends_here else -1
                    stopped[1, b] = np.int64(left[b]) if ends_here else STRIDE
            if lost:
                for b in range(BLOCK):
                    mask[b] = run[b] != IDLE and not (np.isfinite(loss[b]) and all_below(w, b))
                bad = mask.copy()
                copied(w_there, w_again)
                v_again = v_there.copy()
                evaluate(kind, sizes, inputs, targets, w_again, g_again, loss_again, *work)
                kept = (run, step, rows[0], rows[1])
                ending += carefully(
                    problem, w_again, g_again, v_again, loss_again, slope, qp_there[0], qp_there[1], s, r,
                    left, asked, mask, stopped, work, before, kept,
                )  # fmt: skip
                for b in range(BLOCK):
                    if bad[b]:
                        loss[b] = loss_again[b]
                        for i in range(size):
                            w[i, b], g[i, b] = w_again[i, b], g_again[i, b]
                        for i in range(v.shape[0]):
                            v[i, b] = v_again[i, b]
        if ending:
            for b in range(BLOCK):
                if run[b] != IDLE:
                    step[b] += stopped[1, b]
                    if stopped[0, b] >= 0:
                        enter(b, stopped[0, b], step[b], loss, w, run, last_step, ends)
                        run[b], last[b], q[b], p[b] = IDLE, NEVER, 0.0, 0.0
                        free[num_free] = b
                        num_free += 1
                        for i in range(size):
                            w[i, b] = 0.0
        else:
            for b in range(BLOCK):
                step[b] += STRIDE
        if halt[0] != 0:
            for b in range(BLOCK):
                if run[b] != IDLE:
                    enter(b, INTERRUPTED, step[b], loss, w, run, last_step, ends)
            return
        if repeats < 0.0 or every > 0:
            continue
        for b in range(BLOCK):
            same[b] = 1.0 if last[b] - step[b] >= STRIDE else 0.0
        gaps(w, w_there, repeats, same, apart, slope)
        gaps(v, v_there, repeats, same, apart, slope)
        again = 0.0
        for b in range(BLOCK):
            same[b] = same[b] if last[b] < NEVER else 0.0
            again += same[b]
        if again == 0.0:
            continue
        if gliding and not ending:
            evaluate(kind, sizes, inputs, targets, w, g, loss, *work)
        for b in range(BLOCK):
            if same[b]:
                last[b] = step[b] + (last[b] - step[b]) % STRIDE
                if last[b] == step[b]:
                    enter(b, FINISHED, step[b], loss, w, run, last_step, ends)
                    run[b], last[b], q[b], p[b] = IDLE, NEVER, 0.0, 0.0
                    free[num_free] = b
                    num_free += 1
                    for i in range(size):
                        w[i, b] = 0.0
