"""When and why does descent leave the flow?

It can from where the sharpness of the flow reaches 2 / eta, and does later (`delayed_departure`). A 1-30-20-1
tanh network on the Chebyshev polynomial T_6 follows the flow at eta = 0.2 beyond the flow time t = 272.87,
where the flow's sharpness meets 2 / eta = 10: the flow alone tells it, located inside a step. The flow goes
on to sharpness 22.3 at t = 1000; descent meets 10 at step 1,409 or 1,410, its loss first rises some 270 steps
later, and it hovers there, eta S / 2 between 1.00 and 1.02 on the average. Of all 5,000 steps 70 to 80 %
lower the loss, of those behind the crossing 60 to 70 %, and yet in the long run it falls from 0.39 to about
0.002. At the crossing the two are 0.08 apart, at the end more than 1.5. On 500 handwritten digits (64-32-10
network begun at half the usual weights, eta = 0.16) the flow meets 2 / eta = 12.5 at t = 45.9, where the
distance is 0.014; at t = 240 it is 0.5 to 1. What comes behind the crossing depends on the rounding of the
processor and is told in bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import plots, script
from gradflow.analysis.stability import regime
from gradflow.curvature import SharpnessTracker
from gradflow.events import sharpness_reaches
from gradflow.experiments import descend, integrate, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

EVENT = "sharpness"
# Steps behind the crossing before descent has settled at the edge.
SETTLING = 200
ROW_TITLES = {"chebyshev": r"$T_6$, 1-30-20-1", "digits": "digits, 64-32-10"}
# A run of seconds.
QUICK = {"num_steps": 1800, "flow_time": 300.0, "num_digits": 0}


@dataclass(frozen=True, eq=False)
class Edge:
    """Descent and the flow beside it, on one clock.

    Attributes
    ----------
    descent : Trajectory
        With the sharpness recorded; its rows are thinned out behind that.
    flow : Trajectory
        Too, at times of descent's rows, with the crossing of 2 / eta located.
    comparison : Comparison
    regime : str
    num_products, num_fallbacks : int
        What tracking the sharpness of descent took.
    """

    descent: gf.Trajectory
    flow: gf.Trajectory
    comparison: gf.Comparison
    regime: str
    num_products: int
    num_fallbacks: int

    @property
    def learning_rate(self) -> float:
        """The learning rate, eta."""
        return float(self.descent.settings["learning_rate"])

    @property
    def sharpness_steps(self) -> NDArray[np.int64]:
        """The steps at which descent's sharpness is known."""
        return np.rint(self.descent.record_times["sharpness"] / self.learning_rate).astype(np.int64)

    @property
    def first_step(self) -> int:
        """The first kept step at which descent's sharpness is at 2 / eta or above, -1 if there is none."""
        above = self.descent.records["sharpness"] >= 2 / self.learning_rate
        return int(self.sharpness_steps[above][0]) if above.any() else -1

    @property
    def crossing_time(self) -> float:
        """The flow time at which the flow's sharpness first meets 2 / eta, nan if it does not."""
        times = self.flow.crossings[EVENT][1]
        return float(times[0]) if times.size else np.nan

    @property
    def mean_product(self) -> float:
        """Mean of eta S / 2 from 200 steps behind the crossing on."""
        late = self.descent.records["sharpness"][self.sharpness_steps >= self.first_step + SETTLING]
        return float(0.5 * self.learning_rate * late.mean()) if late.size else np.nan

    def share_lowered(self, first_step: int = 0) -> float:
        """Return the share of steps that lower the loss, from a step on."""
        changes = np.diff(self.descent.step_losses[first_step:])
        return float((changes < 0).mean()) if changes.size else np.nan


def run(
    *,
    num_steps: int = 5000,
    flow_time: float = 1000.0,
    num_digits: int = 500,
    digits_steps: int = 1500,
    record_every: int = 1,
    seed: int = 0,
) -> dict[str, Edge]:
    """Return descent and flow on T_6 at eta = 0.2 and, unless `num_digits` is 0, on digits at 0.16.

    Parameters
    ----------
    num_steps : int
        Of descent on T_6.
    flow_time : float
        To which the flow on T_6 is followed.
    num_digits : int
        The first so many of the handwritten digits.
    digits_steps : int
        Of descent on the digits.
    record_every : int
        Stride of rows; sharpness is tracked at every row.
    seed : int
        Of the starting weights.
    """
    net = gf.problems.FeedForward(*gf.datasets.chebyshev(6), (30, 20))
    edges = {"chebyshev": _edge(net, 0.2, num_steps, flow_time, record_every, seed)}
    if num_digits:
        inputs, labels = gf.datasets.digits()
        net = gf.problems.FeedForward(inputs[:num_digits] / 16, labels[:num_digits], (32,))
        edges["digits"] = _edge(net, 0.16, digits_steps, 0.16 * digits_steps, record_every, seed, 0.5)
    return edges


