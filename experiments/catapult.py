"""Does descent survive a learning rate beyond the stability limit?

It does, up to twice the limit: the loss rises until the weights have been thrown to a flatter place. In the
linear network f = u.v / sqrt(n) with n = 1000 hidden units and lambda = (|u|^2 + |v|^2) / n = 2.00236 at the
start, eta lambda = 2.5, 3 and 3.9 raise the loss from 1.75 to 52.9, 185 and 466 within 6, 4 and 3 steps;
then it falls to zero, with eta lambda ending at 1.270, 0.189 and 1.144. Below 2 the loss falls at once and
lambda hardly moves, above 4 descent diverges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import plots, script
from gradflow.analysis.stability import regime
from gradflow.experiments import descend
from gradflow.plots import style
from gradflow.problems import Catapult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
# A run of seconds.
QUICK = {"width": 200, "num_sweep": 30, "num_steps": 120}


@dataclass(frozen=True, eq=False)
class Throws:
    """Runs by the eta lambda they start with, and a sweep of it.

    Attributes
    ----------
    kernel : float
        lambda at the start.
    runs : dict of float to Trajectory
        With eta lambda recorded as "effective".
    regimes : dict of float to str
    starts, ends : ndarray, shape (m,)
        eta lambda at the start and at the end of each run of the sweep; nan where it diverged.
    """

    kernel: float
    runs: dict[float, gf.Trajectory]
    regimes: dict[float, str]
    starts: Array
    ends: Array


def run(
    *,
    width: int = 1000,
    seed: int = 0,
    products: Sequence[float] = (1.5, 2.5, 3.0, 3.9, 4.05),
    num_steps: int = 200,
    num_sweep: int = 90,
) -> Throws:
    """Return runs beyond the limit, and a sweep of eta lambda from 0.1 to 4.2.

    Parameters
    ----------
    width : int
        Hidden units.
    seed : int
        Of the starting weights.
    products : sequence of float
        eta lambda at the start of each run.
    num_steps : int
        Of all runs.
    num_sweep : int
        Runs of the sweep.
    """
    problem = Catapult(width, seed)
    w0 = problem.initial_weights()
    kernel = problem.kernel(w0)

    def thrown(product: float) -> gf.Trajectory:
        rate = product / kernel
        record = {"effective": lambda _, w: rate * problem.kernel(w)}
        return descend(problem, w0, rate, num_steps, record=record)

    runs = {product: thrown(product) for product in products}
    starts = np.linspace(0.1, 4.2, num_sweep)
    swept = [thrown(start) for start in starts.tolist()]
    lost = [each.outcome is gf.Outcome.DIVERGED for each in swept]
    ends = [np.nan if gone else each.records["effective"][-1] for gone, each in zip(lost, swept, strict=True)]
    names = {product: regime(each, problem).name for product, each in runs.items()}
    return Throws(kernel, runs, names, starts, np.array(ends))


def plot(results: Throws) -> Figure:
    """Return the figure: the losses, eta lambda on the way, and where it ends."""
    figure, panels = plots.new_figure(3, width="text", height=2.6)
    losses, products, ends = panels
    runs = {rf"$\eta\lambda_0 = {start:g}$": each for start, each in results.runs.items()}
    with plots.in_style():
        for i, (label, each) in enumerate(runs.items()):
            losses.plot(
                np.arange(len(each.step_losses)), each.step_losses, label=label, **style.descent_line(i)
            )
            products.plot(each.steps, each.records["effective"], label=label, **style.descent_line(i))
        losses.set(yscale="log", xlim=(0, 30), ylim=(1e-6, 3e3), xlabel=style.STEP, ylabel=style.LOSS)
        losses.set_title("the loss rises and falls")
        products.axhline(2.0, label="limits 2 and 4", **style.LIMIT_LINE)
        products.set(xlim=(0, 30), ylim=(0, 5), xlabel=style.STEP, ylabel=r"$\eta\lambda$ on the way")
        products.set_title("to a flatter place")
        ends.plot(results.starts, results.ends, ".", markersize=4, color=style.DESCENT_COLORS[0])
        ends.plot([0, 4], [0, 4], color="#999999", linewidth=0.7, label="unmoved")
        for place in (2.0, 4.0):
            ends.axvline(place, **style.LIMIT_LINE)
        ends.set(xlabel=r"$\eta\lambda$ at the start", ylabel=r"$\eta\lambda$ at the end", ylim=(0, 2.4))
        ends.set_title("where it ends")
        for x, word in ((1.0, "lazy"), (3.0, "catapult")):
            ends.text(x, 2.2, word, ha="center")
    plots.letter_panels(panels)
    plots.share_legend(figure)
    return figure


def answers(results: Throws) -> dict[str, Any]:
    """Return what each throw does, and where the sweep stops settling."""
    runs = results.runs.values()
    ends = [np.nan if each.diverged else each.records["effective"][-1] for each in runs]
    return {
        "lambda at the start": results.kernel,
        "runs": {
            "eta lambda": list(results.runs),
            "regime": list(results.regimes.values()),
            "highest loss": [np.inf if each.diverged else each.step_losses.max() for each in runs],
            "at step": [int(each.step_losses.argmax()) for each in runs],
            "eta lambda at the end": ends,
        },
        "largest eta lambda of the sweep that settles": results.starts[np.isfinite(results.ends)][-1],
    }


if __name__ == "__main__":
    script.run(__file__)
