"""Figures on disk: the same figure gives the same bytes, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gradflow.plots.style import in_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: dict[str, dict[str, Any]] = {"png": {"dpi": 200}, "svg": {"metadata": {"Date": None}}}


def save_figure(figure: Figure, path: str | Path) -> list[Path]:
    """Write a figure as ``path.png`` (200 dpi) and ``path.svg`` and return the two paths.

    Each file is written under a temporary name and renamed. The SVG has no date and fixed
    identifiers, so that equal figures give equal files.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
        The name without a suffix; its folder must exist.

    Returns
    -------
    list of Path

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    return [_save(figure, Path(f"{path}.{form}"), form, options) for form, options in FORMATS.items()]


def _save(figure: Figure, path: Path, form: str, options: dict[str, Any]) -> Path:
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with in_style():
            figure.savefig(temporary, format=form, **options)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