def _edge(
    net: gf.problems.FeedForward,
    rate: float,
    num_steps: int,
    flow_time: float,
    stride: int,
    seed: int,
    scale: float = 1.0,
) -> Edge:
    w0 = net.initial_weights(seed, scale)
    # The flow begins fast: rows close together there, and far apart later.
    times = np.union1d(np.geomspace(rate, flow_time, 150), np.linspace(0.0, flow_time, 151))
    tracker = SharpnessTracker(net)
    descent = descend(net, w0, rate, num_steps, record_every=stride, record={"sharpness": tracker})
    flow = integrate(
        gf.GradientFlow(net),
        w0,
        flow_time,
        times=times,
        record={"sharpness": SharpnessTracker(net)},
        events={EVENT: sharpness_reaches(net, 2 / rate)},
    )
    return Edge(
        thinned(descent, 200),
        flow,
        gf.compare(descent, flow),
        regime(descent, net).name,
        tracker.num_products,
        tracker.num_fallbacks,
    )


def plot(results: dict[str, Edge]) -> Figure:
    """Return the figure: a row for each network with loss, sharpness and distance to the flow."""
    rows = len(results)
    figure, panels = plots.new_figure(3, width="text", height=2.2 * rows + 0.4, num_rows=rows)
    with plots.in_style():
        for (name, edge), row in zip(results.items(), panels.reshape(rows, 3), strict=True):
            _draw_row(name, edge, *row)
    plots.letter_panels(panels)
    plots.share_legend(figure)
    return figure


def _draw_row(name: str, edge: Edge, losses: Axes, sharp: Axes, distance: Axes) -> None:
    runs = {"flow": edge.flow, "descent": edge.descent}
    plots.draw_losses(runs, ax=losses)
    plots.draw_sharpness(runs, ax=sharp)
    plots.draw_distance({"descent": edge.comparison}, ax=distance)
    for ax in (losses, sharp, distance):
        ax.axvline(edge.crossing_time, color="#222222", linestyle=":", linewidth=1.0)
        # Beside the axis, not on it: the losses fall at once.
        end = edge.comparison.times[-1]
        ax.set(xlim=(-0.03 * end, end), xlabel="flow time $t$")
    losses.set_title(rf"{ROW_TITLES[name]}, $\eta = {edge.learning_rate:g}$")
    sharp.set_title(rf"flow at $2/\eta$: $t = {edge.crossing_time:.4g}$")
    distance.set_title("distance")
    sharp.plot([], [], color="#222222", linestyle=":", linewidth=1.0, label=r"flow meets $2/\eta$")


def answers(results: dict[str, Edge]) -> dict[str, Any]:
    """Return when flow and descent meet 2 / eta, and what descent does from there."""
    return {name: _told(edge) for name, edge in results.items()}


def _told(edge: Edge) -> dict[str, Any]:
    comparison, sharpness = edge.comparison, edge.flow.records["sharpness"]
    return {
        "eta": edge.learning_rate,
        "2 / eta": 2 / edge.learning_rate,
        "loss at the start": edge.descent.losses[0],
        "loss at the end, to one digit": float(f"{edge.descent.final_loss:.0e}"),
        "regime": edge.regime,
        "sharpness at the start": edge.descent.records["sharpness"][0],
        "flow meets 2 / eta at t": edge.crossing_time,
        "that is step": edge.crossing_time / edge.learning_rate,
        "descent meets it at step": edge.first_step,
        "mean eta S / 2 from 200 steps later on, between": band(edge.mean_product, 0.05),
        "share of steps that lower the loss, between": band(edge.share_lowered(), 0.1),
        "share behind the crossing, between": band(edge.share_lowered(edge.first_step), 0.1),
        "sharpness of the flow at its end": sharpness[-1],
        "distance at the crossing": float(
            np.interp(edge.crossing_time, comparison.times, comparison.distance)
        ),
        "distance at the end, between": band(comparison.distance[-1], 0.5),
        "products of the tracker, to a hundred": round(edge.num_products, -2),
        "fallbacks of the tracker": edge.num_fallbacks,
    }


def band(value: float, width: float) -> tuple[float, float]:
    """Return the multiples of `width` on both sides of a number that depends on the rounding."""
    low = np.floor(value / width)
    return (round(low * width, 9), round((low + 1) * width, 9))


if __name__ == "__main__":
    script.run(__file__)
