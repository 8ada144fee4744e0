"""How precise a problem's gradients are: as it says, or as their numbers show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow import validate
from gradflow.numerics.rounding import DOUBLE, SINGLE, resolution
from gradflow.problems.problem import Precise
from gradflow.types import Array


def precision_of(problem: Any) -> float:
    """Return the relative precision of a problem's gradients, that of float64 where nothing else is known.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> precision_of(Quadratic([1.0, 4.0]))
    2.220446049250313e-16
    """
    return known_precision(problem) or DOUBLE


def known_precision(problem: Any) -> float | None:
    """Return the relative precision of a problem's gradients, None where nothing is known."""
    return problem.gradient_precision if isinstance(problem, Precise) else None


class Evidence:
    """What a function's values have shown of the numbers that it computes with.

    Its dtype tells, or values with more digits than float32 has. Values that have no more, at a place that
    has, are those of a function that computes in float32; at a simple place they tell nothing, nor do
    whole numbers.

    Parameters
    ----------
    said : float, optional
        What the function's author says: no evidence is needed then.
    """

    def __init__(self, said: float | None = None) -> None:
        self.said = None if said is None else validate.positive("gradient_precision", said)
        self.precision = self.said

    def look(self, place: Array, value: NDArray[Any]) -> None:
        """Take note of the value at a place, or of a product with a vector."""
        if value.dtype.kind == "f" and value.dtype.itemsize < 8:
            self.precision = float(np.finfo(value.dtype).eps)
            return
        numbers = value.astype(np.float64, copy=False)
        if not np.isfinite(numbers).all():
            return
        if resolution(numbers) == DOUBLE:
            self.precision = DOUBLE
        elif resolution(place) == DOUBLE and (numbers != np.round(numbers)).any():
            self.precision = SINGLE
