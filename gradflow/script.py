"""How an experiment runs as a program: on one thread, and over at once when it is interrupted."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from threadpoolctl import threadpool_limits

INTERRUPTED = 130


class Interrupted(BaseException):
    """Ctrl-C in a script: no run stops for it and hands back what it has, so no figure is drawn of that."""


def run(main: Callable[[], None]) -> None:
    """Call `main`, the whole of a script; an interrupt ends it with status 130 before it writes a figure.

    BLAS gets one thread: the matrices are small, and sums come out alike whatever the number of cores.
    """
    with threadpool_limits(1), ended_by_interrupt():
        try:
            main()
        except Interrupted:
            sys.stderr.write(f"{Path(sys.argv[0]).stem}: interrupted\n")
            sys.exit(INTERRUPTED)


@contextmanager
def ended_by_interrupt() -> Iterator[None]:
    """Let Ctrl-C raise `Interrupted` instead of KeyboardInterrupt, which a run would answer with a part.

    Where the process has an answer of its own to the signal, that stays.
    """
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise Interrupted
