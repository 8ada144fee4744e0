"""What `gf.integrate` and `gf.descend` cost beyond the plain loops that they stand for.

Microseconds of CPU time a step beyond scipy's `solve_ivp` with the same method, tolerances, Jacobian and
products on the same quadratic, and beyond a bare loop over `loss_and_gradient`. Both as they are called, in
interleaved rounds on one core; medians. Run it as ``python benchmarks/driver.py``.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.integrate import solve_ivp  # noqa: E402

import gradflow as gf  # noqa: E402
from gradflow import cases  # noqa: E402
from gradflow.problems.problem import Problem  # noqa: E402
from gradflow.simulate.integrators import INTEGRATORS, jacobian  # noqa: E402
from gradflow.solvers import ROCK2, KrylovBDF  # noqa: E402

Array = NDArray[np.float64]
# Takes steps and returns how many, and where they ended.
Run = Callable[[], tuple[int, Array]]

# By name in `gf.integrate`, and what `solve_ivp` takes for it.
METHODS: dict[str, Any] = {name: name for name in ("RK45", "DOP853", "LSODA", "BDF")}
METHODS |= {"krylov-bdf": KrylovBDF, "rock2": ROCK2}
SIZES = (1, 10, 100)
RTOL = 1e-6
END_TIME = 5.0
NUM_STEPS = 4000
# What was asked of the driver beforehand.
MOST_BEYOND = {"RK45": 45.0, "LSODA": 45.0, "BDF": 45.0}
MOST_OVER_RAW = {"DOP853": 2.5}
MOST_BEYOND_LOOP = 3.0


class Cost(NamedTuple):
    """Microseconds of CPU time a step, and steps."""

    time: float
    steps: int


def integrated(problem: Problem, w0: Array, method: str) -> Run:
    """Return `gf.integrate` as a user calls it."""

    def run() -> tuple[int, Array]:
        found = gf.integrate(gf.GradientFlow(problem), w0, END_TIME, method=method, rtol=RTOL)
        return len(found.step_times) - 1, found.final_weights

    return run


def raw(problem: Problem, w0: Array, method: str) -> Run:
    """Return `solve_ivp` with the options that `gf.integrate` hands to the method."""
    integrator, flow = INTEGRATORS[method], gf.GradientFlow(problem)
    atol = 1e-3 * RTOL * float(np.linalg.norm(w0)) / w0.size**0.5
    options: dict[str, Any] = dict(integrator.tolerances(RTOL, atol))
    if integrator.takes("jac"):
        options["jac"] = jacobian(flow)
    if products := integrator.products(flow):
        options["linearize"] = products if len(products) > 1 else products[0]

    def slope(_: float, w: Array) -> Array:
        return -problem.loss_and_gradient(w)[1]

    def run() -> tuple[int, Array]:
        found = solve_ivp(slope, (0.0, END_TIME), w0, method=METHODS[method], **options)
        return len(found.t) - 1, found.y[:, -1]

    return run


def descended(problem: Problem, w0: Array, rate: float, *, keeps_weights: bool) -> Run:
    """Return `gf.descend`, which keeps every loss."""
    stride = 1 if keeps_weights else NUM_STEPS

    def run() -> tuple[int, Array]:
        found = gf.descend(problem, w0, rate, NUM_STEPS, record_every=stride)
        return NUM_STEPS, found.final_weights

    return run


def looped(problem: Problem, w0: Array, rate: float, *, keeps_weights: bool) -> Run:
    """Return the loop that a user would write, which keeps as much."""

    def run() -> tuple[int, Array]:
        w, losses, kept = w0, [], [w0]
        for _ in range(NUM_STEPS):
            loss, gradient = problem.loss_and_gradient(w)
            losses.append(loss)
            w = w - rate * gradient
            if keeps_weights:
                kept.append(w)
        losses.append(problem.loss(w))
        return NUM_STEPS, w

    return run


def costs(runs: tuple[Run, Run], num_rounds: int, seconds: float) -> list[Cost]:
    """Return the median cost of a step of each run, which take turns of `seconds` or of one call."""
    ends = [run() for run in runs]
    assert np.allclose(ends[0][1], ends[1][1], rtol=1e-3, atol=1e-6), ends
    repeats = max(1, round(seconds / timed(runs[1], 1)))
    rounds = [[timed(run, repeats) for run in runs] for _ in range(num_rounds)]
    return [
        Cost(1e6 * float(median) / steps, steps)
        for median, (steps, _) in zip(np.median(rounds, axis=0), ends, strict=True)
    ]


def timed(run: Run, repeats: int) -> float:
    """Return the CPU time of one of `repeats` calls."""
    start = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - start) / repeats


def goal(value: float, most: float | None, unit: str) -> str:
    """Return what was asked and whether it is kept, if anything was."""
    if most is None:
        return ""
    return f"   at most {most:g}{unit}: {'met' if value <= most else 'missed'}"


def head(title: str) -> str:
    """Return the head of a table, in microseconds a step."""
    return f"\n{title:34} {'steps':>11} {'plain':>9} {'ours':>9} {'beyond':>9} {'ratio':>7}"


def line(name: str, ours: Cost, plain: Cost, verdict: str) -> str:
    """Return one row of a table; the steps of both where they differ."""
    steps = f"{ours.steps}" if ours.steps == plain.steps else f"{ours.steps} ({plain.steps})"
    beyond, ratio = ours.time - plain.time, ours.time / plain.time
    return f"{name:34} {steps:>11} {plain.time:9.1f} {ours.time:9.1f} {beyond:9.1f} {ratio:7.2f}{verdict}"


def show_flows(num_rounds: int, seconds: float) -> None:
    """Print a table of methods and sizes."""
    print(head("gf.integrate over solve_ivp, us"))
    for size in SIZES:
        problem = gf.problems.Quadratic(np.geomspace(100.0, 1.0, size))
        w0 = np.ones(size)
        for method in METHODS:
            runs = integrated(problem, w0, method), raw(problem, w0, method)
            ours, plain = costs(runs, num_rounds, seconds)
            verdict = goal(ours.time - plain.time, MOST_BEYOND.get(method), " us")
            verdict += goal(ours.time / plain.time, MOST_OVER_RAW.get(method), " times raw")
            print(line(f"n = {size}, {method}", ours, plain, verdict), flush=True)


def show_descents(num_rounds: int, seconds: float) -> None:
    """Print a table of problems that cost next to nothing."""
    print(head("gf.descend over a bare loop, us"))
    tasks = {
        "quadratic of 2 weights": cases.make("quadratic"),
        "one-weight neuron": cases.make("identity-neuron"),
        "2-4-1 on exclusive or": cases.make("xor"),
    }
    for keeps_weights in (False, True):
        for name, case in tasks.items():
            runs = tuple(
                make(case.problem, case.w0, case.learning_rates[0], keeps_weights=keeps_weights)
                for make in (descended, looped)
            )
            ours, plain = costs(runs, num_rounds, seconds)
            verdict = "" if keeps_weights else goal(ours.time - plain.time, MOST_BEYOND_LOOP, " us")
            label = f"{name}, rows kept" if keeps_weights else name
            print(line(label, ours, plain, verdict), flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.03, help="of the plain loop in every round")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    gf.show_config()
    show_flows(arguments.rounds, arguments.seconds)
    show_descents(arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
