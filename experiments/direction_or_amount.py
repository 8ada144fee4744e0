"""Is the gradient a direction, or also an amount?

The sign is enough for small enough steps: every step -d whose signs are opposite to g's has g'd > 0. How
small, the amounts tell: w - eta d decreases a quadratic error if and only if eta < 2 g'd / d'Hd. On a tilted
quadratic (eigenvalues 100 and 1) a first step of length 0.22 against the gradient decreases the error by
1.9; if both weights move by the same amount, a step of that length raises it by 0.43, because it is longer
than 0.18. A fixed amount also stalls: on the quadratic the gradient over its length at 0.61, which is
lambda eta^2 / 8, the same amount for both weights at 28, random amounts at 1.3, where the gradient goes on
to 1e-14. On the digits the same amount for all stalls at 0.28. The gradient reaches 0.15 after a distance of
3.7, over its length it travels 147. Where the error is flat, as far out on the identity neuron, the gradient
dawdles and fixed amounts get on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import cases, plots, rules, script
from gradflow.analysis.convergence.steps import decrease_limit, path_length
from gradflow.experiments import descend, thinned
from gradflow.plots import style
from gradflow.problems import Problem, Quadratic, SigmoidNeuron
from gradflow.rules import UpdateRule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

ONE_WEIGHT = "of one weight,\nthe same amount\nis the gradient\nover its length"
GRADIENT, NORMALIZED, SAME, RANDOM = "gradient", "gradient over its length", "same amount", "random amounts"
COLORS = dict(zip((GRADIENT, NORMALIZED, SAME, RANDOM), style.DESCENT_COLORS, strict=False))
# What would hide the others lies below them.
LAYERS: dict[str, dict[str, Any]] = {
    RANDOM: {"linewidth": 0.6, "alpha": 0.45, "zorder": 1.6},
    NORMALIZED: {"linewidth": 1.2, "alpha": 0.7, "zorder": 1.7},
    GRADIENT: {"linewidth": 1.6, "zorder": 2.5},
    SAME: {"linewidth": 1.4, "zorder": 2.6},
}
DASHED = {SAME: (0, (4, 2))}
NUMBERS_KEPT = 500_000

# A run of seconds.
QUICK = {"num_steps": (60, 300, 60), "halvings": 1}


@dataclass(frozen=True, eq=False)
class Race:
    """The four rules from one start, with first steps of equal length.

    Attributes
    ----------
    runs : dict of str to Trajectory
        By the name of the rule; random amounts make a first step of that length on average. As many
        rows are kept as half a million weights make.
    lengths : dict of str to ndarray, shape (steps + 1,)
        Distance travelled up to each step.
    lowest : float
        The error that no weights go below.
    """

    runs: dict[str, gf.Trajectory]
    lengths: dict[str, Array]
    lowest: float = 0.0

    def rising(self, name: str) -> float:
        """Return the share of a rule's steps that raised the error."""
        return float(np.mean(np.diff(self.runs[name].step_losses) > 0))

    def stall(self, name: str) -> float:
        """Return the mean error of a rule's last tenth of steps, above the lowest."""
        losses = self.runs[name].step_losses
        return float(np.mean(losses[-(len(losses) // 10) :]) - self.lowest)


@dataclass(frozen=True, eq=False)
class Ray:
    """The change of the error in a first step of length l along one direction.

    Attributes
    ----------
    lengths, changes : ndarray, shape (m,)
        l, and E(w0 - l d) - E(w0) with |d| = 1.
    limit : float
        2 g'd / d'Hd, the length below which the error decreases.
    step_change : float
        The change in the step that the race takes.
    """

    lengths: Array
    changes: Array
    limit: float
    step_change: float


@dataclass(frozen=True, eq=False)
class Results:
    """The races, the first step of the one on the quadratic, and where halved amounts stall there.

    Attributes
    ----------
    races : dict of str to Race
        "identity neuron", "tilted quadratic" and "digits".
    first_length : float
        Length of the first step on the quadratic.
    rays : dict of str to Ray
        Along the gradient and along its signs.
    stalls : dict of str to ndarray, shape (k,)
        For each rule the error at which it stalls at `amounts`.
    amounts : ndarray, shape (k,)
        In units of those of the race.
    """

    races: dict[str, Race]
    first_length: float
    rays: dict[str, Ray]
    stalls: dict[str, Array]
    amounts: Array


def run(
    *,
    share: float = 0.95,
    neuron_learning_rate: float = 1.0,
    num_steps: tuple[int, int, int] = (200, 1000, 1000),
    eigenvalues: tuple[float, float] = (100.0, 1.0),
    tilt: float = np.pi / 6,
    along: tuple[float, float] = (0.06, 10.0),
    halvings: int = 2,
    seed: int = 0,
) -> Results:
    """Return the races on the identity neuron, the tilted quadratic and the digits.

    Parameters
    ----------
    share : float
        Learning rate of gradient descent over 2 / lambda at the start, on the quadratic and the digits.
    neuron_learning_rate : float
        On the neuron, which starts at w = -2.
    num_steps : (int, int, int)
        Steps of the three races.
    eigenvalues, tilt, along : (float, float), float, (float, float)
        Of the quadratic, the angle of its first eigenvector, and the start along the eigenvectors.
    halvings : int
        How often the amounts are halved to see where the rules stall.
    seed : int
        Of the network's starting weights and of the random amounts.
    """
    tilted, axes = tilted_quadratic(eigenvalues, tilt)
    start = axes @ np.array(along)
    digits = cases.make("digits", seed=seed)
    race = partial(_race, seed=seed)
    neuron = SigmoidNeuron()
    races = {
        "identity neuron": race(neuron, np.array([-2.0]), neuron_learning_rate, num_steps[0], lowest=0.125),
        "tilted quadratic": race(tilted, start, share * 2 / max(eigenvalues), num_steps[1]),
        "digits": race(digits.problem, digits.w0, share * _limit(digits.problem, digits.w0), num_steps[2]),
    }
    eta, amounts = share * 2 / max(eigenvalues), np.array([0.5**k for k in range(halvings + 1)])
    halved = [race(tilted, start, eta * a, int(num_steps[1] / a)) for a in amounts]
    gradient = tilted.gradient(start)
    length = eta * float(np.linalg.norm(gradient))
    directions = {GRADIENT: gradient, SAME: np.sign(gradient)}
    return Results(
        races,
        length,
        {name: _ray(tilted, start, d, length) for name, d in directions.items()},
        {name: np.array([each.stall(name) for each in halved]) for name in COLORS},
        amounts,
    )


def tilted_quadratic(eigenvalues: Sequence[float], tilt: float) -> tuple[Quadratic, Array]:
    """Return a quadratic of two weights, and its eigenvectors as columns, the first at the angle `tilt`."""
    axes = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    hessian = axes @ np.diag(eigenvalues) @ axes.T
    return Quadratic(0.5 * (hessian + hessian.T)), axes


def _limit(problem: Problem, w0: Array) -> float:
    return gf.analysis.stability.largest_stable_learning_rate(problem, w0)


def _race(
    problem: Problem, w0: Array, learning_rate: float, num_steps: int, lowest: float = 0.0, seed: int = 0
) -> Race:
    length = learning_rate * float(np.linalg.norm(problem.gradient(w0)))
    each_weight = length / np.sqrt(w0.size)
    entrants: dict[str, UpdateRule] = {
        GRADIENT: rules.GradientDescent(learning_rate),
        NORMALIZED: rules.Normalized(length),
        SAME: rules.SignDescent(each_weight),
        RANDOM: rules.RandomSign(each_weight, amount_seed=seed),
    }
    runs = {name: descend(problem, w0, rule, num_steps) for name, rule in entrants.items()}
    return Race(
        {name: thinned(each, NUMBERS_KEPT // w0.size) for name, each in runs.items()},
        {name: path_length(each) for name, each in runs.items()},
        lowest,
    )


def _ray(problem: Problem, w0: Array, direction: Array, step: float) -> Ray:
    unit = direction / np.linalg.norm(direction)
    lengths = np.linspace(0.0, 1.6 * step, 60)
    losses = np.array([problem.loss(w0 - length * unit) for length in (*lengths, step)])
    changes = losses - problem.loss(w0)
    return Ray(lengths, changes[:-1], decrease_limit(problem, w0, unit), float(changes[-1]))


def plot(results: Results) -> Figure:
    """Return the figure: the errors against steps and distance, and the step that raises the error."""
    figure, panels = plots.new_figure(3, width="text", height=5.0, num_rows=2)
    with plots.in_style():
        for ax, (name, race) in zip(panels, results.races.items(), strict=False):
            _draw_race(ax, race)
            ax.set(title=name, xlabel=style.STEP)
        panels[0].set_ylabel(r"error above its infimum, $E - 1/8$")
        panels[0].set_ylim(1e-9, 1.0)
        panels[0].text(0.54, 0.42, ONE_WEIGHT, transform=panels[0].transAxes, fontsize=6.2)
        _draw_rays(panels[3], results)
        for ax, name in zip(panels[4:], ("tilted quadratic", "digits"), strict=True):
            _draw_race(ax, results.races[name], by_distance=True)
            ax.set(
                title=f"{name}, by distance",
                xlabel="distance travelled",
                xscale="log",
            )
        panels[1].set_ylim(1e-10, 1e3)
        panels[4].set_ylim(1e-10, 1e3)
        for ax in (panels[2], panels[5]):
            ax.set_ylim(0.1, 1.2)
            ax.set_yticks([0.1, 0.2, 0.5, 1.0], ["0.1", "0.2", "0.5", "1"])
            ax.minorticks_off()
    plots.letter_panels(panels)
    plots.share_legend(figure)
    return figure


def _draw_race(ax: Axes, race: Race, by_distance: bool = False) -> None:
    for name, each in race.runs.items():
        x = race.lengths[name] if by_distance else np.arange(len(each.step_losses))
        ax.semilogy(
            x[by_distance:],
            each.step_losses[by_distance:] - race.lowest,
            color=COLORS[name],
            label=name,
            linestyle=DASHED.get(name, "-"),
            **LAYERS[name],
        )
    ax.set_ylabel(style.LOSS)


def _draw_rays(ax: Axes, results: Results) -> None:
    for name, ray in results.rays.items():
        ax.plot(ray.lengths, ray.changes, color=COLORS[name], label=name)
        ax.plot(results.first_length, ray.step_change, "o", color=COLORS[name], markersize=5)
        if ray.limit < ray.lengths[-1]:
            ax.axvline(ray.limit, **{**style.LIMIT_LINE, "color": COLORS[name]})
    ax.plot([], [], label=r"limit $2\,g^\top\!d\,/\,d^\top\!Hd$", **style.LIMIT_LINE)
    ax.axhline(0.0, color="#555555", linewidth=0.7)
    ax.axvline(results.first_length, color="#222222", linestyle=":", linewidth=1, label="the step taken")
    ax.set(xlabel=r"length of the first step, $\eta\,|d|$", ylabel=r"change of the error $E$")
    ax.set(title="tilted quadratic, first step")


def answers(results: Results) -> dict[str, Any]:
    """Return how far each rule gets, what its first step does, and where halved amounts stall."""
    return {
        **{place: _told(race) for place, race in results.races.items()},
        "tilted quadratic, first step": {
            "along": list(results.rays),
            "length": [results.first_length for _ in results.rays],
            "decreases below": [ray.limit for ray in results.rays.values()],
            "change of the error": [ray.step_change for ray in results.rays.values()],
        },
        "tilted quadratic, where the rules stall": {"amount": results.amounts, **results.stalls},
    }


def _told(race: Race) -> dict[str, Any]:
    runs = race.runs
    return {
        "rule": list(runs),
        "error above the lowest": [each.losses[0] - race.lowest for each in runs.values()],
        "after 10 steps": [each.step_losses[10] - race.lowest for each in runs.values()],
        "stalls at": [race.stall(name) for name in runs],
        "distance": [race.lengths[name][-1] for name in runs],
        "share of rising steps": [race.rising(name) for name in runs],
    }


if __name__ == "__main__":
    script.run(__file__)
