"""How does the critical learning rate depend on width and depth?

It falls as the network grows wider. On exclusive or, with starting weights of variance 1 / fan-in and 20
starts each, the limit 2 / lambda at the start falls from 0.98 with 2 hidden units to 0.17 with 64
(medians), from 16 units on nearly like 1 / width to the power of 0.8; the learning rate beyond which
descent no longer converges is 1.3 to 1.7 times as large from 4 units on, and falls with it to 0.29. Depth
matters less: from one to four layers of 8 the critical rate goes from 0.91 to 0.70, with a band over starts
as wide as that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import plots, script
from gradflow.analysis.stability import largest_stable_learning_rate
from gradflow.plots import style
from gradflow.sweeps import Group, Sweep, critical_rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
# A run of seconds.
QUICK = {"widths": (2, 8), "depths": (1, 2), "num_seeds": 4, "num_steps": 200}


@dataclass(frozen=True, eq=False)
class Rates:
    """Learning rates by size of the network (rows) and seed (columns).

    Attributes
    ----------
    sizes : ndarray of int, shape (m,)
        Widths, or numbers of hidden layers.
    critical : ndarray, shape (m, seeds)
        Beyond which descent no longer converges; nan where it did at every rate that was tried.
    limits : ndarray, shape (m, seeds)
        2 / lambda at the start.
    """

    sizes: NDArray[np.int64]
    critical: Array
    limits: Array


@dataclass(frozen=True, eq=False)
class ByWidth:
    """By width with one hidden layer, and by depth.

    Attributes
    ----------
    by_width, by_depth : Rates
    width : int
        Of each layer in `by_depth`.
    """

    by_width: Rates
    by_depth: Rates
    width: int


def network(width: int = 8, depth: int = 1) -> gf.problems.FeedForward:
    """Return a network for exclusive or with `depth` hidden layers."""
    return gf.problems.FeedForward(*gf.datasets.xor(), [width] * depth)


def limits(group: Group) -> dict[str, Array]:
    """Return 2 / lambda at each start."""
    found = [largest_stable_learning_rate(group.problem, start) for start in group.starts]
    return {"limit": np.array(found)}


def run(
    *,
    widths: Sequence[int] = (2, 4, 8, 16, 32, 64),
    depths: Sequence[int] = (1, 2, 3, 4),
    width: int = 8,
    num_seeds: int = 20,
    num_steps: int = 500,
) -> ByWidth:
    """Return critical learning rates and limits of nets with starting weights of variance 1 / fan-in.

    Parameters
    ----------
    widths : sequence of int
        Of the one hidden layer.
    depths : sequence of int
        Numbers of hidden layers.
    width : int
        Of each layer where the depth varies.
    num_seeds : int
        Starting weights of each.
    num_steps : int
        Of each descent.
    """
    by_width = _rates("width", widths, {}, num_seeds, num_steps)
    by_depth = _rates("depth", depths, {"width": [width]}, num_seeds, num_steps)
    return ByWidth(by_width, by_depth, width)


def _rates(name: str, sizes: Sequence[int], others: dict[str, Any], num_seeds: int, num_steps: int) -> Rates:
    axes = {name: sizes, "seed": range(num_seeds), **others}
    # The critical rate is looked for; the learning rate of the sweep itself is not used.
    sweep = Sweep(network, axes, num_steps, 0.1, compute=(critical_rates, limits))
    result = sweep.run()
    if not result.is_whole:
        raise RuntimeError(f"the sweep is not whole: {dict(result.missing)}")
    shape = (len(sizes), num_seeds)
    critical, start = (result.grid(column).reshape(shape) for column in ("critical_rate", "limit"))
    return Rates(np.array(sizes), critical, start)


def plot(results: ByWidth) -> Figure:
    """Return the figure: both learning rates by width and by depth, with bands over starts."""
    figure, panels = plots.new_figure(2, width="text", height=2.8)
    with plots.in_style():
        _draw(panels[0], results.by_width)
        panels[0].set_xscale("log", base=2)
        panels[0].set(xlabel="width of the hidden layer", ylabel=r"learning rate $\eta$")
        panels[0].set_title("one hidden layer")
        _draw(panels[1], results.by_depth)
        panels[1].set_xticks(results.by_depth.sizes)
        panels[1].set(xlabel="hidden layers", ylabel=r"learning rate $\eta$")
        panels[1].set_title(f"layers of {results.width}")
        for panel in panels:
            panel.set_yscale("log")
            plots.legend(panel)
    plots.letter_panels(panels)
    plots.settle_legends(figure)
    return figure


def _draw(ax: Axes, rates: Rates) -> None:
    lines = {
        "critical rate": (rates.critical, style.descent_line(0)),
        r"$2/\lambda$ at the start": (rates.limits, style.LIMIT_LINE),
    }
    for label, (values, line) in lines.items():
        low, middle, high = np.nanquantile(values, (0.1, 0.5, 0.9), axis=1)
        ax.plot(rates.sizes, middle, label=label, **line)
        ax.fill_between(rates.sizes, low, high, color=line["color"], alpha=0.2, linewidth=0)


def answers(results: ByWidth) -> dict[str, Any]:
    """Return medians over starts of the critical learning rate, the limit at the start, and their ratio."""
    return {
        name: {
            "size": rates.sizes,
            "critical rate": np.nanmedian(rates.critical, axis=1),
            "limit at the start": np.median(rates.limits, axis=1),
            "critical over limit": np.nanmedian(rates.critical / rates.limits, axis=1),
        }
        for name, rates in (("by width", results.by_width), ("by depth", results.by_depth))
    }


if __name__ == "__main__":
    script.run(__file__)
