"""What passes in single precision cost and save: `gf.integrate` with precision="double" and "single".

Prints, for every flow and tolerance and for both, the relative error of the weights at the end, gradients and
products, CPU milliseconds (medians of interleaved rounds), and the largest rise of the loss in one step over
the starting loss; at the end of the line the largest relative error of the losses that a run in single
precision keeps. The end is known from a run in double precision at 1e-9. One core.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray

import gradflow as gf

Array = NDArray[np.float64]

TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6)
PRECISIONS = ("double", "single")
REFERENCE_RTOL = 1e-9


@dataclass(frozen=True)
class Case:
    """A network on one of the data sets that scikit-learn brings, or on the digits in the package."""

    data: str
    widths: tuple[int, ...]
    end_time: float
    loss: str = "cross_entropy"
    activation: str = "tanh"
    scaled: bool = True

    def __str__(self) -> str:
        hidden = "-".join(map(str, self.widths))
        return f"{self.data} {hidden} {self.activation} {self.loss}{'' if self.scaled else ', raw'}"

    def problem(self) -> Any:
        """Return the network."""
        inputs, targets = samples(self.data)
        if self.scaled:
            inputs = inputs - inputs.mean(axis=0)
            inputs = inputs / (inputs.std() if self.data == "digits" else inputs.std(axis=0))
        if targets.dtype.kind in "iu" and self.loss == "squared":
            targets = np.eye(targets.max() + 1)[targets]
        options: dict[str, Any] = {"activation": self.activation, "loss": self.loss}
        return gf.problems.FeedForward(inputs, targets, self.widths, **options)


CASES = (
    Case("wine", (10,), 100.0),
    Case("diabetes", (8, 8, 8), 100.0, "squared", "sigmoid"),
    Case("digits", (8,), 100.0),
    Case("digits", (8,), 100.0, "squared"),
    Case("breast_cancer", (20, 20), 100.0, activation="softplus"),
    Case("digits", (24,), 100.0, "squared", "gelu"),
    Case("digits", (40,), 100.0, "squared", scaled=False),
    Case("digits", (32, 32), 100.0, "squared"),
    Case("digits", (32, 32), 100.0),
    Case("digits", (48, 48, 48), 50.0, activation="swish"),
    Case("digits", (128, 128), 50.0),
)
# Weights up to which a flow belongs to the quick mode, and the tolerances of that.
QUICK_SIZE, QUICK_TOLERANCES = 4_000, (1e-3, 1e-6)


def samples(name: str) -> tuple[Array, NDArray[Any]]:
    """Return inputs (N, d), and labels or standardized values (N,)."""
    if name == "digits":
        inputs, labels = gf.datasets.digits()
        return inputs / 16, labels
    from sklearn import datasets

    inputs, targets = getattr(datasets, f"load_{name}")(return_X_y=True)
    return inputs, targets if targets.dtype.kind in "iu" else (targets - targets.mean()) / targets.std()


@dataclass(frozen=True)
class Figures:
    """One run: error of the weights, rise of the loss, calls, seconds."""

    error: float
    rise: float
    num_gradients: int
    num_hvps: int
    seconds: float


def measured(problem: Any, w0: Array, end_time: float, rtol: float, precision: str, truth: Array) -> Figures:
    """Return the figures of one run that keeps its first and its last row."""
    begin = time.process_time()
    run = gf.integrate(gf.GradientFlow(problem), w0, end_time, rtol=rtol, precision=precision, times=2)
    seconds = time.process_time() - begin
    return Figures(
        float(np.linalg.norm(run.final_weights - truth) / np.linalg.norm(truth)),
        max(0.0, float(np.diff(run.step_losses).max() / run.step_losses[0])),
        run.num_gradients,
        run.num_hvps,
        seconds,
    )


def loss_error(problem: Any, w0: Array, end_time: float, rtol: float) -> float:
    """Return the largest relative error of the losses that a run in single precision records."""
    run = gf.integrate(gf.GradientFlow(problem), w0, end_time, rtol=rtol, precision="single")
    exact = np.array([problem.loss(w) for w in run.weights])
    return float((np.abs(run.losses - exact) / exact).max())


def report(case: Case, tolerances: tuple[float, ...], rounds: int, seed: int) -> None:
    """Print the lines of one flow."""
    problem = case.problem()
    w0, flow = problem.initial_weights(seed), gf.GradientFlow(problem)
    begin = time.process_time()
    reference = gf.integrate(flow, w0, case.end_time, rtol=REFERENCE_RTOL, times=2)
    seconds = time.process_time() - begin
    print(
        f"\n{case}: {problem.num_weights:,} weights, {problem.num_samples:,} samples, t = {case.end_time:g}, "
        f"loss {reference.losses[0]:.3g} to {reference.losses[-1]:.3g}, reference {seconds:.0f} s"
    )
    for rtol in tolerances:
        found: dict[str, list[Figures]] = defaultdict(list)
        for _ in range(rounds):
            for precision in PRECISIONS:
                found[precision].append(
                    measured(problem, w0, case.end_time, rtol, precision, reference.final_weights)
                )
        print(line(rtol, found, loss_error(problem, w0, case.end_time, rtol)), flush=True)


def line(rtol: float, found: dict[str, list[Figures]], loss_error: float) -> str:
    """Return the line of one tolerance."""
    double, single = (found[precision][0] for precision in PRECISIONS)
    cost = [statistics.median(each.seconds for each in found[precision]) for precision in PRECISIONS]
    return (
        f"{rtol:8.0e} {double.error:9.2e} {single.error:9.2e} {single.error / double.error:6.2f}"
        f" {double.num_gradients:6d}+{double.num_hvps:<5d} {single.num_gradients:6d}+{single.num_hvps:<5d}"
        f" {1e3 * cost[0]:8.0f} {1e3 * cost[1]:8.0f} {cost[1] / cost[0]:6.2f}"
        f" {double.rise:9.1e} {single.rise:9.1e} {loss_error:9.1e}"
    )


HEADER = (
    f"{'rtol':>8} {'error':>9} {'single':>9} {'ratio':>6} {'double':>12} {'single':>12} {'ms':>8} "
    f"{'single':>8} {'ratio':>6} {'rise':>9} {'single':>9} {'loss':>9}"
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all flows and tolerances, more rounds")
    parser.add_argument("--only", nargs="+", type=int, help="numbers of flows", metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("error of the weights, gradients + products, ms, rise of the loss, error of losses kept")
    print(HEADER)
    for number, case in enumerate(CASES):
        if arguments.only and number not in arguments.only:
            continue
        if not arguments.full and not arguments.only and case.problem().num_weights > QUICK_SIZE:
            continue
        tolerances, rounds = (TOLERANCES, 5) if arguments.full else (QUICK_TOLERANCES, 3)
        report(case, tolerances, rounds, arguments.seed)


if __name__ == "__main__":
    main()
