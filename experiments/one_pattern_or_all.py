"""Is a change that is good for one pattern bad for another?

It often is. On exclusive or the gradients of patterns with unlike targets have cosines of -0.71 to -0.90 at
t = 5 (-0.63 to -0.97 from other starts), so that a step on one raises the errors of both on the other side.
On 100 handwritten digits a step of eta = 0.02 on one digit raises the error of 72 % of the others at t = 0.8
(70 to 75 % with other digits and starts). The batch flow adds the wishes of
all patterns up; descent pattern by pattern obeys them in turn, and their errors go up and down as the turn
goes round. Its mean still follows the flow: the distance to the batch flow falls in proportion to eta, in
fixed order as in random order (slopes 0.99 and 1.06 on the digits at the finest pair), but class after class
it is 8 times as far away as in random order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import cases, datasets, plots, script
from gradflow.analysis.convergence import pairwise_orders
from gradflow.analysis.convergence.patterns import gradient_cosines, pattern_changes, pattern_losses
from gradflow.experiments import descend, integrate
from gradflow.plots import style
from gradflow.problems import FeedForward

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

FIXED, RANDOM = "fixed order", "random order"

# A stride beyond every step: the first row and the last are always kept.
LAST_ROW_ONLY = 10**9
# A run of seconds.
QUICK = {"num_halvings": 3, "end_times": (8.0, 2.0), "num_orders": 1}


@dataclass(frozen=True, eq=False)
class Conflict:
    """One problem: its batch flow, pattern-by-pattern descents, and how the patterns agree.

    Attributes
    ----------
    name : str
    groups : tuple of str
        Names of the groups of patterns whose errors are followed.
    flow, descent : Trajectory
        The batch flow, and descent in fixed order at one learning rate; both with the
        record "errors" (rows, groups), the mean error of each group.
    cosines : ndarray, shape (P, P)
        Between the patterns' gradients at the flow time `moment`.
    moment : float
    times : ndarray, shape (k,)
        Flow times along the batch flow.
    harmed : ndarray, shape (k,)
        Share of pairs (p, q) where a step on p raises the error of q.
    opposed : ndarray, shape (k,)
        Share of pairs with a negative cosine.
    learning_rates : ndarray, shape (m,)
    distances : dict of str to ndarray, shape (m,)
        Distance to the batch flow at the end over the flow's way: in fixed order, and the root mean square
        over several random orders.
    final_losses : dict of str to ndarray, shape (m,)
        Of the whole problem at the end, the mean over random orders.
    """

    name: str
    groups: tuple[str, ...]
    flow: gf.Trajectory
    descent: gf.Trajectory
    cosines: Array
    moment: float
    times: Array
    harmed: Array
    opposed: Array
    learning_rates: Array
    distances: dict[str, Array]
    final_losses: dict[str, Array]

    def orders(self, order: str) -> Array:
        """Return the observed order of each pair of learning rates."""
        return pairwise_orders(self.learning_rates, self.distances[order])


def run(
    *,
    num_halvings: int = 6,
    largest: tuple[float, float] = (0.4, 0.08),
    shown: int = 1,
    end_times: tuple[float, float] = (40.0, 8.0),
    moments: tuple[float, float] = (5.0, 1.0),
    per_class: int = 10,
    num_orders: int = 3,
    seed: int = 0,
) -> tuple[Conflict, Conflict]:
    """Return the conflicts on exclusive or and on digits.

    Parameters
    ----------
    num_halvings : int
        How often the largest learning rate is halved.
    largest : (float, float)
        The largest learning rate of the two problems; a whole number of rounds should fit the end time.
    shown : int
        After how many halvings the descent comes whose errors are followed.
    end_times, moments : (float, float)
        Flow time of the runs, and the one at which cosines are taken.
    per_class : int
        Digits of each class, in the order of the classes.
    num_orders : int
        Random orders over which the distance is averaged.
    seed : int
        Of the starting weights and of the first random order.
    """
    inputs, labels = datasets.digits()
    rows = np.concatenate([np.flatnonzero(labels == digit)[:per_class] for digit in range(10)])
    digits = FeedForward(inputs[rows] / 16, labels[rows], (32,))
    xor = cases.make("xor", seed=seed)
    halvings = 0.5 ** np.arange(num_halvings + 1)
    names = ("00", "01", "10", "11"), tuple(map(str, range(10)))
    starts = xor.w0, digits.initial_weights(seed)
    found = [
        _conflict(title, problem, w0, groups, rate * halvings, shown, end, moment, num_orders, seed)
        for title, problem, w0, groups, rate, end, moment in zip(
            ("exclusive or", "digits"),
            (xor.problem, digits),
            starts,
            names,
            largest,
            end_times,
            moments,
            strict=True,
        )
    ]
    return found[0], found[1]


def _conflict(
    name: str,
    problem: FeedForward,
    w0: Array,
    groups: tuple[str, ...],
    learning_rates: Array,
    shown: int,
    end_time: float,
    moment: float,
    num_orders: int,
    seed: int,
) -> Conflict:
    def errors(t: float, w: Array) -> Array:  # noqa: ARG001
        return pattern_losses(problem, w).reshape(len(groups), -1).mean(axis=1)

    flow = integrate(gf.GradientFlow(problem), w0, end_time, rtol=1e-9)
    followed = integrate(
        gf.GradientFlow(problem), w0, end_time, rtol=1e-9, times=101, record={"errors": errors}
    )
    eta = learning_rates[shown]
    descent = descend(problem, w0, eta, end_time=end_time, batch=1, record={"errors": errors})
    times = np.geomspace(end_time / 100, end_time, 9)
    points, apart = flow.at(times), ~np.eye(problem.num_samples, dtype=bool)
    fixed = [_ending(problem, w0, rate, flow, None) for rate in learning_rates]
    random = [
        [_ending(problem, w0, rate, flow, seed + k) for k in range(num_orders)] for rate in learning_rates
    ]
    distances = {FIXED: np.array(fixed)[:, 0], RANDOM: np.sqrt((np.array(random)[:, :, 0] ** 2).mean(axis=1))}
    return Conflict(
        name,
        groups,
        followed,
        descent,
        gradient_cosines(problem, flow.at(moment)),
        moment,
        times,
        np.array([(pattern_changes(problem, w, learning_rates[2])[apart] > 0).mean() for w in points]),
        np.array([(gradient_cosines(problem, w)[apart] < 0).mean() for w in points]),
        learning_rates,
        distances,
        {FIXED: np.array(fixed)[:, 1], RANDOM: np.array(random)[:, :, 1].mean(axis=1)},
    )


def _ending(
    problem: FeedForward, w0: Array, eta: float, flow: gf.Trajectory, seed: int | None
) -> tuple[float, float]:
    """Return how far pattern-by-pattern descent ends from the flow, over the flow's way, and its loss."""
    run = descend(problem, w0, eta, end_time=flow.times[-1], batch=1, seed=seed, record_every=LAST_ROW_ONLY)
    return float(gf.compare(run, flow).relative_distance[-1]), run.final_loss


