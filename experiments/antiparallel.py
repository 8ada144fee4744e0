"""Why does moving against the gradient make the error fall?

Along dw/dt = -mu g the chain rule gives dE/dt = g . dw/dt = -mu |g|^2, which is never positive. On the
handwritten digits (64-32-10 tanh network) what the flow loses and the integral of mu |g|^2 agree to 1.6e-7
of the starting error. A step of descent goes straight on where the flow bends, so Taylor's first term holds
for short steps only: the cosine of the step with -g where it arrives is at least 0.999997 at
eta lambda = 0.01, and at the worst 0.05 at 1.6 and -0.70 at 2.5. To second order the step's decrease is
eta |g|^2 (1 - eta g'Hg / (2 |g|^2)), which on a quadratic cannot fail below eta = 2 / lambda. Along three
trainings it first failed at 2.09 / lambda or more, and the error rose at exactly the four steps that were
longer than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import cases, plots, script
from gradflow.analysis.convergence import dissipation_residual, step_decrease
from gradflow.analysis.convergence.steps import (
    cosine,
    decrease_limit,
    largest_decreasing_step,
    step_direction,
)
from gradflow.experiments import descend, integrate
from gradflow.plots import style
from gradflow.problems import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

PRODUCT = r"step in units of the curvature, $\eta\lambda$"
AT_LIMIT = r"limit $\eta\lambda = 2$"
RING: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 7, "fillstyle": "none"}
SHOWN = (0, 1, 3, 5)
# A run of seconds.
QUICK = {"num_steps": 150, "num_points": 8, "end_time": 10.0}


@dataclass(frozen=True, eq=False)
class Balance:
    """Both sides of dE/dt = -mu |g|^2 along the flow.

    Attributes
    ----------
    times : ndarray, shape (m,)
        Flow time.
    fall : ndarray, shape (m,)
        -dE/dt, from the losses a little before and after.
    dissipation : ndarray, shape (m,)
        mu |g|^2.
    residual : float
        Largest |E(t) - E(0) + integral of mu |g|^2| over E(0).
    cosines : ndarray, shape (m,)
        Of the displacement from a little before to a little after with -g.
    """

    times: Array
    fall: Array
    dissipation: Array
    residual: float
    cosines: Array


@dataclass(frozen=True, eq=False)
class Steps:
    """Single steps from points of a training, by learning rates in units of 1 / lambda there.

    Attributes
    ----------
    rows : ndarray of int, shape (p,)
        After how many steps of the training the points come.
    products : ndarray, shape (m,)
        eta lambda of the steps tried.
    next_gradient, flow : ndarray, shape (p, m)
        Cosines of the step with -g where it arrives, and with the flow's displacement.
    ratios, corrected : ndarray, shape (p, m)
        The actual decrease over eta |g|^2, and 1 - eta g'Hg / (2 |g|^2).
    """

    rows: NDArray[np.int64]
    products: Array
    next_gradient: Array
    flow: Array
    ratios: Array
    corrected: Array


@dataclass(frozen=True, eq=False)
class Training:
    """How long a single step may be at points of a training.

    Attributes
    ----------
    share : float
        Its learning rate over 2 / lambda at the start.
    rows : ndarray of int, shape (p,)
        After how many steps the points come.
    own, failing, predicted : ndarray, shape (p,)
        eta lambda of the training's own step, of the step that first fails to decrease the error,
        and the second-order prediction of that.
    rises : ndarray of bool, shape (p,)
        Whether the training's own step raised the error.
    """

    share: float
    rows: NDArray[np.int64]
    own: Array
    failing: Array
    predicted: Array
    rises: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Results:
    """The balance along the flow, single steps, and how long they may be in several trainings."""

    balance: Balance
    steps: Steps
    trainings: tuple[Training, ...]


def run(
    *,
    case: str = "digits",
    shares: Sequence[float] = (0.5, 0.95, 1.2),
    num_steps: int = 1000,
    num_points: int = 20,
    end_time: float = 50.0,
    seed: int = 0,
) -> Results:
    """Return both sides of the balance along the flow, and what single steps do.

    Parameters
    ----------
    case : str
        One of `gradflow.cases`.
    shares : sequence of float
        Learning rates of the trainings over 2 / lambda at the start; single steps are tried along the
        first one.
    num_steps, num_points : int
        Length of each training, and how many of its points are examined at equal ratios, besides the
        first eight.
    end_time : float
        Flow time of the balance.
    seed : int
        Of the starting weights.
    """
    chosen = cases.make(case, seed=seed)
    problem, w0 = chosen.problem, chosen.w0
    limit = gf.analysis.stability.largest_stable_learning_rate(problem, w0)
    spread = np.unique(np.round(np.geomspace(1, num_steps, num_points)).astype(int)) - 1
    rows = np.union1d(np.arange(8), spread)
    descents = [descend(problem, w0, share * limit, num_steps) for share in shares]
    steps = _steps(problem, descents[0].weights[spread], spread)
    trainings = (_training(problem, d, share, rows) for d, share in zip(descents, shares, strict=True))
    return Results(_balance(problem, w0, end_time), steps, tuple(trainings))


def _balance(problem: Problem, w0: Array, end_time: float, num_times: int = 40) -> Balance:
    flow = integrate(gf.GradientFlow(problem), w0, end_time, method="RK45", rtol=1e-8)
    times = np.geomspace(1e-3 * end_time, 0.99 * end_time, num_times)
    before, after = flow.at(0.999 * times), flow.at(1.001 * times)
    fall = np.array([problem.loss(a) - problem.loss(b) for a, b in zip(before, after, strict=True)])
    gradients = np.array([problem.gradient(w) for w in flow.at(times)])
    residual = float(np.abs(dissipation_residual(flow, problem)).max() / flow.losses[0])
    cosines = cosine(after - before, -gradients)
    return Balance(times, fall / (0.002 * times), np.sum(gradients**2, axis=1), residual, cosines)


def _steps(problem: Problem, points: Array, rows: NDArray[np.int64]) -> Steps:
    products = np.geomspace(0.01, 4.0, 14)
    scales = products / _sharpness(problem, points)[:, None]
    directions = [step_direction(problem, w, etas) for w, etas in zip(points, scales, strict=True)]
    changes = [
        [step_decrease(problem, w, eta) for eta in etas] for w, etas in zip(points, scales, strict=True)
    ]
    return Steps(
        rows,
        products,
        np.array([each.next_gradient for each in directions]),
        np.array([each.flow for each in directions]),
        np.array([[each.actual / each.predicted for each in point] for point in changes]),
        np.array([[each.second_order / each.predicted for each in point] for point in changes]),
    )


def _training(problem: Problem, descent: gf.Trajectory, share: float, rows: NDArray[np.int64]) -> Training:
    points = descent.weights[rows]
    sharpness = _sharpness(problem, points)
    return Training(
        share,
        rows,
        sharpness * descent.settings["learning_rate"],
        sharpness * np.array([largest_decreasing_step(problem, w) for w in points]),
        sharpness * np.array([decrease_limit(problem, w) for w in points]),
        np.diff(descent.losses)[rows] > 0,
    )


def _sharpness(problem: Problem, points: Array) -> Array:
    return np.array([gf.curvature.sharpness(problem, w) for w in points])


def plot(results: Results) -> Figure:
    """Return the figure: the balance, the angles, the ratio of decreases, the longest step that decreases."""
    figure, panels = plots.new_figure(2, width="text", height=6.2, num_rows=2)
    with plots.in_style():
        _draw_balance(panels[0], results.balance)
        _draw_angles(panels[1], results.steps)
        _draw_ratios(panels[2], results.steps)
        _draw_failing(panels[3], results.trainings)
    plots.letter_panels(panels)
    plots.settle_legends(figure)
    return figure


def _draw_balance(ax: Axes, balance: Balance) -> None:
    ax.loglog(balance.times, balance.dissipation, label=r"$\mu\,|g|^2$", **style.FLOW_LINE)
    color = style.DESCENT_COLORS[1]
    ax.loglog(
        balance.times, balance.fall, "o", color=color, markersize=3, label=r"$-dE/dt$, differences of $E$"
    )
    text = f"$E(0) - E(t)$ and $\\int\\mu|g|^2\\,dt$ agree\nto {_power(balance.residual)} of $E(0)$"
    ax.text(0.04, 0.06, text, transform=ax.transAxes, fontsize=6.7)
    ax.set(xlabel=r"flow time $t$", ylabel="loss per flow time", title=r"the flow: $dE/dt = -\mu\,|g|^2$")
    plots.legend(ax)


def _draw_angles(ax: Axes, steps: Steps) -> None:
    pairs = (
        (r"to $-g$ where it arrives", steps.next_gradient, style.DESCENT_COLORS[3]),
        ("to the flow's displacement", steps.flow, style.DESCENT_COLORS[0]),
    )
    for label, cosines, color in pairs:
        angles = np.degrees(np.arccos(cosines))
        ax.loglog(steps.products, angles.max(axis=0), color=color, label=f"{label}, worst")
        ax.loglog(steps.products, np.median(angles, axis=0), ":", color=color)
    ax.plot([], [], ":", color="#555555", label="medians")
    ax.axhline(90.0, color="#555555", linewidth=0.7)
    ax.text(0.012, 94.0, r"90°, cosine 0: the step turns its back on $-g$", fontsize=6.5, va="bottom")
    ax.axvline(2.0, **style.LIMIT_LINE)
    ax.set(xlabel=PRODUCT, ylabel="angle of the step, degrees", ylim=(1e-3, 400.0))
    ax.set_title(f"direction of one step, {len(steps.rows)} points")
    plots.legend(ax, above=True)


def _draw_ratios(ax: Axes, steps: Steps) -> None:
    ax.semilogx(steps.products, steps.ratios.T, "o", color="#bbbbbb", markersize=2)
    ax.plot([], [], "o", color="#bbbbbb", markersize=2, label="after other steps")
    for index, point in enumerate(SHOWN):
        color, label = style.DESCENT_COLORS[index], f"after {steps.rows[point]} steps"
        dense = np.geomspace(steps.products[0], steps.products[-1], 200)
        slope = (1.0 - steps.corrected[point, 0]) / steps.products[0]
        ax.semilogx(dense, 1.0 - slope * dense, color=color, linewidth=1.2)
        ax.plot(steps.products, steps.ratios[point], "o", color=color, markersize=3.5, label=label)
    ax.plot([], [], color="#555555", linewidth=1.2, label=r"$1 - \eta\,g^\top\!Hg/(2|g|^2)$")
    ax.axhline(0.0, color="#555555", linewidth=0.7)
    ax.axvline(2.0, label=AT_LIMIT, **style.LIMIT_LINE)
    ax.set(ylim=(-0.4, 1.1), xlabel=PRODUCT, ylabel=r"actual decrease / $\eta\,|g|^2$")
    ax.set_title("decrease over Taylor's first term")
    plots.legend(ax, above=True)


def _draw_failing(ax: Axes, trainings: Sequence[Training]) -> None:
    for index, each in enumerate(trainings):
        color, x, label = (
            style.DESCENT_COLORS[index],
            each.rows + 1,
            rf"$\eta = {each.share:g}\cdot 2/\lambda$",
        )
        ax.loglog(x, each.failing, "o-", color=color, markersize=3, linewidth=1, label=label)
        ax.loglog(x, each.own, color=color, linewidth=0.7, alpha=0.7)
        ax.plot(x[each.rises], each.failing[each.rises], color=color, **RING)
    ax.plot([], [], color="#555555", linewidth=0.7, alpha=0.7, label="the step it takes itself")
    ax.plot([], [], color="#555555", label="where its error rises", **RING)
    ax.axhline(2.0, label=AT_LIMIT, **style.LIMIT_LINE)
    ax.set(xlabel="step of the training, $k + 1$", ylabel=r"least $\eta\lambda$ that fails")
    ax.set(title="how long a single step may be", ylim=(0.5, 1e4))
    plots.legend(ax, above=True)


def _power(value: float) -> str:
    digits, exponent = f"{value:.0e}".split("e")
    return rf"${digits}\cdot 10^{{{int(exponent)}}}$"


def answers(results: Results) -> dict[str, Any]:
    """Return both sides of the balance, the cosines of single steps, and when a step is too long."""
    balance, steps = results.balance, results.steps
    apart = np.median((1 - steps.next_gradient) / (1 - steps.flow), axis=0)
    return {
        "flow": {
            "E(t) - E(0) + integral of |g|^2, over E(0), at most": balance.residual,
            "-dE/dt by differences misses |g|^2 by, at most": np.abs(
                balance.fall / balance.dissipation - 1
            ).max(),
            "1 - cosine of its displacement with -g, at most": 1 - balance.cosines.min(),
        },
        f"steps from {len(steps.rows)} points of training, least cosine": {
            "eta lambda": steps.products,
            "with -g there": steps.next_gradient.min(axis=0),
            "with the flow": steps.flow.min(axis=0),
            "(1 - first) / (1 - second), median": apart,
        },
        "trainings": {
            f"at {each.share:g} * 2/lambda, {len(each.rows)} points": _told(each)
            for each in results.trainings
        },
    }


def _told(training: Training) -> dict[str, Any]:
    return {
        "a step first fails to decrease at eta lambda of": training.failing.min(),
        "its error rises after steps": training.rows[training.rises],
        "its step is longer than that after steps": training.rows[training.own > training.failing],
    }


if __name__ == "__main__":
    script.run(__file__)
