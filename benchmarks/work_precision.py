"""Error at the end of gradient flows against gradients and seconds: gradflow's integrators and others.

Every evaluation is counted: of the flow, of differences, of a spectral radius, and every product at its cost,
which is measured first. One core. A figure and a table; ``python benchmarks/work_precision.py --problems
"XOR 2-4-1" quadratic`` runs some problems only, ``--quick`` leaves out the explicit methods.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from flow_problems import CASES, Task, task
from numpy.typing import NDArray
from scipy.integrate import OdeSolver

import gradflow as gf
from gradflow import plots
from gradflow.simulate.methods import METHODS
from gradflow.solvers import CVODE, ROCK2, KrylovBDF

Array = NDArray[np.float64]
FIGURE = Path(__file__).parents[1] / "figures" / "work_precision"
TOLERANCES = 10.0 ** -np.arange(2.0, 6.01, 0.5)
EXPLICIT_TOLERANCES = (1e-3, 1e-5, 1e-7)
MAX_DENSE = 500
MAX_SECONDS = 40.0


class TooLong(Exception):
    """A run has taken longer than it is worth."""


class Counted:
    """The flow of a task that counts what it costs, in gradients."""

    def __init__(self, given: Task, costs: dict[str, float]) -> None:
        self._problem, self._costs = given.problem, costs
        self.spent = 0.0
        self._deadline = time.process_time() + MAX_SECONDS

    def __call__(self, _: float, w: Array) -> Array:
        """Return -dE/dw."""
        self.spent += 1
        if time.process_time() > self._deadline:
            raise TooLong
        return -self._problem.gradient(w)

    def jac(self, _: float, w: Array) -> Array:
        """Return the dense Jacobian."""
        self.spent += w.size * self._costs["exact"]
        if time.process_time() > self._deadline:
            raise TooLong
        return -self._problem.hvp(w, np.eye(w.size))

    def rough(self, kind: str) -> Callable[[float, Array], tuple[Array, Callable[[Array], Array]]]:
        """Return the linearization with single-precision products of a kind."""

        def linearize(_: float, w: Array) -> tuple[Array, Callable[[Array], Array]]:
            self.spent += self._costs[f"passes {kind}"]
            _, gradient, product = self._problem.linearize(w, precision="single", kind=kind)

            def counted(v: Array) -> Array:
                self.spent += self._costs[kind]
                return -product(v)

            return -gradient, counted

        return linearize


def measured_costs(problem: Any, w: Array) -> dict[str, float]:
    """Return seconds of products and of passes that allow them, in gradients."""
    v = np.random.default_rng(0).standard_normal(w.size)
    product = problem.linearize(w)[2]
    calls = {"gradient": lambda: problem.gradient(w), "exact": lambda: product(v)}
    for how in getattr(problem, "rough_products", ()):
        kind, rough = how["kind"], problem.linearize(w, **how)[2]
        calls[kind] = lambda rough=rough: rough(v)
        calls[f"passes {kind}"] = lambda how=how: problem.linearize(w, **how)
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(15):
        for name, call in calls.items():
            begin = time.process_time()
            call()
            seconds[name].append(time.process_time() - begin)
    return {name: min(each) / min(seconds["gradient"]) for name, each in seconds.items()}


@dataclass(frozen=True)
class Contender:
    """``make(flow, task, tolerance)`` returns a solver, at the given tolerances."""

    name: str
    make: Callable[[Counted, Task, float], Any]
    tolerances: tuple[float, ...] = tuple(TOLERANCES)


def unit(given: Task) -> float:
    """Return the root mean square starting weight: absolute tolerances are that times rtol."""
    return float(np.linalg.norm(given.start)) / given.start.size**0.5


def solver(cls: Callable[..., OdeSolver], **options: Any) -> Callable[[Counted, Task, float], Any]:
    """Return the maker of a solver with options."""

    def make(flow: Counted, given: Task, tolerance: float) -> Any:
        atol = tolerance * unit(given)
        return cls(flow, 0.0, given.start, given.end_time, rtol=tolerance, atol=atol, **options)

    return make


def ours(cls: Callable[..., OdeSolver], rough: bool = False) -> Callable[[Counted, Task, float], Any]:
    """Return the maker of one of our solvers as `integrate` sets it up."""

    def make(flow: Counted, given: Task, tolerance: float) -> Any:
        options = {"linearize": [flow.rough("gauss-newton"), flow.rough("hessian")]} if rough else {}
        start, end = given.start, given.end_time
        return cls(flow, 0.0, start, end, rtol=tolerance, atol=1e-3 * tolerance, **options)

    return make


def dense(cls: Callable[..., OdeSolver]) -> Callable[[Counted, Task, float], Any]:
    """Return the maker of one of scipy's implicit solvers with the exact Hessian."""
    return lambda flow, given, tolerance: solver(cls, jac=flow.jac)(flow, given, tolerance)


