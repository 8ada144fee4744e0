"""The verdict: what a learning rate did to a run, and the numbers it rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow import pictures
from gradflow.analysis.stability.limits import effective_sharpness
from gradflow.analysis.stability.lyapunov import growth_rates
from gradflow.analysis.stability.orbit import Stretch, period_of, settles
from gradflow.curvature import sharpness
from gradflow.problems.problem import Problem
from gradflow.rules import LinearStep, UpdateRule
from gradflow.simulate.iteration import Iterate
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
TAIL = 128


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

    def _repr_html_(self) -> str:
        """Return the verdict and what it rests on, for notebooks."""
        facts = {name.replace("_", " "): pictures.number(value) for name, value in self.evidence.items()}
        return pictures.block(self.name.replace("_", " ").lower(), facts)


class _Seen(NamedTuple):
    """A run, its rule, its unstrided continuation, and the losses of both."""

    run: Trajectory
    rule: UpdateRule
    more: Stretch
    losses: Array

    @property
    def rows(self) -> list[int]:
        """The rows of the continuation at which the sharpness is measured."""
        return sampled(len(self.more.lengths))


def regime(trajectory: Trajectory, problem: Problem) -> Regime:
    """Return what the learning rate of a run of descent did to it.

    The run is continued for 400 steps (ten times as long while its loss keeps growing), because a
    stride hides periods. With x = effective sharpness, stable below 2, the first that fits is taken:

    =================  =====================================================================
    DIVERGED           the run left the finite numbers, or its loss, above the first, still grew
    STALLED            the loss changed by less than 1e-6 of the first over the continuation, x is below
                       1e-3 and ``|g| / lambda`` above ``1e-3 (1 + |w|)``: no minimum, and no way out
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
        Of a descent with full batches. It is judged, and continued, by the very rule that made it.
    problem : Problem
        What was descended.

    Returns
    -------
    Regime
        Evidence: steps, first_loss, final_loss, highest_loss, highest_step, share_lowered (of the
        steps), share_raised (continuation included), still_raised (of the continuation),
        first_effective_sharpness, final_effective_sharpness, mean_effective_sharpness (over the
        continuation), long_run (mean loss of the last fifth over that of the middle fifth), settles (1 or
        0), period, exponent (per step, of rules whose steps are linear).

    Raises
    ------
    ValueError
        If the trajectory is a flow, was made with mini-batches or by a rule that its file cannot give back,
        or failed.

    Examples
    --------
    >>> from gradflow import descend
    >>> from gradflow.problems import Quadratic
    >>> bowl = Quadratic([1.0])
    >>> [regime(descend(bowl, [1.0], eta, 50), bowl).name for eta in (0.9, 1.1, 2.1)]
    ['MONOTONE', 'OVERSHOOTING', 'DIVERGED']
    """
    _check(trajectory)
    rule = trajectory.rule
    seen = _continued(trajectory, problem, rule)
    evidence = _losses_of(seen)
    if trajectory.outcome is Outcome.DIVERGED or not seen.more.is_complete or _grows(seen):
        return Regime("DIVERGED", evidence)
    evidence |= _sharpness_of(seen, problem)
    last = float(np.abs(seen.more.last.weights).max())
    evidence["settles"] = float(settles(seen.more.lengths, last))
    evidence["period"] = float(period_of(seen.more.tail, seen.more.largest))
    evidence["exponent"] = np.nan
    if _is_stalled(seen, problem, evidence):
        return Regime("STALLED", evidence)
    linear = isinstance(rule, LinearStep)
    if not evidence["settles"] and evidence["period"] == 0 and linear:
        evidence["exponent"] = float(growth_rates(problem, rule, seen.more.last, NUM_CONTINUED)[0])
    return Regime(_verdict(evidence, problem.num_weights), evidence)


class _Findings(NamedTuple):
    """What the verdict asks of the evidence."""

    rose: bool
    settled: bool
    thrown: bool
    flatter: bool
    at_edge: bool
    repeats: bool
    chaotic: bool
    alternates: bool
    quiet: bool


# The first that fits is taken.
_VERDICTS: tuple[tuple[str, Callable[[_Findings], bool]], ...] = (
    ("CATAPULT", lambda found: found.thrown and found.flatter and (found.settled or found.quiet)),
    ("EDGE_OF_STABILITY", lambda found: found.rose and found.at_edge),
    ("PERIODIC", lambda found: not found.settled and found.repeats),
    ("CHAOTIC", lambda found: not found.settled and found.chaotic),
    ("OVERSHOOTING", lambda found: found.rose or found.alternates),
    ("MONOTONE", lambda _: True),
)


def _verdict(evidence: dict[str, float], num_weights: int) -> str:
    found = _findings(evidence, num_weights)
    return next(name for name, fits in _VERDICTS if fits(found))


def _findings(evidence: dict[str, float], num_weights: int) -> _Findings:
    settled = bool(evidence["settles"])
    first, final = evidence["first_effective_sharpness"], evidence["final_effective_sharpness"]
    moved = abs(final - first) > MOVED * final
    arrived = settled and EDGE[0] <= final <= EDGE[1] and moved and num_weights > 1
    hovers = HOVER[0] <= evidence["mean_effective_sharpness"] <= HOVER[1]
    falling = evidence["long_run"] < LONG_RUN_FALL
    return _Findings(
        rose=evidence["share_raised"] > 0,
        settled=settled,
        thrown=evidence["highest_loss"] > CATAPULT_RISE * evidence["first_loss"],
        flatter=final < EDGE[0] and final < first,
        at_edge=arrived or (not settled and falling and hovers),
        repeats=evidence["period"] > 1,
        chaotic=evidence["exponent"] > CHAOS,
        alternates=final > 1.0,
        quiet=evidence["still_raised"] == 0,
    )


def _check(trajectory: Trajectory) -> None:
    if trajectory.is_continuous:
        raise ValueError("`trajectory` must be of a descent, got a flow, which has no learning rate")
    if trajectory.settings.get("batch") is not None:
        raise ValueError("`trajectory` must be of a descent with full batches, got mini-batches")
    if trajectory.outcome is Outcome.FAILED:
        raise ValueError(f"`trajectory` must be of a run that could go on, got: {trajectory.message}")


def _memory_of(trajectory: Trajectory) -> Any:
    """Return the rule's memory at the end of the run."""
    memory = trajectory.rule.init(trajectory.final_weights)
    if not isinstance(memory, np.ndarray):
        return memory
    return np.array(trajectory.final_state[trajectory.final_weights.size :]).reshape(memory.shape)


