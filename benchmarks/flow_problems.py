"""The gradient flows that integrators are compared on, and where each one ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import gradflow as gf

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Task:
    """A flow dw/dt = -dE/dw from `start` to `end_time`, which ends at `truth`."""

    problem: Any
    start: Array
    end_time: float
    truth: Array

    def error(self, w: Array) -> float:
        """Return the relative error of the weights at the end."""
        return float(np.linalg.norm(w - self.truth) / np.linalg.norm(self.truth))


def digits(num_samples: int, widths: tuple[int, ...], centered: bool = True, loss: str = "squared") -> Any:
    """Return a network on the first digits; pixels minus their means over the overall deviation of all."""
    inputs, labels = gf.datasets.digits()
    inputs = inputs / 16
    if centered:
        inputs = inputs - inputs.mean(axis=0)
        inputs = inputs / inputs.std()
    return gf.problems.FeedForward(inputs[:num_samples], labels[:num_samples], widths, loss=loss)


def xor() -> Any:
    """Return XOR with inputs +-1 and targets +-0.8 for a 2-4-1 network."""
    inputs, targets = gf.datasets.xor()
    return gf.problems.FeedForward(2 * inputs - 1, 0.8 * (2 * targets - 1), (4,))


def deep_linear() -> Any:
    """Return a linear network of depth 4 and width 10 whose target has condition 30."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((10, 10)))[0] for _ in range(2))
    inputs = rng.standard_normal((200, 10))
    return gf.problems.DeepLinear(inputs, inputs @ (left * np.geomspace(10, 10 / 30, 10)) @ right, (10,) * 3)


# name: (problem, end time, scale of the starting weights)
CASES: dict[str, tuple[Callable[[], Any], float, float]] = {
    "XOR 2-4-1": (xor, 100.0, 1.0),
    "500 digits 64-8-10": (lambda: digits(500, (8,)), 100.0, 1.0),
    "64-32-32-10": (lambda: digits(1797, (32, 32)), 400.0, 1.0),
    "64-32-32-10 uncentered": (lambda: digits(1797, (32, 32), centered=False), 400.0, 1.0),
    "64-32-32-10 cross-entropy": (lambda: digits(1797, (32, 32), loss="cross_entropy"), 400.0, 1.0),
    "64-128-128-10": (lambda: digits(1797, (128, 128)), 100.0, 1.0),
    "64-200-200-200-10": (lambda: digits(1000, (200, 200, 200)), 100.0, 0.6),
    "deep linear": (deep_linear, 20.0, 1.0),
    "quadratic": (lambda: gf.problems.Quadratic(np.geomspace(1e-4, 1e2, 200)), 1000.0, 1.0),
}


def task(name: str, seed: int) -> Task:
    """Return a case with its end by DOP853 at 1e-10 (1e-9 above 20,000 weights), or in closed form."""
    make, end_time, scale = CASES[name]
    problem = make()
    if name == "quadratic":
        start = np.random.default_rng(seed).standard_normal(problem.num_weights)
        return Task(problem, start, end_time, problem.flow(start, end_time))
    start = problem.initial_weights(seed, scale)
    rtol = 1e-9 if problem.num_weights > 20_000 else 1e-10
    solution = solve_ivp(
        lambda _, w: -problem.gradient(w),
        (0.0, end_time),
        start,
        method="DOP853",
        rtol=rtol,
        atol=1e-2 * rtol,
        t_eval=[end_time],
    )
    return Task(problem, start, end_time, solution.y[:, -1])
