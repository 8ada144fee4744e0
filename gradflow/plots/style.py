"""One look for every figure: colors, lines, words on axes, and the axes themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradflow.trajectory import Trajectory

COLUMN_WIDTH = 3.5
COLUMN_HEIGHT = 2.6

TIME = r"flow time $t = k\,\eta/\mu$"
STEP = r"steps taken $k$"
LOSS = r"loss $E$"
DISTANCE = r"distance to the flow $|w_k - w(kh)|$"
LEARNING_RATE = r"learning rate $\eta$"
SHARPNESS = r"sharpness $\lambda_{\max}$"
DIVERGED = "diverged"
LIMIT = r"stability limit $2/\lambda$"

# Okabe and Ito, "Color universal design" (2008), without their yellow, which white paper swallows.
DESCENT_COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
FLOW_LINE: dict[str, Any] = {"color": "#222222", "linestyle": "-", "linewidth": 2.6}
LIMIT_LINE: dict[str, Any] = {"color": "#777777", "linestyle": "--", "linewidth": 1.1}
DIVERGED_MARK: dict[str, Any] = {
    "linestyle": "none",
    "marker": "X",
    "markersize": 7,
    "markeredgecolor": "white",
}

RC: Any = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": True,
    "legend.framealpha": 0.8,
    "legend.edgecolor": "none",
    "legend.borderpad": 0.2,
    "legend.handlelength": 1.6,
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
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
    "svg.hashsalt": "gradflow",
}


@contextmanager
def in_style() -> Iterator[None]:
    """Put the style in force for what is made inside; global settings are as before afterwards."""
    import matplotlib as mpl

    with mpl.rc_context(RC):
        yield


@contextmanager
def drawing_on(ax: Axes | None) -> Iterator[Axes]:
    """Lend `ax`, or axes of a new figure of one column, with the style in force."""
    with in_style():
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.subplots(figsize=(COLUMN_WIDTH, COLUMN_HEIGHT), layout="constrained")[1]
        yield ax


def new_figure(
    num_panels: int = 1, width: float = COLUMN_WIDTH, height: float = COLUMN_HEIGHT, num_rows: int = 1
) -> tuple[Figure, Any]:
    """Return a figure in the style, and its panels row by row.

    The figure belongs to nobody: no window, no entry in pyplot's list.

    Parameters
    ----------
    num_panels : int
        Number of panels side by side in each row.
    width, height : float
        Size of the whole figure in inches.
    num_rows : int
        Number of rows of panels.

    Returns
    -------
    tuple of (matplotlib.figure.Figure, ndarray of Axes, shape (num_rows * num_panels,))
    """
    from matplotlib.figure import Figure

    with in_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(num_rows, num_panels, squeeze=False).ravel()


def descent_line(index: int) -> dict[str, Any]:
    """Return color and line of the descent drawn as number `index`; after six the lines are dotted."""
    rounds, place = divmod(index, len(DESCENT_COLORS))
    return {"color": DESCENT_COLORS[place], "linestyle": ("-", ":", "-.")[rounds % 3], "linewidth": 1.2}


def lines(runs: dict[str, Trajectory]) -> dict[str, dict[str, Any]]:
    """Return color and line of each run: flows alike, descents in their fixed sequence."""
    descents = iter(range(len(runs)))
    return {
        label: FLOW_LINE if run.is_continuous else descent_line(next(descents)) for label, run in runs.items()
    }


def read_narrow_decades(ax: Axes) -> None:
    """Label a logarithmic axis that spans hardly a decade with plain numbers."""
    from matplotlib.ticker import StrMethodFormatter

    for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        if axis.get_scale() == "log" and high < 8 * low:
            axis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
            axis.set_minor_formatter(StrMethodFormatter("{x:.3g}"))


def legend(ax: Axes) -> None:
    """Explain the lines, the mark of divergence last."""
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda place: labels[place] == DIVERGED)
    ax.legend([handles[place] for place in order], [labels[place] for place in order])
