"""Files that are written whole or not at all, and read only where they are files."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def written_whole(*paths: Path) -> Iterator[list[Path]]:
    """Lend a temporary name for each path; all of them replace what stands there once the block is done.

    A symbolic link is followed, a file that is there keeps its mode and its owner.

    Raises
    ------
    OSError
        If a folder cannot be written, or what stands at a path is no file (a folder, a FIFO, a device) or
        one that may not be written.
    """
    targets = [Path(os.path.realpath(path)) for path in paths]
    temporaries = [target.with_name(f".{uuid4().hex}.part") for target in targets]
    try:
        for target, temporary in zip(targets, temporaries, strict=True):
            _create(temporary, _standing(target))
        yield temporaries
        for target, temporary in zip(targets, temporaries, strict=True):
            os.replace(temporary, target)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


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
        raise IsADirectoryError(f"`path` must be a file, got the folder {str(path)!r}")
    if not stat.S_ISREG(mode):
        raise ValueError(f"`path` must be a regular file, got {str(path)!r}")


def _standing(target: Path) -> os.stat_result | None:
    """Return what is known of the file that will be replaced."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"`path` must be a file to be written, got the folder {str(target)!r}")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"`path` must be a regular file or a new one, got {str(target)!r}")
    if not os.access(target, os.W_OK):
        raise PermissionError(f"`path` must be a file that may be written, got {str(target)!r}")
    return found


def _create(temporary: Path, replaced: os.stat_result | None) -> None:
    """Make an empty file that is never open to more people than the one it will replace."""
    mode = 0o666 if replaced is None else stat.S_IMODE(replaced.st_mode)
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    if replaced is None:
        return
    if sys.platform != "win32":
        with suppress(PermissionError):
            os.chown(temporary, replaced.st_uid, replaced.st_gid)
    temporary.chmod(mode)
