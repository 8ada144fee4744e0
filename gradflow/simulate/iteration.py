"""The discrete iteration of an update rule, as something one can drive step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from gradflow.rules import UpdateRule
from gradflow.types import Array

Passes = TypeVar("Passes", bound=tuple[Any, ...])


class Iterate(NamedTuple):
    """Where an iteration is: steps taken, weights (n,), and the rule's memory."""

    step: int
    weights: Array
    memory: Any


def iterates(
    rule: UpdateRule, start: Iterate, evaluate: Callable[[Iterate], Passes]
) -> Iterator[tuple[Iterate, Passes]]:
    """Yield one iterate after another with what was evaluated there, endlessly; the caller stops.

    The step w, memory <- rule.update(w, g, memory, step) is taken when the next iterate is asked for.

    Parameters
    ----------
    rule : UpdateRule
    start : Iterate
        Step 0 with ``rule.init(w0)``, or anywhere in mid run.
    evaluate : callable
        ``evaluate(iterate)`` returns a tuple whose second entry is the gradient there: loss and gradient,
        or with the product of ``problem.linearize``.

    Examples
    --------
    >>> from itertools import islice
    >>> import numpy as np
    >>> from gradflow.problems import Quadratic
    >>> from gradflow.rules import GradientDescent
    >>> bowl, start = Quadratic(1.0), Iterate(0, np.array([1.0]), None)
    >>> path = iterates(GradientDescent(0.5), start, lambda at: bowl.loss_and_gradient(at.weights))
    >>> [float(at.weights[0]) for at, _ in islice(path, 3)]
    [1.0, 0.5, 0.25]
    """
    step, w, memory = start
    while True:
        iterate = Iterate(step, w, memory)
        passes = evaluate(iterate)
        yield iterate, passes
        w, memory = rule.update(w, passes[1], memory, step)
        step += 1
