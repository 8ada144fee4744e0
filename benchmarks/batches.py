"""Times one mini-batch step: over the gradients of its batches, and with every whole loss.

A step is compared with the gradients of the batches of one round through the data, one after the other: made
beforehand, and as a run has to make them. One batch alone, over and over, stays in the processor's nearest
cache as no data set does. A row costs the whole loss, which is a price of its own: here rows are the two
ends. Everything runs on one core, in interleaved rounds within one run; the figures are medians of CPU time
per step. Run it as ``python benchmarks/batches.py``.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import threadpoolctl  # noqa: E402

import gradflow as gf  # noqa: E402

NUM_SAMPLES, BATCH, LEARNING_RATE = 20_000, 32, 0.01
GOAL = 1.5
BARE = "gradients of batches made beforehand"
MADE = "making the batches, and their gradients"
BY_ROWS = 'descend, losses="rows"'
Run = Callable[[int], object]


def contenders() -> dict[str, tuple[Run, int]]:
    """Return what is timed, and how many steps of it for one of the others."""
    rng = np.random.default_rng(0)
    inputs, labels = rng.standard_normal((NUM_SAMPLES, 64)), rng.integers(0, 10, NUM_SAMPLES)
    problem = gf.problems.FeedForward(inputs, labels, (32,))
    w0 = problem.initial_weights(0)
    batches = rng.permutation(NUM_SAMPLES).reshape(-1, BATCH)
    parts = [problem.subset(indices) for indices in batches]

    def bare(num_steps: int) -> None:
        for step in range(num_steps):
            parts[step % len(parts)].loss_and_gradient(w0)

    def made(num_steps: int) -> None:
        for step in range(num_steps):
            problem.subset(batches[step % len(batches)]).loss_and_gradient(w0)

    def loop(num_steps: int) -> None:
        w, losses = w0, []
        for step in range(num_steps):
            first = BATCH * step % NUM_SAMPLES
            if first == 0:
                order = rng.permutation(NUM_SAMPLES)
            loss, gradient = problem.subset(order[first : first + BATCH]).loss_and_gradient(w)
            losses.append(loss)
            w = w - LEARNING_RATE * gradient

    def descend(losses: str) -> Run:
        options = {"batch": BATCH, "seed": 0, "losses": losses}
        return lambda num_steps: gf.descend(
            problem, w0, LEARNING_RATE, num_steps, record_every=num_steps, **options
        )

    return {
        BARE: (bare, 1),
        MADE: (made, 1),
        "a loop written by hand, no rows": (loop, 1),
        BY_ROWS: (descend("rows"), 1),
        'descend, losses="every"': (descend("every"), 100),
        "one batch's gradient again and again": (repeated(lambda: parts[0].loss_and_gradient(w0)), 1),
        "whole loss: the price of a row": (repeated(lambda: problem.loss(w0)), 100),
    }


def repeated(call: Callable[[], object]) -> Run:
    """Return the run that only repeats a call."""

    def run(num_steps: int) -> None:
        for _ in range(num_steps):
            call()

    return run


def seconds(run: Run, num_steps: int) -> float:
    """Return the CPU time of a step."""
    start = time.process_time()
    run(num_steps)
    return (time.process_time() - start) / num_steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10_000)
    arguments = parser.parse_args()
    with threadpoolctl.threadpool_limits(1):
        gf.show_config()
        runs = contenders()
        rounds = [
            [seconds(run, arguments.steps // share) for run, share in runs.values()]
            for _ in range(arguments.rounds)
        ]
    times = dict(zip(runs, np.median(rounds, axis=0), strict=True))
    print(f"\n64-32-10, {NUM_SAMPLES:,} samples, batch {BATCH}")
    print(f"{'':40} {'a step':>12} {'over gradients':>15} {'over batches made':>18}")
    for name, value in times.items():
        print(f"  {name:38} {1e6 * value:9.1f} us {value / times[BARE]:15.2f} {value / times[MADE]:18.2f}")
    print()
    for name in (BARE, MADE):
        ratio = times[BY_ROWS] / times[name]
        print(f"a step over {name}: {ratio:.2f}, {'within' if ratio <= GOAL else 'beyond'} {GOAL}")


if __name__ == "__main__":
    main()
