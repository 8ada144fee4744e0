"""What does the one-weight network that should learn f(x) = x do?

It never arrives: with y = sigma(w x) on x in {0, 1} the pattern x = 0 gives 1/2 and an error of 1/8 whatever
w is, and the pattern x = 1 pulls w to the right forever. Along the flow w grows like 1/2 ln(2t) and E - 1/8
falls like 1/(4t): over t = 1e4 to 1e6 the slope of w against ln t is 0.504, that of ln(E - 1/8) is -1.006.
The learning rate only sets the pace, and none makes this network diverge, because the gradient is negative
everywhere: from w = -2, alpha = 1000 jumps to w = 90.5, where the gradient is 0 in float64, and stops. If w
is kept in [0, 1] by projection, the answer is the bound w = 1, which the flow reaches from 0 at t = 11.98,
with an error of 0.1612 and a gradient of -0.053 that still presses against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import plots, rules, script
from gradflow.analysis.convergence import observed_order
from gradflow.experiments import descend, integrate
from gradflow.plots import style
from gradflow.plots.logarithmic import show_start
from gradflow.problems import SigmoidNeuron

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

MOST_MARKS = 150
FLOOR = 1.0 / 8.0
BOUNDS = (0.0, 1.0)
# A run of seconds.
QUICK = {"end_time": 500.0}


@dataclass(frozen=True, eq=False)
class Results:
    """The neuron's flow, its descents, and its descents inside the bounds.

    Attributes
    ----------
    w0 : float
        Where flow and descents start.
    flow : Trajectory
        As integrated.
    closed : ndarray, shape (m,)
        w(t) of the closed form at the flow's rows.
    tail_times, tail_weights, tail_excess : ndarray, shape (k,)
        Late flow times, w(t) and E - 1/8 there, from the closed form.
    descents : dict of float to Trajectory
        By learning rate.
    jump : Trajectory
        Descent at the largest learning rate, a few steps.
    bounded : dict of float to Trajectory
        Projected descent from w = 0, by learning rate.
    bound_time : float
        Flow time of the closed form from w = 0 to w = 1.
    """

    w0: float
    flow: gf.Trajectory
    closed: Array
    tail_times: Array
    tail_weights: Array
    tail_excess: Array
    descents: dict[float, gf.Trajectory]
    jump: gf.Trajectory
    bounded: dict[float, gf.Trajectory]
    bound_time: float

    @property
    def weight_slope(self) -> float:
        """Slope of w against ln t over the late times; 1/2 in the limit."""
        return float(np.polyfit(np.log(self.tail_times), self.tail_weights, 1)[0])

    @property
    def excess_order(self) -> float:
        """Slope of ln(E - 1/8) against ln t over the late times; -1 in the limit."""
        return observed_order(self.tail_times, self.tail_excess)


def run(
    *,
    w0: float = -2.0,
    learning_rates: Sequence[float] = (1.0, 10.0, 40.0, 100.0),
    largest: float = 1000.0,
    bounded_learning_rates: Sequence[float] = (0.5, 5.0),
    end_time: float = 1e4,
    tail: tuple[float, float] = (1e4, 1e6),
) -> Results:
    """Return the flow of the identity neuron, as integrated and in closed form, and descents beside it.

    Parameters
    ----------
    w0 : float
        Starting weight.
    learning_rates : sequence of float
        Of the descents beside the flow.
    largest : float
        A learning rate whose descent is shown by its first steps.
    bounded_learning_rates : sequence of float
        Of the descents from w = 0 that are kept in [0, 1].
    end_time : float
        Flow time of flow and descents.
    tail : (float, float)
        Flow times over which the growth of w is fitted.
    """
    neuron = SigmoidNeuron()
    start = np.array([w0])
    flow = integrate(gf.GradientFlow(neuron), start, end_time, rtol=1e-9)
    times = np.geomspace(*tail, 41)
    weights = neuron.flow(start, times)
    bound_time = float(neuron.flow_time(BOUNDS[0], BOUNDS[1]))
    bounded = {eta: rules.Projected(rules.GradientDescent(eta), *BOUNDS) for eta in bounded_learning_rates}
    return Results(
        w0,
        flow,
        neuron.flow(start, flow.times)[:, 0],
        times,
        weights[:, 0],
        np.array([neuron.loss(w) for w in weights]) - FLOOR,
        {eta: descend(neuron, start, eta, end_time=end_time) for eta in learning_rates},
        descend(neuron, start, largest, 5),
        {eta: descend(neuron, [BOUNDS[0]], rule, end_time=2 * bound_time) for eta, rule in bounded.items()},
        bound_time,
    )


def plot(results: Results) -> Figure:
    """Return the figure: the phase line, w and the error over time, and w kept in [0, 1]."""
    figure, panels = plots.new_figure(2, width="text", height=6.0, num_rows=2)
    with plots.in_style():
        _draw_phase_line(panels[0])
        _draw_weights(panels[1], results)
        _draw_errors(panels[2], results)
        _draw_bounded(panels[3], results)
    plots.letter_panels(panels)
    plots.settle_legends(figure)
    return figure


def _draw_phase_line(ax: Axes) -> None:
    neuron = SigmoidNeuron()
    w = np.linspace(-6.0, 8.0, 400)
    ax.plot(w, [neuron.loss([v]) for v in w], color=style.DESCENT_COLORS[0], label="error $E(w)$")
    speed = np.array([-neuron.gradient([v])[0] for v in w])
    ax.plot(w, speed, color=style.DESCENT_COLORS[3], label=r"speed $dw/dt = -dE/dw > 0$")
    ax.axhline(FLOOR, label="1/8, never reached", **style.LIMIT_LINE)
    ax.axhline(0.0, color="#555555", linewidth=0.7)
    for place in np.arange(-5.0, 8.0, 2.0):
        ax.annotate(
            "", (place + 1.2, -0.05), (place, -0.05), arrowprops={"arrowstyle": "->", "color": "#222222"}
        )
    ax.axvspan(*BOUNDS, color="#dddddd", alpha=0.6, linewidth=0, label=r"$w \in [0, 1]$")
    ax.set(xlabel="weight $w$", ylabel="error, speed", ylim=(-0.1, 0.67))
    ax.set_title("phase line: $w$ only moves to the right")
    plots.legend(ax, above=True)


def _spread(descent: gf.Trajectory) -> NDArray[np.int64]:
    """Return rows behind the start, about equally far apart on a logarithmic axis of time."""
    last = len(descent.times) - 1
    return np.unique(np.geomspace(1, last, MOST_MARKS).round().astype(np.int64))


def _draw_weights(ax: Axes, results: Results) -> None:
    flow = results.flow
    later = flow.times > 0
    ax.semilogx(flow.times[later], results.closed[later], label="flow, closed form", **style.FLOW_LINE)
    marks = flow.at(np.geomspace(0.6, flow.times[-1], 18))[:, 0]
    ax.plot(
        np.geomspace(0.6, flow.times[-1], 18),
        marks,
        "o",
        color="white",
        markeredgecolor="#222222",
        markersize=3.5,
        label="flow, integrated",
    )
    for index, (eta, descent) in enumerate(results.descents.items()):
        line = style.descent_line(index)
        ax.plot(
            descent.times[shown := _spread(descent)],
            descent.weights[shown, 0],
            marker=".",
            markersize=3,
            label=rf"$\alpha = {eta:g}$",
            **line,
        )
    late = np.geomspace(30.0, flow.times[-1], 20)
    ax.plot(late, 0.5 * np.log(2 * late), label=r"$\frac{1}{2}\ln(2t)$", **style.LIMIT_LINE)
    ax.set(xlabel=r"flow time $t = k\,\alpha$", ylabel="weight $w$", title="the weight grows forever")
    curves = [(run.times, run.weights[:, 0], line.get_color()) for run, line in _drawn(ax, results)]
    show_start(ax, curves, 1.0, style.START_OF_TIME)
    ax.set(xlim=(0.5, 1.5 * flow.times[-1]), ylim=(results.w0 - 0.3, 8.0))
    plots.legend(ax, above=True)


def _drawn(ax: Axes, results: Results) -> list[tuple[gf.Trajectory, Any]]:
    """Return the descents with their lines."""
    found = [line for line in ax.get_lines() if "alpha" in str(line.get_label())]
    return list(zip(results.descents.values(), found, strict=True))


def _draw_errors(ax: Axes, results: Results) -> None:
    flow = results.flow
    later = flow.times > 0
    ax.loglog(flow.times[later], flow.losses[later] - FLOOR, label="flow", **style.FLOW_LINE)
    for index, (eta, descent) in enumerate(results.descents.items()):
        ax.plot(
            descent.times[shown := _spread(descent)],
            descent.losses[shown] - FLOOR,
            marker=".",
            markersize=3,
            label=rf"descent, $\alpha = {eta:g}$",
            **style.descent_line(index),
        )
    late = np.geomspace(30.0, flow.times[-1], 20)
    ax.plot(late, 1.0 / (4 * late), label="$1/(4t)$", **style.LIMIT_LINE)
    curves = [(run.times, run.losses - FLOOR, line.get_color()) for run, line in _drawn(ax, results)]
    show_start(ax, curves, 1.0, style.START_OF_TIME)
    w = results.jump.weights[:, 0]
    ax.text(
        0.97,
        0.95,
        rf"$\alpha = {results.jump.settings['learning_rate']:g}$ jumps from {w[0]:g} to {w[1]:.3g}"
        "\n"
        "and stops: the gradient is 0 there",
        transform=ax.transAxes,
        ha="right",
        va="top",
        fontsize=6.5,
    )
    ax.set(xlabel=r"flow time $t = k\,\alpha$", ylabel="error above 1/8, $E - 1/8$")
    ax.set(title=r"no $\alpha$ diverges, none arrives", xlim=(0.5, 1.5 * flow.times[-1]))
    plots.legend(ax)


def _draw_bounded(ax: Axes, results: Results) -> None:
    neuron = SigmoidNeuron()
    t = np.linspace(0.0, 2 * results.bound_time, 200)
    ax.plot(t, neuron.flow([0.0], t)[:, 0], ":", color="#222222", linewidth=1.2, label="flow without bounds")
    ax.plot(t, np.minimum(neuron.flow([0.0], t)[:, 0], 1.0), label="flow in $[0, 1]$", **style.FLOW_LINE)
    for index, (eta, descent) in enumerate(results.bounded.items()):
        ax.plot(
            descent.times,
            descent.weights[:, 0],
            marker=".",
            markersize=4,
            label=rf"projected descent, $\alpha = {eta:g}$",
            **style.descent_line(index),
        )
    ax.axvline(results.bound_time, **style.LIMIT_LINE)
    ax.text(
        results.bound_time - 0.3,
        1.3,
        f"bound reached\nat $t = {results.bound_time:.2f}$",
        ha="right",
        fontsize=7,
    )
    final = next(iter(results.bounded.values()))
    ax.set(xlabel=r"flow time $t = k\,\alpha$", ylabel="weight $w$", ylim=(-0.05, 1.75))
    ax.set_title(f"$w$ kept in [0, 1]: stops at 1, $E = {final.final_loss:.4f}$")
    plots.legend(ax, above=True)


def answers(results: Results) -> dict[str, Any]:
    """Return how w grows, what each learning rate does, and where the bounds hold w."""
    neuron, largest = SigmoidNeuron(), results.jump.settings["learning_rate"]
    runs, bounded = results.descents.values(), results.bounded.values()
    reached = [int(np.argmax(each.weights[:, 0] == BOUNDS[1])) for each in bounded]
    return {
        "flow": {
            "integrated and closed form differ by, at most": np.abs(
                results.flow.weights[:, 0] - results.closed
            ).max(),
            "slope of w against ln t": results.weight_slope,
            "slope of ln(E - 1/8)": results.excess_order,
            "4 t (E - 1/8) at the end": 4 * results.tail_times[-1] * results.tail_excess[-1],
        },
        "descents": {
            "alpha": list(results.descents),
            "final time": [each.times[-1] for each in runs],
            "final w": [each.final_weights[0] for each in runs],
            "E - 1/8": [each.final_loss - FLOOR for each in runs],
            "largest change of E in a step": [np.diff(each.step_losses).max() for each in runs],
        },
        f"alpha = {largest:g}": {
            "w": results.jump.weights[:3, 0],
            "gradient where it stops": neuron.gradient(results.jump.final_weights)[0],
        },
        "w kept in [0, 1]": {
            "alpha": list(results.bounded),
            "at the bound after steps": reached,
            "at t": [each.times[k] for each, k in zip(bounded, reached, strict=True)],
            "E": [each.final_loss for each in bounded],
            "gradient": [neuron.gradient(each.final_weights)[0] for each in bounded],
        },
        "flow from 0 reaches the bound at t": results.bound_time,
    }


if __name__ == "__main__":
    script.run(__file__)
