"""How long does descent stay with the flow behind the crossing of 2 / eta?

Until what rounding has left across the valley has grown large enough to be seen, which the flow alone tells.
Behind the crossing each step multiplies the distance along the top eigenvector by 1 - eta S, a little more
than 1 in size: a slow passage through a flip, whose delay depends on the arithmetic. A 1-30-20-1 network on
the Chebyshev polynomial T_6 at eta = 0.2 meets 2 / eta at flow step 1,364; its loss first rises some 170
steps later where each step is kicked at random by 1e-6 a weight, some 240 in float32 and some 310 in float64.
An observation over six nets: the sum of ln|1 - eta S| along the flow from the crossing to that step is 27 to
39 in float64 and 11 to 21 in float32, except in one net that meets 2 / eta twice. Predicted from the flow
alone, without a free number, by the growth of what rounding adds at each step: the steps of five nets are
met to within 70, most of them to within 30; those of the sixth are missed by 60 to 90, and where it is
kicked altogether.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import plots, script
from gradflow.curvature import top_eigenpairs
from gradflow.experiments import descend, integrate
from gradflow.plots import style
from gradflow.problems import FeedForward

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

# Half the distance of neighboring numbers, over the number.
ROUNDING = {"float64": 2.0**-53, "float32": 2.0**-24}
KICKED = "kicks"
NEVER = -1
QUICK = {"seeds": (0, 3), "num_steps": 1800}


@dataclass(frozen=True, eq=False)
class InSingle:
    """w <- w - eta g, rounded to float32 at every step."""

    learning_rate: float

    def init(self, w: Array) -> None:
        """Return None: nothing is remembered."""

    def update(self, w: Array, gradient: Array, state: None, step: int) -> tuple[Array, None]:  # noqa: ARG002
        """Return the next weights, numbers that float32 has."""
        moved = w.astype(np.float32) - np.float32(self.learning_rate) * gradient.astype(np.float32)
        return moved.astype(np.float64), state


@dataclass(frozen=True, eq=False)
class Kicked:
    """w <- w - eta g + normal kicks of the given size; step k draws from ``default_rng([seed, k])``."""

    learning_rate: float
    size: float
    seed: int = 0

    def init(self, w: Array) -> None:
        """Return None: nothing is remembered."""

    def update(self, w: Array, gradient: Array, state: None, step: int) -> tuple[Array, None]:
        """Return the next weights."""
        kick = np.random.default_rng([self.seed, step]).standard_normal(w.size)
        return w - self.learning_rate * gradient + self.size * kick, state


@dataclass(frozen=True, eq=False)
class Passage:
    """One net: what its flow says, and what descents do.

    Attributes
    ----------
    seed : int
    crossing : float
        The step at which the flow's sharpness last meets 2 / eta from below before descent departs.
    flow_losses, sharpness, growth : ndarray, shape (num_steps + 1,)
        Of the flow at the clock of the steps; growth is the sum of ln|1 - eta S| from the crossing on.
    losses : dict of str to ndarray, shape (num_steps + 1,)
        Of descents, by what disturbs them.
    seen, predicted : dict of str to int
        The step at which the loss first rises behind the flow's first crossing, and what the flow says of
        it; -1 where it does not.
    """

    seed: int
    crossing: float
    flow_losses: Array
    sharpness: Array
    growth: Array
    losses: dict[str, Array]
    seen: dict[str, int]
    predicted: dict[str, int]


@dataclass(frozen=True, eq=False)
class Results:
    """The nets, the first of which is drawn, and their learning rate."""

    learning_rate: float
    passages: tuple[Passage, ...]


def run(
    *,
    seeds: Sequence[int] = (0, 1, 2, 3, 4, 5),
    learning_rate: float = 0.2,
    num_steps: int = 2000,
    kick: float = 1e-6,
    num_rows: int = 221,
) -> Results:
    """Return how flow and descents of several nets pass 2 / eta.

    Parameters
    ----------
    seeds : sequence of int
        Of the starting weights, one net each.
    learning_rate : float
        eta of all descents.
    num_steps : int
        Of each descent; the flow is followed as far.
    kick : float
        Standard deviation of the kicks of each weight at each step.
    num_rows : int
        Rows of the flow at which its sharpness is taken.
    """
    net = FeedForward(*gf.datasets.chebyshev(6), (30, 20))
    return Results(
        learning_rate, tuple(_passage(net, seed, learning_rate, num_steps, kick, num_rows) for seed in seeds)
    )


def _passage(net: FeedForward, seed: int, eta: float, num_steps: int, kick: float, num_rows: int) -> Passage:
    w0, end = net.initial_weights(seed), num_steps * eta
    flow = integrate(gf.GradientFlow(net), w0, end, times=np.linspace(0.0, end, num_rows), rtol=1e-8)
    steps = np.arange(num_steps + 1)
    sharpness, fall, across = (np.interp(steps * eta, flow.times, each) for each in _on_the_way(net, flow))
    noise = {name: share * across for name, share in ROUNDING.items()} | {KICKED: np.full(steps.size, kick)}
    entrants = {
        "float64": (net, gf.rules.GradientDescent(eta)),
        "float32": (net.in_single(), InSingle(eta)),
        KICKED: (net, Kicked(eta, kick)),
    }
    losses = {
        name: descend(problem, w0, rule, num_steps, record_every=num_steps).step_losses
        for name, (problem, rule) in entrants.items()
    }
    meetings = meetings_from_below(sharpness, 2 / eta)
    seen = {name: _first_rise(each, meetings) for name, each in losses.items()}
    predicted = {name: predicted_departure(eta, sharpness, fall, each) for name, each in noise.items()}
    crossing = max((each for each in meetings if each < max(seen.values())), default=float(num_steps))
    behind = np.where(steps > crossing, np.log(np.abs(1 - eta * sharpness)), 0.0)
    return Passage(
        seed, crossing, flow.losses_at(steps * eta), sharpness, np.cumsum(behind), losses, seen, predicted
    )


def _on_the_way(net: FeedForward, flow: gf.Trajectory) -> tuple[Array, Array, Array]:
    """Return at the flow's rows S, |g|^2, and what rounding by 1 leaves along the top eigenvector."""
    found = [top_eigenpairs(net, w, 1) for w in flow.weights]
    gradients = np.array([net.gradient(w) for w in flow.weights])
    # Each weight is rounded by a number that is uniform between -|w_i| and |w_i| times the rounding.
    rounded = [vectors[:, 0] * w for (_, vectors), w in zip(found, flow.weights, strict=True)]
    across = np.linalg.norm(rounded, axis=1) / np.sqrt(3)
    return np.array([values[0] for values, _ in found]), np.sum(gradients**2, axis=1), across


