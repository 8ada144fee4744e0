"""Desired outputs as users have them: target values, class labels, probabilities."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow import foreign, validate
from gradflow.types import Array

# So many classes there may be however few the samples; with more, whole numbers are taken for amounts.
MANY_CLASSES = 1000


def class_labels(name: str, value: Any) -> NDArray[np.intp]:
    """Return `value` as a vector of class labels 0, 1, ...; they may come as floats, or as false and true."""
    labels = foreign.plain(name, value)
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(f"`{name}` must be a vector of class labels 0, 1, ..., got shape {labels.shape}")
    odd = np.flatnonzero(~_are_labels(labels))
    if odd.size:
        at, number = odd[0], labels[odd[0]].item()
        raise ValueError(f"`{name}` must be a vector of class labels 0, 1, ..., got {number!r:.60} at [{at}]")
    return labels.astype(np.intp)


def target_rows(value: Any, probabilities: bool) -> Array:
    """Return targets (N, c).

    Integers (N,) are labels and become rows of the unit matrix; floats (N,) are the same where
    `probabilities` are wanted and one column elsewhere.
    """
    given = foreign.plain("targets", value)
    if (given.dtype.kind in "iu" and given.ndim == 1) or (probabilities and given.ndim < 2):
        return _unit_rows(class_labels("targets", given))
    if probabilities:
        return _probability_rows(value)
    rows = validate.array("targets", value, 1 if given.ndim == 1 else 2)
    if given.ndim == 1 and given.dtype.kind == "f":
        _warn_of_labels(rows)
    return rows.reshape(len(rows), -1)


def _are_labels(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which entries are whole numbers from 0 on, and exact ones."""
    if labels.dtype.kind not in "biuf":
        return np.zeros(labels.shape, dtype=bool)
    return (labels >= 0) & (labels < 2**53) & (labels == np.floor(labels))


def _unit_rows(labels: NDArray[np.intp]) -> Array:
    classes, most = int(labels.max()) + 1, max(MANY_CLASSES, labels.size)
    if classes > most:
        raise ValueError(
            f"`targets` of whole numbers are class labels and must be below {most}, got {classes - 1}; "
            "amounts are meant by floats of shape (N, 1) and loss='squared'"
        )
    rows = np.zeros((labels.size, classes))
    rows[np.arange(labels.size), labels] = 1.0
    return rows


def _warn_of_labels(values: Array) -> None:
    """Warn if `values` are all of 0, 1, ..., k - 1 with k of 3 or more, and of each three on average."""
    found = np.unique(values)
    if 3 <= found.size <= values.size // 3 and np.array_equal(found, np.arange(found.size)):
        warnings.warn(
            f"`targets` are floats of shape ({values.size},), the targets of a single output, and look like "
            f"labels of {found.size} classes: integers, `targets.astype(int)`, mean labels, "
            f"shape ({values.size}, 1) means amounts",
            stacklevel=4,
        )


def _probability_rows(value: Any) -> Array:
    """Return rows that sum to 1 to the last digit, as the gradient of the cross-entropy assumes."""
    rows = validate.array("targets", value, 2)
    totals = rows.sum(axis=1, keepdims=True)
    if (rows < 0).any() or (np.abs(totals - 1) > 1e-6).any():
        column = " in one column; labels are meant by a vector, `targets.ravel()`" * (rows.shape[1] == 1)
        raise ValueError(
            f"`targets` must be class labels or rows of probabilities that sum to 1, got other rows{column}"
        )
    return rows / totals
