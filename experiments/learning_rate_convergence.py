"""How fast does descent approach the flow as the learning rate shrinks?

In proportion to the learning rate, below about a quarter of the stability limit 2 / lambda: descent is
Euler's method on the flow, a method of first order. From one start the flow and descents at eta0 / 2^k run to
the same flow time, on the handwritten digits (a 64-32-10 tanh network on all 1797 images) and on exclusive or
(2-4-1). Over the finest halving the distance to the flow falls with slope 1.02 on the digits and 1.04 on
exclusive or (1.00 to 1.04 from six starts). At half the limit it is 1 % of the way that the flow has come;
from there to the limit it grows faster than the learning rate, with slope 1.8 on the digits and 4.8 to 6.6 on
exclusive or, and descent diverges on the digits at 3.9 times the limit, on exclusive or at 2.0.
The loss hides this: on the digits descent at 1.9 times the limit ends within 6 % of the flow's loss, with
weights farther from the flow's (1.6 of its way) than those are from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import cases, plots, script
from gradflow.experiments import descend, integrate
from gradflow.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

TITLES = {"digits": "digits, 64-32-10", "xor": "exclusive or, 2-4-1"}
# Beyond so many times the flow's way a descent counts as diverged.
FAR = 10.0
NUM_CURVES = 4
# A run of seconds.
QUICK = {"end_times": (2.0, 20.0), "num_halvings": 5}


@dataclass(frozen=True, eq=False)
class Approach:
    """The flow of one case and the descents beside it, from the largest learning rate down.

    Attributes
    ----------
    name : str
        The case.
    limit : float
        The stability limit 2 / lambda at the start.
    flow : Trajectory
        To the end time at tolerance 1e-9.
    learning_rates : ndarray, shape (m,)
        eta0 / 2^k, each a whole part of the end time.
    descents : tuple of Trajectory
        One for each learning rate.
    distances : ndarray, shape (m,)
        |w_K - w(T)| / |w(T) - w(0)|, at the end time T.
    """

    name: str
    limit: float
    flow: gf.Trajectory
    learning_rates: Array
    descents: tuple[gf.Trajectory, ...]
    distances: Array

    @property
    def orders(self) -> Array:
        """Observed order of each halving, shape (m - 1,); the last one belongs to the finest pair."""
        return gf.analysis.convergence.pairwise_orders(self.learning_rates, self.distances)


def run(
    *,
    names: Sequence[str] = ("digits", "xor"),
    end_times: Sequence[float] = (5.0, 50.0),
    largest: float = 4.0,
    num_halvings: int = 7,
    seed: int = 0,
) -> tuple[Approach, ...]:
    """Return the approach of descent to the flow in each case.

    Parameters
    ----------
    names : sequence of str
        Cases of `gradflow.cases`.
    end_times : sequence of float
        Flow time T of each case.
    largest : float
        The largest learning rate in units of the stability limit, met from below so that its steps
        are a whole part of T.
    num_halvings : int
        How often it is halved.
    seed : int
        Of the starting weights.
    """
    pairs = zip(names, end_times, strict=True)
    return tuple(_approach(name, end_time, largest, num_halvings, seed) for name, end_time in pairs)


def _approach(name: str, end_time: float, largest: float, num_halvings: int, seed: int) -> Approach:
    case = cases.make(name, seed=seed)
    limit = gf.analysis.stability.largest_stable_learning_rate(case.problem, case.w0)
    fewest = int(np.ceil(end_time / (largest * limit)))
    counts = [fewest * 2**k for k in range(num_halvings + 1)]
    flow = integrate(gf.GradientFlow(case.problem), case.w0, end_time, rtol=1e-9, times=2)
    descents = tuple(descend(case.problem, case.w0, end_time / n, n, record_every=n) for n in counts)
    distances = np.array([gf.compare(each, flow).relative_distance[-1] for each in descents])
    return Approach(name, limit, flow, end_time / np.array(counts), descents, distances)


def plot(results: Sequence[Approach]) -> Figure:
    """Return the figure: the loss decrease in each case, and the distance to the flow in all of them."""
    figure, panels = plots.new_figure(len(results) + 1, width="text", height=2.8)
    with plots.in_style():
        for ax, approach in zip(panels, results, strict=False):
            _draw_decrease(ax, approach)
        _draw_approach(panels[-1], results)
    plots.letter_panels(panels)
    plots.share_legend(figure)
    return figure


def _draw_decrease(ax: Axes, approach: Approach) -> None:
    """Draw the losses of the flow and of the coarsest descents, the finest of them first."""
    chosen = [k for k in reversed(range(len(approach.descents))) if k < NUM_CURVES]
    shares = approach.learning_rates / approach.limit
    # Rounded to what the halvings aim at: steps must be a whole part of the time.
    nominal = 2.0 ** np.round(np.log2(shares))
    runs = {rf"$\eta \approx {nominal[k]:g}\cdot 2/\lambda$": approach.descents[k] for k in chosen}
    plots.draw_losses({"flow": approach.flow, **runs}, xscale="log", ax=ax)
    ax.set(title=TITLES.get(approach.name, approach.name), xlabel="flow time $t$")


def _draw_approach(ax: Axes, results: Sequence[Approach]) -> None:
    """Draw the distances at the end against learning rates in units of the limit, far ones at the top."""
    for place, (marker, each) in enumerate(zip("os^v", results, strict=False)):
        color = style.DESCENT_COLORS[-1 - place]
        shares, near = each.learning_rates / each.limit, each.distances < FAR
        label = f"{each.name} at $t = {each.flow.times[-1]:g}$: slope {each.orders[-1]:.2f}"
        ax.loglog(shares[near], each.distances[near], marker=marker, color=color, markersize=4, label=label)
        # Each case in its own row, since equal shares of the limit would hide each other.
        height = np.full((~near).sum(), FAR * 0.65**place)
        ax.plot(shares[~near], height, color=color, clip_on=False, **style.DIVERGED_MARK)
    ends = np.array([results[0].learning_rates[-1] / results[0].limit, 1.0])
    guide = 0.4 * results[0].distances[-1] * ends / ends[0]
    ax.plot(ends, guide, ":", color=style.LIMIT_LINE["color"], label="slope 1")
    ax.axvline(1.0, label=r"limit $2/\lambda$ at the start", **style.LIMIT_LINE)
    ax.plot([], [], color=style.LIMIT_LINE["color"], label=style.DIVERGED, **style.DIVERGED_MARK)
    ax.set_ylim(top=FAR)
    ax.set(xlabel=r"$\eta$ in units of $2/\lambda$", title="distance at the end")
    ax.set_ylabel("distance / way of the flow")


def answers(results: Sequence[Approach]) -> dict[str, Any]:
    """Return the approach of descent to the flow in each case; orders only where both have stayed near."""
    return {each.name: _told(each) for each in results}


def _told(each: Approach) -> dict[str, Any]:
    near = each.distances < FAR
    return {
        "stability limit 2/lambda": each.limit,
        "flow time": each.flow.times[-1],
        "loss of the flow at the start": each.flow.losses[0],
        "loss of the flow at the end": each.flow.final_loss,
        "descents": {
            "eta": each.learning_rates,
            "over 2/lambda": each.learning_rates / each.limit,
            "steps": [run.steps[-1] for run in each.descents],
            "final loss": [
                run.final_loss if close else np.nan for run, close in zip(each.descents, near, strict=True)
            ],
            "distance / way": np.where(near, each.distances, np.nan),
            "order": [np.nan, *np.where(near[:-1] & near[1:], each.orders, np.nan)],
        },
    }


if __name__ == "__main__":
    script.run(__file__)
