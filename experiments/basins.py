"""From which starts does descent arrive, at which minimum, and after how many steps?

The product of two weights, E = 1/2 (w_1 w_2 - 1)^2, has two hyperbolas of minima, and at each of them the
sharpness is w_1^2 + w_2^2. Of a million starts in the square from -4 to 4 descent at eta = 0.2 arrives from
90 %, in half of the cases after at most 34 steps, and only at minima whose sharpness is below 2 / eta = 10;
from the other 10 % it diverges. The nearer to that edge, the longer it takes. Towards the border of the
region ever smaller copies of the picture follow one another, so that neighboring starts end far apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import plots, script
from gradflow.plots import style
from gradflow.problems import ScalarProduct
from gradflow.simulate.lanes.many_runs import uninterrupted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
# A run of seconds.
QUICK = {"num_starts": 100, "num_steps": 1000}


@dataclass(frozen=True, eq=False)
class Basins:
    """Where runs from a square grid of starts end; rows go with w_2.

    Attributes
    ----------
    learning_rate : float
    starts : ndarray, shape (m,)
        Of either weight.
    sharpness : ndarray, shape (m, m)
        At the minimum reached, nan where none is.
    upper : ndarray of bool, shape (m, m)
        Whether it is one of positive weights.
    steps : ndarray of int, shape (m, m)
        Until the loss was 1e-20, or the run diverged or ended.
    diverged : ndarray of bool, shape (m, m)
    """

    learning_rate: float
    starts: Array
    sharpness: Array
    upper: NDArray[np.bool_]
    steps: NDArray[np.int64]
    diverged: NDArray[np.bool_]

    @property
    def arrived(self) -> NDArray[np.bool_]:
        """Whether a minimum was reached."""
        return np.isfinite(self.sharpness)


def run(
    *, learning_rate: float = 0.2, largest: float = 4.0, num_starts: int = 1000, num_steps: int = 2000
) -> Basins:
    """Return where descent ends from the starts of a square grid.

    Parameters
    ----------
    learning_rate : float
        eta of all runs.
    largest : float
        The weights of starts reach from its negative to it.
    num_starts : int
        Of either weight.
    num_steps : int
        The most of each run.
    """
    starts = np.linspace(-largest, largest, num_starts)
    W0 = np.stack(np.meshgrid(starts, starts), axis=-1).reshape(-1, 2)
    many = gf.descend_many(ScalarProduct(2), W0, learning_rate, num_steps, loss_tolerance=1e-20)
    runs = uninterrupted(many)
    arrived = runs.outcomes == gf.Outcome.CONVERGED
    sharpness = np.where(arrived, np.sum(runs.weights**2, axis=1), np.nan)
    shape = num_starts, num_starts
    return Basins(
        learning_rate,
        starts,
        sharpness.reshape(shape),
        (arrived & (runs.weights[:, 0] > 0)).reshape(shape),
        runs.num_steps.reshape(shape),
        (runs.outcomes == gf.Outcome.DIVERGED).reshape(shape),
    )


def plot(results: Basins) -> Figure:
    """Return the figure: how sharp the minimum is that each start leads to, and after how many steps."""
    from matplotlib.colors import LogNorm

    figure, (sharp, steps) = plots.new_figure(2, width="text", height=3.0)
    ends = 1.0 * results.starts[[0, -1, 0, -1]]
    with plots.in_style():
        values = 0.5 * results.learning_rate * results.sharpness
        counts = np.where(results.arrived, np.maximum(results.steps, 1), np.nan)
        for ax, image, options, label in (
            (sharp, values, {"vmin": 0.0, "vmax": 1.0}, r"$\eta S / 2$ at the minimum reached"),
            (steps, counts, {"norm": LogNorm()}, "steps until the loss is $10^{-20}$"),
        ):
            ax.set_facecolor("#dddddd")
            drawn = ax.imshow(image, origin="lower", extent=tuple(ends), cmap="viridis", **options)
            figure.colorbar(drawn, ax=ax, shrink=0.85, label=label)
            ax.grid(False)
            ax.set(xlabel="starting weight $w_1$", ylabel="starting weight $w_2$", aspect="equal")
            ax.set_title(rf"$\eta = {results.learning_rate:g}$, {style.DIVERGED} in gray")
    plots.letter_panels((sharp, steps))
    return figure


def answers(results: Basins) -> dict[str, Any]:
    """Return shares of the starts, and what is reached from them."""
    steps = results.steps[results.arrived]
    return {
        "share of starts": {
            "that arrive at positive weights": float(results.upper.mean()),
            "that arrive at negative weights": float((results.arrived & ~results.upper).mean()),
            "that diverge": float(results.diverged.mean()),
            "that do neither": float((~results.arrived & ~results.diverged).mean()),
        },
        "minima reached": {
            "largest eta S / 2": float(0.5 * results.learning_rate * np.nanmax(results.sharpness)),
            "steps, median": float(np.median(steps)),
            "steps, largest": int(steps.max()),
        },
    }


if __name__ == "__main__":
    script.run(__file__)
