"""Named set-ups: a problem, where to start, how long to run, and learning rates that tell its story."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gradflow import datasets
from gradflow.analysis.stability import largest_stable_learning_rate
from gradflow.problems.landscapes.neuron import SigmoidNeuron
from gradflow.problems.landscapes.quadratic import Quadratic
from gradflow.problems.layered.network import FeedForward
from gradflow.problems.linear.logistic import LogisticRegression
from gradflow.problems.linear.regression import LinearRegression
from gradflow.problems.problem import Problem
from gradflow.problems.recurrent.network import Recurrent
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Case:
    """A problem and how to run it.

    Attributes
    ----------
    description : str
        One line.
    problem : Problem
        What is descended.
    w0 : ndarray, shape (n,)
        Starting weights.
    learning_rates : tuple of float
        Below, near and above the stability limit at `w0`, ascending.
    end_time : float
        Flow time at rate 1 over which the runs are compared.
    """

    description: str
    problem: Problem
    w0: Array
    learning_rates: tuple[float, ...]
    end_time: float

    def __post_init__(self) -> None:
        self.w0.flags.writeable = False


def make(name: str, *, seed: int = 0, widths: Sequence[int] | None = None) -> Case:
    """Return the case called `name`.

    Parameters
    ----------
    name : str
        A key of `CASES`.
    seed : int
        Of the starting weights.
    widths : sequence of int, optional
        Widths of the hidden layers of a network, in place of its own.

    Raises
    ------
    ValueError
        If there is no such case, it has no hidden layers, or an argument is malformed.

    Examples
    --------
    >>> case = make("quadratic")
    >>> case.problem, case.learning_rates
    (Quadratic(2 weights, eigenvalues 1 to 10), (0.05, 0.18, 0.22))
    """
    if name not in CASES:
        raise ValueError(f"`problem` must be one of {', '.join(CASES)}, got {name!r:.60}")
    build = CASES[name]
    if widths is None:
        return build(seed=seed)
    if "widths" not in inspect.signature(build).parameters:
        raise ValueError(f"`widths` must be left out for {name}, which has no hidden layers")
    return build(seed=seed, widths=widths)


def digits(seed: int = 0, widths: Sequence[int] = (32,)) -> Case:
    """Return all 1797 handwritten digits, pixels / 16, squared loss on one-hot labels."""
    inputs, labels = datasets.digits()
    problem = FeedForward(inputs / 16, labels, widths)
    return _case("handwritten digits, tanh network, squared loss", problem, seed, (0.25, 0.9, 1.5, 3.0), 50.0)


def identity_neuron(seed: int = 0) -> Case:
    """Return the one-weight neuron that should learn f(x) = x on {0, 1}."""
    w0 = np.random.default_rng(seed).standard_normal(1)
    text = "one sigmoid weight that should learn f(x) = x: flat far out, so no rate diverges"
    return Case(text, SigmoidNeuron(), w0, (3.0, 30.0, 100.0), 1000.0)


def xor(seed: int = 0, widths: Sequence[int] = (4,)) -> Case:
    """Return exclusive or on {0, 1}."""
    problem = FeedForward(*datasets.xor(), widths)
    return _case("exclusive or, tanh network, squared loss", problem, seed, (0.25, 0.9, 1.1, 2.0), 200.0)


def parity(num_bits: int, seed: int = 0, widths: Sequence[int] | None = None) -> Case:
    """Return the parity of bits; the hidden layer is twice as wide as the input unless given."""
    problem = FeedForward(*datasets.parity(num_bits), (2 * num_bits,) if widths is None else widths)
    text = f"parity of {num_bits} bits, tanh network, squared loss"
    return _case(text, problem, seed, (0.25, 0.9, 1.1, 2.0), 300.0)


def chebyshev(degree: int, seed: int = 0, widths: Sequence[int] = (10,)) -> Case:
    """Return 20 samples of the Chebyshev polynomial of a degree, a stiff flow that grows sharper."""
    problem = FeedForward(*datasets.chebyshev(degree), widths)
    text = f"Chebyshev polynomial T_{degree} at 20 points, tanh network: sharpness grows on the way"
    return _case(text, problem, seed, (0.05, 0.25, 0.9, 2.0), 1000.0)


def quadratic(seed: int = 0) -> Case:
    """Return the quadratic loss with eigenvalues 1 and 10."""
    w0 = np.random.default_rng(seed).standard_normal(2)
    text = "quadratic loss with eigenvalues 1 and 10: the limit 2/10 is exact"
    return _from(text, Quadratic([1.0, 10.0]), w0, (0.25, 0.9, 1.1), 5.0)


def linear_digits(seed: int = 0) -> Case:
    """Return linear regression of one-hot labels on the digits."""
    inputs, labels = datasets.digits()
    problem = LinearRegression(inputs / 16, np.eye(10)[labels])
    text = "handwritten digits, linear regression: one sharpness, so the limit is exact"
    return _case(text, problem, seed, (0.25, 0.9, 1.1), 50.0)


def logistic_digits(seed: int = 0) -> Case:
    """Return logistic regression of 3 against 8."""
    inputs, labels = datasets.digits()
    chosen = (labels == 3) | (labels == 8)
    problem = LogisticRegression(inputs[chosen] / 16, labels[chosen] == 8)
    text = "handwritten 3 against 8, logistic regression: convex, and flatter on the way"
    return _case(text, problem, seed, (0.25, 0.9, 1.5, 4.0), 500.0)


def pineda_xor(seed: int = 0) -> Case:
    """Return exclusive or for four sigmoid units, all connected, fed by the two inputs and a constant 1.

    Unit 3 has the targets; units 4 to 6 are clamped. The starting weights are uniform(-1, 1).
    """
    inputs, targets = datasets.xor()
    drive = np.hstack([np.zeros((4, 4)), inputs, np.ones((4, 1))])
    problem = Recurrent(drive, targets.reshape(4, 1), [3], clamped=[4, 5, 6])
    text = "exclusive or by Pineda's recurrent network: outputs are fixed points of four units"
    return _case(text, problem, seed, (0.09, 0.35, 0.9, 1.5), 300.0)


CASES: dict[str, Callable[..., Case]] = {
    "digits": digits,
    "identity-neuron": identity_neuron,
    "xor": xor,
    "parity-3": partial(parity, 3),
    "parity-4": partial(parity, 4),
    "chebyshev-3": partial(chebyshev, 3),
    "chebyshev-4": partial(chebyshev, 4),
    "chebyshev-5": partial(chebyshev, 5),
    "chebyshev-6": partial(chebyshev, 6),
    "pineda-xor": pineda_xor,
    "quadratic": quadratic,
    "linear-digits": linear_digits,
    "logistic-digits": logistic_digits,
}


def _case(text: str, problem: Any, seed: int, shares: Sequence[float], end_time: float) -> Case:
    return _from(text, problem, problem.initial_weights(seed), shares, end_time)


def _from(text: str, problem: Problem, w0: Array, shares: Sequence[float], end_time: float) -> Case:
    """Return the case whose learning rates are shares of the stability limit at w0, in three digits."""
    limit = largest_stable_learning_rate(problem, w0)
    return Case(text, problem, w0, tuple(float(f"{share * limit:.3g}") for share in shares), end_time)
