"""Several experiments at once, each in a process of its own."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from gradflow.cli import streams

FAILED = 1


def run(names: Sequence[str], options: argparse.Namespace) -> int:
    """Run each experiment with the options, so many at once, and return the highest exit status.

    What an experiment says is said as a whole when it is over. An interrupt reaches each of them once, since
    a second one could meet it while it saves what was reached.
    """
    words = _words(options)
    started: list[subprocess.Popen] = []

    def one(name: str) -> Ended:
        command = [sys.executable, "-m", "gradflow", "run", name, *words]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            start_new_session=True,  # Ctrl-C in a terminal reaches a whole group
        )
        started.append(process)
        said, complained = process.communicate()
        return Ended(name, process.returncode, said, complained)

    with ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(one, name) for name in names}
        status = 0
        try:
            for each in as_completed(running):
                running.remove(each)
                status = max(status, _told(each.result()))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in started:
                process.send_signal(signal.SIGINT)
            for each in running:
                if not each.cancelled():
                    _told(each.result())
            raise
    return status


@dataclass(frozen=True)
class Ended:
    """An experiment that is over: its status, negative where a signal ended it, and what it has written."""

    name: str
    status: int
    said: str
    complained: str


def _words(options: argparse.Namespace) -> list[str]:
    """Return the words that each of them gets."""
    words = [
        "--output",
        options.output,
        *(f"--{name}" for name in ("quick", "update") if vars(options)[name]),
    ]
    words += [] if options.seed is None else ["--seed", str(options.seed)]
    return [*words, *(["--set", *options.set] if options.set else [])]


def _told(ended: Ended) -> int:
    """Say what an experiment has said, and return its status."""
    streams.say(ended.said)
    for line in ended.complained.splitlines():
        streams.complain("gradflow run", line)
    if ended.status >= 0:
        return ended.status
    streams.complain("gradflow run", f"{ended.name} was ended from outside, by signal {-ended.status}")
    return FAILED
