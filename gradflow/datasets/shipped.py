"""Data that come with the package."""

from __future__ import annotations

from importlib import resources

import numpy as np

from gradflow.datasets.samples import Labels
from gradflow.types import Array


def digits() -> tuple[Array, Labels]:
    """Return the UCI handwritten digits, shipped with the package: 8 x 8 pixels of 0 to 16, labels 0 to 9.

    Returns
    -------
    tuple of (ndarray of shape (1797, 64), ndarray of int of shape (1797,))
        Images row by row and the digits they show, in the order of the test set.

    References
    ----------
    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998, https://archive.ics.uci.edu/dataset/80.

    Examples
    --------
    >>> inputs, labels = digits()
    >>> inputs.shape, labels[:5]
    ((1797, 64), array([0, 1, 2, 3, 4]))
    """
    with resources.files("gradflow").joinpath("data/digits.npz").open("rb") as file, np.load(file) as data:
        return data["inputs"].astype(np.float64), data["labels"].astype(np.int64)
