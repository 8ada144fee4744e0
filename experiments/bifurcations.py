"""What does descent do in a double well as the learning rate grows?

It goes through a period-doubling cascade into chaos. In E = 1/4 (x^2 - 1)^2 the minimum is stable up to
eta = 2 / E'' = 1, where it flips to a 2-cycle; that one flips at sqrt(5) - 1 = 1.236068, the 4-cycle at
1.288032, the 8-cycle at 1.299228. At 1.35 the Lyapunov exponent is 0.277 a step: descent is chaotic, and
bounded all the same. At 3 sqrt(3) / 2 - 1 = 1.598 the attractors of the two wells become one, and only
beyond 2 does the weight escape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow import plots, script
from gradflow.analysis.stability import (
    Bifurcations,
    bifurcation_diagram,
    critical_learning_rate,
    lyapunov_exponents,
    one_step_map,
)
from gradflow.analysis.stability.maps import flip_learning_rate
from gradflow.plots import style
from gradflow.problems import DoubleWell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

WELL = DoubleWell()
DASHES = ("--", ":", "-.", (0, (1, 3)))
MERGE = 1.5 * np.sqrt(3.0) - 1.0
# For each period learning rates before and behind its flip.
BRACKETS = {1: (0.9, 1.1), 2: (1.1, 1.25), 4: (1.25, 1.29), 8: (1.29, 1.3)}
# A run of seconds.
QUICK = {"num_rates": 120, "num_transient": 400, "num_kept": 60, "num_steps": 10_000}


@dataclass(frozen=True, eq=False)
class Cascade:
    """The attractor and its stability at each learning rate.

    Attributes
    ----------
    diagram : Bifurcations
        Followed from the smallest learning rate up.
    exponents : ndarray, shape (m,)
        Lyapunov exponent per step, the mean logarithm of the map's slope on the attractor.
    flips : dict of int to float
        For each period the learning rate at which its cycle flips.
    chaotic_exponent : float
        The exponent at 1.35, from a run of its own.
    converging : float
        The learning rate up to which runs from the start converge.
    """

    diagram: Bifurcations
    exponents: Array
    flips: dict[int, float]
    chaotic_exponent: float
    converging: float

    @property
    def merge(self) -> float:
        """The first learning rate of the diagram at which the attractor visits both wells."""
        both = (np.sign(self.diagram.points).min(axis=(1, 2)) < 0) & ~self.diagram.diverged
        both &= np.sign(self.diagram.points).max(axis=(1, 2)) > 0
        return float(self.diagram.learning_rates[both][0]) if both.any() else np.nan


def run(
    *,
    start: float = 0.9,
    low: float = 0.9,
    high: float = 2.02,
    num_rates: int = 700,
    num_transient: int = 1500,
    num_kept: int = 150,
    num_steps: int = 100_000,
) -> Cascade:
    """Return the cascade over learning rates.

    Parameters
    ----------
    start : float
        Weight from which all runs start.
    low, high : float
        Learning rates of the diagram, from and to.
    num_rates : int
        How many there are.
    num_transient, num_kept : int
        Steps left out at each, and steps shown.
    num_steps : int
        Of the run in chaos whose exponent is told.
    """
    rates = np.linspace(low, high, num_rates)
    diagram = bifurcation_diagram(WELL, rates, [start], num_transient=num_transient, num_kept=num_kept)
    with np.errstate(divide="ignore"):
        exponents = [
            np.log(np.abs(one_step_map(WELL, rate).slope(points[:, 0]))).mean()
            for rate, points in zip(rates.tolist(), diagram.points, strict=True)
        ]
    flips = {
        period: flip_learning_rate(WELL, [start], period, *bracket) for period, bracket in BRACKETS.items()
    }
    chaotic = lyapunov_exponents(WELL, [start], 1.35, num_steps, num_transient=num_transient)
    converging = critical_learning_rate(WELL, [start], num_steps=4000)
    return Cascade(diagram, np.array(exponents), flips, float(chaotic[0]), converging)


def plot(results: Cascade) -> Figure:
    """Return the figure: the attractor and its Lyapunov exponent, and cobwebs before and behind a flip."""
    figure, panels = plots.new_figure(2, width="text", height=5.2, num_rows=2, width_ratios=[1.4, 1.0])
    attractor, cobweb, exponent, chaos = panels
    first, second, *_ = results.flips.values()
    thresholds = {r"$2/\lambda = 1$": first, r"$\sqrt{5}-1$": second, "wells merge": MERGE, "escape": 2.0}
    with plots.in_style():
        plots.draw_bifurcation(results.diagram, ax=attractor).set_title("where descent ends up")
        finite = np.isfinite(results.exponents)
        exponent.plot(
            results.diagram.learning_rates[finite],
            results.exponents[finite],
            **{**style.descent_line(0), "linewidth": 0.9},
        )
        exponent.axhline(0.0, **style.FLOW_LINE | {"linewidth": 0.8})
        for (label, rate), dashes in zip(thresholds.items(), DASHES, strict=True):
            for ax in (attractor, exponent):
                ax.axvline(rate, label=label, color="#555555", linewidth=1.0, linestyle=dashes)
        exponent.set(
            xlabel=style.LEARNING_RATE,
            ylabel="Lyapunov exponent per step",
            ylim=(-2.0, 1.3),
            xlim=attractor.get_xlim(),
            title="above 0: chaos",
        )
        for ax in (attractor, exponent):
            plots.legend(ax, above=True)
        plots.draw_cobweb(one_step_map(WELL, 1.1), 0.9, 60, low=0.2, high=1.5, ax=cobweb)
        plots.draw_cobweb(one_step_map(WELL, 1.35), 0.9, 60, low=0.2, high=1.5, ax=chaos)
        for ax, title in ((cobweb, "a 2-cycle"), (chaos, "chaos")):
            ax.set_title(title)
    plots.letter_panels(panels)
    return figure


def answers(results: Cascade) -> dict[str, Any]:
    """Return the thresholds of the cascade."""
    return {
        "flips": {"period": list(results.flips), "eta": list(results.flips.values())},
        "runs from 0.9 converge up to eta": results.converging,
        "Lyapunov exponent at 1.35, a step": results.chaotic_exponent,
        "wells merge on the grid at eta": results.merge,
        "3 sqrt(3) / 2 - 1": MERGE,
        "last bounded eta of the grid": results.diagram.learning_rates[~results.diagram.diverged][-1],
    }


if __name__ == "__main__":
    script.run(__file__)
