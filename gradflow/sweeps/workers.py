"""Where chunks are computed: here, in processes of our own, or by anybody's executor."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Self


class Here(Executor):
    """In this process: a task is done when it is handed in."""

    num_workers = 1

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it and return the finished future; an interrupt is not caught."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes(Executor):
    """Processes of our own, begun afresh where one of them was killed.

    They are spawned, not forked: threads of BLAS do not survive a fork.

    Parameters
    ----------
    num_workers : int

    Notes
    -----
    A pool that lost a worker is unusable, and every task in it ends with `BrokenProcessPool`: whoever hands
    one in again gets a new pool.
    """

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers
        self._pool = self._made()

    def _made(self) -> ProcessPoolExecutor:
        spawned = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.num_workers, mp_context=spawned, initializer=_leave_interrupts)

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand a task in, to a new pool if the last one broke."""
        try:
            return self._pool.submit(function, *args, **kwargs)
        except BrokenProcessPool:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = self._made()
            return self._pool.submit(function, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the processes end."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def __enter__(self) -> Self:
        return self


def _leave_interrupts() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the one that collects the rows."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def in_flight(executor: Executor) -> int:
    """Return how many chunks an executor should have at once: two a worker, so that none waits."""
    if isinstance(executor, Here):
        return 1
    return 2 * (executor.num_workers if isinstance(executor, Processes) else os.cpu_count() or 4)
