"""Where a command is, on standard error: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gradflow.cli import streams

SECONDS = 5.0


class Heartbeat:
    """Keeps what a command is at, and says it as one line when it is asked to.

    Examples
    --------
    >>> beat = Heartbeat("gradflow compare")
    >>> beat.reach("flow", 0.25, 0.1)
    >>> beat.line()
    'flow 25 %, loss 0.1, 0 s'
    """

    def __init__(self, who: str) -> None:
        self._who, self._began = who, time.monotonic()
        self._at: tuple[str, float, float] = ("starting", math.nan, math.nan)
        self.prefix = ""

    def stage(self, what: str) -> None:
        """Begin something whose end cannot be foreseen."""
        self._at = (what, math.nan, math.nan)

    def reach(self, what: str, share: float, loss: float) -> None:
        """Come to a share of a run."""
        self._at = (what, share, loss)

    def line(self) -> str:
        """Return where the command is."""
        what, share, loss = self._at
        parts = [
            f"{self.prefix}{what}" + (f" {share:.0%}".replace("%", " %") if math.isfinite(share) else "")
        ]
        parts += [f"loss {loss:.4g}"] if math.isfinite(loss) else []
        return ", ".join([*parts, f"{time.monotonic() - self._began:.0f} s"])

    def say(self) -> None:
        """Complain of nothing: say where the command is."""
        streams.complain(self._who, self.line())


@contextmanager
def beating(who: str) -> Iterator[Heartbeat]:
    """Lend a heartbeat that says its line every few seconds; on a terminal bars do that."""
    beat, over = Heartbeat(who), threading.Event()

    def keep_saying() -> None:
        while not over.wait(SECONDS):
            beat.say()

    thread = threading.Thread(target=keep_saying, daemon=True)
    if not on_terminal():
        thread.start()
    try:
        yield beat
    finally:
        over.set()
        if thread.is_alive():
            thread.join()


def on_terminal() -> bool:
    """Whether standard error is looked at."""
    return sys.stderr is not None and sys.stderr.isatty()
