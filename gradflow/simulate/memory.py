"""What a run will keep, held against the memory that is free: said before it starts, or while it grows."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gradflow.errors import CostWarning

# Of the free memory; a run needs some for its work, and its trajectory for what is made of it.
SHARE = 0.5
# So few bytes are nobody's trouble: asking takes as long as a hundred short steps.
LEAST = 2**24
FOR_DESCENT = "`record_every=` keeps fewer rows, `sketch=gf.Sketch(num_weights, size)` smaller ones"
FOR_FLOW = "`times=` keeps fewer rows, `sketch=gf.Sketch(num_weights, size)` smaller ones"


class MemoryWatch:
    """Warns once when the rows of a run will take too much, or have come to.

    Parameters
    ----------
    cures : str
        What keeps less, `FOR_DESCENT` or `FOR_FLOW`.
    """

    def __init__(self, cures: str) -> None:
        self._cures, self._warned = cures, False

    def announce(self, num_rows: int, row_bytes: int, num_losses: int = 0) -> None:
        """Look before a run that will keep so many rows of so many bytes, and losses of steps besides."""
        needed = num_rows * row_bytes + 16 * num_losses
        free = None if needed < LEAST else free_memory()
        if free is not None and needed > SHARE * free:
            losses = f" and the losses of {num_losses:,} steps" if num_losses else ""
            self._warn(
                f"this run will keep {num_rows:,} rows{losses}, {size(needed)}: more than half of the "
                f"{size(free)} of memory that is free"
            )

    def look(self, held: int) -> None:
        """Look on the way, before rows that hold so many bytes grow: how many come nobody knew."""
        free = None if self._warned or held < LEAST else free_memory()
        if free is not None and held > SHARE * (free + held):
            self._warn(
                f"the rows of this run have come to take {size(held)}, more than half of the memory that was "
                f"free, and go on growing ({size(free)} is left)"
            )

    def _warn(self, sentence: str) -> None:
        self._warned = True
        # At the door this is the line of the call.
        warnings.warn(f"{sentence}. {self._cures}.", CostWarning, stacklevel=7)


def size(num_bytes: float) -> str:
    """Return a number of bytes as a person reads it.

    Examples
    --------
    >>> size(999), size(8.01e9)
    ('999 bytes', '8.01 GB')
    """
    units = ("bytes", "kB", "MB", "GB", "TB")
    power = 0
    while num_bytes >= 999.5 and power < len(units) - 1:
        num_bytes, power = num_bytes / 1000, power + 1
    return f"{num_bytes:.3g} {units[power]}"


def free_memory(root: Path = Path("/")) -> float | None:
    """Return how many bytes can still be had without swapping, None where the system does not tell.

    On Linux what the kernel has available, within the limits of the control groups that a container or a
    job of a cluster runs in; elsewhere all the memory there is: a warning comes late there, never in vain.
    """
    with suppress(OSError, ValueError, IndexError):
        text = (root / "proc/meminfo").read_text()
        available = 1024.0 * int(text.split("MemAvailable:")[1].split()[0])
        return max(0.0, min(available, *_left_of_limits(root)))
    with suppress(AttributeError, OSError, ValueError):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return None


def _left_of_limits(root: Path) -> list[float]:
    """Return what is left below each memory limit around this process; inactive cache is no use of it."""
    left = [float("inf")]
    for group, limit, usage, cache in _control_groups(root):
        with suppress(OSError, ValueError, IndexError):
            used = int((group / usage).read_text())
            reclaimable = int((group / "memory.stat").read_text().split(f"{cache} ")[-1].split()[0])
            left.append(float(int((group / limit).read_text()) - used + reclaimable))
    return left


def _control_groups(root: Path) -> Iterator[tuple[Path, str, str, str]]:
    """Yield the group of this process and those around it, with the names that its version has for things."""
    lines: list[str] = []
    with suppress(OSError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = base / path.strip("/")
        while group != base:
            yield group, *names
            group = group.parent
        yield base, *names
