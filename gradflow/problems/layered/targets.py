"""Desired outputs as users have them: target values, class labels, probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow import validate
from gradflow.types import Array


def class_labels(name: str, value: Any) -> NDArray[np.intp]:
    """Return `value` as a vector of class labels 0, 1, ..."""
    labels = np.asarray(value)
    if labels.ndim != 1 or labels.size == 0 or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(f"`{name}` must be a vector of class labels 0, 1, ..., got {value!r:.60}")
    return labels.astype(np.intp, copy=False)


def target_rows(value: Any, probabilities: bool) -> Array:
    """Return targets (N, c): labels (N,) become rows of the unit matrix, floats (N,) one column."""
    if _are_integers(value):
        labels = class_labels("targets", value)
        return np.eye(labels.max() + 1)[labels]
    if probabilities:
        return _probability_rows(value)
    rows = validate.array("targets", value, 1 if np.ndim(value) == 1 else 2)
    return rows.reshape(len(rows), -1)


def _are_integers(value: Any) -> bool:
    try:
        given = np.asarray(value)
    except ValueError:
        raise ValueError(f"`targets` must be numbers, got {value!r:.60}") from None
    return given.ndim == 1 and given.dtype.kind in "iu"


def _probability_rows(value: Any) -> Array:
    """Return rows that sum to 1 to the last digit, as the gradient of the cross-entropy assumes."""
    rows = validate.array("targets", value, 2)
    totals = rows.sum(axis=1, keepdims=True)
    if (rows < 0).any() or (np.abs(totals - 1) > 1e-6).any():
        raise ValueError(
            "`targets` must be class labels or rows of probabilities that sum to 1, got other rows"
        )
    return rows / totals
