"""The folder of a study: a file for each run, and one that names them and holds the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.files import check_regular, shown, written_whole
from gradflow.simulate.whole import PARTS
from gradflow.studies.table import number
from gradflow.trajectory import Trajectory, storage
from gradflow.trajectory.members import HARMLESS_BYTES
from gradflow.trajectory.reading import LONGEST_SENTENCE, parsed

FILE = "study.json"
FORMAT = "gradflow-study"
# Python needs about so many bytes for a byte of JSON.
COST = 10


def write(
    folder: Path,
    runs: Mapping[float, Trajectory],
    *,
    sharpness: Mapping[float, float],
    limit: float,
    seconds: Mapping[float, float],
    settings: dict[str, Any],
) -> list[Path]:
    """Write a study whose flow has the learning rate 0.0, and return its files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {rate: _name(rate, run) for rate, run in runs.items()}
    packed = [storage.pack(run) for run in runs.values()]
    text = storage.to_json(
        {
            "format": FORMAT,
            "files": list(names.items()),
            "sharpness": [(rate, _plain(value)) for rate, value in sharpness.items()],
            "seconds": list(seconds.items()),
            "limit": _plain(limit),
            "settings": settings,
        }
    )
    files = [*(folder / name for name in names.values()), folder / FILE]
    with written_whole(*files) as (*temporaries, last):
        for temporary, each in zip(temporaries, packed, strict=True):
            storage.write_packed(temporary, *each)
        last.write_text(json.dumps(json.loads(text), indent=2) + "\n", encoding="utf-8")
    return [files[-1], *files[:-1]]


def _name(rate: float, run: Trajectory) -> str:
    name = f"descent-{number(rate)}" if rate else "flow"
    return f"{name}-partial.npz" if run.outcome in PARTS else f"{name}.npz"


def read(folder: Path) -> dict[str, Any]:
    """Return the fields of the study in `folder`, and its runs by learning rate.

    Raises
    ------
    ValueError
        If it holds none, or a part of it is damaged or missing.
    """
    try:
        check_regular(folder / FILE)
        text = (folder / FILE).read_text(encoding="utf-8")
        return _fields(folder, parsed(text, max(HARMLESS_BYTES, COST * len(text))))
    except MemoryError:
        raise
    # What is in the file may have any form, and each form fails in its own way.
    except Exception as error:
        reason = " ".join(f"{error}".split()) or type(error).__name__
        sentence = f"`folder` must hold a study, as Study.save wrote it, got {shown(folder)}: {reason}"
        raise ValueError(f"{sentence:.{LONGEST_SENTENCE}}") from error


def _fields(folder: Path, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError("another format")
    runs = {}
    for rate, name in found["files"]:
        if not isinstance(name, str) or Path(name).name != name:
            raise ValueError("a file of another folder")
        runs[_finite(rate)] = run = Trajectory.load(folder / name)
        if run.is_continuous != (rate == 0.0):
            raise ValueError(f"{name!r:.40} of another kind of run")
    if 0.0 not in runs or len(runs) < len(found["files"]) or min(runs) < 0:
        raise ValueError("other runs than a flow and descents")
    if not isinstance(found["settings"], dict):
        raise ValueError("'settings' of another type")
    return {
        "runs": runs,
        "sharpness": {_finite(rate): _number(value) for rate, value in found["sharpness"]},
        "seconds": {_finite(rate): _number(value) for rate, value in found["seconds"]},
        "limit": _number(found["limit"]),
        "settings": found["settings"],
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number(value: float | None) -> float:
    return np.nan if value is None else _finite(value)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"a number that is {value!r:.40}")
    return float(value)
