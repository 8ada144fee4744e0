"""Whether integrators keep what they promise: the error that was asked for, and a loss that never rises.

Prints, for every flow of `flow_problems`, the relative error of the weights at the end over the tolerance,
and the largest rise of the loss in one step over the starting loss at the default tolerance. One core.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from flow_problems import CASES, Task, seeds, task

import gradflow as gf
from gradflow.solvers import KrylovBDF

TOLERANCES = (1e-3, 1e-5, 1e-7)
LARGEST_RATIO, LARGEST_RISE = 5.0, 1e-10
WANTED_HONEST = ("digits", "64-", "quadratic")
METHODS: dict[str, Any] = {
    "krylov-bdf": "krylov-bdf",
    "krylov-bdf, differences": partial(KrylovBDF, linearize=None),
    "auto": "auto",
}


def ratio(given: Task, method: Any, rtol: float) -> float:
    """Return the relative error at the end over the tolerance."""
    flow = gf.GradientFlow(given.problem)
    run = gf.integrate(flow, given.start, given.end_time, method=method, rtol=rtol, times=2)
    return given.error(run.final_weights) / rtol if run.outcome is gf.Outcome.FINISHED else np.inf


def rise(given: Task, method: Any) -> float:
    """Return the largest rise of the loss in one step over the starting loss, at the default tolerance."""
    run = gf.integrate(gf.GradientFlow(given.problem), given.start, given.end_time, method=method, times=2)
    return max(0.0, float(np.diff(run.step_losses).max() / run.step_losses[0]))


def check(name: str, chosen: list[int]) -> list[str]:
    """Print the lines of one problem and return what it misses."""
    tasks = {seed: task(name, seed) for seed in chosen}
    must_be_honest = any(word in name for word in WANTED_HONEST)
    missed = []
    print(f"\n{name}, seeds {chosen}; references took {sum(each.seconds for each in tasks.values()):.0f} s")
    for label, method in METHODS.items():
        rises = {seed: rise(given, method) for seed, given in tasks.items()}
        ratios = {
            (rtol, seed): ratio(given, method, rtol) for rtol in TOLERANCES for seed, given in tasks.items()
        }
        cells = [" ".join(f"{ratios[rtol, seed]:.2g}" for seed in chosen) for rtol in TOLERANCES]
        print(
            f"{label:24}" + "".join(f"{cell:>24}" for cell in cells) + f"{max(rises.values()):12.1e}",
            flush=True,
        )
        missed += [f"{name}, {label}, rise {r:.1e}, seed {s}" for s, r in rises.items() if r > LARGEST_RISE]
        missed += [
            f"{name}, {label}, error / rtol {r:.2g} at rtol {rtol:g}, seed {seed}"
            for (rtol, seed), r in ratios.items()
            if must_be_honest and r > LARGEST_RATIO
        ]
    return missed


def main() -> None:
    """Check every problem, then list what is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seeds", type=int, default=4, help="0, 1, ... up to 3466 weights, 1 alone above")
    arguments = parser.parse_args()
    missed: list[str] = []
    gf.show_config()
    print("error / rtol seed by seed at", ", ".join(f"{rtol:g}" for rtol in TOLERANCES), "- largest rise")
    for name in arguments.problems:
        missed += check(name, seeds(name, arguments.seeds))
    print(f"\nerror / rtol above {LARGEST_RATIO:g}, or a loss that rose by more than {LARGEST_RISE:g}:")
    print("\n".join(missed) or "none")


if __name__ == "__main__":
    main()
