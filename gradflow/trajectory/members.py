"""The arrays inside a ``.npz`` file: what they claim to be is known before anything is unpacked."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# What numpy writes. Others unpack without a bound on what one block may turn into.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAGIC = b"\x93NUMPY\x01\x00"
# Magic, length, and the text of the widest shape that numpy has.
LONGEST_HEADER = 4096
# The header as numpy writes it for an array that is no structure, word for word: nothing is evaluated.
HEADER = re.compile(
    r"\{'descr': '([<>|=]?[biufcSUMm]\d{1,9}(?:\[\w+\])?)', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n"
)
# Truth values, numbers, text, dates.
KINDS = "biufcSUMm"
# What a file may unpack to: this, or this many times its own size. What `save` writes is not compressed.
HARMLESS_BYTES = 3 * 2**24
HARMLESS_RATIO = 1.5
# The list of members is held as a whole, at some ten times its size.
LONGEST_LIST = 2**20
MOST_MEMBERS = 10_000
CHUNK = 2**18


class Member(NamedTuple):
    """One array of a file, as its header describes it; its numbers begin behind `offset` bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    offset: int


class Frugal(io.BufferedReader):
    """A file that hands out no more at once than the list of the members of a run needs."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes."""
        if size is None or not 0 <= size <= LONGEST_LIST:
            content = super().read(LONGEST_LIST + 1)
            if len(content) > LONGEST_LIST:
                raise ValueError("a list of members longer than any run needs")
            return content
        return super().read(size)


def check_size(archive: zipfile.ZipFile, packed: int) -> None:
    """Raise if a file of so many bytes, `packed`, unpacks to more than what cannot hurt.

    What `save` writes is not compressed and passes whatever its size.
    """
    size = sum(info.file_size for info in archive.infolist())
    if size > max(HARMLESS_BYTES, HARMLESS_RATIO * packed):
        raise ValueError(
            f"{packed:,} bytes that unpack to {size:,}, more than is safe (packed again without compression "
            "it is read whatever its size)"
        )


def described(archive: zipfile.ZipFile, names: Iterable[str]) -> dict[str, Member]:
    """Return what these arrays claim to be, by name, after the first few bytes of each.

    Raises
    ------
    ValueError
        If a member is no array of numbers or text, or its size in the archive is not the one that
        its shape needs.
    """
    return {name: _described(archive, archive.getinfo(f"{name}.npy")) for name in names}


def _described(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.compress_type not in METHODS:
        raise ValueError(f"{info.filename!r:.60} packed in a way that numpy does not write")
    with archive.open(info) as stream:
        head = stream.read(LONGEST_HEADER)
    offset = len(MAGIC) + 2 + int.from_bytes(head[len(MAGIC) : len(MAGIC) + 2], "little")
    found = HEADER.fullmatch(head[len(MAGIC) + 2 : offset].decode("latin-1"))
    if not head.startswith(MAGIC) or found is None:
        raise ValueError(f"{info.filename!r:.60} without the header of an array")
    descr, order, sizes = found.groups()
    dtype, shape = np.dtype(descr), tuple(int(size) for size in sizes.split(",") if size.strip())
    if dtype.kind not in KINDS or dtype.itemsize == 0:
        raise ValueError(f"{info.filename!r:.60} of {dtype}")
    size = math.prod(shape) * dtype.itemsize
    if offset + size != info.file_size:
        raise ValueError(f"{info.filename!r:.60} of {info.file_size:,} bytes where its shape needs {size:,}")
    return Member(shape, dtype, order == "True", offset)


def read(archive: zipfile.ZipFile, name: str, member: Member) -> NDArray:
    """Return one array, after `described` has found its size to be true; no more than it is held."""
    shape = member.shape[::-1] if member.fortran else member.shape
    values = np.empty(shape, member.dtype)
    room = values.reshape(-1).view(np.uint8).data
    with archive.open(f"{name}.npy") as stream:
        stream.read(member.offset)
        for start in range(0, len(room), CHUNK):
            part = room[start : start + CHUNK]
            content = stream.read(len(part))
            if len(content) < len(part):
                raise ValueError(f"{name!r:.60} cut short")
            part[:] = content
    if not member.dtype.isnative:
        values = values.byteswap(inplace=True).view(member.dtype.newbyteorder("="))
    _check_entries(name, values)
    return values.T if member.fortran else values


def _check_entries(name: str, values: NDArray) -> None:
    """Raise if there are entries that numpy itself never writes and that fail once they are looked at."""
    kind = values.dtype.kind
    if kind == "b" and (values.view(np.uint8) > 1).any():
        raise ValueError(f"{name!r:.60} with truth values that are neither")
    if kind == "U" and (values.reshape(-1).view(np.uint32) > 0x10FFFF).any():
        raise ValueError(f"{name!r:.60} with letters that do not exist")