def plot(results: Sequence[Conflict]) -> Figure:
    """Return the figure: errors of the patterns, cosines of their gradients, distance and harm."""
    figure, panels = plots.new_figure(3, width="text", height=6.2, num_rows=2)
    with plots.in_style():
        for row, each in enumerate(results):
            _draw_errors(panels[3 * row], each)
            _draw_cosines(panels[3 * row + 1], each)
        _draw_distances(panels[2], results)
        _draw_harm(panels[5], results)
    plots.letter_panels(panels)
    return figure


def _draw_errors(ax: Axes, each: Conflict) -> None:
    few = len(each.groups) <= 4
    bright = each.groups if few else (each.groups[0], each.groups[4])
    colors = dict(zip(bright, style.DESCENT_COLORS, strict=False))
    for index, group in enumerate(each.groups):
        if group in colors:
            color, label = colors[group], f"{'pattern' if few else 'digit'} {group}"
            errors = each.descent.records["errors"][:, index]
            ax.plot(each.descent.times, errors, color=color, linewidth=0.7, alpha=0.7, label=label)
            ax.plot(
                each.flow.times,
                each.flow.records["errors"][:, index],
                "--",
                color=color,
                linewidth=1.6,
                zorder=4,
            )
    others = [index for index, group in enumerate(each.groups) if group not in colors]
    if others:
        errors = each.descent.records["errors"][:, others]
        span = {"color": "#dddddd", "linewidth": 0.0, "label": "other digits"}
        ax.fill_between(each.descent.times, errors.min(axis=1), errors.max(axis=1), zorder=1, **span)
    rate = each.descent.settings["learning_rate"]
    ax.plot([], [], color="#555555", linewidth=0.7, label=rf"one by one, $\eta = {rate:g}$")
    ax.plot([], [], "--", color="#555555", linewidth=1.6, label="batch flow")
    ax.set(xlabel=style.TIME, ylabel="error of the pattern" if few else "error of the class")
    ax.set(title=f"{each.name}, in turn", ylim=(0.0, 0.5 if few else 1.1), xlim=(0.0, 8.0))
    ax.set_xlabel("flow time $t$")
    plots.legend(ax, above=True)


