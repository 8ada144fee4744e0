"""What a compiled kernel needs to know of a problem to evaluate it at many weight vectors at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Kinds of problems that the kernels know.
NETWORK, NEURON, WELL, PRODUCT, EDGE, QUADRATIC, CATAPULT = range(7)
ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu", "softplus", "swish", "gelu")
LOSSES = ("squared", "cross_entropy")


@dataclass(frozen=True, eq=False)
class Recipe:
    """A problem in numbers.

    Attributes
    ----------
    kind : int
    sizes : ndarray of int, shape (s,)
        Of a network: number of layers of weights, whether there are biases, which loss, the widths from the
        input on, and which activation each layer above it has.
    inputs, targets : ndarray, two-dimensional
        Data, one sample a row, or what stands for them in a landscape.
    """

    kind: int
    sizes: NDArray[np.int64]
    inputs: NDArray[np.float64]
    targets: NDArray[np.float64]


def recipe(kind: int, inputs: ArrayLike, targets: ArrayLike, sizes: ArrayLike = (0,)) -> Recipe:
    """Return a recipe with arrays in the one form that the kernels are compiled for."""
    tables = [np.ascontiguousarray(np.atleast_2d(np.asarray(a, dtype=np.float64))) for a in (inputs, targets)]
    return Recipe(kind, np.array(sizes, dtype=np.int64), *tables)
