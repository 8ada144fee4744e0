"""How much does momentum move the stability limit?

Heavy ball with momentum b is stable up to (2 + 2 b) / lambda, nearly twice the limit of plain descent,
Nesterov only up to (2 + 2 b) / ((1 + 2 b) lambda): for b = 0.5 that is 3.0 and 1.5, for 0.9 3.8 and
1.357143, for 0.99 3.98 and 1.335570, each over lambda. Bisection of the companion matrix gives these to
1e-9, and bisection over whole runs on a quadratic of one weight to 1e-4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow import plots, script
from gradflow.analysis.stability import (
    critical_learning_rate,
    largest_stable_learning_rate,
    linear_stability,
)
from gradflow.plots import style
from gradflow.problems import Quadratic
from gradflow.rules import GradientDescent, HeavyBall, Nesterov

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

MAKERS = {"heavy ball": HeavyBall, "Nesterov": Nesterov}
BOWL = Quadratic(1.0)
# A run of seconds.
QUICK = {"momenta": (0.0, 0.5, 0.9), "num_steps": 1000}


@dataclass(frozen=True, eq=False)
class Limits:
    """Limits of eta lambda, by rule (rows: heavy ball, Nesterov) and momentum (columns).

    Attributes
    ----------
    momenta : ndarray, shape (m,)
    companion : ndarray, shape (2, m)
        From the companion matrix.
    closed : ndarray, shape (2, m)
        The closed form.
    measured : ndarray, shape (2, m)
        From runs.
    """

    momenta: Array
    companion: Array
    closed: Array
    measured: Array


def run(*, momenta: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99), num_steps: int = 2000) -> Limits:
    """Return the limits of both rules with each momentum.

    Parameters
    ----------
    momenta : sequence of float
        b of both rules.
    num_steps : int
        Of the runs that are bisected.
    """
    rules = [[make(1.0, momentum) for momentum in momenta] for make in MAKERS.values()]
    companion = [[linear_stability(rule, 1.0) for rule in row] for row in rules]
    closed = [[largest_stable_learning_rate(BOWL, [0.0], rule) for rule in row] for row in rules]
    measured = [
        [critical_learning_rate(BOWL, [1.0], rule=rule, num_steps=num_steps) for rule in row] for row in rules
    ]
    return Limits(np.array(momenta), np.array(companion), np.array(closed), np.array(measured))


def plot(results: Limits) -> Figure:
    """Return the figure: the limits against momentum, and the stability regions."""
    figure, (limits, region) = plots.new_figure(2, width="text", height=3.0)
    fine = np.linspace(0.0, 0.999, 200)
    with plots.in_style():
        for i, (name, make) in enumerate(MAKERS.items()):
            line = style.descent_line(i)
            curve = [largest_stable_learning_rate(BOWL, [0.0], make(1.0, b)) for b in fine.tolist()]
            limits.plot(fine, curve, label=f"{name}: closed form", **line)
            limits.plot(
                results.momenta, results.companion[i], "s", color=line["color"], markersize=6, mfc="none"
            )
            limits.plot(results.momenta, results.measured[i], "x", color=line["color"], markersize=4)
        limits.plot([], [], "s", color="#777777", mfc="none", label="companion matrix")
        limits.plot([], [], "x", color="#777777", label="whole runs")
        limits.axhline(2.0, label="plain descent", **style.LIMIT_LINE)
        limits.set(xlabel="momentum $b$", ylabel=r"largest stable $\eta\lambda$", ylim=(0.0, 4.2))
        limits.set_title("closed form, matrix and runs agree")
        plots.legend(limits)
        shown = {
            "descent": GradientDescent(1.0),
            "heavy ball 0.9": HeavyBall(1.0, 0.9),
            "Nesterov 0.9": Nesterov(1.0, 0.9),
        }
        plots.draw_stability_region(shown, ax=region).set_title("stable inside")
    plots.letter_panels((limits, region))
    plots.settle_legends(figure)
    return figure


def answers(results: Limits) -> dict[str, Any]:
    """Return the limits of eta lambda in closed form, from the companion matrix and from whole runs."""
    return {
        name: {
            "b": results.momenta,
            "closed form": results.closed[i],
            "companion matrix": results.companion[i],
            "whole runs": results.measured[i],
        }
        for i, name in enumerate(MAKERS)
    }


if __name__ == "__main__":
    script.run(__file__)
