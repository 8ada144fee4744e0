"""The small data sets that lie in scikit-learn, where it is installed."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from gradflow import validate
from gradflow.datasets.samples import Samples, measured

# Those that come with scikit-learn itself; the others would be downloaded.
OF_CLASSES = ("breast_cancer", "digits", "iris", "wine")
OF_AMOUNTS = ("diabetes", "linnerud")


def from_sklearn(name: str, *, standardize: bool = False) -> Samples:
    """Return one of the small data sets that lie in scikit-learn; nothing is downloaded.

    Parameters
    ----------
    name : str
        "breast_cancer", "digits", "iris" or "wine", whose targets are class labels, or "diabetes" or
        "linnerud", whose targets are amounts.
    standardize : bool
        Whether inputs are given mean 0 and deviation 1; what undoes it is kept.

    Returns
    -------
    Samples
        To be unpacked as ``inputs, targets``. The inputs of "diabetes" are as they were measured, which
        scikit-learn scales unless it is told not to.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If `name` is unknown, or an input to be standardized is constant, as pixels of "digits" are.

    See Also
    --------
    from_csv : Data of one's own.

    Examples
    --------
    >>> samples = from_sklearn("iris", standardize=True)
    >>> samples, samples.classes
    (Samples(150 of 4 inputs, 3 classes), ('setosa', 'versicolor', 'virginica'))
    """
    validate.choice("name", name, (*OF_CLASSES, *OF_AMOUNTS))
    try:
        sets: Any = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise ImportError("from_sklearn needs scikit-learn: pip install scikit-learn") from None
    bunch = sets.load_diabetes(scaled=False) if name == "diabetes" else getattr(sets, f"load_{name}")()
    inputs, names = np.array(bunch.data, dtype=np.float64), tuple(map(str, bunch.feature_names))
    if name in OF_CLASSES:
        labels = np.array(bunch.target, dtype=np.int64)
        samples = measured(inputs, labels, names, ("class",), tuple(map(str, bunch.target_names)))
    else:
        goals = tuple(map(str, getattr(bunch, "target_names", ["progression"])))
        samples = measured(inputs, np.array(bunch.target, dtype=np.float64), names, goals)
    return samples.standardized() if standardize else samples
