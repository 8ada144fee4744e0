"""Flow time of discrete steps."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from gradflow import scaling, validate
from gradflow.rules import UpdateRule
from gradflow.scaling import Scale


class Clock:
    """Tells when a step happens, and its learning rate where that is a number.

    Step k happens at k h, by multiplication, with h = learning_rate / rate times the rule's clock
    factor and the share of the samples; under a schedule at the running sum.
    """

    def __init__(
        self, rule: UpdateRule, rate: Any, step_size: float | None, share: float, num_steps: int
    ) -> None:
        rate = validate.scale("rate", rate)
        factor = share * getattr(rule, "clock_factor", 1.0)
        self.step_size: float | None = None
        self._schedule: list[float] = []
        if callable(rule.learning_rate):
            if step_size is not None:
                raise ValueError("`step_size` must be None under a schedule, got both")
            self._schedule = [_scheduled(rule.learning_rate(step), step) for step in range(num_steps)]
            steps = (factor * scaling.ratio(learning_rate, rate) for learning_rate in self._schedule)
            self._times = list(accumulate(steps, initial=0.0))
        elif step_size is None:
            self.step_size = factor * scaling.ratio(rule.learning_rate, rate)
        else:
            self.step_size = validate.positive("step_size", step_size)
        last = self.time(num_steps)
        if not (self.time(1) > 0 and last < np.inf):
            raise ValueError(
                f"`rate` must make steps of positive, finite flow time, got {self.time(1):g} for the first "
                f"and {last:g} for all {num_steps:,} together"
            )
        self._constant = float(rule.learning_rate) if isinstance(rule.learning_rate, float | int) else np.nan

    def time(self, step: int) -> float:
        """Return the flow time after `step` steps."""
        return self._times[step] if self.step_size is None else step * self.step_size

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of the step that leaves here, nan if it is no number."""
        if self._schedule:
            return self._schedule[min(step, len(self._schedule) - 1)]
        return self._constant


def _scheduled(value: Scale, step: int) -> float:
    try:
        return validate.positive("learning_rate", value)
    except ValueError as error:
        raise ValueError(f"{error} from the schedule at step {step}") from None
