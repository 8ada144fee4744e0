"""In what precision a flow's run evaluates its problem, and how far that carries."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from gradflow.numerics.rounding import DOUBLE, SINGLE
from gradflow.problems.precision import precision_of
from gradflow.problems.problem import Differenced, Precise, Problem, RoughlyLinearized, SinglePasses
from gradflow.simulate.counting import LEAST_CHECKED, LastPoint
from gradflow.simulate.integrators import SWITCHING, Integrator
from gradflow.types import Array

# Relative spacing of the numbers that passes compute with.
SPACINGS = {"double": DOUBLE, "single": SINGLE}
# Passes in single precision leave about 1e-7 of the weights, a tenth of the tolerance that is asked for.
SMALLEST_SINGLE_RTOL = 1e-6
# So many times their precision is the smallest relative tolerance that gradients carry, and one that
# methods carry which ask for more digits than that.
_LEAST_RTOL = 8.0
_BORNE_RTOL = 80.0
# Beside a simple place, where gradients have few digits, is one where they have all.
_BESIDE = 1e-3


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


def spacing_of(passes: Problem, precision: str, counted: LastPoint, w: Array, budget: int | None) -> float:
    """Return the relative precision of a run's gradients: as they say, or as the first of them shows.

    At a simple place that may show nothing: then one more beside it is evaluated, and counted, except where
    the budget is small.
    """
    # What a gradient raises at the start is said by the run, which comes there too.
    with suppress(Exception):
        if _is_open(passes):
            counted.gradient(w)
        if _is_open(passes) and (budget is None or budget >= LEAST_CHECKED):
            counted.glance(_beside(w))
    return max(SPACINGS[precision], precision_of(passes))


def _is_open(passes: Problem) -> bool:
    return isinstance(passes, Precise) and passes.gradient_precision is None


def _beside(w: Array) -> Array:
    noise = np.random.default_rng(0).standard_normal(w.size)
    return w + _BESIDE * (float(np.abs(w).max()) or 1.0) * noise


def carried(tolerances: dict[str, float], spacing: float, scale: float) -> dict[str, float]:
    """Return tolerances no finer than gradients of a relative precision carry, with a warning of that.

    `scale` is the size of the weights that `atol` follows, 0 where that was given: a weight that passes zero
    is known to the rounding of the others.
    """
    if spacing <= DOUBLE:
        return tolerances
    rtol, least = tolerances["rtol"], float(f"{_LEAST_RTOL * spacing:.0e}")
    if rtol < least:
        warnings.warn(
            f"`rtol` must be at least {least:g} for gradients with a relative precision of {spacing:.1g}, "
            f"got {rtol:g}: the run takes {least:g}",
            RuntimeWarning,
            stacklevel=4,
        )
    return {"rtol": max(rtol, least), "atol": max(tolerances["atol"], spacing * scale)}


def bearing(
    integrator: Integrator, method: Any, precision: str, passes: Problem, spacing: float, rtol: float
) -> Integrator:
    """Return the integrator of a run; where "auto" chose one that does not bear rounding, a matrix-free one.

    Differences of gradients in single precision are good to three digits: exact products take their place
    where there are no rough ones.

    Raises
    ------
    ValueError
        If such a one was asked for with passes in single precision; a warning where gradients are coarse by
        themselves, and the tolerance near what they carry.
    """
    if spacing <= DOUBLE:
        return integrator
    if not integrator.bears_rounding and isinstance(method, str) and method.lower() == "auto":
        integrator = SWITCHING
    if precision == "double":
        if not integrator.bears_rounding and rtol < _BORNE_RTOL * spacing:
            warnings.warn(
                f"{integrator.name} asks for more digits than gradients with a relative precision of "
                f"{spacing:.1g} have at rtol {rtol:g}, and may take very many steps: krylov-bdf is stiff too",
                RuntimeWarning,
                stacklevel=4,
            )
        return integrator
    if integrator.bears_rounding:
        has_rough = isinstance(passes, RoughlyLinearized) and bool(passes.rough_linearizations())
        return replace(integrator, own_differences=integrator.own_differences and has_rough)
    raise ValueError(
        "`method` must be none of BDF, LSODA and Radau with precision='single', which ask for more digits, "
        f"got {integrator.name}: krylov-bdf is stiff too"
    )
