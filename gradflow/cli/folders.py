"""A folder for every run: a new one, or the one that was named, where an earlier run gives way as a whole."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gradflow.cli.arguments import Refused
from gradflow.files import written_whole

# What a run leaves in its folder: its numbers, and the names of its files.
RECORD = "run.json"
KINDS = (".npz", ".png", ".svg", ".csv")


def run_folder(parent: str, given: str | None, name: str) -> tuple[Path, bool]:
    """Return the folder of a run, made where it is missing, and whether an earlier run there gives way.

    Without a name from the user that is ``parent/name``, or the first of ``parent/name-2``, ... that is not
    there.

    Raises
    ------
    Refused
        If files cannot be written into it.
    """
    if given is not None:
        return named_folder(given), True
    for number in itertools.count(1):
        folder = Path(parent, name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except (OSError, ValueError) as error:
            raise _refusal(str(folder), error) from None
        return folder, False
    raise AssertionError("numbers do not end")


def named_folder(given: str) -> Path:
    """Return the folder that the user named, made where it is missing.

    Raises
    ------
    Refused
        If files cannot be written into it.
    """
    _check_writable(given, Path(given))
    return Path(given)


def clear_earlier(folder: Path) -> None:
    """Remove the files that the record of an earlier run names, and no others."""
    for name in earlier_files(folder):
        (folder / name).unlink(missing_ok=True)
    (folder / RECORD).unlink(missing_ok=True)


def earlier_files(folder: Path) -> list[str]:
    """Return the names of an earlier run's files, by its record."""
    try:
        found = json.loads((folder / RECORD).read_text())
        listed = [*found["figures"], *found["trajectories"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    names = [Path(each).name for each in listed if isinstance(each, str)]
    return [name for name in names if Path(name).suffix in KINDS]


def announce(folder: Path, paths: Sequence[Path]) -> None:
    """Write the names of files to come, so that those of a run that is killed give way to the next."""
    names = [path.name for path in paths]
    write_record(folder, json.dumps({"figures": [], "trajectories": names}) + "\n")


def write_record(folder: Path, text: str) -> Path:
    """Write the numbers of a run, whole or not at all."""
    with written_whole(folder / RECORD) as (temporary,):
        temporary.write_text(text)
    return folder / RECORD


def _check_writable(given: str, folder: Path) -> None:
    try:
        if not given:
            raise OSError("no name")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise _refusal(given, error) from None


def _refusal(given: str, error: Exception) -> Refused:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return Refused(
        f"`output` must be a folder that can be written, got {given!r:.200}: {reason}; --output names another"
    )
