"""Figures that may fail without costing the numbers, and names that may stand in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def saved(draw: Callable[[], Figure], path: Path) -> tuple[list[Path], str | None]:
    """Return the files of a figure, or in one sentence why it could not be drawn.

    A matplotlib that is set up wrongly, or a name that no font has, must not cost a run its table.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    try:
        return plots.save_figure(draw(), path), None
    except OSError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
        return [], f"the figure could not be drawn: {said}"


def readable(name: str) -> str:
    r"""Return a name for a title: bytes of another locale read as UTF-8, and no formula.

    Examples
    --------
    >>> print(readable("a$b$"))
    a\$b\$
    """
    return utf8(name).encode("utf-8", "replace").decode().replace("$", r"\$")


def utf8(text: str) -> str:
    """Return a word of the command line as UTF-8, whatever the locale has made of its bytes."""
    return os.fsencode(text).decode("utf-8", "surrogateescape")
