"""Why does descent end just below the edge of stability?

Because the flow's own conserved quantity drifts until it fits. On E = 1/2 (1 - x^2 y^2)^2 every minimum
(x, 1/x) has a sharpness of its own, and the flow from the start would end at one too sharp for the
learning rate. Descent instead drifts along the valley and settles at a sharpness just below 2 / eta:
eta S / 2 = 0.999900, 0.997693, 0.991116 at eta = 0.01, 0.05, 0.2, wherever it started. On four weights
that are multiplied, E = 1/2 (w1 w2 w3 w4 - 1)^2, the sharpness of the minimum that the flow would reach from
the present weights never rises (by more than 2e-15), while the loss rises at 399 of 3,000 steps: from 1.2
times the edge it falls to 0.998.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import plots, script
from gradflow.curvature import sharpness
from gradflow.experiments import descend
from gradflow.plots import style
from gradflow.problems import MinimalistEdge, ScalarProduct

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

STARTS = (1.05, 1.1, 1.2)
# A run of seconds.
QUICK = {"learning_rates": (0.05, 0.1, 0.2), "flow_times": 300.0, "num_steps": 1000}


@dataclass(frozen=True, eq=False)
class Edges:
    """Where descent settles, and how it drifts.

    Attributes
    ----------
    learning_rates : ndarray, shape (m,)
    products : ndarray, shape (m, 3)
        eta S / 2 at the end, from x0 = 1.05, 1.1 and 1.2 times the edge's x and y0 = 0.9 / x0.
    path : Trajectory
        At `path_rate` from 1.2.
    path_rate : float
    drift : Trajectory
        On the product of weights, "sharpness" recorded as that of the flow's limit.
    drift_rate : float
    """

    learning_rates: Array
    products: Array
    path: gf.Trajectory
    path_rate: float
    drift: gf.Trajectory
    drift_rate: float

    @property
    def num_rises(self) -> int:
        """Steps of the drift at which the loss rose."""
        return int((np.diff(self.drift.step_losses) > 0).sum())

    @property
    def largest_rise(self) -> float:
        """The most by which the sharpness of the flow's limit rose in a step."""
        return float(np.diff(self.drift.records["sharpness"]).max())


def run(
    *,
    learning_rates: Sequence[float] = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.23),
    flow_times: float = 1000.0,
    least_steps: int = 1000,
    path_rate: float = 0.1,
    weights: Sequence[float] = (0.5, 0.8, 1.1, 1.6),
    excess: float = 1.2,
    num_steps: int = 3000,
) -> Edges:
    """Return where descent settles on two weights, and its drift on a product that starts `excess` too sharp.

    Parameters
    ----------
    learning_rates : sequence of float
        Of the runs on two weights.
    flow_times : float
        Flow time of each run, unless `least_steps` take longer.
    least_steps : int
        The least steps of each run.
    path_rate : float
        Learning rate of the path that is drawn.
    weights : sequence of float
        Start on the product.
    excess : float
        eta S / 2 of the flow's limit there.
    num_steps : int
        Steps on the product.
    """
    problem, product = MinimalistEdge(), ScalarProduct(len(weights))
    products = [
        [_settled(problem, rate, start, max(least_steps, round(flow_times / rate))) for start in STARTS]
        for rate in learning_rates
    ]
    x = STARTS[-1] * problem.edge(path_rate)[0]
    path = descend(problem, [x, 0.9 / x], path_rate, 400)
    first = sharpness(product, product.flow_limit(weights))
    rate = 2.0 * excess / first
    record = {"sharpness": lambda _, w: float(np.sum(product.flow_limit(w) ** -2.0))}
    drift = descend(product, weights, rate, num_steps, record=record)
    return Edges(np.array(learning_rates), np.array(products), path, path_rate, drift, rate)


def _settled(problem: MinimalistEdge, rate: float, start: float, num_steps: int) -> float:
    x = start * problem.edge(rate)[0]
    run = descend(problem, [x, 0.9 / x], rate, num_steps, record_every=num_steps)
    return 0.5 * rate * sharpness(problem, run.final_weights)


def plot(results: Edges) -> Figure:
    """Return the figure: a path along the valley, where descent settles, and the drift."""
    figure, panels = plots.new_figure(3, width="text", height=2.9)
    valley, settled, drift = panels
    problem = MinimalistEdge()
    with plots.in_style():
        run = {rf"$\eta = {results.path_rate:g}$": results.path}
        plots.draw_path(problem, run, ax=valley, linewidth=0.4, markersize=2)
        low, high = valley.get_xlim()
        x = np.linspace(max(low, 0.3), high, 200)
        valley.plot(x, 1 / x, color=style.DARK, linewidth=0.8, label="minima $y = 1/x$")
        edge = problem.edge(results.path_rate)
        valley.plot(*edge, "*", markersize=8, color=style.DESCENT_COLORS[3], label=r"sharpness $2/\eta$")
        valley.set(xlabel="weight $x$", ylabel="weight $y$", title="to and fro in the valley")
        plots.legend(valley, above=True)
        for i, start in enumerate(STARTS):
            # The three lie on each other: rings of three sizes.
            settled.loglog(
                results.learning_rates,
                1 - results.products[:, i],
                **style.descent_line(i),
                marker="o",
                fillstyle="none",
                markersize=9 - 3 * i,
                label=f"from {start:g} times the edge",
            )
        settled.set(xlabel=style.LEARNING_RATE, ylabel=r"below the edge, $1 - \eta S/2$")
        settled.set_title("where it settles")
        plots.legend(settled, above=True)
        steps = results.drift.steps
        excess = 0.5 * results.drift_rate * results.drift.records["sharpness"] - 1.0
        drift.loglog(steps[1:], results.drift.losses[1:], **style.descent_line(0), label=style.LOSS)
        above = (excess > 0) & (steps > 0)
        drift.plot(steps[above], excess[above], **style.flow_line(), label=r"$\eta S/2 - 1$, flow's limit")
        drift.set(xlim=(1, steps[-1]), xlabel=style.STEP, ylabel="loss, and above the edge")
        drift.set_title("the drift of the valley")
        plots.legend(drift, above=True)
    plots.letter_panels(panels)
    return figure


def answers(results: Edges) -> dict[str, Any]:
    """Return where descent settles, and how it drifts."""
    series = 0.5 * results.drift_rate * results.drift.records["sharpness"]
    return {
        "eta S / 2 at the end": {
            "eta": results.learning_rates,
            **{f"from {start:g}": row for start, row in zip(STARTS, results.products.T, strict=True)},
        },
        "product of weights": {
            "eta": results.drift_rate,
            "steps at which the loss rose": results.num_rises,
            "largest rise of the sharpness of the flow's limit": results.largest_rise,
            "eta S / 2 of the flow's limit at the start": series[0],
            "at the end": series[-1],
        },
    }


if __name__ == "__main__":
    script.run(__file__)