def meetings_from_below(sharpness: Array, level: float) -> list[float]:
    """Return the steps, with their fractions, at which the sharpness meets the level from below."""
    below, above = sharpness[:-1], sharpness[1:]
    places = np.flatnonzero((below < level) & (above >= level))
    return [float(k + (level - below[k]) / (above[k] - below[k])) for k in places]


def _first_rise(losses: Array, meetings: Sequence[float]) -> int:
    rises = np.flatnonzero(np.diff(losses) > 0)
    later = rises[rises > meetings[0]] if meetings else rises[:0]
    return int(later[0]) if later.size else NEVER


def predicted_departure(eta: float, sharpness: Array, fall: Array, noise: Array) -> int:
    """Return the first step at which what was added along the top eigenvector raises the loss.

    Its mean square x^2 obeys x^2 <- (1 - eta S)^2 x^2 + noise^2, and a step changes the loss by
    -eta |g|^2 + S x^2 ((1 - eta S)^2 - 1) / 2.
    """
    square = 0.0
    for k, (each, lost, added) in enumerate(zip(sharpness, eta * fall, noise**2, strict=True)):
        factor = (1 - eta * each) ** 2
        if 0.5 * each * square * (factor - 1) > lost:
            return k
        square = factor * square + added
    return NEVER


def plot(results: Results) -> Figure:
    """Return the figure: the losses of one net, the growth along its flow, and all nets as predicted."""
    figure, panels = plots.new_figure(3, width="text", height=2.8)
    first = results.passages[0]
    with plots.in_style():
        _draw_losses(panels[0], first)
        _draw_growth(panels[1], first)
        _draw_predictions(panels[2], results.passages)
    plots.letter_panels(panels)
    return figure


