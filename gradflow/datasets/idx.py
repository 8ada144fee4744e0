"""A reader of IDX files, the format of MNIST and Fashion-MNIST."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradflow.datasets.samples import Labels
from gradflow.types import Array

# No gzip file unpacks to more than so many times itself.
DEFLATE_RATIO = 1032


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
