"""How slow must weights be for the flow to describe a network that relaxes while it learns?

The distance between the weights of the coupled system (activations, adjoint and weights all moving) and
those of the adiabatic flow is proportional to the ratio epsilon of the time scales: slope 1.01 from
epsilon = 0.03 to 0.01, 3 % of the way the weights go at epsilon = 0.1. Learning is robust well beyond
that: with weights as fast as the activations (epsilon = 1) the loss at flow time 300 is 27 % higher, no
more. It breaks at epsilon = 10, where the loss swings on the way and is 36 times as high at the end; at 30
and 100 it is still where it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import cases, plots, script
from gradflow.experiments import integrate
from gradflow.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
# A run of seconds.
QUICK = {"ratios": (10.0, 1.0, 0.1), "end_time": 60.0, "rtol": 1e-6}


@dataclass(frozen=True, eq=False)
class Separation:
    """The adiabatic flow and coupled systems of several ratios of time scales.

    Attributes
    ----------
    adiabatic : Trajectory
        The gradient flow of rate 1.
    ratios : ndarray, shape (m,)
        epsilon = tau_x / tau_w = tau_z / tau_w, descending.
    coupled : tuple of Trajectory
        One for each ratio, with tau_w = 1.
    distances : ndarray, shape (m,)
        Largest distance of the weights from the adiabatic flow's.
    """

    adiabatic: gf.Trajectory
    ratios: Array
    coupled: tuple[gf.Trajectory, ...]
    distances: Array

    @property
    def orders(self) -> Array:
        """Observed order between successive ratios, shape (m - 1,)."""
        return gf.analysis.convergence.pairwise_orders(self.ratios, self.distances)


def run(
    *,
    ratios: Sequence[float] = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01),
    end_time: float = 300.0,
    seed: int = 0,
    rtol: float = 1e-8,
) -> Separation:
    """Return the coupled system on exclusive or at several ratios of its time scales.

    Parameters
    ----------
    ratios : sequence of float
        epsilon, descending.
    end_time : float
        Flow time, in units of tau_w = 1.
    seed : int
        Of the starting weights.
    rtol : float
        Of the integrator.
    """
    case = cases.make("pineda-xor", seed=seed)
    adiabatic = integrate(gf.GradientFlow(case.problem), case.w0, end_time, rtol=rtol)
    coupled = tuple(
        integrate(gf.flows.ThreeTimeScales(case.problem, ratio, ratio, 1.0), case.w0, end_time, rtol=rtol)
        for ratio in ratios
    )
    distances = np.array([gf.compare(each, adiabatic).largest_distance for each in coupled])
    return Separation(adiabatic, np.array(ratios), coupled, distances)


def plot(results: Separation) -> Figure:
    """Return the figure: losses of the coupled systems, and their distance to the adiabatic flow."""
    figure, panels = plots.new_figure(2, width="text", height=2.8)
    with plots.in_style():
        _draw_losses(panels[0], results)
        _draw_distances(panels[1], results)
    plots.letter_panels(panels)
    plots.settle_legends(figure)
    return figure


def _draw_losses(ax: Axes, results: Separation) -> None:
    flow = results.adiabatic
    ax.loglog(flow.step_times[1:], flow.step_losses[1:], label="adiabatic flow", **style.FLOW_LINE)
    fast = [(ratio, each) for ratio, each in zip(results.ratios, results.coupled, strict=True) if ratio >= 1]
    for place, (ratio, each) in enumerate(reversed(fast)):
        line = style.descent_line(place)
        ax.loglog(each.step_times[1:], each.step_losses[1:], label=rf"$\varepsilon = {ratio:g}$", **line)
    ax.set_xlim(left=1.0)
    ax.set(xlabel=r"flow time $t / \tau_w$", ylabel=r"loss $E$ at the fixed points", title="loss decrease")
    plots.legend(ax)


def _draw_distances(ax: Axes, results: Separation) -> None:
    ratios, distances = results.ratios, results.distances
    ax.loglog(ratios, distances, "o-", color=style.DESCENT_COLORS[0], markersize=4, label="coupled system")
    ends = np.array([ratios[-1], 1.0])
    ax.plot(ends, 0.5 * distances[-1] * ends / ends[0], ":", color=style.LIMIT_LINE["color"], label="slope 1")
    ax.axvline(1.0, label="weights as fast as activations", **style.LIMIT_LINE)
    ax.set(
        xlabel=r"ratio $\varepsilon = \tau_x/\tau_w = \tau_z/\tau_w$", ylabel=r"largest $|w_\varepsilon - w|$"
    )
    ax.set_title(f"distance to the adiabatic flow, slope {results.orders[-1]:.2f}")
    plots.legend(ax)


def answers(results: Separation) -> dict[str, Any]:
    """Return how far the coupled systems are from the adiabatic flow."""
    flow = results.adiabatic
    return {
        "final loss of the adiabatic flow": flow.final_loss,
        "way of its weights": float(np.linalg.norm(flow.final_weights - flow.weights[0])),
        "coupled systems": {
            "epsilon": results.ratios,
            "largest distance": results.distances,
            "final loss": [each.final_loss for each in results.coupled],
            "order": [np.nan, *results.orders],
        },
    }


if __name__ == "__main__":
    script.run(__file__)
