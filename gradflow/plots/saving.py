"""Figures on disk: the same figure gives the same bytes, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradflow.files import as_file, written_whole
from gradflow.plots.style import in_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS: dict[str, dict[str, Any]] = {
    "png": {},
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
    "pgf": {},
}
UNNAMED = ("png", "svg")


def save_figure(figure: Figure | Axes, path: str | Path | Sequence[str | Path], **options: Any) -> list[Path]:
    r"""Write a figure and return the paths of its files, each in the format that its suffix says.

    All files are written under temporary names first and then renamed. The panels are laid out once, for
    all of them. PNG has 200 dots an inch unless the user has set ``savefig.dpi``; SVG and PDF have no date
    and fixed identifiers, so that equal figures give equal files; PDF has its letters as letters. PGF is for
    ``\input`` in LaTeX and needs a TeX system.

    Parameters
    ----------
    figure : matplotlib.figure.Figure or matplotlib.axes.Axes
        A figure, or axes on it, as every function of `gradflow.plots` returns them.
    path : str, Path or a sequence of them
        Ending in ``.png``, ``.svg``, ``.pdf`` or ``.pgf`` for that file; without a suffix for ``path.png``
        and ``path.svg``. The folder must exist.
    **options
        Handed on to matplotlib's ``Figure.savefig``, such as ``dpi`` or ``transparent``.

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        If `figure` is none, a suffix is of another format, or PGF is asked for without a TeX system.
    OSError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from gradflow.plots.style import new_figure
    >>> figure, (ax,) = new_figure()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = save_figure(ax, [f"{folder}/a", f"{folder}/b.pdf"])
    >>> [path.name for path in paths]
    ['a.png', 'a.svg', 'b.pdf']
    """
    whole = _figure_of(figure)
    given = list(path) if isinstance(path, Iterable) and not isinstance(path, str | bytes) else [path]
    paths = list(dict.fromkeys(each for name in given for each in _files(as_file("path", name))))
    if not paths:
        raise ValueError("`path` must name at least one file, got none")
    with written_whole(*paths) as temporaries, in_style(), _laid_out(whole):
        for each, temporary in zip(paths, temporaries, strict=True):
            form = each.suffix[1:].lower()
            with _tex_explained(form):
                whole.savefig(temporary, format=form, **{**FORMATS[form], **options})
    return paths


@contextmanager
def _tex_explained(form: str) -> Iterator[None]:
    """Say what is missing where the letters of a PGF file cannot be measured."""
    try:
        yield
    except (RuntimeError, FileNotFoundError) as error:
        if form != "pgf":
            raise
        raise ValueError(
            f"`path` must end in .pdf, .png or .svg where no TeX system is installed, got .pgf: {error}"
        ) from error


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
        figure.dpi = _dots(dots)
        engine.execute(figure)
        figure.dpi = dots
        # Not "none", for which matplotlib still draws everything once without looking.
        figure.set_layout_engine(None)
        yield
    finally:
        figure.dpi = dots
        figure.set_layout_engine(engine)
        figure.set_canvas(canvas)


def _dots(otherwise: float) -> float:
    """Return the dots an inch of a saved PNG."""
    import matplotlib as mpl

    set_by_user = mpl.rcParams["savefig.dpi"]
    return otherwise if isinstance(set_by_user, str) else float(set_by_user)


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
            "`path` must end in .png, .svg, .pdf or .pgf, or have no suffix for PNG and SVG, "
            f"got {str(path)!r:.200}"
        )
    return [path.with_name(f"{path.name}.{form}") for form in UNNAMED]
