"""What it costs to leave the method to `integrate`: CPU seconds of "auto" over those of the best method.

Every method runs through `gf.integrate` as a user calls it, on twelve flows, at tolerances from 1e-2 to 1e-7,
in interleaved rounds on one core. The seconds of a method at an error of 1e-3, 1e-4 or 1e-6 are log-log
interpolated between its tolerances, or those of a tighter run that cost less. The regret of "auto" is its own
over the least. Where the weights of a kinked flow differ by more than that whatever is asked, seconds at that
tolerance are compared. ``--quick`` takes five flows and two rounds; ``--problems`` some by name.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections import defaultdict

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from regret_problems import CASES, QUICK, Case, case
from work_precision import Point, needed, on_one_core

import gradflow as gf

ERRORS = (1e-3, 1e-4, 1e-6)
TOLERANCES = tuple(10.0**-k for k in range(2, 8))
AUTO, PEER, MOST_REGRET, MOST_OF_CVODE = "auto", "cvode", 1.5, 1.1
FEW_WEIGHTS = 200
# Methods with a dense Hessian run up to so many weights.
MAX_DENSE = {"BDF": 260, "LSODA": 700}
METHODS = (AUTO, "LSODA", "BDF", "RK23", "RK45", "DOP853", "krylov-bdf", "rock2", PEER)
# A method that takes so many times the least seconds at a tolerance is not run at tighter ones.
HOPELESS = 4.0
Results = dict[str, list[Point]]


def one_run(given: Case, method: str, rtol: float, most_seconds: float) -> tuple[float, float, float, str]:
    """Return the error at the end, seconds, gradients and the method's own account of itself."""
    deadline = time.process_time() + most_seconds
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = gf.integrate(
            gf.GradientFlow(given.problem),
            given.start,
            given.end_time,
            method=method,
            rtol=rtol,
            callback=(lambda _t, _w: time.process_time() > deadline) if np.isfinite(most_seconds) else None,
        )
    seconds = time.process_time() - begin
    finished = run.outcome is gf.Outcome.FINISHED
    return given.error(run.final_weights) if finished else np.inf, seconds, run.num_gradients, run.method


def measured(given: Case, methods: list[str], rounds: int) -> tuple[Results, dict[float, str]]:
    """Return the points of every method, medians of the rounds, and what auto took at every tolerance."""
    results: Results = defaultdict(list)
    took: dict[float, str] = {}
    for rtol in TOLERANCES:
        least, seconds = np.inf, defaultdict(list)
        errors: dict[str, tuple[float, float]] = {}
        for _ in range(rounds):
            for method in list(methods):
                error, spent, gradients, account = one_run(
                    given, method, rtol, max(1.0, 2 * HOPELESS * least)
                )
                seconds[method].append(spent)
                errors[method] = error, gradients
                if method == AUTO:
                    took[rtol] = account
                if np.isfinite(error):
                    least = min(least, spent)
        for method, (error, gradients) in errors.items():
            results[method].append(Point(rtol, error, gradients, float(np.median(seconds[method]))))
        methods = [m for m in methods if m == AUTO or np.median(seconds[m]) <= HOPELESS * least]
    return results, took


def at_tolerance(points: list[Point], rtol: float) -> float:
    """Return the seconds of a run that finished at a tolerance; nan if there is none."""
    return next((p.seconds for p in points if p.tolerance == rtol and np.isfinite(p.error)), np.nan)


def costs(results: Results, kinked: bool) -> dict[str, list[float]]:
    """Return the seconds of every method to every error."""
    if kinked:
        return {name: [at_tolerance(points, error) for error in ERRORS] for name, points in results.items()}
    finished = {name: [p for p in points if np.isfinite(p.error)] for name, points in results.items()}
    return {name: [needed(points, error, "seconds") for error in ERRORS] for name, points in finished.items()}


def show(name: str, given: Case, results: Results, took: dict[float, str]) -> tuple[list[float], list[float]]:
    """Print the table of one flow; return the regrets and, for few weights, the seconds over CVODE's."""
    seconds = costs(results, given.kinked)
    others = {m: each for m, each in seconds.items() if m != AUTO}
    what = "tolerance" if given.kinked else "error"
    print(f"\n{name}, {given.start.size} weights, to t = {given.end_time:g}; ms to an {what} of", end=" ")
    print(", ".join(f"{error:g}" for error in ERRORS), "- errors over tolerances")
    for method, each in seconds.items():
        ratios = " ".join(f"{p.error / p.tolerance:.2g}" for p in results[method])
        print(f"  {method:12}" + "".join(f"{1e3 * s:9.1f}" for s in each) + f"   {ratios}")
    regrets, shares = [], []
    for n, error in enumerate(ERRORS):
        best = min((m for m in others if np.isfinite(others[m][n])), key=lambda m: others[m][n], default="")
        regrets.append(seconds[AUTO][n] / others[best][n] if best else np.nan)
        account = took.get(error, "")
        print(f"  {error:g}: regret {regrets[-1]:.2f} over {best}; auto took {account}")
        if given.start.size < FEW_WEIGHTS and PEER in others:
            shares.append(seconds[AUTO][n] / others[PEER][n])
    return regrets, shares


def main() -> None:
    """Measure and print, then say what is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=list(CASES))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    on_one_core()
    gf.show_config()
    rounds = arguments.rounds or (2 if arguments.quick else 3)
    all_regrets: dict[str, list[float]] = {}
    missed = []
    for name in arguments.problems or (QUICK if arguments.quick else CASES):
        given = case(name)
        methods = [m for m in METHODS if given.start.size <= MAX_DENSE.get(m, np.inf)]
        all_regrets[name], shares = show(name, given, *measured(given, methods, rounds))
        missed += [
            f"{name} at {error:g}: {regret:.2f}"
            for error, regret in zip(ERRORS, all_regrets[name], strict=True)
            if not regret <= MOST_REGRET
        ]
        missed += [
            f"{name} at {error:g}: {share:.2f} of CVODE's seconds"
            for error, share in zip(ERRORS, shares, strict=False)
            if not share <= MOST_OF_CVODE
        ]
    table = np.array(list(all_regrets.values()))
    print(f"\nregret: geometric mean {np.exp(np.nanmean(np.log(table))):.2f}, largest {np.nanmax(table):.2f}")
    print(f"above {MOST_REGRET:g}, or {MOST_OF_CVODE:g} of CVODE below {FEW_WEIGHTS} weights:")
    print("\n".join(missed) or "none")


if __name__ == "__main__":
    main()
