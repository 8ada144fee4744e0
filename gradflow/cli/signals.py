"""SIGTERM, by which clusters, containers and `timeout` end a command, as if Ctrl-C had been pressed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does at the time: a run hands back what it has reached, a script ends.

    In threads other than the main one, and where the process has an answer of its own, nothing is changed.
    """
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if ours:
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    answer = signal.getsignal(signal.SIGINT)
    if not callable(answer):  # ignored, as in the background of a shell without job control
        raise KeyboardInterrupt
    answer(number, frame)
