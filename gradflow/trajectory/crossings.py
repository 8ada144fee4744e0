"""Where a run met what it watched for."""

from __future__ import annotations

from typing import NamedTuple

from gradflow.types import Array


class Crossings(NamedTuple):
    """Where an event met its levels: levels (c,), flow times (c,) and the weights there (c, n)."""

    levels: Array
    times: Array
    weights: Array