def _draw_cosines(ax: Axes, each: Conflict) -> None:
    size = len(each.cosines)
    image = ax.imshow(each.cosines, cmap="RdBu", vmin=-1, vmax=1, extent=(0, size, size, 0))
    ax.grid(False)
    width = size / len(each.groups)
    ticks = (np.arange(len(each.groups)) + 0.5) * width
    ax.set_xticks(ticks, each.groups)
    ax.set_yticks(ticks, each.groups)
    if size <= 4:
        for p, q in np.ndindex(size, size):
            shade = "white" if abs(each.cosines[p, q]) > 0.6 else "black"
            ax.text(
                q + 0.5,
                p + 0.5,
                f"{each.cosines[p, q]:.2f}",
                ha="center",
                va="center",
                fontsize=6.2,
                color=shade,
            )
    noun = "pattern" if size <= 4 else "digits of class"
    ax.set(xlabel=noun, ylabel=noun, title=f"cosines, $t = {each.moment:g}$")
    ax.figure.colorbar(image, ax=ax, shrink=0.6)


def _draw_distances(ax: Axes, results: Sequence[Conflict]) -> None:
    for index, each in enumerate(results):
        color = style.DESCENT_COLORS[index]
        for order, look in ((FIXED, "o-"), (RANDOM, "s:")):
            label = f"{each.name}, {order}: {each.orders(order)[-1]:.2f}"
            ax.loglog(
                each.learning_rates, each.distances[order], look, color=color, markersize=3.5, label=label
            )
    ends = np.array([results[1].learning_rates[-1], results[0].learning_rates[0]])
    ax.loglog(
        ends, 0.3 * results[1].distances[RANDOM][-1] * ends / ends[0], label="slope 1", **style.LIMIT_LINE
    )
    ax.set(xlabel=style.LEARNING_RATE, ylabel="distance / way of the batch flow")
    ax.set(title="slopes of the distance")
    plots.legend(ax, above=True)


def _draw_harm(ax: Axes, results: Sequence[Conflict]) -> None:
    for index, each in enumerate(results):
        color = style.DESCENT_COLORS[index]
        label = rf"{each.name}: rises, $\eta = {each.learning_rates[2]:g}$"
        ax.semilogx(each.times, 100 * each.harmed, "o-", color=color, markersize=3.5, label=label)
        ax.semilogx(each.times, 100 * each.opposed, ":", color=color, label=f"{each.name}: cosine < 0")
    ax.set(xlabel="flow time $t$", ylabel="share of other patterns, %", ylim=(0, 100))
    ax.set_title("a step on one harms others")
    plots.legend(ax, above=True)


def answers(results: Sequence[Conflict]) -> dict[str, Any]:
    """Return how far patterns are at odds, and how far one by one is from the batch flow."""
    return {each.name: _told(each) for each in results}


def _told(each: Conflict) -> dict[str, Any]:
    upper = each.cosines[np.triu_indices(len(each.cosines), 1)]
    return {
        "cosines at t": each.moment,
        "least cosine": upper.min(),
        "largest cosine": upper.max(),
        "share of negative ones": (upper < 0).mean(),
        f"share of others whose error a step of eta = {each.learning_rates[2]:g} on one raises": {
            "t": each.times,
            "share": each.harmed,
        },
        **{order: _told_order(each, order) for order in (FIXED, RANDOM)},
        "final loss of the flow": each.flow.final_loss,
    }


def _told_order(each: Conflict, order: str) -> dict[str, Any]:
    return {
        "eta": each.learning_rates,
        "distance": each.distances[order],
        "order": [np.nan, *each.orders(order)],
        "final loss": each.final_losses[order],
    }


if __name__ == "__main__":
    script.run(__file__)
