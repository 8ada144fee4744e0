"""The verdict: what a learning rate did to a run, and the numbers it rests on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow import rules
from gradflow.analysis.stability.companion import LINEAR_RULES
from gradflow.analysis.stability.limits import effective_sharpness
from gradflow.analysis.stability.lyapunov import growth_rates
from gradflow.analysis.stability.orbit import Orbit, follow, period_of, settles
from gradflow.curvature import sharpness
from gradflow.problems.problem import Problem
from gradflow.rules import UpdateRule
from gradflow.trajectory import Outcome, Trajectory
from gradflow.types import Array

# The thresholds of the verdict; `regime` explains each.
NUM_CONTINUED = 400
MOST_CONTINUED = 10_000
RISE = 1e-9
GROWTH = 1e-6
CATAPULT_RISE = 1.05
EDGE = (1.9, 2.1)
HOVER = (1.8, 2.2)
MOVED = 0.01
LONG_RUN_FALL = 0.8
CHAOS = 0.02
STALLED_CHANGE = 1e-6
STALLED_SHARPNESS = 1e-3
STALLED_STEP = 1e-3
_NUM_SAMPLES = 16
_TAIL = 128


@dataclass(frozen=True, eq=False)
class Regime:
    """What a learning rate does to a run.

    Attributes
    ----------
    name : str
        MONOTONE, OVERSHOOTING, CATAPULT, EDGE_OF_STABILITY, PERIODIC, CHAOTIC, STALLED or DIVERGED.
    evidence : dict of str to float
        The numbers the verdict rests on; nan where one does not apply.
    """

    name: str
    evidence: dict[str, float]


class _Seen(NamedTuple):
    """A run, its unstrided continuation, and the losses of both."""

    run: Trajectory
    rule: UpdateRule
    more: Orbit
    losses: Array


def regime(trajectory: Trajectory, problem: Problem) -> Regime:
    """Return what the learning rate of a run of descent did to it.

    The run is continued for 400 steps (ten times as long while its loss keeps growing), because a
    stride hides periods. With x = effective sharpness, stable below 2, the first that fits is taken:

    =================  =====================================================================
    DIVERGED           the run left the finite numbers, or its loss, above the first, still grew
    STALLED            the loss changed by less than 1e-6 of the first over the continuation, x is below
                       1e-3 and |g| / lambda above 1e-3 (1 + |w|): no minimum, and no way out
    CATAPULT           the loss rose above 1.05 times the first, the run settles or its loss rises no
                       more in the continuation, and x ended below 1.9 and below its start
    EDGE_OF_STABILITY  the loss rose on the way, and either the run settles where x, having changed by
                       more than 1 %, is from 1.9 to 2.1 (a run of a single weight does not count: it has
                       no flatter place to drift to), or it does not settle, its loss over the last
                       fifth of all steps is below 0.8 of that over the middle fifth, and x is 1.8 to
                       2.2 on the average of the continuation
    PERIODIC           the last 128 steps repeat to 1e-4 of their size, without settling
    CHAOTIC            the run does not settle and its largest Lyapunov exponent exceeds 0.02 a step
    OVERSHOOTING       x above 1, alternating along the steepest direction, or the loss rose on the way
    MONOTONE           what remains: the loss never rose and no direction alternates
    =================  =====================================================================

    Settling is that of `critical_learning_rate`. The loss has risen at a step if it did so by more than
    1e-9 of its value.

    Parameters
    ----------
    trajectory : Trajectory
        Of a descent with full batches and a rule of `gradflow.rules`.
    problem : Problem
        What was descended.

    Returns
    -------
    Regime
        Evidence: steps, first_loss, final_loss, highest_loss, highest_step, share_lowered (of the
        steps), share_raised (continuation included), still_raised (of the continuation),
        first_sharpness and final_sharpness (both effective), mean_sharpness (effective, over the
        continuation), long_run (mean loss of the last fifth over that of the middle fifth), settles (1
        or 0), period, exponent (per step, of rules with a tangent map).

    Raises
    ------
    ValueError
        If the trajectory is a flow, was made with mini-batches or a foreign rule, or failed.

    Examples
    --------
    >>> from gradflow import descend
    >>> from gradflow.problems import Quadratic
    >>> bowl = Quadratic([1.0])
    >>> [regime(descend(bowl, [1.0], eta, 50), bowl).name for eta in (0.9, 1.1, 2.1)]
    ['MONOTONE', 'OVERSHOOTING', 'DIVERGED']
    """
    _check(trajectory)
    rule = _rule_of(trajectory)
    w, state = trajectory.final_weights, _memory_of(trajectory, rule)
    taken = len(trajectory.step_losses) - 1
    seen = _continued(trajectory, problem, rule, w, state, taken)
    evidence = _losses_of(seen)
    if trajectory.outcome is Outcome.DIVERGED or not seen.more.complete or _grows(seen):
        return Regime("DIVERGED", evidence)
    evidence |= _sharpness_of(seen, problem)
    evidence["settles"] = float(settles(seen.more.weights))
    evidence["period"] = float(period_of(seen.more.weights[-_TAIL:], np.abs(seen.more.weights).max()))
    evidence["exponent"] = np.nan
    if _is_stalled(seen, problem, evidence):
        return Regime("STALLED", evidence)
    if not evidence["settles"] and evidence["period"] == 0 and isinstance(rule, LINEAR_RULES):
        evidence["exponent"] = float(growth_rates(problem, rule, w, state, taken, NUM_CONTINUED)[0])
    return Regime(_verdict(evidence, problem.num_weights), evidence)


def _verdict(evidence: dict[str, float], num_weights: int) -> str:
    rose = evidence["share_raised"] > 0
    settled, final = bool(evidence["settles"]), evidence["final_sharpness"]
    falling = evidence["long_run"] < LONG_RUN_FALL
    flatter = final < EDGE[0] and final < evidence["first_sharpness"]
    thrown = evidence["highest_loss"] > CATAPULT_RISE * evidence["first_loss"]
    if thrown and flatter and (settled or evidence["still_raised"] == 0):
        return "CATAPULT"
    hovers = HOVER[0] <= evidence["mean_sharpness"] <= HOVER[1]
    moved = abs(final - evidence["first_sharpness"]) > MOVED * final
    arrived = settled and EDGE[0] <= final <= EDGE[1] and moved and num_weights > 1
    if rose and (arrived or (not settled and falling and hovers)):
        return "EDGE_OF_STABILITY"
    if not settled and evidence["period"] > 1:
        return "PERIODIC"
    if not settled and evidence["exponent"] > CHAOS:
        return "CHAOTIC"
    return "OVERSHOOTING" if rose or final > 1.0 else "MONOTONE"


def _check(trajectory: Trajectory) -> None:
    if trajectory.is_continuous:
        raise ValueError("`trajectory` must be of a descent, got a flow, which has no learning rate")
    if trajectory.settings.get("batch") is not None:
        raise ValueError("`trajectory` must be of a descent with full batches, got mini-batches")
    if trajectory.outcome is Outcome.FAILED:
        raise ValueError(f"`trajectory` must be of a run that could go on, got: {trajectory.message}")


def _rule_of(trajectory: Trajectory) -> UpdateRule:
    """Return the rule that the settings describe."""
    settings = trajectory.settings
    kind: Any = getattr(rules, settings["rule"], None)
    names = [each.name for each in fields(kind)] if hasattr(kind, "__dataclass_fields__") else []
    if not names or any(name not in settings for name in names):
        raise ValueError(f"`trajectory` must be of a rule of gradflow.rules, got {settings['rule']}")
    try:
        return kind(**{name: settings[name] for name in names})
    except ValueError:
        raise ValueError(
            f"`trajectory` must keep its rule, got {settings['rule']} with a schedule lost"
        ) from None


def _memory_of(trajectory: Trajectory, rule: UpdateRule) -> Any:
    """Return the rule's memory at the end of the run."""
    memory = rule.init(trajectory.final_weights)
    if not isinstance(memory, np.ndarray):
        return memory
    return np.array(trajectory.final_state[trajectory.final_weights.size :]).reshape(memory.shape)


