"""Figures on disk: the same figure gives the same bytes, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradflow.files import written_whole
from gradflow.plots.style import in_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 200
FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": DOTS_PER_INCH},
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}
UNNAMED = ("png", "svg")


def save_figure(figure: Figure | Axes, path: str | Path) -> list[Path]:
    """Write a figure and return the paths of its files: one where `path` has a suffix, else PNG and SVG.

    All files are written under temporary names first and then renamed. The panels are laid out once, for
    all of them. PNG has 200 dots an inch; SVG and PDF have no date and fixed identifiers, so that equal
    figures give equal files.

    Parameters
    ----------
    figure : matplotlib.figure.Figure or matplotlib.axes.Axes
        A figure, or axes on it, as every function of `gradflow.plots` returns them.
    path : str or Path
        Ending in ``.png``, ``.svg`` or ``.pdf`` for that file; without a suffix for ``path.png`` and
        ``path.svg``. Its folder must exist.

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        If `figure` is none, or the suffix is of another format.
    OSError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from gradflow.plots.style import new_figure
    >>> figure, (ax,) = new_figure()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = save_figure(ax, f"{folder}/a") + save_figure(ax, f"{folder}/b.pdf")
    >>> [path.name for path in paths]
    ['a.png', 'a.svg', 'b.pdf']
    """
    whole = _figure_of(figure)
    paths = _files(Path(path))
    with written_whole(*paths) as temporaries, in_style(), _laid_out(whole):
        for each, temporary in zip(paths, temporaries, strict=True):
            form = each.suffix[1:].lower()
            whole.savefig(temporary, format=form, **FORMATS[form])
    return paths


@contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Lay the figure out once and hold it there: else each format costs a layout and two drawings."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    engine, dots, canvas = figure.get_layout_engine(), figure.dpi, figure.canvas
    if engine is None:
        yield
        return
    # A canvas of its own: a window that shows the figure would follow its resolution.
    FigureCanvasAgg(figure)
    try:
        figure.dpi = DOTS_PER_INCH
        engine.execute(figure)
        figure.dpi = dots
        # Not "none", for which matplotlib still draws everything once without looking.
        figure.set_layout_engine(None)
        yield
    finally:
        figure.dpi = dots
        figure.set_layout_engine(engine)
        figure.set_canvas(canvas)


def _figure_of(drawn: Any) -> Figure:
    """Return the whole figure that axes, or a part of a figure, belong to."""
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    figure = drawn
    while isinstance(figure, Artist) and not isinstance(figure, Figure):
        figure = figure.figure
    if not isinstance(figure, Figure):
        raise ValueError(f"`figure` must be a figure or axes, got {drawn!r:.60}")
    return figure


def _files(path: Path) -> list[Path]:
    suffix = path.suffix[1:].lower()
    if suffix in FORMATS:
        return [path]
    # The end of a name such as lr-0.05 is no format.
    if suffix and not suffix.isdigit():
        raise ValueError(
            f"`path` must end in .png, .svg or .pdf, or have no suffix for PNG and SVG, got {str(path)!r}"
        )
    return [path.with_name(f"{path.name}.{form}") for form in UNNAMED]
