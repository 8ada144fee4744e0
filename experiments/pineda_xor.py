"""How does descent follow Pineda's flow on a recurrent network?

As on a feed-forward network: four fully connected sigmoid units learn exclusive or, and up to flow time
300 the largest distance to the flow falls in proportion to the learning rate, slope 0.99 over the finest
halving. Between eta = 4 (distance 0.8, no step uphill) and eta = 8 (6.5, ten steps uphill) that breaks.
From seeds 0, 1 and 4 the flow reaches losses of 2.1e-4 to 2.6e-4 at flow time 2000, always downhill. From
seeds 2 and 3 the network becomes bistable on the way: relaxing from rest 1/2 the fixed point of a pattern
jumps to another branch at t = 325.6 and 349.3, while no eigenvalue comes near 0. The branch itself goes on
smoothly, to 1.8e-4 and 3.3e-4.
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

NUM_CURVES = 4
# A run of seconds.
QUICK = {"end_time": 60.0, "num_halvings": 3, "seeds": (0, 2), "long_time": 400.0}


@dataclass(frozen=True, eq=False)
class Learning:
    """Flow and descents from one seed, and the flow from several seeds.

    Attributes
    ----------
    flow : Trajectory
        To the end time of the comparison, tolerance 1e-8.
    learning_rates : ndarray, shape (m,)
        Each half the one before.
    descents : tuple of Trajectory
        One for each learning rate, on the same clock.
    distances : ndarray, shape (m,)
        Largest Euclidean distance to the flow over all steps.
    loss_gaps : ndarray, shape (m,)
        Largest difference of the losses over all steps.
    rises : ndarray of int, shape (m,)
        Number of steps on which the loss rose.
    branches : dict of int to Trajectory
        For each seed the flow that follows its branch of fixed points; the crossings of "jump" say when
        rest would have led to another one.
    """

    flow: gf.Trajectory
    learning_rates: Array
    descents: tuple[gf.Trajectory, ...]
    distances: Array
    loss_gaps: Array
    rises: NDArray[np.int64]
    branches: dict[int, gf.Trajectory]

    @property
    def orders(self) -> Array:
        """Observed order of each halving, shape (m - 1,)."""
        return gf.analysis.convergence.pairwise_orders(self.learning_rates, self.distances)


def run(
    *,
    seed: int = 0,
    end_time: float = 300.0,
    largest: float = 8.0,
    num_halvings: int = 5,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    long_time: float = 2000.0,
) -> Learning:
    """Return how descent approaches the flow from one seed, and where the flow leads from several.

    Parameters
    ----------
    seed : int
        Of the starting weights of the comparison.
    end_time : float
        Flow time of the comparison.
    largest, num_halvings : float, int
        The learning rates are largest / 2^k for k up to num_halvings.
    seeds : sequence of int
        Of the long flows.
    long_time : float
        Their flow time.
    """
    case = cases.make("pineda-xor", seed=seed)
    flow = integrate(gf.GradientFlow(case.problem), case.w0, end_time, rtol=1e-8)
    learning_rates = largest / 2.0 ** np.arange(num_halvings + 1)
    descents = tuple(
        descend(case.problem, case.w0, eta, end_time=end_time) for eta in learning_rates.tolist()
    )
    comparisons = [gf.compare(each, flow) for each in descents]
    return Learning(
        flow,
        learning_rates,
        descents,
        np.array([each.largest_distance for each in comparisons]),
        np.array([np.abs(each.loss_gap).max() for each in comparisons]),
        np.array([(np.diff(each.step_losses) > 0).sum() for each in descents]),
        {number: _branch(number, long_time) for number in seeds},
    )


def _branch(seed: int, end_time: float) -> gf.Trajectory:
    case = cases.make("pineda-xor", seed=seed)
    flow = gf.GradientFlow(case.problem.following(case.w0))
    jump = gf.events.fixed_point_jumps(case.problem, terminal=False)
    return integrate(flow, case.w0, end_time, events={"jump": jump})


def plot(results: Learning) -> Figure:
    """Return the figure: losses of flow and descents, their distance, and the flow from all seeds."""
    figure, panels = plots.new_figure(3, width="text", height=2.9)
    with plots.in_style():
        _draw_decrease(panels[0], results)
        _draw_distances(panels[1], results)
        _draw_branches(panels[2], results)
    plots.letter_panels(panels)
    plots.settle_legends(figure)
    return figure


def _draw_decrease(ax: Axes, results: Learning) -> None:
    chosen = [k for k in reversed(range(len(results.descents))) if k < NUM_CURVES]
    runs = {rf"$\eta = {results.learning_rates[k]:g}$": results.descents[k] for k in chosen}
    plots.draw_losses({"flow": results.flow, **runs}, ax=ax)
    ax.set_title("loss decrease, seed 0")


def _draw_distances(ax: Axes, results: Learning) -> None:
    rates, distances = results.learning_rates, results.distances
    ax.loglog(rates, distances, "o-", color=style.DESCENT_COLORS[0], markersize=4, label="descent")
    ends = rates[[-1, 1]]
    ax.plot(ends, 0.6 * distances[-1] * ends / ends[0], ":", color=style.LIMIT_LINE["color"], label="slope 1")
    uphill = results.rises > 0
    ax.plot(
        rates[uphill],
        distances[uphill],
        "o",
        color=style.DESCENT_COLORS[3],
        linestyle="none",
        markersize=6,
        label="has steps uphill",
    )
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.set_xticks([], minor=True)
    ax.set(xlabel=style.LEARNING_RATE, ylabel=r"largest $|w_k - w(kh)|$")
    ax.set_title(f"distance, slope {results.orders[-1]:.2f}")
    plots.legend(ax)


def _draw_branches(ax: Axes, results: Learning) -> None:
    for place, (seed, each) in enumerate(results.branches.items()):
        color = style.DESCENT_COLORS[place % len(style.DESCENT_COLORS)]
        ax.loglog(each.step_times[1:], each.step_losses[1:], color=color, linewidth=1.2, label=f"seed {seed}")
        jumps = each.crossings["jump"][1][:1]
        ax.plot(jumps, each.losses_at(jumps), "D", color=color, markersize=5, markeredgecolor="black")
    ax.plot(
        [],
        [],
        "D",
        color="white",
        linestyle="none",
        markersize=5,
        markeredgecolor="black",
        label="would jump",
    )
    ax.set_xlim(left=1.0)
    ax.set(xlabel=r"flow time $t$", ylabel=style.LOSS, title="the flow on its branch")
    plots.legend(ax)


def answers(results: Learning) -> dict[str, Any]:
    """Return how far descents are from the flow, and when fixed points jump."""
    branches = results.branches.values()
    return {
        "loss of the flow at the start": results.flow.losses[0],
        "loss of the flow at the end": results.flow.final_loss,
        "descents": {
            "eta": results.learning_rates,
            "largest distance": results.distances,
            "largest loss gap": results.loss_gaps,
            "steps uphill": results.rises,
            "order": [np.nan, *results.orders],
        },
        "long flows": {
            "seed": list(results.branches),
            "loss": [each.final_loss for each in branches],
            "gradients": [each.num_gradients for each in branches],
            "jumps at t": [each.crossings["jump"].times.tolist() for each in branches],
        },
    }


if __name__ == "__main__":
    script.run(__file__)
