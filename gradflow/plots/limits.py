"""The limit that a run's learning rate sets to the sharpness, and where the flow meets it."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradflow.rules import LinearLimit, Preconditioned
from gradflow.trajectory import Trajectory
from gradflow.types import Array


def limit_of(run: Trajectory) -> Array | None:
    """Return the sharpness up to which the rule is linearly stable, at each row; None where there is none.

    That is 2 / eta for plain descent, (2 + 2 b) / eta for heavy ball, whatever the rule says of itself. A
    flow has no such limit, nor has a rule that divides the gradient by something of its own: it is stable
    below a limit of another Hessian. An update that was changed without its limit is not believed.
    """
    product = stable_product_of(run)
    return None if product is None or run.learning_rates is None else product / run.learning_rates


def stable_product_of(run: Trajectory) -> float | None:
    """Return the largest stable learning rate times the sharpness; None where the rule knows of none."""
    rule = _rule(run)
    if not isinstance(rule, LinearLimit) or isinstance(rule, Preconditioned):
        return None
    return rule.stable_product if _speaks_for_its_update(type(rule)) else None


def limit_label(product: float) -> str:
    """Return the name of a limit in a legend."""
    return rf"limit ${product:.3g}/\eta$"


def meeting_time(flow: Trajectory, run: Trajectory, record: str = "sharpness") -> float | None:
    """Return when the recorded sharpness of the flow first rises to the limit of `run`, or None.

    Between two values of the record it is taken to be straight.
    """
    limit = limit_of(run)
    if limit is None:
        return None
    times, values = recorded(flow, record)
    gap = values - np.interp(times, run.times, limit)
    risen = np.flatnonzero((gap[1:] >= 0) & (gap[:-1] < 0))
    if not risen.size:
        return None
    i = risen[0]
    return float(times[i] + (times[i + 1] - times[i]) * gap[i] / (gap[i] - gap[i + 1]))


def recorded(run: Trajectory, record: str) -> tuple[Array, Array]:
    """Return times and values of a record; of several eigenvalues a row the first, which is the largest."""
    times = run.record_times[record]
    return times, run.records[record].reshape(len(times), -1)[:, 0]


def _rule(run: Trajectory) -> Any:
    try:
        return run.rule
    except ValueError:
        return None  # A file of a class that is not here.


def _speaks_for_its_update(kind: type) -> bool:
    owners = {name: each for each in reversed(kind.__mro__) for name in vars(each)}
    limit = owners.get("stable_product", kind)
    return issubclass(limit, owners["update"])
