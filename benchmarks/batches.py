"""Times one mini-batch step: by rows, over the bare gradient of its batch, and with every whole loss.

Everything runs on one core, in interleaved rounds within one run; the figures are medians of CPU time
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

NUM_SAMPLES, BATCH, LEARNING_RATE, RECORD_EVERY = 20_000, 32, 0.01, 1_000
GOAL = 1.5
MADE = "making the subset, and its gradient"
BY_ROWS = 'descend, losses="rows"'
Run = Callable[[int], object]


def contenders() -> dict[str, tuple[Run, int]]:
    """Return what is timed, and how many steps of it for one of the others."""
    rng = np.random.default_rng(0)
    inputs, labels = rng.standard_normal((NUM_SAMPLES, 64)), rng.integers(0, 10, NUM_SAMPLES)
    problem = gf.problems.FeedForward(inputs, labels, (32,))
    w0 = problem.initial_weights(0)
    batches = [rng.permutation(NUM_SAMPLES)[:BATCH] for _ in range(2_000)]
    one = problem.subset(batches[0])

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
        options = {"batch": BATCH, "seed": 0, "record_every": RECORD_EVERY, "losses": losses}
        return lambda num_steps: gf.descend(problem, w0, LEARNING_RATE, num_steps, **options)

    return {
        "gradient of a batch made beforehand": (repeated(lambda: one.loss_and_gradient(w0)), 1),
        MADE: (made, 1),
        "a loop written by hand, no rows": (loop, 1),
        BY_ROWS: (descend("rows"), 1),
        'descend, losses="every"': (descend("every"), 100),
        "whole loss": (repeated(lambda: problem.loss(w0)), 100),
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
    parser.add_argument("--steps", type=int, default=6 * RECORD_EVERY)
    arguments = parser.parse_args()
    with threadpoolctl.threadpool_limits(1):
        gf.show_config()
        runs = contenders()
        rounds = [
            [seconds(run, arguments.steps // share) for run, share in runs.values()]
            for _ in range(arguments.rounds)
        ]
    times = dict(zip(runs, np.median(rounds, axis=0), strict=True))
    bare, made = list(times.values())[:2]
    print(f"\n64-32-10, {NUM_SAMPLES:,} samples, batch {BATCH}, a row every {RECORD_EVERY:,} steps")
    print(f"{'':38} {'a step':>12} {'over the bare one':>18} {'with its subset':>16}")
    for name, value in times.items():
        print(f"  {name:36} {1e6 * value:9.1f} us {value / bare:18.2f} {value / made:16.2f}")
    print()
    for name, reference in (("bare gradient", bare), ("gradient with its subset", made)):
        ratio = times[BY_ROWS] / reference
        print(f"a step over the {name}: {ratio:.2f}, {'within' if ratio <= GOAL else 'beyond'} {GOAL}")


if __name__ == "__main__":
    main()
