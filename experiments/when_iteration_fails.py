"""Where do Pineda's dynamics find fixed points that iteration does not?

A fixed point attracts the dynamics where every eigenvalue of DW has a real part below 1; the iteration,
and Neumann's series for the adjoint, need them inside the unit circle. One unit with w = -8 and I = -1/2
(DW = -2) shows it: the dynamics relax to x = 0 and z = 1/15, the iteration locks on +-0.478752, and the
partial sums of Neumann's series run 0.2, -0.2, 0.6, -1, 2.2, ... Over the plane of eigenvalues of two
units, every method works exactly inside its region at every point of the map: relaxation to the left of 1,
the plain iteration in the unit circle, the iteration damped by 0.4 in a circle of radius 2.5 through 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow import plots, script
from gradflow.errors import Undefined
from gradflow.plots import style
from gradflow.problems import Recurrent
from gradflow.problems.recurrent import adjoints, fixed_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
Map = NDArray[np.bool_]

DAMPING = 0.4
# Method, color and radius of the circle through 1 in which it works.
METHODS = {
    "relaxation": (style.DESCENT_COLORS[2], np.inf),
    "damped iteration": (style.DESCENT_COLORS[4], 1 / DAMPING),
    "iteration": (style.DESCENT_COLORS[0], 1.0),
    "Neumann": (style.DESCENT_COLORS[1], 1.0),
}
# A run of seconds.
QUICK = {"num_points": 8}


@dataclass(frozen=True, eq=False)
class Reach:
    """One unit step by step, and where each method works.

    Attributes
    ----------
    iterates : ndarray, shape (k,)
        x <- F(x) of the unit with w = -8, I = -1/2, from rest 0.2.
    relaxed, adjoint : float
        Its fixed point by relaxation and its z.
    partial_sums : ndarray, shape (k,)
        Neumann's series for z.
    real, imaginary : ndarray, shape (a,) and (b,)
        Eigenvalues of DW on the map.
    works : dict of str to ndarray of bool, shape (b, a)
        Whether each method finds what it seeks.
    """

    iterates: Array
    relaxed: float
    adjoint: float
    partial_sums: Array
    real: Array
    imaginary: Array
    works: dict[str, Map]

    def margin(self, method: str) -> Array:
        """Return how far inside its region each point of the map is, shape (b, a)."""
        radius = METHODS[method][1]
        plane = self.real + 1j * self.imaginary[:, None]
        return 1 - plane.real if np.isinf(radius) else radius - np.abs(plane - (1 - radius))

    def agreement(self, method: str, border: float = 0.02) -> float:
        """Return the share of points, none closer than `border` to the border, where theory is right."""
        clear = np.abs(self.margin(method)) > border
        return float(np.mean((self.margin(method) > 0)[clear] == self.works[method][clear]))


def run(*, num_iterates: int = 12, num_points: int = 32, reach: float = 4.15) -> Reach:
    """Return the iterates of one unit and the map over the plane of eigenvalues.

    Parameters
    ----------
    num_iterates : int
        Iterates and partial sums of the one unit.
    num_points : int
        Points of the map along each axis.
    reach : float
        The map spans real parts from -reach to 2 and imaginary parts from 0 to reach.
    """
    unit, w = Recurrent([[-0.5]], [[0.2]], [0], rest=0.2), np.array([-8.0])
    dynamics, _ = unit.free_fixed_points(w)
    iterates = [np.array([[0.2]])]
    for _ in range(num_iterates - 1):
        iterates.append(dynamics.image(iterates[-1]))
    sums = adjoints.partial_sums(np.array([[-8.0]]), np.array([[0.25]]), np.array([[0.2]]))
    real, imaginary = np.linspace(-reach, 2.0, num_points), np.linspace(0.0, reach, num_points)
    points = [[_works(a, b) for a in real.tolist()] for b in imaginary.tolist()]
    return Reach(
        np.ravel(iterates),
        float(unit.fixed_points(w)[0, 0]),
        float(unit.adjoint(w)[0, 0]),
        np.ravel(list(islice(sums, num_iterates))),
        real,
        imaginary,
        {name: np.array([[point[name] for point in row] for row in points]) for name in METHODS},
    )


def _works(real: float, imaginary: float) -> dict[str, bool]:
    """Return which methods work on two tanh units whose DW is (real, -imaginary; imaginary, real) at 0."""
    options = {"activation": "tanh", "input_inside": True, "rest": [0.1, 0.05]}
    w = [real, -imaginary, imaginary, real]
    at_rest = {
        "relaxation": fixed_points.Relaxation(max_steps=300),
        "damped iteration": fixed_points.Picard(DAMPING, tolerance=1e-9, max_steps=1500),
        "iteration": fixed_points.Picard(tolerance=1e-9, max_steps=1500),
    }
    works = {
        name: _reaches(Recurrent([[0.0, 0.0]], [[0.3]], [0], solver=solver, **options), w)
        for name, solver in at_rest.items()
    }
    return works | {"Neumann": _sums_up(w)}


def _reaches(problem: Recurrent, w: list[float]) -> bool:
    try:
        return bool(np.abs(problem.fixed_points(w)).max() < 1e-6)
    except Undefined:
        return False


def _sums_up(w: list[float]) -> bool:
    try:
        adjoints.neumann(np.reshape(w, (2, 2)), np.ones((1, 2)), np.array([[0.3, 0.0]]))
    except Undefined:
        return False
    return True


def plot(results: Reach) -> Figure:
    """Return the figure: the one unit step by step, forward and backward, and the map."""
    figure, panels = plots.new_figure(3, width="text", height=2.9)
    with plots.in_style():
        _draw_steps(panels[0], results.iterates, results.relaxed, "relaxation")
        panels[0].set(ylabel=r"activation $x$", title=r"one unit, $x \leftarrow F(x)$")
        _draw_steps(panels[1], results.partial_sums, results.adjoint, r"relaxation, $z = 1/15$")
        panels[1].set_yscale("symlog", linthresh=1.0)
        panels[1].set_ylim(-2e3, 5e4)
        panels[1].set(ylabel=r"adjoint $z$", title="its adjoint, by sums")
        _draw_map(panels[2], results)
    plots.letter_panels(panels)
    return figure


def _draw_steps(ax: Axes, steps: Array, limit: float, label: str) -> None:
    ax.plot(
        np.arange(len(steps)), steps, "o-", color=METHODS["iteration"][0], markersize=3, label="iteration"
    )
    ax.axhline(limit, color=METHODS["relaxation"][0], linewidth=1.6, label=label)
    ax.set(xlabel=r"step $k$", xticks=range(0, len(steps), 4))
    plots.legend(ax, above=True)


def _draw_map(ax: Axes, results: Reach) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    names = ("relaxation", "damped iteration", "iteration")
    level = sum(results.works[name].astype(int) for name in names)
    colors = ["#f2f2f2", *(METHODS[name][0] for name in names)]
    ax.pcolormesh(results.real, results.imaginary, level, cmap=ListedColormap(colors), vmin=0, vmax=3)
    turn = np.linspace(0.0, np.pi, 200)
    for radius in (1.0, 1 / DAMPING):
        border = 1 - radius + radius * np.exp(1j * turn)
        ax.plot(border.real, border.imag, color="black", linewidth=0.8)
    ax.axvline(1.0, color="black", linewidth=0.8)
    ax.set(xlim=results.real[[0, -1]], ylim=results.imaginary[[0, -1]])
    ax.set(xlabel=r"Re $\lambda(DW)$", ylabel=r"Im $\lambda(DW)$", title="what reaches the point")
    labels = ("relaxation only", "and damped by 0.4", "and iteration", "nothing")
    pairs = zip((*colors[1:], colors[0]), labels, strict=True)
    plots.legend(ax, [Patch(color=color, label=label) for color, label in pairs], above=True)


def answers(results: Reach) -> dict[str, Any]:
    """Return the iterates of the one unit, and where each method works."""
    return {
        "iterates": results.iterates,
        "x by relaxation": results.relaxed,
        "z by relaxation (1/15 = 0.0666667)": results.adjoint,
        "Neumann's partial sums": results.partial_sums,
        "map": {
            "method": list(METHODS),
            "works at a share of": [results.works[name].mean() for name in METHODS],
            "as theory says at": [results.agreement(name) for name in METHODS],
        },
    }


if __name__ == "__main__":
    script.run(__file__)
