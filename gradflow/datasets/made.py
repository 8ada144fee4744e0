"""Data made by a formula: exclusive or, parity, Chebyshev polynomials."""

from __future__ import annotations

import numpy as np

from gradflow import validate
from gradflow.types import Array


def xor() -> tuple[Array, Array]:
    """Return the four patterns of exclusive or: inputs (4, 2) and targets (4, 1) in {0, 1}.

    The order is 00, 01, 10, 11.

    Examples
    --------
    >>> inputs, targets = xor()
    >>> targets.ravel()
    array([0., 1., 1., 0.])
    """
    return parity(2)


def parity(num_bits: int) -> tuple[Array, Array]:
    """Return all patterns of bits and whether their sum is odd.

    Parameters
    ----------
    num_bits : int
        k, from 1 to 20.

    Returns
    -------
    tuple of (ndarray of shape (2^k, k), ndarray of shape (2^k, 1))
        Inputs and targets in {0, 1}; row p holds the binary digits of p, the highest first.

    Examples
    --------
    >>> parity(3)[1].ravel()
    array([0., 1., 1., 0., 1., 0., 0., 1.])
    """
    if validate.count("num_bits", num_bits) > 20:
        raise ValueError(f"`num_bits` must be at most 20, got {num_bits}")
    places = np.arange(num_bits - 1, -1, -1)
    bits = (np.arange(2**num_bits)[:, np.newaxis] >> places) & 1
    return bits.astype(np.float64), (bits.sum(axis=1, keepdims=True) % 2).astype(np.float64)


def chebyshev(degree: int, num_samples: int = 20) -> tuple[Array, Array]:
    """Return samples of the Chebyshev polynomial T_k(x) = cos(k arccos x) at equal distances in [-1, 1].

    Parameters
    ----------
    degree : int
        k, the degree.
    num_samples : int
        N, the number of samples.

    Returns
    -------
    tuple of (ndarray of shape (N, 1), ndarray of shape (N, 1))
        Inputs ``linspace(-1, 1, N)`` and targets T_k(x), not scaled.

    References
    ----------
    Cohen, Kaur, Li, Kolter and Talwalkar, "Gradient descent on neural networks typically occurs at the
    edge of stability", ICLR 2021 (the toy task of its appendix).

    Examples
    --------
    >>> chebyshev(2, 3)[1].ravel()
    array([ 1., -1.,  1.])
    """
    validate.count("degree", degree, least=0)
    inputs = np.linspace(-1.0, 1.0, validate.count("num_samples", num_samples))[:, np.newaxis]
    return inputs, np.polynomial.chebyshev.chebval(inputs, np.eye(degree + 1)[degree])
