"""Error at the end of gradient flows against gradients and seconds: gradflow's integrators and others.

Every evaluation is counted: of the flow, of differences, of a spectral radius, and every product at its cost,
which is measured first. One core. A figure, tables and the goals; ``python benchmarks/work_precision.py
--problems "XOR 2-4-1" quadratic`` runs some problems only, ``--quick`` leaves out dense and explicit methods.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from flow_contenders import Contender, Counted, TooLong, contenders, measured_costs
from flow_figure import plot
from flow_goals import Summary, verdicts
from flow_problems import CASES, Task, seeds, task

import gradflow as gf
from gradflow import plots

FIGURE = Path(__file__).with_name("work_precision")
ERRORS = (1e-3, 1e-4, 1e-6)
# Runs of fewer seconds are repeated where a cost is read off.
SHORT = 6.0


@dataclass(frozen=True)
class Point:
    """One run: its tolerance, error at the end, cost in gradients, seconds."""

    tolerance: float
    error: float
    gradients: float
    seconds: float


Results = dict[str, list[list[Point]]]


def one_run(contender: Contender, given: Task, costs: dict[str, float], tolerance: float) -> Point:
    """Return what a run gave; its error is infinite where it gave up."""
    flow, begin = Counted(given, costs), time.process_time()
    try:
        w = contender.run(flow, given, tolerance)
    except TooLong:
        w = None
    seconds = time.process_time() - begin
    return Point(tolerance, np.inf if w is None else given.error(w), flow.spent, seconds)


def sweep(contender: Contender, given: Task, costs: dict[str, float]) -> list[Point]:
    """Return a point per tolerance, the loosest first, while the budget lasts."""
    points: list[Point] = []
    for tolerance in contender.tolerances:
        exact = any(point.error < contender.enough and tolerance < point.tolerance for point in points)
        if exact or sum(point.seconds for point in points) > contender.budget:
            break
        points.append(one_run(contender, given, costs, tolerance))
    reached = sorted((p for p in points if np.isfinite(p.error)), key=lambda p: -p.tolerance)
    for n in {n for error in ERRORS for n in bracket(reached, error) if reached[n].seconds < SHORT}:
        again = one_run(contender, given, costs, reached[n].tolerance)
        reached[n] = replace(reached[n], seconds=min(reached[n].seconds, again.seconds))
    return reached


def bracket(points: list[Point], error: float) -> list[int]:
    """Return the places of the first point that reached an error and of the one before, if any."""
    first = next((n for n, point in enumerate(points) if point.error <= error), None)
    return [] if first is None else [first] if first == 0 else [first - 1, first]


def needed(points: list[Point], error: float, cost: str) -> float:
    """Return the cost of an error, log-log interpolated where it is first reached; nan if it is not.

    A tighter run that cost less than that counts instead.
    """
    places = bracket(points, error)
    if not places:
        return np.nan
    costs = [float(getattr(points[n], cost)) for n in places]
    if len(places) == 2:
        above, below = (points[n].error for n in places)
        share = np.log(above / error) / np.log(above / below)
        costs = [costs[0] ** (1 - share) * costs[1] ** share]
    return min(*costs, *(getattr(p, cost) for p in points if p.error <= error))


def measure(name: str, chosen: list[int], quick: bool) -> tuple[int, Results]:
    """Return the number of weights, and the points of every contender for every seed that it starts from."""
    results: Results = defaultdict(list)
    for place, seed in enumerate(chosen):
        given = task(name, seed)
        costs = measured_costs(given.problem, given.start)
        if place == 0:
            print(f"\n{name}, {given.start.size} weights, to t = {given.end_time:g}; in gradients:", end=" ")
            print(", ".join(f"{kind} {cost:.2f}" for kind, cost in costs.items()))
        print(f"seed {seed}: the reference took {given.seconds:.1f} s", flush=True)
        for contender in contenders(given, place, quick):
            begin = time.process_time()
            results[contender.name].append(sweep(contender, given, costs))
            print(f"{contender.name}: {time.process_time() - begin:.0f} s", file=sys.stderr)
    return given.start.size, results


def summary(results: Results) -> Summary:
    """Return the costs (errors, seeds) of every contender, in gradients and in seconds."""
    return {
        name: {
            cost: np.array([[needed(points, error, cost) for points in runs] for error in ERRORS])
            for cost in ("gradients", "seconds")
        }
        for name, runs in results.items()
    }


def show(results: Results, costs: Summary) -> None:
    """Print the table of one problem."""
    print(f"{'to 1e-3, 1e-4, 1e-6':30}{'gradients':>24}{'CPU ms':>30}   largest error / rtol   seeds")
    for name, runs in results.items():
        gradients = "".join(f"{each:8.0f}" for each in costs[name]["gradients"].mean(axis=1))
        seconds = "".join(f"{1e3 * each:10.1f}" for each in costs[name]["seconds"].mean(axis=1))
        ratios = [point.error / point.tolerance for points in runs for point in points]
        print(
            f"{name:30}{gradients}{seconds}{max(ratios, default=np.nan):23.2g}{len(runs):8}",
            flush=True,
        )


def on_one_core() -> None:
    """Keep the process, and all that other frameworks start in it, on one core where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main() -> None:
    """Measure, print the tables and what they say about the goals, write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seeds", type=int, default=4, help="0, 1, ... up to 3466 weights, 1 alone above")
    parser.add_argument("--quick", action="store_true", help="leave out dense and explicit methods")
    parser.add_argument("--no-figure", action="store_true")
    arguments = parser.parse_args()
    on_one_core()
    gf.show_config()
    begin = time.process_time()
    all_results: dict[str, Results] = {}
    goals: list[str] = []
    for name in arguments.problems:
        size, results = measure(name, seeds(name, arguments.seeds), arguments.quick)
        all_results[name] = results
        costs = summary(results)
        show(results, costs)
        lines, verdict = verdicts(name, size, costs)
        print("\n".join(lines), f"\n({time.process_time() - begin:.0f} s so far)", flush=True)
        goals += verdict
    print("\nGoals\n" + "\n".join(goals))
    if not arguments.no_figure:
        for path in plots.save_figure(plot(all_results), FIGURE):
            print(path.name)


if __name__ == "__main__":
    main()
