"""What it costs to leave the method to `integrate`: CPU seconds of "auto" over those of the best method.

Every method runs through `gf.integrate` as a user calls it, on twelve flows, at tolerances from 1e-2 to 1e-7,
in interleaved rounds on one core. The seconds of a method at an error of 1e-3, 1e-4 or 1e-6 are log-log
interpolated between its tolerances, or those of a tighter run that cost less. The regret of "auto" is its own
over the least. Kinked flows have no end that all agree on: there seconds at equal tolerance are compared, of
runs that finished. Below 200 weights CVODE runs as its own package calls it, at the best of its settings.
``--quick`` takes five flows and two rounds; ``--problems`` some by name.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import threadpoolctl
from regret_problems import CASES, QUICK, Case, case
from work_precision import Point, needed, on_one_core

import gradflow as gf
from gradflow.simulate.integrators import INTEGRATORS

ERRORS = (1e-3, 1e-4, 1e-6)
TOLERANCES = tuple(10.0**-k for k in range(2, 8))
AUTO, MOST_REGRET, MOST_OF_CVODE, FEW_WEIGHTS = "auto", 1.5, 1.1, 200
# Vectors and share of the absolute tolerance.
SETTINGS = ((5, 1.0), (30, 1.0), (30, 0.1))
# Methods with a dense Hessian run up to so many weights.
MAX_DENSE = {"Radau": 50, "BDF": 260, "LSODA": 700}
# A method gets so many times the gradients of auto, and after so many times the least seconds no tighter
# tolerance.
MOST_GRADIENTS, HOPELESS = 4, 4.0
Results = dict[str, list[Point]]
Run = Callable[[float, int | None], tuple[float, int, str]]


def header() -> str:
    """Return the processor, the kernels of its BLAS and those of gradflow."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    cores = {each["architecture"] for each in threadpoolctl.threadpool_info() if "architecture" in each}
    return f"{(models or [platform.machine()])[0]}; BLAS core {', '.join(sorted(cores))}"


def through_integrate(given: Case, method: str, rtol: float, most: int | None) -> tuple[float, int, str]:
    """Return the error at the end, gradients, and the run's own account of its method."""
    run = gf.integrate(
        gf.GradientFlow(given.problem),
        given.start,
        given.end_time,
        method=method,
        rtol=rtol,
        max_evaluations=most,
    )
    finished = run.outcome is gf.Outcome.FINISHED
    account = run.method if finished else f"{run.method}: {run.outcome.name}, {run.message}"
    return given.error(run.final_weights) if finished else np.inf, run.num_gradients, account


def by_sundials(given: Case, size: int, share: float, rtol: float, _: int | None) -> tuple[float, int, str]:
    """Return the error of CVODE with GMRES as scikit-sundae calls it."""
    from sksundae.cvode import CVODE

    def velocity(_: float, w: Any, out: Any) -> None:
        np.negative(given.problem.gradient(w), out=out)

    unit = float(np.linalg.norm(given.start)) / given.start.size**0.5
    solver = CVODE(
        velocity,
        rtol=rtol,
        atol=share * rtol * unit,
        linsolver="gmres",
        krylov_dim=min(size, given.start.size),
        max_num_steps=1_000_000,
    )
    result = solver.solve([0.0, given.end_time], given.start)
    return given.error(result.y[-1]) if result.success else np.inf, 0, ""


def contenders(given: Case) -> dict[str, Run]:
    """Return auto and all it chooses from by name, and below 200 weights CVODE."""
    size = given.start.size
    names = [AUTO, *(name for name in INTEGRATORS if size <= MAX_DENSE.get(name, np.inf))]
    runs: dict[str, Run] = {name: partial(through_integrate, given, name) for name in names}
    if size < FEW_WEIGHTS:
        runs |= {f"CVODE({k}, {share:g})": partial(by_sundials, given, k, share) for k, share in SETTINGS}
    return runs


