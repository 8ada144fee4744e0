"""In what precision a flow's run evaluates its problem, and how far that carries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradflow.problems.problem import Differenced, Problem, RoughlyLinearized, SinglePasses
from gradflow.simulate.integrators import SWITCHING, Integrator

# Relative spacing of the numbers that passes compute with.
SPACINGS = {"double": float(np.finfo(np.float64).eps), "single": float(np.finfo(np.float32).eps)}
# Passes in single precision leave about 1e-7 of the weights, a tenth of the tolerance that is asked for.
SMALLEST_SINGLE_RTOL = 1e-6


def passes_of(problem: Problem, precision: Any, rtol: float) -> Problem:
    """Return what a run evaluates: the problem itself, or the same with passes in single precision.

    Raises
    ------
    ValueError
        If the precision is unknown, finer tolerances are asked for than single precision carries, or the
        problem has no such passes.
    """
    if not isinstance(precision, str) or precision not in SPACINGS:
        raise ValueError(f"`precision` must be 'double' or 'single', got {precision!r:.60}")
    if precision == "double":
        return problem
    if rtol < SMALLEST_SINGLE_RTOL:
        raise ValueError(
            f"`rtol` must be at least {SMALLEST_SINGLE_RTOL:g} with precision='single', whose passes carry 7 "
            f"digits, got {rtol:g}"
        )
    if not isinstance(problem, SinglePasses):
        raise ValueError(
            "`flow` must be that of a problem with in_single(), the same problem with passes in float32, for "
            f"precision='single', as gf.problems.FeedForward has, got one of {problem!r:.60}"
        )
    single = problem.in_single()
    if not isinstance(single, Problem) or isinstance(single, Differenced):
        raise ValueError(
            "`flow.problem.in_single()` must return a problem with products of its own, not differences of "
            f"gradients, got {single!r:.60}"
        )
    return single


def bearing(integrator: Integrator, method: Any, precision: str, passes: Problem) -> Integrator:
    """Return the integrator of a run; where "auto" chose one that does not bear rounding, a matrix-free one.

    Differences of gradients in single precision are good to three digits: exact products take their place
    where there are no rough ones.

    Raises
    ------
    ValueError
        If such a one was asked for.
    """
    if precision == "double":
        return integrator
    if not integrator.bears_rounding and isinstance(method, str) and method.lower() == "auto":
        integrator = SWITCHING
    if integrator.bears_rounding:
        has_rough = isinstance(passes, RoughlyLinearized) and bool(passes.rough_linearizations())
        return replace(integrator, own_differences=integrator.own_differences and has_rough)
    raise ValueError(
        "`method` must be none of BDF, LSODA and Radau with precision='single', which ask for more digits, "
        f"got {integrator.name}: krylov-bdf is stiff too"
    )
