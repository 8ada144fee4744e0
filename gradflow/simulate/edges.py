"""How much more accurate a run must be beside an edge of what is defined."""

from __future__ import annotations

from typing import Any

# After so many steps that met the edge, steps are held to so small a share of their tolerance.
MEETINGS, TIGHTER = 5, 0.1
# A meeting is one of a series for so many steps; after as many without one the tolerance may loosen again.
NEAR_STEPS = 30
# Tighter than this, relative to the weights, rounding rules the error of a step.
LEAST_RTOL = 1e-12


class EdgeAccuracy:
    """The share of its tolerance that keeps a run on this side of an edge.

    A flow may come to rest beside a barrier at a distance far below the tolerance. Every error that the
    tolerance allows then leads beyond the edge, and shorter steps alone do not help: they grow again. What
    helps is a tolerance that resolves the distance, so steps that meet an edge in close succession are
    held to a tenth of it, and a tenth again. Without another meeting it loosens as it was tightened; where
    that leads to the edge at once, it is tightened again and waits twice as long.

    Attributes
    ----------
    share : float
        What the tolerance is multiplied by.

    Examples
    --------
    >>> accuracy = EdgeAccuracy()
    >>> for _ in range(5):
    ...     accuracy.meets()
    ...     accuracy.steps()
    >>> accuracy.share
    0.1
    """

    def __init__(self) -> None:
        self.share = 1.0
        self._num_meetings, self._num_calm, self._patience = 0, NEAR_STEPS, NEAR_STEPS
        self._is_loosened = False

    @property
    def loosens(self) -> bool:
        """Whether the tolerance may be looser again, so long ago was the last meeting."""
        return self.share < 1 and self._num_calm >= self._patience

    def meets(self) -> None:
        """Count a trial beyond the edge; of several in one step the first."""
        if self._num_calm == 0:
            return
        is_near = self._num_calm < NEAR_STEPS
        self._num_meetings = self._num_meetings + 1 if is_near else 1
        too_early = self._is_loosened and is_near
        if too_early:
            self._patience *= 2
        if too_early or self._num_meetings % MEETINGS == 0:
            self.share *= TIGHTER
        self._num_calm, self._is_loosened = 0, False

    def steps(self) -> None:
        """Count an accepted step."""
        self._num_calm += 1

    def loosen(self) -> None:
        """Take a share ten times as large, to be taken back at the next meeting soon."""
        self.share = min(self.share / TIGHTER, 1.0)
        self._num_calm, self._is_loosened = 1, True

    def applied(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of an integrator with this share of their tolerances."""
        tighter = {name: self.share * options[name] for name in ("rtol", "atol") if name in options}
        if "rtol" in tighter:
            tighter["rtol"] = max(tighter["rtol"], min(options["rtol"], LEAST_RTOL))
        return options | tighter
