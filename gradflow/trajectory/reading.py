"""From a file to the fields of a trajectory: nothing is unpacked before it is known what will be."""

from __future__ import annotations

import json
import zipfile
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.files import check_regular, shown
from gradflow.trajectory import members
from gradflow.trajectory.crossings import Crossings
from gradflow.trajectory.origin import Origin
from gradflow.trajectory.promises import check_header, check_shapes, check_values
from gradflow.trajectory.storage import OPTIONAL, OWN_TIMES, PLAIN, ROWS

HEADER = "header"
# Bytes that Python spends on what stands before or behind each of these in JSON text.
COSTS = {",": 34, ":": 80, '"': 13, "[": 72, "{": 240}
# A header of so many bytes is harmless, and so is one that is not compressed.
HARMLESS_HEADER = 2**25
# Of a refusal, whatever the file and its name.
LONGEST_SENTENCE = 300


def unpack(path: Path, outcomes: type[Enum]) -> dict[str, Any]:
    """Return the fields of the trajectory in `path`.

    Raises
    ------
    OSError
        If there is no file.
    ValueError
        If the file is truncated, is no trajectory, breaks a promise of one, unpacks to more than is safe, or
        has a newer format.
    """
    check_regular(path)
    with open(path, "rb", buffering=0) as raw, members.Frugal(raw) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _fields(archive, path.stat().st_size, outcomes)
        except MemoryError:
            raise
        # On bytes that are not what they seem zipfile, zlib, json and numpy may raise nearly anything.
        except Exception as error:
            reason = " ".join(f"{error}".split()) or type(error).__name__
            sentence = f"`path` must be a gradflow trajectory, got {shown(path)}: {reason}"
            raise ValueError(f"{sentence:.{LONGEST_SENTENCE}}") from error


def _fields(archive: zipfile.ZipFile, packed: int, outcomes: type[Enum]) -> dict[str, Any]:
    members.check_size(archive, packed)
    header = _header(archive, packed)
    names = _names(archive, header)
    found = members.described(archive, names)
    check_shapes(found, header.get("arrays"))
    fields = _named(header, {name: members.read(archive, name, found[name]) for name in names})
    if header["outcome"] not in outcomes.__members__:
        raise ValueError("another outcome than a run may have")
    fields["outcome"] = outcomes[header["outcome"]]
    check_values(fields)
    return fields


def _header(archive: zipfile.ZipFile, packed: int) -> dict[str, Any]:
    """Return the header, checked."""
    if f"{HEADER}.npy" not in archive.namelist():
        raise ValueError("arrays of something else")
    (found,) = members.described(archive, [HEADER]).values()
    if found.shape != () or found.dtype.kind != "U":
        raise ValueError("a header of another form")
    if found.dtype.itemsize > max(HARMLESS_HEADER, packed):
        raise ValueError("a header longer than any run needs")
    codes = members.read(archive, HEADER, found).reshape(1).view(np.uint32)
    if codes.max() > 127:
        raise ValueError("a header of another form")
    text = codes.astype(np.uint8).tobytes().rstrip(b"\0").decode("ascii")
    rest = sum(info.file_size for info in archive.infolist()) - found.dtype.itemsize
    header = parsed(text, max(members.HARMLESS_BYTES, 2 * packed) - rest)
    check_header(header)
    return dict(header)


def parsed(text: str, most: float) -> Any:
    """Return what JSON text stands for, if Python needs at most so many bytes for it."""
    if len(text) + sum(cost * text.count(each) for each, cost in COSTS.items()) > most:
        raise ValueError("a header that needs more memory than is safe")
    return json.loads(text)


def _names(archive: zipfile.ZipFile, header: dict[str, Any]) -> list[str]:
    """Return the names of the arrays beside the header, which are those that it asks for."""
    found = [info.filename.removesuffix(".npy") for info in archive.infolist()]
    names = [name for name in found if name != HEADER]
    records = [f"record {index}" for index in range(len(header["records"]))]
    crossings = [f"crossing {index} {part}" for index in range(len(header["crossings"])) for part in range(3)]
    needed = {*ROWS, *records, *crossings}
    known = needed | {*OPTIONAL, "states"} | {name.replace("record ", OWN_TIMES, 1) for name in records}
    listed = header.get("arrays", names)  # files of earlier versions have no list
    if sorted(listed) != sorted(names) or len(set(names)) < len(names) or not needed <= set(names) <= known:
        raise ValueError("arrays that are not those of its header")
    return names


def _named(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return header and arrays by the names of the fields of a trajectory."""
    fields = {name: header[name] for name in PLAIN}
    fields |= {name: arrays[name] for name in ROWS}
    fields |= {name: arrays.get(name) for name in OPTIONAL}
    fields["states"] = arrays.get("states", fields["weights"])
    names = list(enumerate(header["records"]))
    fields["records"] = {name: arrays[f"record {index}"] for index, name in names}
    fields["record_times"] = {
        name: arrays.get(f"{OWN_TIMES}{index}", fields["times"]) for index, name in names
    }
    fields["origin"] = Origin(description=header.get("origin", {"lost": "a run of an earlier version"}))
    fields["crossings"] = {
        name: Crossings(*(arrays[f"crossing {index} {part}"] for part in range(3)))
        for index, name in enumerate(header["crossings"])
    }
    return fields
