"""Why do learning curves of recurrent networks jump?

One sigmoid unit x = g(w x + b), resting at 0, should learn x = 1 from w = 6, b = -4.5, where it rests low.
The flow pushes x up along the lower branch until that meets the unstable one and both vanish, in a fold at
w x (1 - x) = 1; nothing is left but the upper branch, and the loss falls from 0.31 to 0.0007 at once. The
event finds the fold at flow time 57.81, where b is that of the fold to 1e-9. The slowest relaxation rate
is there proportional to the square root of the distance to the fold and the gradient to one over it, so
that the flow runs into the fold in finite time, the rate falling like the cube root of the time left
(slope 0.32 near it). Descent at learning rate 1 steps across and jumps at step 60.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import plots, script
from gradflow.events import fixed_point_jumps
from gradflow.experiments import descend, integrate
from gradflow.plots import style
from gradflow.problems import Recurrent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
# A run of seconds.
QUICK = {"end_time": 80.0, "num_times": 4}


@dataclass(frozen=True, eq=False)
class Jump:
    """A flow and a descent across a fold.

    Attributes
    ----------
    flow, descent : Trajectory
        From rest, going on across the fold; the crossings of "jump" say when.
    jump_time : float
        When the flow's fixed point jumps.
    fold_gap : float
        b - b_fold(w) at that time: 0 in theory.
    before_jump : ndarray, shape (k,)
        Flow times before the jump, as times left.
    rates, speeds : ndarray, shape (k,)
        -(slowest relaxation rate) and |dE/dw| then.
    branches : tuple of three ndarrays (w (j,), lower fold b (j,), upper fold b (j,))
        Between the folds there are two stable fixed points.
    """

    flow: gf.Trajectory
    descent: gf.Trajectory
    jump_time: float
    fold_gap: float
    before_jump: Array
    rates: Array
    speeds: Array
    branches: tuple[Array, Array, Array]

    @property
    def rate_order(self) -> float:
        """Slope of log rate over log time left, at the two times closest to the jump; 1/3 in theory."""
        return float(gf.analysis.convergence.pairwise_orders(self.before_jump, self.rates)[-1])


def run(*, end_time: float = 200.0, learning_rate: float = 1.0, num_times: int = 8) -> Jump:
    """Return flow and descent of one unit across the fold.

    Parameters
    ----------
    end_time : float
        Flow time of both.
    learning_rate : float
        Of the descent.
    num_times : int
        How many times before the jump, each a third of the time left of the one before, are looked at.
    """
    problem, w0 = Recurrent([[0.0, 1.0]], [[1.0]], [0], clamped=[1], rest=0.0), np.array([6.0, -4.5])
    events = {"jump": fixed_point_jumps(problem, terminal=False)}
    flow = integrate(gf.GradientFlow(problem), w0, end_time, method="Radau", events=events)
    descent = descend(problem, w0, learning_rate, end_time=end_time, events=events)
    jump_time = float(flow.crossings["jump"][1][0])
    w, b = flow.crossings["jump"][2][0]
    left = 10.0 / 3.0 ** np.arange(num_times)
    weights = flow.at(jump_time - left)
    return Jump(
        flow,
        descent,
        jump_time,
        float(b - folds(np.array([w]))[0][0]),
        left,
        np.array([-problem.relaxation_rates(each)[0, 0].real for each in weights]),
        np.array([np.linalg.norm(problem.gradient(each)) for each in weights]),
        (grid := np.linspace(4.0, 9.0, 100), *folds(grid)),
    )


def folds(w: Array) -> tuple[Array, Array]:
    """Return b at the two folds of x = g(w x + b), for w >= 4: where w x (1 - x) = 1."""
    root = np.sqrt(1 - 4 / w)
    low, high = (np.log(x / (1 - x)) - w * x for x in (0.5 * (1 - root), 0.5 * (1 + root)))
    return low, high


def plot(results: Jump) -> Figure:
    """Return the figure: the loss, the way through the plane of weights, and the slowing down."""
    figure, panels = plots.new_figure(3, width="text", height=2.8)
    with plots.in_style():
        plots.draw_losses({"flow": results.flow, "descent": results.descent}, ax=panels[0])
        panels[0].axvline(results.jump_time, label="fixed point jumps", **style.LIMIT_LINE)
        panels[0].set_title("the loss jumps")
        plots.legend(panels[0])
        _draw_plane(panels[1], results)
        _draw_slowing(panels[2], results)
    plots.letter_panels(panels)
    plots.settle_legends(figure)
    return figure


def _draw_plane(ax: Axes, results: Jump) -> None:
    w, low, high = results.branches
    ax.fill_between(w, high, low, color="#e8e8e8", label="two attractors")
    ax.plot(w, low, label=r"fold $w x (1-x) = 1$", **style.LIMIT_LINE)
    ax.plot(results.flow.weights[:, 0], results.flow.weights[:, 1], **(style.FLOW_LINE | {"linewidth": 1.8}))
    ax.plot(*results.flow.weights[0], "o", color="black", markersize=4, label="start")
    ax.plot(
        *results.flow.crossings["jump"][2][0], "D", color=style.DESCENT_COLORS[3], label="jump", markersize=5
    )
    ax.set(
        xlim=(5.5, 7.5),
        ylim=(-5.0, -2.0),
        xlabel=r"weight $w$",
        ylabel=r"weight $b$",
        title="the flow meets the fold",
    )
    plots.legend(ax, above=True)


def _draw_slowing(ax: Axes, results: Jump) -> None:
    left = results.before_jump
    ax.loglog(
        left,
        results.rates,
        "o-",
        color=style.DESCENT_COLORS[0],
        markersize=4,
        label="slowest relaxation rate",
    )
    ax.loglog(
        left, results.speeds, "s-", color=style.DESCENT_COLORS[1], markersize=4, label=r"gradient $|dE/dw|$"
    )
    guide = 0.6 * results.rates[-1] * np.cbrt(left / left[-1])
    ax.plot(left, guide, ":", color=style.LIMIT_LINE["color"], label="slope 1/3")
    ax.set(xlabel="flow time left", ylabel="rate, gradient", title="slowing down")
    plots.legend(ax, above=True)


def answers(results: Jump) -> dict[str, Any]:
    """Return when the fixed point jumps, how far from the fold, and the slowing down before it."""
    flow, place = results.flow, int(np.searchsorted(results.flow.times, results.jump_time))
    return {
        "flow jumps at t": results.jump_time,
        "b - b_fold(w) there": results.fold_gap,
        "loss before": flow.losses[place - 1],
        "loss after": flow.losses[place],
        "descent jumps at t": results.descent.crossings["jump"].times,
        "before the jump": {
            "time left": results.before_jump,
            "slowest rate": results.rates,
            "gradient": results.speeds,
        },
        "slope of the rate at the finest pair": results.rate_order,
    }


if __name__ == "__main__":
    script.run(__file__)
