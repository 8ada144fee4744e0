"""Flow time of discrete steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow import scaling, validate
from gradflow.errors import Undefined
from gradflow.rules import Clocked, UpdateRule
from gradflow.scaling import Scale
from gradflow.types import Array


class Clock:
    """Tells when a step happens, and its learning rate where that is a number.

    Step k happens at k h, by multiplication, with h = learning_rate / rate times the rule's clock
    factor and the share of the samples; under a schedule at the running sum, which goes on from the time of
    the first step. A schedule is asked for one step at a time, as the run comes to it.
    """

    def __init__(
        self,
        rule: UpdateRule,
        rate: Any,
        step_size: float | None,
        share: float,
        first_step: int = 0,
        first_time: float = 0.0,
    ) -> None:
        self._rate = validate.scale("rate", rate)
        self._factor = share * (rule.clock_factor if isinstance(rule, Clocked) else 1.0)
        self.step_size: float | None = None
        self._schedule: Any = None
        learning_rate = rule.learning_rate
        self._constant = float(learning_rate) if isinstance(learning_rate, float | int) else np.nan
        if callable(learning_rate):
            if step_size is not None:
                raise ValueError("`step_size` must be None under a schedule, got both")
            self._schedule = learning_rate
            self._first_step, self._times, self._rates = first_step, [first_time], [np.nan]
            self._rates[0] = _scheduled(learning_rate(first_step), first_step)
        elif step_size is None:
            self.step_size = self._factor * scaling.ratio(learning_rate, self._rate)
        else:
            self.step_size = validate.positive("step_size", step_size)
        if not 0 < self.time(first_step + 1) - self.time(first_step) < np.inf:
            raise ValueError(
                "`rate` must make steps of positive, finite flow time, "
                f"got {self.time(first_step + 1) - self.time(first_step):g} for the first"
            )

    def time(self, step: int) -> float:
        """Return the flow time after `step` steps."""
        if self.step_size is not None:
            return step * self.step_size
        place = step - self._first_step
        while place >= len(self._times):
            last = len(self._times) - 1
            length = self._factor * scaling.ratio(self._rate_at(last), self._rate)
            self._times.append(self._times[-1] + length)
        return self._times[place]

    def times(self, steps: NDArray[np.int64]) -> Array:
        """Return the flow times after these numbers of steps, of a schedule those the run has come to."""
        if self.step_size is not None:
            return np.multiply(steps, self.step_size, dtype=np.float64)
        return np.array(self._times)[steps - self._first_step]

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of the step that leaves here, nan if it is no number."""
        return self._constant if self._schedule is None else self._rate_at(step - self._first_step)

    def learning_rates(self, steps: NDArray[np.int64]) -> Array:
        """Return the learning rates of the steps that leave here, of a schedule where the run has been."""
        if self._schedule is None:
            return np.full(len(steps), self._constant)
        return np.array(self._rates)[steps - self._first_step]

    @property
    def is_scheduled(self) -> bool:
        """Whether a schedule is asked on the way."""
        return self._schedule is not None

    def come_to(self, step: int, last_step: int) -> None:
        """Ask a schedule for the learning rate of the step that leaves here, if one does."""
        self.time(step)
        self.learning_rate(min(step, last_step - 1))

    def last_step(self, end_time: float) -> int:
        """Return the last step that does not pass `end_time`, rounding apart."""
        latest = end_time * (1 + 1e-12)
        if self.step_size is not None:
            return int(latest / self.step_size)
        step = self._first_step
        while self.time(step + 1) <= latest:
            step += 1
        return step

    def _rate_at(self, place: int) -> float:
        while place >= len(self._rates):
            step = self._first_step + len(self._rates)
            try:
                self._rates.append(_scheduled(self._schedule(step), step))
            except Exception as error:
                raise Undefined(f"the schedule has no learning rate for step {step:,}: {error}") from error
        return self._rates[place]


def _scheduled(value: Scale, step: int) -> float:
    try:
        return validate.positive("learning_rate", value)
    except ValueError as error:
        raise ValueError(f"{error} from the schedule at step {step}") from None
