"""What is said must arrive or be a failure; what is complained of may get lost."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def open_missing() -> None:
    """Give the process a standard error to write to where it was started without one."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def say(text: str) -> None:
    """Write to standard output, at once.

    Raises
    ------
    OSError
        If it is closed, full or gone.
    """
    if sys.stdout is None:
        raise OSError("standard output is closed")
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:  # a name that this locale cannot spell
        sys.stdout.write(text.encode("ascii", "backslashreplace").decode())
    sys.stdout.flush()


def complain(who: str, sentence: object) -> None:
    """Write one line to standard error, if it can be written."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{who}: {sentence}\n")
        sys.stderr.flush()


def drop_output() -> None:
    """Let nothing more be said: what is left in a buffer must not complain at exit."""
    if sys.stdout is not None:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.stdout = None
