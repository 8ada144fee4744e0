"""Data sets as plain arrays: made, shipped with the package or read from a folder, never downloaded."""

from __future__ import annotations

import gzip
import zlib
from importlib import resources
from math import prod
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradflow import validate
from gradflow.types import Array

Labels = NDArray[np.int64]

# No gzip file unpacks to more than so many times itself.
DEFLATE_RATIO = 1032


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


def idx_folder(path: str | PathLike[str], split: str = "train") -> tuple[Array, Labels]:
    """Return images and labels from a folder of IDX files, the format of MNIST and Fashion-MNIST.

    Reads ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte`` (``t10k-...`` for the test set),
    plain or with ``.gz``.

    Parameters
    ----------
    path : str or path-like
        The folder.
    split : {"train", "test"}
        Which of the two sets.

    Returns
    -------
    tuple of (ndarray of shape (N, rows * columns), ndarray of int of shape (N,))
        Pixels of 0 to 255, row by row, and the labels.

    Raises
    ------
    FileNotFoundError
        If the folder lacks one of the two files.
    ValueError
        If `split` is unknown, a file is truncated or not an IDX file, or the two do not fit each other.
    """
    if split not in ("train", "test"):
        raise ValueError(f"`split` must be 'train' or 'test', got {split!r:.60}")
    prefix = "train" if split == "train" else "t10k"
    images = _read_idx(_find(Path(path), f"{prefix}-images-idx3-ubyte"), 3)
    labels = _read_idx(_find(Path(path), f"{prefix}-labels-idx1-ubyte"), 1)
    if len(images) != len(labels):
        raise ValueError(f"`path` must hold a label for each image, got {len(images)} and {len(labels)}")
    return images.reshape(len(images), prod(images.shape[1:])).astype(np.float64), labels.astype(np.int64)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"`path` must be a folder with the file {name} or {name}.gz, got {str(folder)!r}")


def _read_idx(path: Path, ndim: int) -> NDArray[np.uint8]:
    """Return the bytes of an IDX file in the shape its header gives, and unpack no more than those."""
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as stream:
            head = stream.read(4 + 4 * ndim)
            if len(head) < 4 + 4 * ndim or head[:4] != bytes([0, 0, 8, ndim]):
                raise ValueError(
                    f"{path.name!r} must be an IDX file of bytes in {ndim} dimension(s), got another header"
                )
            shape = tuple(np.frombuffer(head, ">u4", offset=4).tolist())
            most = path.stat().st_size * (DEFLATE_RATIO if packed else 1)
            content = stream.read(min(prod(shape), most) + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise ValueError(
            f"{path.name!r} must be a whole gzip file, got one that is truncated or foreign"
        ) from problem
    if len(content) != prod(shape):
        got = f"{len(content)}{' or more' * (len(content) > prod(shape))}"
        raise ValueError(f"{path.name!r} must hold {prod(shape)} bytes as its header says, got {got}")
    return np.frombuffer(content, np.uint8).reshape(shape)