def measured(runs: dict[str, Run], rounds: int) -> tuple[Results, dict[float, str]]:
    """Return the points of every method, seconds as medians of the rounds, and auto's account of itself."""
    results: Results = defaultdict(list)
    accounts: dict[float, str] = {}
    for rtol in TOLERANCES:
        seconds: dict[str, list[float]] = defaultdict(list)
        found: dict[str, tuple[float, int, str]] = {}
        for name in list(runs) * rounds:
            most = None if name == AUTO else MOST_GRADIENTS * found[AUTO][1]
            begin = time.process_time()
            found[name] = runs[name](rtol, most)
            seconds[name].append(time.process_time() - begin)
        spent = {name: float(np.median(each)) for name, each in seconds.items()}
        least = min((s for name, s in spent.items() if np.isfinite(found[name][0])), default=np.inf)
        for name, (error, gradients, _) in found.items():
            results[name].append(Point(rtol, error, gradients, spent[name]))
        accounts[rtol] = found[AUTO][2]
        runs = {name: run for name, run in runs.items() if name == AUTO or spent[name] <= HOPELESS * least}
    return results, accounts


def costs(points: list[Point], kinked: bool) -> list[float]:
    """Return the seconds of a method to every error, or at every tolerance; nan where it is not reached."""
    finished = [point for point in points if np.isfinite(point.error)]
    if kinked:
        at = {point.tolerance: point.seconds for point in finished}
        return [at.get(error, np.nan) for error in ERRORS]
    return [needed(finished, error, "seconds") for error in ERRORS]


def ratios(seconds: dict[str, list[float]], among: Callable[[str], bool]) -> list[tuple[float, str]]:
    """Return auto's seconds over the least of some methods, and whose they are, for every error."""
    found = []
    for n, own in enumerate(seconds[AUTO]):
        reached = {name: each[n] for name, each in seconds.items() if among(name)}
        others = {name: cost for name, cost in reached.items() if np.isfinite(cost)}
        best = min(others, key=lambda name: others[name], default="")
        found.append((own / others[best] if best else np.nan, best))
    return found


def show(
    name: str, given: Case, results: Results, accounts: dict[float, str]
) -> tuple[list[float], list[str]]:
    """Print the table of one flow; return the regrets and what is missed."""
    seconds = {method: costs(points, given.kinked) for method, points in results.items()}
    what = "at a tolerance" if given.kinked else "to an error"
    print(f"\n{name}, {given.start.size} weights, to t = {given.end_time:g}; ms {what} of", end=" ")
    print(", ".join(f"{error:g}" for error in ERRORS), "- errors over tolerances")
    for method, each in seconds.items():
        errors = " ".join(f"{p.error / p.tolerance:.2g}" for p in results[method])
        print(f"  {method:13}" + "".join(f"{1e3 * s:9.1f}" for s in each) + f"   {errors}")
    regrets = ratios(seconds, lambda method: method in INTEGRATORS)
    shares = ratios(seconds, lambda method: method.startswith("CVODE"))
    missed = []
    for error, (regret, best), (share, peer) in zip(ERRORS, regrets, shares, strict=True):
        beside = f", {share:.2f} of {peer}" if peer else ""
        print(
            f"  {error:g}: regret {regret:.2f} over {best or 'none'}{beside}; auto: {accounts.get(error, '')}"
        )
        if regret > MOST_REGRET:
            missed.append(f"{name} at {error:g}: regret {regret:.2f}")
        if share > MOST_OF_CVODE:
            missed.append(f"{name} at {error:g}: {share:.2f} of CVODE")
    return [regret for regret, _ in regrets], missed


def main() -> None:
    """Measure and print, then say what is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=list(CASES))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    on_one_core()
    warnings.simplefilter("ignore")
    print(header())
    rounds = arguments.rounds or (2 if arguments.quick else 3)
    table, all_missed = [], []
    for name in arguments.problems or (QUICK if arguments.quick else CASES):
        given = case(name)
        regrets, missed = show(name, given, *measured(contenders(given), rounds))
        table.append(regrets)
        all_missed += missed
    means = np.exp(np.nanmean(np.log(table), axis=0))
    each = ", ".join(f"{mean:.2f} at {error:g}" for error, mean in zip(ERRORS, means, strict=True))
    whole = np.exp(np.nanmean(np.log(table)))
    print(f"\nregret: geometric means {each}, of all {whole:.2f}, largest {np.nanmax(table):.2f}")
    print(f"above {MOST_REGRET:g}, or {MOST_OF_CVODE:g} of CVODE below {FEW_WEIGHTS} weights:")
    print("\n".join(all_missed) or "none")


if __name__ == "__main__":
    main()
