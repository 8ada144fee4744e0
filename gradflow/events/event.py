"""What a run watches for while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import cast

import numpy as np

from gradflow import validate
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Event:
    """A function of (t, w) that is watched for crossing levels.

    On a flow a crossing is located inside the step that contains it; in descent it is the first
    step on the other side. A function that starts on a level has not crossed it.

    Parameters
    ----------
    function : callable
        ``function(t, w) -> float``, with flow time t and weights (n,); evaluated once a step,
        however many levels there are, and again while a crossing is located.
    levels : float or sequence of float
        The values to watch for.
    direction : {-1, 0, 1}
        Only falling, any, or only rising crossings.
    terminal : bool
        Whether the first crossing ends the run, with ``Outcome.EVENT``.
    sentence : callable, optional
        ``sentence(t, w) -> str`` says what happened, in the message of a run that ends here; by default
        which level was met.

    Examples
    --------
    >>> Event(lambda t, w: w[0], levels=(0.5, 0.25), direction=-1).levels
    (0.5, 0.25)
    """

    function: Callable[[float, Array], float]
    levels: Sequence[float] | float = (0.0,)
    direction: int = 0
    terminal: bool = True
    sentence: Callable[[float, Array], str] | None = None

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ValueError(f"`function` must be callable as function(t, w), got {self.function!r:.60}")
        try:
            levels = np.atleast_1d(np.asarray(self.levels, dtype=np.float64))
        except (TypeError, ValueError, OverflowError):
            levels = np.empty(0)
        if levels.ndim != 1 or levels.size == 0 or not np.isfinite(levels).all():
            raise ValueError(
                f"`levels` must be one or more finite numbers, got {validate.shown(self.levels)}"
            )
        if not isinstance(self.direction, Integral) or self.direction not in (-1, 0, 1):
            raise ValueError(f"`direction` must be -1, 0 or 1, got {self.direction!r:.60}")
        object.__setattr__(self, "levels", tuple(levels.tolist()))

    def crossed(self, before: float, after: float) -> list[float]:
        """Return the levels that lie between two successive values, in this event's direction."""
        levels = cast("tuple[float, ...]", self.levels)
        return [level for level in levels if self._crosses(before - level, after - level)]

    def _crosses(self, before: float, after: float) -> bool:
        rising, falling = before < 0 <= after, before > 0 >= after
        return (rising and self.direction >= 0) or (falling and self.direction <= 0)
