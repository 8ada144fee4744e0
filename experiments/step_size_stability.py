"""How large may the learning rate be?

Below 2 / lambda_max, and below 1 / lambda_max nothing overshoots. On a quadratic each step of descent
multiplies the distance along an eigenvector by 1 - eta lambda: monotone below 1 / lambda, alternating but
shrinking up to 2 / lambda, growing beyond. Momentum b = 0.9 moves the limit to 3.8 / lambda (heavy ball) or
1.357 / lambda (Nesterov): at 0.99 of its limit each rule shrinks the distance, at 1.01 it stretches it. On
the handwritten digits (64-32-10 network) the limit at the start is 0.0924. Training does not end there: past
it the error rises for some steps until the sharpness has fallen below 2 / eta, and up to twice the limit the
loss at t = 20 is within 4 % of the flow's; at 2.4 times the limit the run diverges. The weights tell earlier:
they are 3 % of the flow's way apart at 2 / lambda, 34 % at 1.4 times that and 112 % at twice that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import cases, plots, rules, script
from gradflow.analysis.stability import largest_stable_learning_rate
from gradflow.analysis.stability.companion import spectral_radii
from gradflow.experiments import descend, integrate
from gradflow.plots import style
from gradflow.problems import Quadratic
from gradflow.rules import UpdateRule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

WORDS = ("no\novershoot", "over-\nshoots", "grows")
SHADES = ("#eaf4ea", "#fdf3dc", "#fbe3dd")
# A run of seconds.
QUICK = {"shares": (0.5, 0.9, 1.5, 3.0), "followed": (0.5, 1.5), "end_time": 4.0}


@dataclass(frozen=True, eq=False)
class Modes:
    """Descent on a quadratic, one eigendirection at a time.

    Attributes
    ----------
    eigenvalues : ndarray, shape (n,)
    learning_rates : ndarray, shape (m,)
    factors : ndarray, shape (m, n)
        By how much a step multiplies the distance along each eigenvector, over several steps.
    regimes : dict of float to Trajectory
        By eta lambda_max, runs below 1 / lambda, between the limits, and above 2 / lambda.
    """

    eigenvalues: Array
    learning_rates: Array
    factors: Array
    regimes: dict[float, gf.Trajectory]


@dataclass(frozen=True, eq=False)
class Limit:
    """One rule near its limit of stability.

    Attributes
    ----------
    limit : float
        Largest stable eta lambda.
    shares : ndarray, shape (m,)
        eta over the limit.
    measured, predicted : ndarray, shape (m,)
        By how much a step multiplies the distance in the long run, and the companion matrix's word for it.
    fine, curve : ndarray, shape (k,)
        Shares close together, and the companion matrix's word there.
    """

    limit: float
    shares: Array
    measured: Array
    predicted: Array
    fine: Array
    curve: Array

    def factor(self, share: float) -> float:
        """Return the measured factor at the share closest to `share`."""
        return float(self.measured[np.argmin(np.abs(self.shares - share))])


@dataclass(frozen=True, eq=False)
class Network:
    """Descents on digits on both sides of the limit.

    Attributes
    ----------
    limit : float
        2 / lambda at the start.
    flow : Trajectory
    shares : ndarray, shape (m,)
        Learning rates over the limit.
    final_losses, distances : ndarray, shape (m,)
        At the end time; the distance to the flow over the flow's way.
    diverged : ndarray of bool, shape (m,)
        Which runs left for good.
    rising : ndarray, shape (m,)
        Share of steps that raised the loss.
    first_factors : ndarray, shape (m,)
        g_1 . v / g_0 . v with the top eigenvector v at the start; 1 - eta lambda in the linear theory.
    followed : dict of float to Trajectory
        By share, some of the runs with the record "sharpness".
    """

    limit: float
    flow: gf.Trajectory
    shares: Array
    final_losses: Array
    diverged: NDArray[np.bool_]
    distances: Array
    rising: Array
    first_factors: Array
    followed: dict[float, gf.Trajectory]


@dataclass(frozen=True, eq=False)
class Results:
    """The quadratic, the rules by name, and the network."""

    modes: Modes
    limits: dict[str, Limit]
    network: Network


def run(
    *,
    eigenvalues: Sequence[float] = (1.0, 4.0, 10.0),
    num_modes_steps: int = 12,
    momentum: float = 0.9,
    num_momentum_steps: int = 1000,
    shares: Sequence[float] = tuple(np.geomspace(0.25, 4.0, 17)),
    followed: Sequence[float] = (0.5, 0.95, 1.5, 2.0),
    end_time: float = 20.0,
    seed: int = 0,
) -> Results:
    """Return descents on both sides of their limits, on a quadratic and on digits.

    Parameters
    ----------
    eigenvalues : sequence of float
        Of the quadratic.
    num_modes_steps, num_momentum_steps : int
        Steps of the runs on the quadratic, without and with momentum.
    momentum : float
        b of heavy ball and Nesterov.
    shares : sequence of float
        Learning rates over 2 / lambda on the digits, met so that a whole number of steps fits.
    followed : sequence of float
        Those whose sharpness is followed.
    end_time : float
        Flow time of the runs on digits.
    seed : int
        Of the starting weights.
    """
    entrants: dict[str, UpdateRule] = {
        "descent": rules.GradientDescent(1.0),
        f"heavy ball, b = {momentum:g}": rules.HeavyBall(1.0, momentum),
        f"Nesterov, b = {momentum:g}": rules.Nesterov(1.0, momentum),
    }
    return Results(
        _modes(np.array(eigenvalues), num_modes_steps),
        {name: _near_limit(rule, num_momentum_steps) for name, rule in entrants.items()},
        _network(np.array(shares), followed, end_time, seed),
    )


def _modes(eigenvalues: Array, num_steps: int) -> Modes:
    problem, start = Quadratic(eigenvalues), np.ones(eigenvalues.size)
    learning_rates = np.linspace(0.05, 2.3, 24) / eigenvalues.max()
    runs = [descend(problem, start, eta, num_steps) for eta in learning_rates]
    factors = np.array([np.abs(run.final_weights) ** (1 / num_steps) for run in runs])
    regimes = {
        product: descend(problem, start, product / eigenvalues.max(), 60)
        for product in (0.5, 1.5, 1.98, 2.02, 2.2)
    }
    return Modes(eigenvalues, learning_rates, factors, regimes)


def _near_limit(rule: UpdateRule, num_steps: int) -> Limit:
    problem = Quadratic(1.0)
    limit = largest_stable_learning_rate(problem, [0.0], rule)
    shares = np.array([0.9, 0.93, 0.96, 0.98, 0.99, 1.01, 1.02, 1.04, 1.07, 1.1])
    measured = [_long_run_factor(problem, rule, share * limit, num_steps) for share in shares]
    fine = np.linspace(shares[0], shares[-1], 401)
    predicted, curve = (spectral_radii(rule, each * limit) for each in (shares, fine))
    return Limit(limit, shares, np.array(measured), predicted, fine, curve)


def _long_run_factor(problem: Quadratic, rule: Any, eta: float, num_steps: int) -> float:
    """Return the factor per step between two windows of a run, whose weight may change sign in them."""
    run = descend(problem, [1.0], replace(rule, learning_rate=eta), num_steps)
    quarter = len(run.weights) // 4
    sizes = np.abs(run.weights[:, 0])
    early, late = sizes[-3 * quarter : -2 * quarter], sizes[-quarter:]
    return float((late.max() / early.max()) ** (1 / (2 * quarter)))


def _network(shares: Array, followed: Sequence[float], end_time: float, seed: int) -> Network:
    case = cases.make("digits", seed=seed)
    problem, w0 = case.problem, case.w0
    values, vectors = gf.curvature.top_eigenpairs(problem, w0, 1)
    limit, top, gradient = 2 / values[0], vectors[:, 0], problem.gradient(w0)
    flow = integrate(gf.GradientFlow(problem), w0, end_time, rtol=1e-8, times=2)
    counts = [round(end_time / (share * limit)) for share in shares]
    runs = [descend(problem, w0, end_time / count, count, record_every=count) for count in counts]
    firsts = [problem.gradient(w0 - end_time / count * gradient) @ top for count in counts]
    return Network(
        limit,
        flow,
        end_time / (np.array(counts) * limit),
        np.array([run.final_loss for run in runs]),
        np.array([run.diverged for run in runs]),
        np.array([gf.compare(run, flow).relative_distance[-1] for run in runs]),
        np.array([np.mean(np.diff(run.step_losses) > 0) for run in runs]),
        np.array(firsts) / (gradient @ top),
        {s: _followed(problem, w0, s * limit, end_time) for s in followed},
    )


def _followed(problem: gf.problems.Problem, w0: Array, eta: float, end_time: float) -> gf.Trajectory:
    num_steps = round(end_time / eta)

    def sharpness(t: float, w: Array) -> float:  # noqa: ARG001
        return gf.curvature.sharpness(problem, w, tol=1e-4)

    return descend(
        problem, w0, eta, num_steps, record_every=max(1, num_steps // 24), record={"sharpness": sharpness}
    )


def plot(results: Results) -> Figure:
    """Return the figure: factors and regimes of a quadratic, limits of momentum, and the digits."""
    figure, panels = plots.new_figure(3, width="text", height=5.8, num_rows=2)
    with plots.in_style():
        _draw_modes(panels[0], results.modes)
        _draw_regimes(panels[1], results.modes)
        _draw_limits(panels[2], results.limits)
        _draw_final(panels[3], results.network)
        _draw_distances(panels[4], results.network)
        followed = results.network.followed
        named = {rf"$\eta = {share:g}\cdot 2/\lambda$": each for share, each in followed.items()}
        plots.draw_sharpness(named, ax=panels[5])
        panels[5].set(title="digits: sharpness", xlabel="flow time $t$")
    plots.letter_panels(panels)
    plots.settle_legends(figure)
    return figure


def _draw_modes(ax: Axes, modes: Modes) -> None:
    dense, largest = np.linspace(0.0, modes.learning_rates[-1], 300), modes.eigenvalues.max()
    for index, value in enumerate(modes.eigenvalues):
        color = style.DESCENT_COLORS[index]
        ax.plot(dense, np.abs(1 - dense * value), color=color, linewidth=1.2, label=rf"$\lambda = {value:g}$")
        ax.plot(modes.learning_rates, modes.factors[:, index], "o", color=color, markersize=3)
    ax.axhline(1.0, color="#555555", linewidth=0.7)
    ends = (0.0, 1 / largest, 2 / largest, dense[-1])
    for (left, right), shade, word in zip(pairwise(ends), SHADES, WORDS, strict=True):
        ax.axvspan(left, right, color=shade, zorder=0, linewidth=0)
        ax.text((left + right) / 2, 1.42, word, ha="center", va="top", fontsize=6.2)
    _draw_both_limits(ax, 2 / largest, label=False)
    ax.set(xlim=(0, dense[-1]), ylim=(0, 1.45), xlabel=style.LEARNING_RATE)
    ax.set(ylabel=r"factor of the distance per step", title=r"quadratic: $|1 - \eta\lambda|$")
    plots.legend(ax, above=True)


def _draw_both_limits(ax: Axes, limit: float, label: bool = True) -> None:
    ax.axvline(
        limit / 2,
        label=r"$1/\lambda$: no overshoot" if label else None,
        **{**style.LIMIT_LINE, "linestyle": ":"},
    )
    ax.axvline(limit, label=style.LIMIT if label else None, **style.LIMIT_LINE)


def _draw_regimes(ax: Axes, modes: Modes) -> None:
    for index, (product, each) in enumerate(modes.regimes.items()):
        name = rf"$\eta\lambda_{{\max}} = {product:g}$"
        ax.semilogy(each.steps, each.losses, label=name, **style.descent_line(index))
    ax.set(xlabel=style.STEP, ylabel=style.LOSS, ylim=(1e-4, 1e5), title="quadratic: the loss")
    plots.legend(ax, above=True)


def _draw_limits(ax: Axes, limits: dict[str, Limit]) -> None:
    for index, (name, each) in enumerate(limits.items()):
        color = style.DESCENT_COLORS[index]
        label = rf"{name}: ${each.limit:.4g}/\lambda$"
        ax.plot(each.shares, each.measured, "o", color=color, markersize=3.5, label=label)
        ax.plot(each.fine, each.curve, color=color, linewidth=1)
    ax.axhline(1.0, color="#555555", linewidth=0.7)
    ax.axvline(1.0, **style.LIMIT_LINE)
    ax.set(xlabel=r"$\eta$ over the rule's limit", ylabel="factor of the distance per step", ylim=(0.65, 2.3))
    ax.set_title("momentum: each limit")
    plots.legend(ax)


def _draw_final(ax: Axes, network: Network) -> None:
    rates = network.shares * network.limit
    losses = np.where(network.diverged, np.nan, network.final_losses)
    plots.draw_final_loss(rates, losses, flow_loss=network.flow.final_loss, ax=ax)
    _draw_both_limits(ax, network.limit)
    ax.set_title("digits: loss at one time")
    _label_rates(ax)
    plots.legend(ax)


def _draw_distances(ax: Axes, network: Network) -> None:
    rates, near = network.shares * network.limit, ~network.diverged
    ax.loglog(
        rates[near],
        network.distances[near],
        "o-",
        color=style.DESCENT_COLORS[0],
        markersize=3.5,
        linewidth=1.2,
        label="descent",
    )
    ax.axhline(1.0, color="#555555", linewidth=0.7)
    _draw_both_limits(ax, network.limit)
    ax.set(xlabel=style.LEARNING_RATE, ylabel="distance / way of the flow")
    ax.set_title("digits: distance")
    _label_rates(ax)
    plots.legend(ax)


def _label_rates(ax: Axes) -> None:
    rates = (0.02, 0.05, 0.1, 0.2, 0.5)
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.set_xticks([], minor=True)


def answers(results: Results) -> dict[str, Any]:
    """Return what happens on both sides of each limit."""
    modes, network = results.modes, results.network
    expected = np.abs(1 - np.outer(modes.learning_rates, modes.eigenvalues))
    near = results.limits.values()
    followed = network.followed.values()
    return {
        "quadratic: factors miss |1 - eta lambda| by, at most": np.abs(modes.factors - expected).max(),
        "quadratic": {
            "eta lambda_max": list(modes.regimes),
            "first error": [each.losses[0] for each in modes.regimes.values()],
            "last error": [each.final_loss for each in modes.regimes.values()],
            "steps": [each.steps[-1] for each in modes.regimes.values()],
        },
        "limits": {
            "rule": list(results.limits),
            "limit * lambda": [each.limit for each in near],
            "factor at 0.99 of it": [each.factor(0.99) for each in near],
            "factor at 1.01 of it": [each.factor(1.01) for each in near],
        },
        "digits: 2 / lambda": network.limit,
        "digits: loss of the flow": network.flow.final_loss,
        "digits": {
            "over 2/lambda": network.shares,
            "first factor": network.first_factors,
            "1 - eta lambda": 1 - 2 * network.shares,
            "final loss": np.where(network.diverged, np.nan, network.final_losses),
            "distance / way": np.where(network.diverged, np.nan, network.distances),
            "share of rising steps": network.rising,
        },
        "digits: sharpness": {
            "over 2/lambda": list(network.followed),
            "at the start": [each.records["sharpness"][0] for each in followed],
            "at the end": [each.records["sharpness"][-1] for each in followed],
            "2 / eta": [2 / each.settings["learning_rate"] for each in followed],
        },
    }


if __name__ == "__main__":
    script.run(__file__)