def _span(passage: Passage) -> slice:
    """Return the steps around the passage that are worth a look."""
    last = max(passage.seen.values())
    return slice(int(0.9 * passage.crossing), min(last + 40, passage.growth.size))


def _draw_losses(ax: Axes, passage: Passage) -> None:
    shown = _span(passage)
    steps = np.arange(passage.growth.size)
    for place, (name, losses) in enumerate(passage.losses.items()):
        ax.plot(steps[shown], losses[shown], label=name, **style.descent_line(place))
    ax.plot(steps[shown], passage.flow_losses[shown], label="flow", **style.FLOW_LINE | {"zorder": 1.5})
    ax.axvline(passage.crossing, **style.LIMIT_LINE)
    low, high = passage.flow_losses[shown].min(), passage.flow_losses[shown].max()
    ax.set(ylim=(low - 0.1 * (high - low), high + 0.7 * (high - low)), xlabel=style.STEP, ylabel=style.LOSS)
    ax.set_title(f"net {passage.seed}: who leaves when")
    plots.legend(ax, above=True)


def _draw_growth(ax: Axes, passage: Passage) -> None:
    shown, steps = _span(passage), np.arange(passage.growth.size)
    ax.plot(steps[shown], passage.growth[shown], label="along the flow", **style.FLOW_LINE)
    for place, (name, step) in enumerate(passage.seen.items()):
        if step != NEVER:
            color = style.descent_line(place)["color"]
            ax.plot([step], [passage.growth[step]], "o", color=color, label=f"{name}: loss rises")
    ax.axvline(passage.crossing, label=r"flow meets $2/\eta$", **style.LIMIT_LINE)
    ax.set(
        xlabel=style.STEP,
        ylabel=r"$\sum \ln|1 - \eta S|$ since then",
        title="growth across the valley",
    )
    plots.legend(ax, above=True)


def _draw_predictions(ax: Axes, passages: Sequence[Passage]) -> None:
    longest = 1
    for place, name in enumerate(passages[0].seen):
        met = [each for each in passages if min(each.predicted[name], each.seen[name]) > each.crossing]
        predicted, seen = (
            np.array([steps[name] - each.crossing for each, steps in zip(met, found, strict=True)])
            for found in ([each.predicted for each in met], [each.seen for each in met])
        )
        color = style.descent_line(place)["color"]
        ax.plot(predicted, seen, "os^"[place], color=color, markersize=4, label=name)
        longest = max(longest, *predicted, *seen)
    ax.plot([0, longest], [0, longest], label="as predicted", **style.LIMIT_LINE)
    ax.set(xlabel="steps predicted by the flow", ylabel="seen in descent")
    ax.set_title(f"{len(passages)} nets")
    plots.legend(ax, above=True)


def answers(results: Results) -> dict[str, Any]:
    """Return when each net departs, to ten steps, and between what bounds the growth is by then.

    The steps are those of one processor's rounding; on another one they are some others near by.
    """
    passages = results.passages
    names = list(passages[0].seen)
    steps = {
        f"{name}, {word}": [_to_ten(each[name]) for each in found]
        for name in names
        for word, found in (
            ("seen", [each.seen for each in passages]),
            ("told by the flow", [each.predicted for each in passages]),
        )
    }
    bounds = [_bounds(passages, name) for name in names]
    return {
        "eta": results.learning_rate,
        "the loss first rises at step, to ten": {
            "net": [each.seed for each in passages],
            "flow crosses": [_to_ten(each.crossing) for each in passages],
            **steps,
        },
        "sum of ln|1 - eta S| along the flow by then": {
            "disturbed by": names,
            "least": [least for least, _ in bounds],
            "largest": [largest for _, largest in bounds],
        },
    }


def _to_ten(step: float) -> float:
    return np.nan if step == NEVER else int(round(step, -1))


def _bounds(passages: Sequence[Passage], name: str) -> tuple[float, float]:
    """Return the least and the largest growth at which the loss first rises, in whole numbers outwards."""
    sums = [each.growth[each.seen[name]] for each in passages if each.seen[name] > each.crossing]
    return (int(np.floor(min(sums))), int(np.ceil(max(sums)))) if sums else (np.nan, np.nan)


if __name__ == "__main__":
    script.run(__file__)
