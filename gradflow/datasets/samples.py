"""Inputs and targets with the names and the scales that belong to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.types import Array

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Samples:
    """What a table holds, to be unpacked as ``inputs, targets`` or handed on as ``*samples``.

    The inputs as they were measured are ``means + scales * inputs``.

    Attributes
    ----------
    inputs : ndarray, shape (N, d)
        One sample a row.
    targets : ndarray, shape (N,) or (N, c)
        Amounts as floats, or class labels 0 to k - 1 as integers.
    names : tuple of str
        Of the d inputs.
    target_names : tuple of str
        Of the targets.
    classes : tuple of str
        What the labels 0 to k - 1 stand for; empty where targets are amounts.
    means, scales : ndarray, shape (d,)
        What was subtracted from the measured inputs, and by what they were divided then.

    See Also
    --------
    from_csv, from_sklearn : Where samples come from.

    Examples
    --------
    >>> samples = measured(np.array([[1.0], [3.0]]), np.array([5.0, 6.0]), ("x",), ("y",))
    >>> inputs, targets = samples.standardized()
    >>> inputs.ravel(), targets
    (array([-1.,  1.]), array([5., 6.]))
    """

    inputs: Array
    targets: Array | Labels
    names: tuple[str, ...]
    target_names: tuple[str, ...]
    classes: tuple[str, ...]
    means: Array
    scales: Array

    def __iter__(self) -> Iterator[Array | Labels]:
        yield self.inputs
        yield self.targets

    def __repr__(self) -> str:
        aim = f"{len(self.classes)} classes" if self.classes else ", ".join(self.target_names)
        return f"Samples({len(self.inputs)} of {len(self.names)} inputs, {aim:.60})"

    def standardized(self) -> Samples:
        """Return the samples with inputs of mean 0 and deviation 1, and with the numbers that undo it.

        The deviation is the root of the mean square, divided by N.

        Raises
        ------
        ValueError
            If an input is the same in every sample.
        """
        self._check_that_inputs_vary()
        # Powers of two are taken out first, exactly: squares may lie beyond every float. Distances from the
        # least input are exact where inputs lie close together, as their mean is not.
        _, powers = np.frexp(np.abs(self.inputs).max(axis=0))
        relative = np.ldexp(self.inputs, -powers)
        least = relative.min(axis=0)
        distances = relative - least
        mean_distances = distances.mean(axis=0)
        centered = distances - mean_distances
        spans = np.abs(centered).max(axis=0)
        deviations = spans * np.sqrt(np.mean((centered / spans) ** 2, axis=0))
        return replace(
            self,
            inputs=centered / deviations,
            means=self.means + self.scales * np.ldexp(least + mean_distances, powers),
            scales=self.scales * np.ldexp(deviations, powers),
        )

    def scaled(self, inputs: ArrayLike) -> Array:
        """Return measured `inputs` (M, d), such as those of a test set, on the scales of these samples."""
        rows = validate.array("inputs", inputs, 2)
        if rows.shape[1] != len(self.names):
            raise ValueError(f"`inputs` must have {len(self.names)} columns, got {rows.shape[1]}")
        return (rows - self.means) / self.scales

    def _check_that_inputs_vary(self) -> None:
        constant = np.flatnonzero(self.inputs.max(axis=0) == self.inputs.min(axis=0))
        if constant.size:
            first = int(constant[0])
            more = f" and {constant.size - 1} more" if constant.size > 1 else ""
            raise ValueError(
                "`inputs` must vary to be standardized, got the same number in every row of column "
                f"{self.names[first]!r:.60}{more}"
            )


def measured(
    inputs: Array,
    targets: Array | Labels,
    names: tuple[str, ...],
    target_names: tuple[str, ...],
    classes: tuple[str, ...] = (),
) -> Samples:
    """Return samples whose inputs are as they were measured: means 0 and scales 1."""
    width = inputs.shape[1]
    return Samples(inputs, targets, names, target_names, classes, np.zeros(width), np.ones(width))
