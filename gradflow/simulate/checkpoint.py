"""What a run has reached, on disk while it goes on."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradflow import validate
from gradflow.files import as_file
from gradflow.trajectory import Trajectory

# A file that takes long to write is written less often: writing takes at most a tenth of the time.
_LEAST_SHARE = 10.0


@dataclass(frozen=True)
class Checkpoint:
    """Where a run writes what it has reached, and how often.

    The file is a trajectory that `Trajectory.load` reads and `resume` continues. It is written whole or not
    at all, every so many seconds and at the end; whatever kills the run, at most one interval is lost.

    Parameters
    ----------
    path : str or Path
        The file, replaced each time.
    seconds : float
        From one writing to the next; longer where writing takes more than a tenth of it.

    Raises
    ------
    ValueError
        If `seconds` is not a positive number or `path` is none.

    Examples
    --------
    >>> Checkpoint("run.npz", seconds=600.0)
    Checkpoint(path='run.npz', seconds=600.0)
    """

    path: str | Path
    seconds: float = 60.0

    def __post_init__(self) -> None:
        as_file("path", self.path)
        validate.positive("seconds", self.seconds)


def checked_checkpoint(checkpoint: Any) -> Checkpoint | None:
    """Return a `Checkpoint` for one or for a path, None for None.

    Raises
    ------
    ValueError
        If it is none of these, or its folder is not there.
    """
    if checkpoint is None or isinstance(checkpoint, Checkpoint):
        made = checkpoint
    elif isinstance(checkpoint, str | Path) and str(checkpoint):
        made = Checkpoint(checkpoint)
    else:
        raise ValueError(f"`checkpoint` must be a path or Checkpoint(path, seconds), got {checkpoint!r:.60}")
    if made is not None and not Path(made.path).absolute().parent.is_dir():
        raise ValueError(f"`checkpoint` must be in a folder that is there, got {str(made.path)!r:.200}")
    return made


class Writer:
    """Writes a run to its checkpoint when it is time."""

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._checkpoint = checkpoint
        self._next = float("inf") if checkpoint is None else time.monotonic() + checkpoint.seconds

    @property
    def writes(self) -> bool:
        """Whether there is a checkpoint to write."""
        return self._checkpoint is not None

    def look(self, make: Callable[[], Trajectory]) -> None:
        """Write what `make` returns if the interval is over."""
        if time.monotonic() >= self._next:
            self.write(make())

    def write(self, run: Trajectory) -> None:
        """Write a run, if there is a checkpoint to write; where that fails, warn: the run goes on."""
        if self._checkpoint is None:
            return
        began = time.monotonic()
        try:
            run.save(self._checkpoint.path)
        except OSError as error:
            warnings.warn(
                f"the checkpoint {str(self._checkpoint.path)!r:.200} could not be written ({error}); "
                "the run itself is not touched",
                RuntimeWarning,
                stacklevel=2,
            )
        now = time.monotonic()
        self._next = now + max(self._checkpoint.seconds, _LEAST_SHARE * (now - began))
