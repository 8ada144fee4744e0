"""How many lanes go on together: as many as stay in the cache."""

from __future__ import annotations

from collections.abc import Callable

from gradflow.problems.batched import Batched, Laned, Lanes, RowLanes

# A core's second cache, or most of it; calls of numpy on fewer entries cost more than their arithmetic.
_CACHE_BYTES = 1_000_000
_LEAST, _MOST = 8, 16_384
# Weights, gradients, where they were, numbers of the step.
_DESCENT_STATES = 5
# The same with seven slopes, an error and its scale.
FLOW_STATES = 13


def lanes_of(problem: Batched, num_weights: int) -> Callable[[int], Lanes]:
    """Return the function from a number to so many lanes, in the problem's own layout if it has one."""
    if isinstance(problem, Laned):
        return problem.lanes
    return lambda num_lanes: RowLanes(problem, num_weights, num_lanes)


def lane_count(problem: Batched, num_weights: int, num_runs: int, num_states: int = _DESCENT_STATES) -> int:
    """Return how many lanes a thread takes for so many runs."""
    own = problem.lane_bytes if isinstance(problem, Laned) else 0
    fit = _CACHE_BYTES // (own + 8 * num_states * num_weights)
    return min(max(fit, _LEAST), _MOST, num_runs)
