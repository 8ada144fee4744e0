"""Named set-ups: a problem, where to start, how long to run, and learning rates that tell its story."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow import datasets
from gradflow.types import Array

if TYPE_CHECKING:
    from gradflow.problems.problem import Problem


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


def _own_start(problem: Any, seed: int) -> Array:
    return problem.initial_weights(seed)


@dataclass(frozen=True)
class Setup:
    """A case before anything of it is built.

    Attributes
    ----------
    description : str
        One line.
    problem : callable
        Makes the problem, from the widths of the hidden layers where it has any.
    end_time : float
        Flow time at rate 1 over which the runs are compared.
    shares : tuple of float
        Learning rates over the stability limit at the start, ascending.
    learning_rates : tuple of float
        The learning rates themselves, in place of shares.
    widths : tuple of int, optional
        Of the hidden layers; None where there are none.
    start : callable
        Starting weights of the problem, from a seed.
    """

    description: str
    problem: Callable[..., Problem]
    end_time: float
    shares: tuple[float, ...] = ()
    learning_rates: tuple[float, ...] = ()
    widths: tuple[int, ...] | None = None
    start: Callable[[Any, int], Array] = _own_start


def check_name(name: str) -> None:
    """Raise unless there is a case of this name."""
    if name not in CASES:
        raise ValueError(f"`problem` must be one of {', '.join(CASES)}, got {name!r:.60}")


def problem_of(name: str, *, widths: Sequence[int] | None = None, **network: Any) -> Problem:
    """Return the problem of the case called `name`; arguments and errors are those of `make`."""
    check_name(name)
    setup = CASES[name]
    for option, value in {"widths": widths, **network}.items():
        if value is not None and setup.widths is None:
            raise ValueError(f"`{option}` must be left out for {name}, which has no hidden layers")
    widths = setup.widths if widths is None else widths
    return setup.problem() if widths is None else setup.problem(widths, **network)


def make(name: str, *, seed: int = 0, widths: Sequence[int] | None = None, **network: Any) -> Case:
    """Return the case called `name`.

    Parameters
    ----------
    name : str
        A key of `CASES`.
    seed : int
        Of the starting weights.
    widths : sequence of int, optional
        Widths of the hidden layers of a network, in place of its own.
    network : str
        `activation` and `loss` of a network, see `FeedForward`.

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
    problem = problem_of(name, widths=widths, **network)
    setup = CASES[name]
    w0 = setup.start(problem, seed)
    return Case(
        setup.description, problem, w0, setup.learning_rates or _rates(setup, problem, w0), setup.end_time
    )


def _rates(setup: Setup, problem: Problem, w0: Array) -> tuple[float, ...]:
    """Return the shares of the stability limit at w0, in three digits."""
    from gradflow.analysis.stability import largest_stable_learning_rate

    limit = largest_stable_learning_rate(problem, w0)
    return tuple(float(f"{share * limit:.3g}") for share in setup.shares)


def _normal(problem: Problem, seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(problem.num_weights)


def _neuron() -> Problem:
    from gradflow.problems.landscapes.neuron import SigmoidNeuron

    return SigmoidNeuron()


def _quadratic() -> Problem:
    from gradflow.problems.landscapes.quadratic import Quadratic

    return Quadratic([1.0, 10.0])


def _network(inputs: Array, targets: Any, widths: Sequence[int], **network: Any) -> Problem:
    from gradflow.problems.layered.network import FeedForward

    return FeedForward(inputs, targets, widths, **network)


def _digits(widths: Sequence[int], **network: Any) -> Problem:
    inputs, labels = datasets.digits()
    return _network(inputs / 16, labels, widths, **network)


def _parity(num_bits: int, widths: Sequence[int], **network: Any) -> Problem:
    inputs, targets = datasets.parity(num_bits)
    # Cross-entropy asks for labels, in a vector.
    return _network(
        inputs, targets.ravel() if network.get("loss") == "cross_entropy" else targets, widths, **network
    )


def _chebyshev(degree: int, widths: Sequence[int], **network: Any) -> Problem:
    if network.get("loss") == "cross_entropy":
        raise ValueError(
            f"`loss` must be squared for chebyshev-{degree}, whose targets are amounts, got 'cross_entropy'"
        )
    return _network(*datasets.chebyshev(degree), widths, **network)


def _linear_digits() -> Problem:
    from gradflow.problems.linear.regression import LinearRegression

    inputs, labels = datasets.digits()
    return LinearRegression(inputs / 16, np.eye(10)[labels])


def _logistic_digits() -> Problem:
    from gradflow.problems.linear.logistic import LogisticRegression

    inputs, labels = datasets.digits()
    chosen = (labels == 3) | (labels == 8)
    return LogisticRegression(inputs[chosen] / 16, labels[chosen] == 8)


def _pineda_xor() -> Problem:
    """Four sigmoid units, all connected; unit 3 has the targets, 4 to 6 are clamped to inputs and a 1."""
    from gradflow.problems.recurrent.network import Recurrent

    inputs, targets = datasets.xor()
    drive = np.hstack([np.zeros((4, 4)), inputs, np.ones((4, 1))])
    return Recurrent(drive, targets.reshape(4, 1), [3], clamped=[4, 5, 6])


# What builds a case imports its problem itself: names are looked up without waiting for scipy.
CASES: dict[str, Setup] = {
    "digits": Setup(
        "handwritten digits, tanh network, squared loss",
        _digits,
        end_time=50.0,
        shares=(0.25, 0.9, 1.5, 3.0),
        widths=(32,),
    ),
    "identity-neuron": Setup(
        "one sigmoid weight that should learn f(x) = x: flat far out, so no rate diverges",
        _neuron,
        end_time=1000.0,
        learning_rates=(3.0, 30.0, 100.0),
        start=_normal,
    ),
    "xor": Setup(
        "exclusive or, tanh network, squared loss",
        partial(_parity, 2),
        end_time=200.0,
        shares=(0.25, 0.9, 1.1, 2.0),
        widths=(4,),
    ),
    **{
        f"parity-{num_bits}": Setup(
            f"parity of {num_bits} bits, tanh network, squared loss",
            partial(_parity, num_bits),
            end_time=300.0,
            shares=(0.25, 0.9, 1.1, 2.0),
            widths=(2 * num_bits,),
        )
        for num_bits in (3, 4)
    },
    **{
        f"chebyshev-{degree}": Setup(
            f"Chebyshev polynomial T_{degree} at 20 points, tanh network: sharpness grows on the way",
            partial(_chebyshev, degree),
            end_time=1000.0,
            shares=(0.05, 0.25, 0.9, 2.0),
            widths=(10,),
        )
        for degree in (3, 4, 5, 6)
    },
    "pineda-xor": Setup(
        "exclusive or by Pineda's recurrent network: outputs are fixed points of four units",
        _pineda_xor,
        end_time=300.0,
        shares=(0.09, 0.35, 0.9, 1.5),
    ),
    "quadratic": Setup(
        "quadratic loss with eigenvalues 1 and 10: the limit 2/10 is exact",
        _quadratic,
        end_time=5.0,
        shares=(0.25, 0.9, 1.1),
        start=_normal,
    ),
    "linear-digits": Setup(
        "handwritten digits, linear regression: one sharpness, so the limit is exact",
        _linear_digits,
        end_time=50.0,
        shares=(0.25, 0.9, 1.1),
    ),
    "logistic-digits": Setup(
        "handwritten 3 against 8, logistic regression: convex, and flatter on the way",
        _logistic_digits,
        end_time=500.0,
        shares=(0.25, 0.9, 1.5, 4.0),
    ),
}
