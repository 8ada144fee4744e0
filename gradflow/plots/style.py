"""One look for every figure: colors, lines and words, wherever the user has not chosen others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from gradflow import validate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradflow.trajectory import Trajectory

COLUMN_WIDTH = 3.25
TEXT_WIDTH = 6.75
COLUMN_HEIGHT = 2.4
WIDTHS = {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}

TIME = r"flow time $t = k\,\eta/\mu$"
STEP = r"steps taken $k$"
LOSS = r"loss $E$"
DISTANCE = "distance to flow"
LEARNING_RATE = r"learning rate $\eta$"
SHARPNESS = r"sharpness $\lambda_{\max}$"
DIVERGED = "diverged"
START_OF_TIME = "start, $t = 0$"
LIMIT = r"stability limit $2/\lambda$"

# Okabe and Ito, "Color universal design" (2008), without their yellow, which white paper swallows.
DESCENT_COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
DARK = "#222222"
LINE_WIDTH = 1.2
FLOW_LINE: dict[str, Any] = {"color": DARK, "linestyle": "-", "linewidth": 2.6}
LIMIT_LINE: dict[str, Any] = {"color": "#777777", "linestyle": "--", "linewidth": 1.1}
DIVERGED_MARK: dict[str, Any] = {
    "linestyle": "none",
    "marker": "X",
    "markersize": 7,
    "markeredgecolor": "white",
}

# Sizes of letters but the first are matplotlib's own shares of it, so that a user's `font.size` moves all.
RC: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": "medium",
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
    "legend.fontsize": "small",
    "legend.edgecolor": "none",
    "legend.borderpad": 0.2,
    "legend.handlelength": 1.6,
    "lines.linewidth": LINE_WIDTH,
    "axes.prop_cycle": f"cycler('color', {list(DESCENT_COLORS)})",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "savefig.dpi": 200,
    # Letters that can be edited and searched; many journals refuse the other kind.
    "pdf.fonttype": 42,
    "svg.hashsalt": "gradflow",
}

Style: TypeAlias = Any
Colors: TypeAlias = "Sequence[Any] | Mapping[str, Any]"

_in_force: ContextVar[bool] = ContextVar("gradflow_style", default=False)


@contextmanager
def in_style(style: Style | None = None) -> Iterator[None]:
    """Put the style in force for what is made inside; global settings are as before afterwards.

    What the user has set himself in ``matplotlib.rcParams``, by a file, a style or a statement, stays as it
    is: the style only takes the place of matplotlib's defaults.

    Parameters
    ----------
    style : str, dict, Path or list of these, optional
        A style of matplotlib's that comes on top of both.

    Examples
    --------
    >>> import matplotlib
    >>> with matplotlib.rc_context({"axes.grid": True, "font.size": 11}), in_style({"grid.color": "red"}):
    ...     [matplotlib.rcParams[key] for key in ("font.size", "grid.color", "lines.linewidth")]
    [11.0, 'red', 1.2]
    """
    import matplotlib as mpl
    import matplotlib.style as styles

    if _in_force.get() and style is None:
        yield
        return
    chosen = nullcontext() if style is None else styles.context(style)
    token = _in_force.set(True)
    try:
        with mpl.rc_context(_unchosen()), chosen:
            yield
    finally:
        _in_force.reset(token)


def _unchosen() -> Any:
    """Return the style without what the user has set."""
    import matplotlib as mpl

    default, now = mpl.rcParamsDefault, mpl.rcParams
    return {key: value for key, value in RC.items() if now[key] == default[key]}


@contextmanager
def drawing_on(ax: Axes | None, style: Style | None = None) -> Iterator[Axes]:
    """Lend `ax`, or axes of a new figure of one column, with the style in force."""
    from gradflow.plots.logarithmic import mind_log_labels

    with in_style(style):
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.subplots(figsize=(COLUMN_WIDTH, COLUMN_HEIGHT), layout="constrained")[1]
        mind_log_labels(ax)
        yield ax


def new_figure(
    num_panels: int = 1,
    width: float | str = COLUMN_WIDTH,
    height: float = COLUMN_HEIGHT,
    num_rows: int = 1,
    *,
    style: Style | None = None,
    **options: Any,
) -> tuple[Figure, Any]:
    """Return a figure in the style, and its panels row by row.

    The figure belongs to nobody: no window, no entry in pyplot's list.

    Parameters
    ----------
    num_panels : int
        Number of panels side by side in each row.
    width : float or {"column", "text"}
        Of the whole figure in inches; a column of two is 3.25 wide, a page's text 6.75.
    height : float
        Of the whole figure in inches.
    num_rows : int
        Number of rows of panels.
    style : optional
        As of `in_style`.
    **options
        Handed on to matplotlib's ``Figure.subplots``, such as ``sharex=True``.

    Returns
    -------
    tuple of (matplotlib.figure.Figure, ndarray of Axes, shape (num_rows * num_panels,))

    Raises
    ------
    ValueError
        If `width` is neither a positive number nor one of the two words.
    """
    from matplotlib.figure import Figure

    with in_style(style):
        figure = Figure(figsize=(inches(width), height), layout="constrained")
        return figure, figure.subplots(num_rows, num_panels, squeeze=False, **options).ravel()


def inches(width: float | str) -> float:
    """Return the width of a figure in inches.

    Raises
    ------
    ValueError
        If it is neither a positive number nor "column" or "text".
    """
    if isinstance(width, str):
        if width not in WIDTHS:
            raise ValueError(f"`width` must be 'column', 'text' or a number of inches, got {width!r:.60}")
        return WIDTHS[width]
    return validate.positive("width", width)


def descent_line(index: int) -> dict[str, Any]:
    """Return color and line of the descent drawn as number `index`.

    Later ones lie on earlier ones and are thinner, so that none is hidden. After the last color of
    ``axes.prop_cycle`` the lines are dotted.
    """
    import matplotlib as mpl

    with in_style():
        colors = mpl.rcParams["axes.prop_cycle"].by_key().get("color") or DESCENT_COLORS
        width = mpl.rcParams["lines.linewidth"]
    rounds, place = divmod(index, len(colors))
    return {
        "color": colors[place],
        "linestyle": ("-", ":", "-.")[rounds % 3],
        "linewidth": width * max(1.5 - 0.15 * index, 0.75),
    }


def flow_line() -> dict[str, Any]:
    """Return color and line of a flow: broad, in the color of text."""
    import matplotlib as mpl

    with in_style():
        ink = mpl.rcParams["text.color"]
        width = FLOW_LINE["linewidth"] / LINE_WIDTH * mpl.rcParams["lines.linewidth"]
    return {**FLOW_LINE, "color": DARK if ink == "black" else ink, "linewidth": width}


def lines(
    runs: Mapping[str, Trajectory], colors: Colors | None = None, line: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Return color and line of each run: flows alike, descents in their fixed sequence.

    Parameters
    ----------
    runs : mapping of str to Trajectory
    colors : sequence or mapping of str, optional
        Colors of the descents in their order, or of runs by label.
    line : mapping, optional
        Properties of matplotlib's lines, of all of them.
    """
    descents = iter(range(len(runs)))
    found = {
        label: flow_line() if run.is_continuous else colored(descent_line, next(descents), colors)
        for label, run in runs.items()
    }
    return {label: {**look, **_of_its_own(label, colors), **(line or {})} for label, look in found.items()}


def lines_of_descents(
    labels: Sequence[str], colors: Colors | None = None, line: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Return color and line of each label, all of them descents."""
    return {
        label: {
            **colored(descent_line, index, colors),
            **_of_its_own(label, colors),
            **(line or {}),
        }
        for index, label in enumerate(labels)
    }


def colored(line: Any, index: int, colors: Colors | None) -> dict[str, Any]:
    """Return the line of that number, in the color of that number where there are some."""
    look = line(index)
    if colors is None or isinstance(colors, Mapping):
        return look
    if isinstance(colors, str) or not len(colors):
        raise ValueError(f"`colors` must be a sequence of colors or map labels to them, got {colors!r:.60}")
    return {**look, "color": colors[index % len(colors)]}


def _of_its_own(label: str, colors: Colors | None) -> dict[str, Any]:
    return {"color": colors[label]} if isinstance(colors, Mapping) and label in colors else {}
