"""Ctrl-C and SIGTERM: the first one stops a run, what was reached is safe from then on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Self


class Interrupts:
    """Turns the first interrupt of a run into KeyboardInterrupt and holds later ones back.

    SIGTERM, by which a cluster announces the end of a job, is taken where the run keeps a checkpoint. In
    threads other than the main one, and where a program has its own handler, nothing is changed.
    """

    def __init__(self, terminates: bool = False) -> None:
        self._signals = [signal.SIGINT, *([signal.SIGTERM] if terminates else [])]
        self._before: dict[int, object] = {}
        self._held = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                    self._before[number] = signal.signal(number, self._meet)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def hold(self) -> None:
        """Let no further interrupt through: the run is ending."""
        self._held = True

    def release(self) -> None:
        """Let one more interrupt through, for what may take long and is not needed."""
        self._held = False

    def let_through(self, work: Callable[[], object]) -> bool:
        """Do what is not needed, which an interrupt ends; return whether it came to its end."""
        try:
            self.release()
            work()
            self.hold()
        except KeyboardInterrupt:
            return False
        return True

    def _meet(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if not self._held:
            self._held = True
            raise KeyboardInterrupt
