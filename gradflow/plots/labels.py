"""What is drawn, by the labels of the legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from gradflow.analysis.convergence.comparison import Comparison
from gradflow.trajectory import Trajectory

Drawn = TypeVar("Drawn", Trajectory, Comparison)


def labelled(
    name: str, things: Mapping[str, Drawn] | Sequence[Drawn] | Drawn, kind: type[Drawn]
) -> dict[str, Drawn]:
    """Return the things to be drawn by label; one alone or a sequence gets labels from what they are.

    Raises
    ------
    ValueError
        If there is nothing to draw, or something of another kind.
    """
    if isinstance(things, kind):
        things = [things]
    if isinstance(things, Sequence):
        things = _with_labels(things)
    if not isinstance(things, Mapping) or not all(isinstance(each, kind) for each in things.values()):
        raise ValueError(f"`{name}` must map labels to {kind.__name__}, got {things!r:.60}")
    if not things:
        raise ValueError(f"`{name}` must hold at least one {kind.__name__}, got none")
    return dict(things)


def _with_labels(things: Sequence[Drawn]) -> dict[str, Drawn]:
    result: dict[str, Drawn] = {}
    for each in things:
        label = _label(each)
        twins = sum(other == label or other.startswith(f"{label} (") for other in result)
        result[f"{label} ({twins + 1})" if twins else label] = each
    return result


def _label(thing: Trajectory | Comparison) -> str:
    if not isinstance(thing, Trajectory):
        return "run"
    if thing.is_continuous:
        return "flow"
    rates = thing.learning_rates
    return thing.method if rates is None or np.ptp(rates) else rf"$\eta = {rates[0]:.4g}$"