def continuations() -> list[int]:
    """Return the lengths of the continuation, the next one for runs whose loss keeps growing."""
    lengths = [NUM_CONTINUED]
    while lengths[-1] < MOST_CONTINUED:
        lengths.append(min(5 * lengths[-1], MOST_CONTINUED))
    return lengths


def _continued(run: Trajectory, problem: Problem, rule: UpdateRule) -> _Seen:
    taken = len(run.step_losses) - 1
    start = Iterate(taken, run.final_weights, _memory_of(run))
    lengths = continuations()
    samples = {row for length in lengths for row in sampled(length)}
    more = Stretch(problem, rule, start, tail=TAIL, samples=samples)
    for length in lengths:
        more.advance(length + 1)
        seen = _Seen(run, rule, more, np.concatenate([run.step_losses, more.losses[1:]]))
        if not more.is_complete or not _grows(seen):
            break
    return seen


def sampled(num_steps: int) -> list[int]:
    """Return rows of a stretch, odd and even steps in turn: an oscillation of period two must not hide."""
    rows = np.linspace(0, num_steps, _NUM_SAMPLES).astype(int)
    rows[1::2] -= (rows[1::2] - rows[0]) % 2 == 0
    return rows.tolist()


def _grows(seen: _Seen) -> bool:
    """Return whether the loss, above the first one, grew from quarter to quarter of the continuation."""
    highest = np.array([part.max() for part in np.array_split(seen.more.losses, 4)])
    return bool(highest[-1] > seen.losses[0] and (highest[1:] > (1 + GROWTH) * highest[:-1]).all())


def _losses_of(seen: _Seen) -> dict[str, float]:
    losses = seen.losses
    rises = np.diff(losses) > RISE * (np.abs(losses[:-1]) + RISE * abs(losses[0]))
    with np.errstate(over="ignore", invalid="ignore"):
        fifths = [part.mean() if part.size else np.nan for part in np.array_split(losses, 5)]
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
    sketched = seen.run.settings.get("sketch") is not None
    try:
        values = [effective_sharpness(problem, seen.more.samples[row], seen.rule) for row in seen.rows]
        first = np.nan if sketched else effective_sharpness(problem, seen.run.weights[0], seen.rule)
    except ValueError:
        return dict.fromkeys((f"{which}_effective_sharpness" for which in ("first", "final", "mean")), np.nan)
    return {
        "first_effective_sharpness": first,
        "final_effective_sharpness": values[-1],
        "mean_effective_sharpness": float(np.mean(values)),
    }


def _is_stalled(seen: _Seen, problem: Problem, evidence: dict[str, float]) -> bool:
    changed = np.ptp(seen.more.losses) > STALLED_CHANGE * abs(seen.losses[0])
    if changed or not evidence["final_effective_sharpness"] < STALLED_SHARPNESS:
        return False
    w = seen.more.last.weights
    return is_flat(sharpness(problem, w), problem.gradient(w), w)


def is_flat(curvature: float, gradient: Array, w: Array) -> bool:
    """Return whether a step of Newton's method would lead far from the weights, or nowhere."""
    slope, size = float(np.linalg.norm(gradient)), float(np.linalg.norm(w))
    return not (curvature > 0 and slope <= STALLED_STEP * (1.0 + size) * curvature)
