"""Which learning rate does what, from which start?

Maps of the verdict over learning rate and starting weight. The identity neuron, the sigmoid weight that
should learn f(x) = x, never diverges: a step too long lands on flat ground, where the run stalls. The
double well goes from monotone at eta below 1/2 through overshooting to periods and chaos at the same
learning rates from nearly every start, and diverges beyond 2 from all of them. In the product of two weights
the start decides: the more unequal the weights, the sharper the valley, and the smaller the learning
rate from which descent has to move to a flatter place or diverges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow import plots, script
from gradflow.analysis.stability import regimes_of_many
from gradflow.plots.regimes import COLORS
from gradflow.problems import DoubleWell, ScalarProduct, SigmoidNeuron

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

# For each map: problem, start at a value, learning rates and values from and to, title, vertical label.
MAPS: dict[str, tuple[Any, Any, tuple[float, float], tuple[float, float], str]] = {
    "identity neuron": (SigmoidNeuron(), lambda s: [s], (1.0, 120.0), (-8.0, 8.0), "starting weight $w_0$"),
    "double well": (DoubleWell(), lambda s: [s], (0.1, 2.1), (-1.6, 1.6), "starting weight $x_0$"),
    "two-weight product": (
        ScalarProduct(2),
        lambda s: [s, 0.5],
        (0.05, 2.0),
        (0.05, 3.5),
        "starting weight $w_1$ ($w_2 = 1/2$)",
    ),
}
# A run of seconds.
QUICK = {"num_rates": 14, "num_starts": 10, "num_steps": 150}


@dataclass(frozen=True, eq=False)
class RegimeMap:
    """Verdicts over learning rates (columns) and starts (rows)."""

    learning_rates: Array
    starts: Array
    names: NDArray[np.str_]

    def share(self, name: str) -> float:
        """Return the share of the map that has a regime."""
        return float((self.names == name).mean())


def run(*, num_rates: int = 640, num_starts: int = 520, num_steps: int = 300) -> dict[str, RegimeMap]:
    """Return the maps, by name.

    Parameters
    ----------
    num_rates, num_starts : int
        Columns and rows of each map.
    num_steps : int
        Of each run.
    """
    return {name: _map(*each[:4], num_rates, num_starts, num_steps) for name, each in MAPS.items()}


def _map(
    problem: Any,
    start: Any,
    rates: tuple[float, float],
    starts: tuple[float, float],
    num_rates: int,
    num_starts: int,
    num_steps: int,
) -> RegimeMap:
    columns, rows = np.linspace(*rates, num_rates), np.linspace(*starts, num_starts)
    W0 = np.repeat([start(s) for s in rows.tolist()], num_rates, axis=0)
    names = regimes_of_many(problem, W0, np.tile(columns, num_starts), num_steps).names
    return RegimeMap(columns, rows, names.reshape(num_starts, num_rates))


def plot(results: dict[str, RegimeMap]) -> Figure:
    """Return the figure: a map for each problem."""
    from matplotlib.patches import Patch

    figure, panels = plots.new_figure(len(results), width="text", height=2.7)
    with plots.in_style():
        for ax, (name, each) in zip(panels, results.items(), strict=True):
            names, label = each.names.tolist(), MAPS[name][4]
            plots.draw_regime_map(each.learning_rates, each.starts, names, start_label=label, ax=ax)
            ax.set_title(name)
        occurring = [name for name in COLORS if any(each.share(name) for each in results.values())]
        patches = [Patch(color=COLORS[name], label=name.lower().replace("_", " ")) for name in occurring]
        plots.letter_panels(panels)
        plots.share_legend(figure, handles=patches)
    return figure


def answers(results: dict[str, RegimeMap]) -> dict[str, Any]:
    """Return the share of each map that has each regime."""
    return {
        name: {regime.lower(): each.share(regime) for regime in np.unique(each.names).tolist()}
        for name, each in results.items()
    }


if __name__ == "__main__":
    script.run(__file__)
