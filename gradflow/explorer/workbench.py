"""A problem that is computed in Python behind the page: one question, one answer, both JSON."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.analysis.convergence import compare
from gradflow.analysis.stability import largest_stable_learning_rate, regime
from gradflow.curvature import sharpness
from gradflow.errors import Undefined
from gradflow.explorer.views import View, line, runs_view, thinned
from gradflow.flows import GradientFlow
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Problem
from gradflow.rules import GradientDescent, HeavyBall, Nesterov, SignDescent, UpdateRule
from gradflow.simulate.clock import Clock
from gradflow.simulate.descend import descend
from gradflow.simulate.integrate import integrate
from gradflow.studies.run import NUM_STEPS, kept_steps
from gradflow.trajectory import Trajectory
from gradflow.types import Array

RULES: dict[str, Callable[[float, float], UpdateRule]] = {
    "descent": lambda rate, _: GradientDescent(rate),
    "heavy-ball": HeavyBall,
    "nesterov": Nesterov,
    "sign": lambda rate, _: SignDescent(rate),
}
MOST_STEPS = 20_000
# A descent of a slow problem is shown as far as it comes, so that the page is not kept waiting.
MOST_SECONDS = 2.0
# Up to so many weights the whole Hessian is cheap, and so are sharpness and regime.
SMALL = 64
SHARPNESS_ROWS = 12
MOST_SEED = 1000


class Workbench:
    """Answers what the page asks about one problem; the flow is integrated once for each start and time.

    Parameters
    ----------
    problem : Problem
    title : str
        What the page calls it.
    start : callable
        ``start(seed)`` returns starting weights, shape (n,).
    end_time : float, optional
        Flow time at which the page begins; by default 200 steps at the stability limit.

    Raises
    ------
    ValueError
        If an argument is malformed.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> bench = Workbench(Quadratic([1.0, 4.0]), "a bowl", lambda seed: [1.0, 1.0], end_time=2.0)
    >>> answer = bench.answer({"rate": 0.1, "rule": "descent", "judge": True})
    >>> answer["sharpness"], answer["limit"], answer["verdict"]
    (4.0, 0.5, 'MONOTONE')
    """

    def __init__(
        self,
        problem: Problem,
        title: str,
        start: Callable[[int], ArrayLike],
        *,
        end_time: float | None = None,
    ) -> None:
        self.problem = as_problem(problem)
        self.title = title
        self._given_start = start
        self._lock = threading.Lock()
        self._flow = lru_cache(maxsize=8)(self._integrated)
        self._flow_sharpness = lru_cache(maxsize=8)(
            lambda seed, end: self._sharpness_along(self._flow(seed, end))
        )
        self._most_steps = max(1, min(MOST_STEPS, int(MOST_SECONDS / self._seconds())))
        self.end_time = self._usual_time() if end_time is None else validate.positive("end_time", end_time)

    @property
    def view(self) -> View:
        """What the page is told before it asks."""
        return {
            "kind": "asked",
            "title": self.title,
            "remark": f"{self.problem!r:.200}, computed in Python",
            "numWeights": self.problem.num_weights,
            "endTime": self.end_time,
            "hasSeeds": not np.array_equal(self._start(0), self._start(1)),
        }

    def answer(self, question: dict[str, Any]) -> View:
        """Return flow, descent and what is known of them, for a learning rate, a rule, a time and a seed.

        Parameters
        ----------
        question : dict
            "rate" (None for half the limit), "rule", "momentum", "endTime", "seed"; "judge" asks for the
            regime too, which takes as long as the rest.

        Raises
        ------
        ValueError
            If an entry is malformed.
        """
        seed = _whole("seed", question.get("seed", 0))
        end = validate.positive("endTime", question.get("endTime", self.end_time))
        make = _rule(question)
        with self._lock:
            start = self._start(seed)
            steepness = _sharpness(self.problem, start)
            limit = _limit(self.problem, start, make(1.0))
            rate = question.get("rate")
            eta = _usual_rate(limit, end) if rate is None else validate.positive("rate", rate)
            is_judged = question.get("judge") is True
            return self._compared(seed, end, start, make(eta), is_judged) | {
                "sharpness": _known(steepness),
                "unit": _known(2.0 / steepness) if steepness > 0 else None,
                "limit": _known(limit),
                "rate": eta,
            }

    def _compared(self, seed: int, end: float, start: Array, rule: UpdateRule, is_judged: bool) -> View:
        flow = self._flow(seed, end)
        run = self._descent(start, rule, end)
        distance = compare(run, flow)
        view = runs_view(flow, [run], ["descent"], [distance])
        if self.problem.num_weights <= SMALL:
            view["flow"]["sharpness"] = self._flow_sharpness(seed, end)
            view["descents"][0]["sharpness"] = self._sharpness_along(run)
        verdict = self._verdict(run) if is_judged else None
        return view | {"verdict": verdict, "numSteps": len(run.step_times) - 1}

    def _start(self, seed: int) -> Array:
        return validate.weight_vector("start", self._given_start(seed), self.problem.num_weights)

    def _integrated(self, seed: int, end: float) -> Trajectory:
        return integrate(GradientFlow(self.problem), self._start(seed), end, times=400)

    def _descent(self, start: Array, rule: UpdateRule, end: float) -> Trajectory:
        count = max(1, min(self._most_steps, Clock(rule, 1.0, None, 1.0).last_step(end)))
        return descend(self.problem, start, rule, count, record_every=kept_steps(count, start.size))

    def _seconds(self) -> float:
        """Return how long a gradient takes."""
        start = self._start(0)
        self.problem.loss_and_gradient(start)
        began = time.perf_counter()
        self.problem.loss_and_gradient(start)
        return max(time.perf_counter() - began, 1e-9)

    def _sharpness_along(self, run: Trajectory) -> View | None:
        rows = thinned(len(run.times), SHARPNESS_ROWS)
        values = np.array([_sharpness(self.problem, run.weights[row]) for row in rows])
        return line(run.times[rows], values)

    def _verdict(self, run: Trajectory) -> str:
        if self.problem.num_weights > SMALL:
            return run.verdict
        try:
            return regime(run, self.problem).name
        except (ValueError, Undefined):
            return run.verdict

    def _usual_time(self) -> float:
        limit = _limit(self.problem, self._start(0), GradientDescent(1.0))
        return float(f"{NUM_STEPS * limit:.3g}") if np.isfinite(limit) else 10.0


def _rule(question: dict[str, Any]) -> Callable[[float], UpdateRule]:
    name = question.get("rule", "descent")
    if not isinstance(name, str) or name not in RULES:
        raise ValueError(f"`rule` must be one of {', '.join(RULES)}, got {name!r:.60}")
    momentum = question.get("momentum", 0.9)
    if isinstance(momentum, bool) or not isinstance(momentum, int | float) or not 0 <= momentum < 1:
        raise ValueError(f"`momentum` must be at least 0 and below 1, got {momentum!r:.60}")
    return lambda rate: RULES[name](rate, float(momentum))


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_SEED:
        raise ValueError(f"`{name}` must be a whole number from 0 to {MOST_SEED}, got {value!r:.60}")
    return value


def _sharpness(problem: Problem, w: Array) -> float:
    try:
        return sharpness(problem, w, tol=1e-4)
    except (Undefined, RuntimeError):
        return np.nan


def _limit(problem: Problem, w: Array, rule: UpdateRule) -> float:
    try:
        return largest_stable_learning_rate(problem, w, rule)
    except (ValueError, Undefined, RuntimeError):
        return np.nan


def _usual_rate(limit: float, end: float) -> float:
    return float(f"{0.5 * limit if np.isfinite(limit) else end / NUM_STEPS:.3g}")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
