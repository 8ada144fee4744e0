"""Files that are written whole or not at all, and read only where they are files."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

if sys.platform != "win32":
    import fcntl

# What `written_whole` lends, and finds again where a process was killed.
SUFFIX = ".part"
TEMPORARY = re.compile(r"\.[0-9a-f]{32}" + re.escape(SUFFIX))
# A process may have some hundreds of files open; those beyond are open to a clearing by another process.
MOST_HELD = 64
# Of a path in a sentence.
LONGEST_SHOWN = 100


@contextmanager
def written_whole(*paths: Path) -> Iterator[list[Path]]:
    """Lend a temporary name for each path; all of them replace what stands there once the block is done.

    A symbolic link is followed, a file that is there keeps its mode and its owner. What a process that was
    killed has left of such a file in these folders is removed.

    Raises
    ------
    OSError
        If a folder cannot be written, or what stands at a path is no file (a folder, a FIFO, a device) or
        one that may not be written.
    """
    targets = [Path(os.path.realpath(path)) for path in paths]
    temporaries = [target.with_name(f".{uuid4().hex}{SUFFIX}") for target in targets]
    held: list[int] = []
    try:
        for folder in {target.parent for target in targets}:
            _clear(folder)
        for target, temporary in zip(targets, temporaries, strict=True):
            held += _created(temporary, _standing(target))
            if len(held) > MOST_HELD:
                os.close(held.pop())
        yield temporaries
        for target, temporary in zip(targets, temporaries, strict=True):
            os.replace(temporary, target)
    finally:
        for descriptor in held:
            os.close(descriptor)
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def as_path(name: str, value: Any) -> Path:
    """Return `value` as a path.

    Raises
    ------
    ValueError
        If it is no text and no path of text, is empty, or holds what no name of a file can.
    """
    given = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(given, str):
        raise ValueError(f"`{name}` must be the name of a file as text or a Path, got {value!r:.60}")
    if not given:
        raise ValueError(f"`{name}` must be the name of a file, got an empty one")
    try:
        encoded = os.fsencode(given)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise ValueError(f"`{name}` must be a name that a file can have, got {shown(given)}")
    return Path(given)


def as_file(name: str, value: Any) -> Path:
    """Return `value` as the path of a file.

    Raises
    ------
    ValueError
        If it is no path, or ends in no name, as folders do.
    """
    given = as_path(name, value)
    if given.name in ("", ".."):
        raise ValueError(f"`{name}` must end in the name of a file, got {shown(given)}")
    return given


def shown(path: str | Path) -> str:
    """Return a path in quotes, of a long one its end."""
    text = repr(str(path))
    return text if len(text) <= LONGEST_SHOWN else f"'...{text[4 - LONGEST_SHOWN :]}"


def check_regular(path: Path) -> None:
    """Raise unless `path` is a regular file: a FIFO would be waited for without end.

    Raises
    ------
    OSError
        If there is nothing, or a folder.
    ValueError
        If it is a FIFO, a device or a socket.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"`path` must be a file, got the folder {shown(path)}")
    if not stat.S_ISREG(mode):
        raise ValueError(f"`path` must be a regular file, got {shown(path)}")


def _standing(target: Path) -> os.stat_result | None:
    """Return what is known of the file that will be replaced."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"`path` must be a file to be written, got the folder {shown(target)}")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"`path` must be a regular file or a new one, got {shown(target)}")
    if not os.access(target, os.W_OK):
        raise PermissionError(f"`path` must be a file that may be written, got {shown(target)}")
    return found


def _created(temporary: Path, replaced: os.stat_result | None) -> list[int]:
    """Make an empty file that is never open to more people than the one it will replace.

    Returned is the descriptor that holds it, where the system can say that a file is held.
    """
    mode = 0o666 if replaced is None else stat.S_IMODE(replaced.st_mode)
    while True:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        if sys.platform == "win32":
            os.close(descriptor)
            return []
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if temporary.exists():
            break
        os.close(descriptor)  # another process took it for a leftover before it was held
    if replaced is not None:
        with suppress(PermissionError):
            os.chown(temporary, replaced.st_uid, replaced.st_gid)
        temporary.chmod(mode)
    return [descriptor]


def _clear(folder: Path) -> None:
    """Remove temporaries that nobody holds: whoever wrote them was killed."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        # A folder may hold very many files: the end of a name is looked at first.
        leftovers = [
            each for each in os.listdir(folder) if each.endswith(SUFFIX) and TEMPORARY.fullmatch(each)
        ]
        for name in leftovers:
            with suppress(OSError):
                _remove_unless_held(folder / name)


def _remove_unless_held(leftover: Path) -> None:
    descriptor = os.open(leftover, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leftover.unlink()
    finally:
        os.close(descriptor)
