"""Threads that bring runs to their ends, BLAS on one thread each, until all are done or Ctrl-C."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import nullcontext
from typing import Any

import numpy as np

from gradflow.problems.batched import Laned
from gradflow.simulate.interrupts import Interrupts
from gradflow.simulate.lanes.ledger import Ledger

# In seconds.
_LONGEST_WAIT = 0.1


def num_threads(asked: int | None, num_runs: int, problem: Any) -> int:
    """Return how many threads to take.

    By default one for each core that this process may use, where the workspaces of lanes are their own; a
    problem of somebody else's may not be made for threads, or has its own.
    """
    default = _free_cores() if isinstance(problem, Laned) else 1
    return min(asked or default, num_runs)


def _free_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def together(work: Callable[[], None], ledger: Ledger, count: int) -> None:
    """Let so many threads do the work, each until the ledger has no more runs.

    Ctrl-C stops them after the steps they are at; what they have reached is in the ledger then.
    """
    with Interrupts() as interrupts, _blas_on_one_thread(count), ThreadPoolExecutor(count) as pool:
        tasks = [pool.submit(_quietly, work, ledger) for _ in range(count)]
        try:
            # Looked up from now and then: not everywhere does Ctrl-C end a wait.
            while wait(tasks, _LONGEST_WAIT).not_done:
                pass
        except KeyboardInterrupt:
            interrupts.hold()
            ledger.halt[0] = 1
            wait(tasks)
        for task in tasks:
            task.result()


def _quietly(work: Callable[[], None], ledger: Ledger) -> None:
    try:
        with np.errstate(all="ignore"):
            work()
    except BaseException:
        ledger.halt[0] = 1
        raise


def _blas_on_one_thread(count: int) -> Any:
    if count == 1:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, "blas")