def _continued(
    run: Trajectory, problem: Problem, rule: UpdateRule, w: Array, state: Any, taken: int
) -> _Seen:
    num_steps = NUM_CONTINUED
    while True:
        more = follow(problem, rule, w, state, taken, num_steps)
        seen = _Seen(run, rule, more, np.concatenate([run.step_losses, more.losses[1:]]))
        if not more.complete or not _grows(seen) or num_steps >= MOST_CONTINUED:
            return seen
        num_steps = min(5 * num_steps, MOST_CONTINUED)


def _grows(seen: _Seen) -> bool:
    """Return whether the loss, above the first one, grew from quarter to quarter of the continuation."""
    highest = np.array([part.max() for part in np.array_split(seen.more.losses, 4)])
    return bool(highest[-1] > seen.losses[0] and (highest[1:] > (1 + GROWTH) * highest[:-1]).all())


def _losses_of(seen: _Seen) -> dict[str, float]:
    losses = seen.losses
    rises = np.diff(losses) > RISE * (np.abs(losses[:-1]) + RISE * abs(losses[0]))
    with np.errstate(over="ignore", invalid="ignore"):
        fifths = [part.mean() for part in np.array_split(losses, 5)]
    return {
        "steps": float(len(seen.run.step_losses) - 1),
        "first_loss": float(losses[0]),
        "final_loss": float(losses[-1]),
        "highest_loss": float(losses.max()),
        "highest_step": float(losses.argmax()),
        "share_lowered": _share(np.diff(seen.run.step_losses) < 0),
        "share_raised": _share(rises),
        "still_raised": _share(rises[len(seen.run.step_losses) - 1 :]),
        "long_run": float(fifths[-1] / fifths[2]) if fifths[2] else np.nan,
    }


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else 0.0


def _sharpness_of(seen: _Seen, problem: Problem) -> dict[str, float]:
    """Return effective sharpness at the start, at the end, and on average over the continuation."""
    # Odd and even steps in turn: an oscillation of period two must not hide.
    rows = np.linspace(0, len(seen.more.weights) - 1, _NUM_SAMPLES).astype(int)
    rows[1::2] -= (rows[1::2] - rows[0]) % 2 == 0
    sketched = seen.run.settings.get("sketch") is not None
    try:
        values = [effective_sharpness(problem, seen.more.weights[row], seen.rule) for row in rows]
        first = np.nan if sketched else effective_sharpness(problem, seen.run.weights[0], seen.rule)
    except ValueError:
        return dict.fromkeys(("first_sharpness", "final_sharpness", "mean_sharpness"), np.nan)
    return {
        "first_sharpness": first,
        "final_sharpness": values[-1],
        "mean_sharpness": float(np.mean(values)),
    }


def _is_stalled(seen: _Seen, problem: Problem, evidence: dict[str, float]) -> bool:
    changed = np.ptp(seen.more.losses) > STALLED_CHANGE * abs(seen.losses[0])
    if changed or not evidence["final_sharpness"] < STALLED_SHARPNESS:
        return False
    w = seen.more.weights[-1]
    curvature, slope = sharpness(problem, w), float(np.linalg.norm(problem.gradient(w)))
    return not (curvature > 0 and slope <= STALLED_STEP * (1.0 + float(np.linalg.norm(w))) * curvature)