class FixedRK4:
    """Classical Runge-Kutta at a step of 1 / sharpness, measured anew every 50 steps."""

    def __init__(self, flow: Counted, given: Task) -> None:
        self._flow, self._task = flow, given
        self.t, self.y, self.status, self._num_steps = 0.0, given.start, "running", 0

    def step(self) -> None:
        """Take one step."""
        if self._num_steps % 50 == 0:
            self._h = 1 / gf.curvature.sharpness(self._task.problem, self.y, tol=1e-2)
            self._flow.spent += 15
        self._num_steps += 1
        h, y, f = min(self._h, self._task.end_time - self.t), self.y, self._flow
        a = f(self.t, y)
        b = f(self.t, y + h / 2 * a)
        c = f(self.t, y + h / 2 * b)
        d = f(self.t, y + h * c)
        self.y = y + h / 6 * (a + 2 * b + 2 * c + d)
        self.t += h
        self.status = "finished" if self.t >= self._task.end_time else "running"


def contenders(given: Task, quick: bool) -> Iterator[Contender]:
    """Yield what can take part."""
    if getattr(given.problem, "rough_products", ()):
        yield Contender("krylov-bdf", ours(KrylovBDF, rough=True))
    yield Contender("krylov-bdf, differences", ours(KrylovBDF))
    yield Contender("rock2", ours(ROCK2), tuple(TOLERANCES[:7]))
    try:
        import sksundae  # noqa: F401
    except ImportError:
        print("scikit-sundae is not installed: no CVODE")
    else:
        for size in (5, 30):
            yield Contender(f"CVODE-GMRES({size})", solver(CVODE, max_basis=size))
    try:
        from extensisq import SSV2stab
    except ImportError:
        print("extensisq is not installed: no RKC")
    else:
        yield Contender("extensisq RKC", solver(SSV2stab), tuple(TOLERANCES[:7]))
    if given.start.size <= MAX_DENSE:
        for name in ("LSODA", "BDF", "Radau"):
            yield Contender(name, dense(METHODS[name]), tuple(TOLERANCES[::2]))
    if not quick:
        for name in ("RK45", "DOP853", "RK23"):
            yield Contender(name, solver(METHODS[name]), EXPLICIT_TOLERANCES)
        yield Contender("RK4 at 1/sharpness", lambda flow, given, _: FixedRK4(flow, given), (1.0,))


@dataclass(frozen=True)
class Point:
    """One run: its tolerance, error at the end, cost in gradients, seconds."""

    tolerance: float
    error: float
    gradients: float
    seconds: float


def runs(contender: Contender, given: Task, costs: dict[str, float]) -> Iterator[Point]:
    """Yield a point per tolerance until a run takes too long."""
    for tolerance in contender.tolerances:
        flow = Counted(given, costs)
        begin = time.process_time()
        try:
            stepper = contender.make(flow, given, tolerance)
            while stepper.status == "running":
                stepper.step()
        except TooLong:
            return
        seconds = time.process_time() - begin
        if stepper.status == "finished":
            yield Point(tolerance, given.error(stepper.y), flow.spent, seconds)


def needed(points: list[Point], error: float, cost: str) -> float:
    """Return the cost of an error, log-log interpolated where it is first reached; nan if it is not."""
    for before, after in zip([None, *points], points, strict=False):
        if after.error <= error:
            costs = [getattr(point, cost) for point in (before or after, after)]
            if before is None or before.error <= after.error:
                return float(costs[1])
            share = np.log(before.error / error) / np.log(before.error / after.error)
            return float(costs[0] ** (1 - share) * costs[1] ** share)
    return np.nan


