"""The arrays inside a ``.npz`` file: what they claim to be is known before anything is unpacked."""

from __future__ import annotations

import io
import math
import zipfile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# numpy's own bound on the text of a header; magic, version and length come before it.
LONGEST_HEADER = 10_000 + 12
READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# What numpy writes. Others unpack without a bound on what one block may turn into.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# A file that unpacks to no more than this is harmless, and so is one that unpacks to little more than itself.
HARMLESS_BYTES = 2**28
HARMLESS_RATIO = 100
# Deflate sees repeats no further apart, so wider rows never shrink that much unless they are empty.
WIDEST_ROW = 2**15
CHUNK = 2**17


class Member(NamedTuple):
    """One array of a file, as its header describes it."""

    shape: tuple[int, ...]
    dtype: np.dtype
    file_size: int


def described(archive: zipfile.ZipFile) -> dict[str, Member]:
    """Return what each array claims to be, by name, after the first few bytes of each.

    Raises
    ------
    ValueError
        If a member is no array of numbers or text, or its size in the archive is not the one that
        its shape needs.
    """
    return {info.filename.removesuffix(".npy"): _described(archive, info) for info in archive.infolist()}


def _described(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.compress_type not in METHODS:
        raise ValueError(f"{info.filename!r} packed in a way that numpy does not write")
    with archive.open(info) as stream:
        head = io.BytesIO(stream.read(LONGEST_HEADER))
    version = np.lib.format.read_magic(head)
    if version not in READERS:
        raise ValueError(f"{info.filename!r} in version {version} of the format")
    shape, _, dtype = READERS[version](head)
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or dtype.itemsize == 0 or min(shape, default=0) < 0:
        raise ValueError(f"{info.filename!r} of {dtype} and shape {shape}")
    if head.tell() + size != info.file_size:
        raise ValueError(f"{info.filename!r} of {info.file_size:,} bytes where its shape needs {size:,}")
    return Member(shape, dtype, info.file_size)


def read(archive: zipfile.ZipFile, name: str) -> NDArray:
    """Return one array, after `described` has found its size to be true."""
    with archive.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def check_size(archive: zipfile.ZipFile, members: dict[str, Member], packed: int) -> None:
    """Raise if the file unpacks to far more than a run of so many bytes, `packed`, can hold.

    What `save` writes is not compressed and passes whatever its size. A compressed run may shrink more
    than a hundredfold only where row after row is the same, as after convergence: then its times still
    increase, and no row is wider than what deflate sees at once.
    """
    size = sum(member.file_size for member in members.values())
    if size <= max(HARMLESS_BYTES, HARMLESS_RATIO * packed):
        return
    num_rows = members["times"].shape[0]
    if size > WIDEST_ROW * num_rows or not _increases(archive, "times"):
        raise ValueError(
            f"{packed:,} bytes that unpack to {size:,}, more than a run can shrink (packed again without "
            "compression it is read whatever its size)"
        )


def _increases(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether the numbers of a vector increase, without ever holding more than a chunk of them."""
    with archive.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        _, _, dtype = READERS[version](stream)
        last = -np.inf
        while chunk := stream.read(CHUNK * dtype.itemsize):
            values = np.frombuffer(chunk, dtype)
            if not (np.diff(values, prepend=last) > 0).all():
                return False
            last = values[-1]
    return True
