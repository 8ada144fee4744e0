"""The gradient flows that integrators are compared on, and where each one ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853
from sklearn.datasets import load_diabetes, load_wine

import gradflow as gf

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Network:
    """A network and its data: `inputs` (N, d), `targets` (N, c), hidden `widths`, tanh unless told."""

    inputs: Array
    targets: Array
    widths: tuple[int, ...]
    loss: str = "squared"
    linear: bool = False
    activation: str = "tanh"

    def problem(self) -> Any:
        """Return the problem of the library: linear networks have no biases."""
        if self.linear:
            return gf.problems.DeepLinear(self.inputs, self.targets, self.widths)
        return gf.problems.FeedForward(
            self.inputs, self.targets, self.widths, loss=self.loss, activation=self.activation
        )


@dataclass(frozen=True, eq=False)
class Task:
    """A flow dw/dt = -dE/dw from `start` to `end_time`, which ends at `truth`, found in `seconds`."""

    problem: Any
    network: Network | None
    start: Array
    end_time: float
    truth: Array
    seconds: float = 0.0

    def error(self, w: Array) -> float:
        """Return the relative error of the weights at the end."""
        return float(np.linalg.norm(w - self.truth) / np.linalg.norm(self.truth))


def digits(
    num_samples: int, widths: tuple[int, ...], centered: bool = True, loss: str = "squared"
) -> Network:
    """Return a network on the first digits; pixels minus their means over the overall deviation of all."""
    inputs, labels = gf.datasets.digits()
    inputs = inputs / 16
    if centered:
        inputs = inputs - inputs.mean(axis=0)
        inputs = inputs / inputs.std()
    return Network(inputs[:num_samples], np.eye(10)[labels[:num_samples]], widths, loss)


def xor() -> Network:
    """Return XOR with inputs +-1 and targets +-0.8 for a 2-4-1 network."""
    inputs, targets = gf.datasets.xor()
    return Network(2 * inputs - 1, 0.8 * (2 * targets - 1), (4,))


def standardized(values: Array) -> Array:
    """Return columns of mean 0 and deviation 1."""
    return (values - values.mean(axis=0)) / values.std(axis=0)


def diabetes(widths: tuple[int, ...], activation: str = "tanh") -> Network:
    """Return a network on the 442 patients of the diabetes data."""
    inputs, targets = load_diabetes(return_X_y=True)
    return Network(standardized(inputs), standardized(targets[:, None]), widths, activation=activation)


def wine(widths: tuple[int, ...]) -> Network:
    """Return a classifier of the 178 wines."""
    inputs, labels = load_wine(return_X_y=True)
    return Network(standardized(inputs), np.eye(3)[labels], widths, loss="cross_entropy")


def deep_linear() -> Network:
    """Return a linear network of depth 4 and width 10 whose target has condition 30."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((10, 10)))[0] for _ in range(2))
    inputs = rng.standard_normal((200, 10))
    targets = inputs @ (left * np.geomspace(10, 10 / 30, 10)) @ right
    return Network(inputs, targets, (10,) * 3, linear=True)


QUADRATIC = "quadratic"

# name: (network, end time, scale of the starting weights)
CASES: dict[str, tuple[Callable[[], Network] | None, float, float]] = {
    "XOR 2-4-1": (xor, 100.0, 1.0),
    "diabetes 10-6-1": (lambda: diabetes((6,)), 100.0, 1.0),
    "wine 13-10-3": (lambda: wine((10,)), 100.0, 1.0),
    "diabetes 10-8-8-8-1": (lambda: diabetes((8, 8, 8), "sigmoid"), 200.0, 1.0),
    "500 digits 64-8-10": (lambda: digits(500, (8,)), 100.0, 1.0),
    "64-32-32-10": (lambda: digits(1797, (32, 32)), 400.0, 1.0),
    "64-32-32-10 uncentered": (lambda: digits(1797, (32, 32), centered=False), 400.0, 1.0),
    "64-32-32-10 cross-entropy": (lambda: digits(1797, (32, 32), loss="cross_entropy"), 400.0, 1.0),
    "64-128-128-10": (lambda: digits(1797, (128, 128)), 100.0, 1.0),
    "64-200-200-200-10": (lambda: digits(1000, (200, 200, 200)), 100.0, 0.6),
    "deep linear": (deep_linear, 20.0, 1.0),
    QUADRATIC: (None, 1000.0, 1.0),
}
WIDE = ("64-128-128-10", "64-200-200-200-10")


def seeds(name: str, most: int = 4) -> list[int]:
    """Return the seeds of a case: 1 alone for the wide networks, else 0 to most - 1."""
    return [1] if name in WIDE else list(range(most))


def task(name: str, seed: int) -> Task:
    """Return a case with its end by DOP853 at 1e-10, or in closed form."""
    make, end_time, scale = CASES[name]
    if make is None:
        quadratic = gf.problems.Quadratic(np.geomspace(1e-4, 1e2, 200))
        start = np.random.default_rng(seed).standard_normal(quadratic.num_weights)
        return Task(quadratic, None, start, end_time, quadratic.flow(start, end_time))
    network = make()
    problem = network.problem()
    start = problem.initial_weights(seed, scale)
    begin = time.process_time()
    stepper = DOP853(lambda _, w: -problem.gradient(w), 0.0, start, end_time, rtol=1e-10, atol=1e-12)
    while stepper.status == "running":
        stepper.step()
    return Task(problem, network, start, end_time, stepper.y, time.process_time() - begin)