def measure(name: str, seeds: list[int], quick: bool) -> dict[str, list[list[Point]]]:
    """Return the points of every contender, for every seed."""
    results: dict[str, list[list[Point]]] = defaultdict(list)
    for seed in seeds:
        given = task(name, seed)
        costs = measured_costs(given.problem, given.start)
        if seed == seeds[0]:
            print(f"\n{name}, {given.start.size} weights, to t = {given.end_time:g}; in gradients:", end=" ")
            print(", ".join(f"{kind} {cost:.2f}" for kind, cost in costs.items() if kind != "gradient"))
        for contender in contenders(given, quick):
            results[contender.name].append(list(runs(contender, given, costs)))
    return results


def show(results: dict[str, list[list[Point]]]) -> None:
    """Print the table of one problem."""
    print(f"{'':26} gradients to 1e-3, 1e-4   seconds to 1e-3, 1e-4   error / rtol, largest")
    for name, seeds in results.items():
        row = [
            np.mean([needed(points, error, cost) for points in seeds])
            for cost in ("gradients", "seconds")
            for error in (1e-3, 1e-4)
        ]
        ratios = [point.error / point.tolerance for points in seeds for point in points]
        print(
            f"{name:26} {row[0]:14.0f} {row[1]:9.0f} {row[2]:16.3f} {row[3]:8.3f}"
            f" {max(ratios, default=np.nan):22.2g}",
            flush=True,
        )


def plot(all_results: dict[str, dict[str, list[list[Point]]]]) -> Any:
    """Return the figure: error against gradients, one panel a problem, its first seed."""
    columns = min(3, len(all_results))
    rows = -(-len(all_results) // columns)
    figure, axes = plots.style.new_figure(columns, 2.4 * columns, 2.1 * rows + 0.6, rows)
    lines: dict[str, Any] = {}
    with plots.style.in_style():
        for ax, (problem, results) in zip(axes, all_results.items(), strict=False):
            for name, seeds in results.items():
                costs, errors = ([getattr(p, what) for p in seeds[0]] for what in ("gradients", "error"))
                lines[name] = ax.loglog(costs, errors, label=name, **LINES[name])[0]
            ax.set(title=problem, ylim=(1e-6, 1.0), xlabel="cost in gradients", ylabel="relative error")
            label_costs(ax)
        for ax in axes[len(all_results) :]:
            ax.set_visible(False)
        figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=3)
    return figure


def label_costs(ax: Any) -> None:
    """Put plain numbers under a logarithmic axis: three a decade where it is short, else two."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 12 * low else (1, 3)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())


_COLORS = plots.style.DESCENT_COLORS
LINES: dict[str, dict[str, Any]] = {
    "krylov-bdf": {"color": _COLORS[3], "marker": "o", "ms": 3, "lw": 2},
    "krylov-bdf, differences": {"color": _COLORS[1], "marker": "o", "ms": 3},
    "rock2": {"color": _COLORS[2], "marker": "s", "ms": 3},
    "CVODE-GMRES(5)": {"color": _COLORS[0], "marker": "^", "ms": 3},
    "CVODE-GMRES(30)": {"color": _COLORS[4], "marker": "v", "ms": 3},
    "extensisq RKC": {"color": _COLORS[5], "marker": "D", "ms": 2.5},
    "LSODA": {"color": "#555555", "ls": ":"},
    "BDF": {"color": "#555555", "ls": "--"},
    "Radau": {"color": "#555555", "ls": "-."},
    "RK45": {"color": "black", "marker": "x", "ms": 4},
    "DOP853": {"color": "black", "marker": "+", "ms": 5, "ls": "--"},
    "RK23": {"color": "black", "marker": "1", "ms": 5, "ls": ":"},
    "RK4 at 1/sharpness": {"color": "black", "marker": "*", "ms": 6, "ls": "none"},
}


def main() -> None:
    """Measure, print the tables, write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seeds", type=int, default=4, help="0, 1, ... up to 3466 weights, 1 alone above")
    parser.add_argument("--quick", action="store_true", help="leave out the explicit methods")
    parser.add_argument("--no-figure", action="store_true")
    arguments = parser.parse_args()
    all_results = {}
    for name in arguments.problems:
        wide = name in ("64-128-128-10", "64-200-200-200-10")
        all_results[name] = measure(name, [1] if wide else list(range(arguments.seeds)), arguments.quick)
        show(all_results[name])
    if not arguments.no_figure:
        for path in plots.save_figure(plot(all_results), FIGURE):
            print(path.name)


if __name__ == "__main__":
    main()
