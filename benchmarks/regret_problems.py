"""Twelve gradient flows from 17 to 3,466 weights, smooth and kinked, hardly stiff and stiff."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from flow_problems import Array, diabetes, wine, xor
from scipy.integrate import DOP853

import gradflow as gf


@dataclass(frozen=True, eq=False)
class Case:
    """A flow from `start` to `end_time` and where it ends, by DOP853 at 1e-10.

    The end of a kinked flow is that of ROCK2 at 1e-4: tighter runs may slide along a kink and not arrive.
    """

    problem: Any
    start: Array
    end_time: float
    truth: Array
    kinked: bool

    def error(self, w: Array) -> float:
        """Return the relative error of the weights at the end."""
        return float(np.linalg.norm(w - self.truth) / np.linalg.norm(self.truth))


def digits(num_samples: int, widths: tuple[int, ...], **options: str) -> Any:
    """Return a network on the first digits; pixels minus their means over the deviation of all."""
    inputs, labels = gf.datasets.digits()
    inputs = inputs - inputs.mean(axis=0)
    return gf.problems.FeedForward(
        (inputs / inputs.std())[:num_samples], np.eye(10)[labels[:num_samples]], widths, **options
    )


CE = "cross_entropy"
# name: (problem, end time, whether it is kinked)
CASES: dict[str, tuple[Callable[[], Any], float, bool]] = {
    "XOR 2-4-1": (lambda: xor().problem(), 100.0, False),
    "wine 13-3 CE": (lambda: wine(()).problem(), 100.0, False),
    "diabetes 10-6-1": (lambda: diabetes((6,)).problem(), 100.0, False),
    "wine 13-10-3 CE": (lambda: wine((10,)).problem(), 100.0, False),
    "diabetes 10-8-8-8-1 sigmoid": (lambda: diabetes((8, 8, 8), "sigmoid").problem(), 200.0, False),
    "digits 64-8-10 CE": (lambda: digits(500, (8,), loss=CE), 100.0, False),
    "digits 64-8-10": (lambda: digits(500, (8,)), 100.0, False),
    "digits 64-10 CE": (lambda: digits(500, (), loss=CE), 100.0, False),
    "digits 64-32-32-10 CE": (lambda: digits(1797, (32, 32), loss=CE), 100.0, False),
    "digits 64-32-32-10": (lambda: digits(1797, (32, 32)), 100.0, False),
    "diabetes 10-20-1 relu": (lambda: diabetes((20,), "relu").problem(), 50.0, True),
    "digits 64-32-32-10 relu CE": (lambda: digits(1797, (32, 32), activation="relu", loss=CE), 20.0, True),
}
QUICK = ("XOR 2-4-1", "diabetes 10-6-1", "wine 13-10-3 CE", "digits 64-8-10", "diabetes 10-20-1 relu")


def case(name: str, seed: int = 1) -> Case:
    """Return a flow with its end."""
    make, end_time, kinked = CASES[name]
    problem = make()
    start = problem.initial_weights(seed)
    if kinked:
        flow = gf.GradientFlow(problem)
        run = gf.integrate(flow, start, end_time, method="rock2", rtol=1e-4, times=2)
        return Case(problem, start, end_time, run.final_weights, kinked)
    stepper = DOP853(lambda _, w: -problem.gradient(w), 0.0, start, end_time, rtol=1e-10, atol=1e-12)
    while stepper.status == "running":
        stepper.step()
    return Case(problem, start, end_time, stepper.y, kinked)
