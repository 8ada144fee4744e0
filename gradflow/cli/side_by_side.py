"""Several experiments at once, each in a process of its own."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from gradflow.cli import streams


def run(names: Sequence[str], options: argparse.Namespace) -> int:
    """Run each experiment with the options, so many at once, and return the highest exit status.

    What an experiment says is said as a whole when it is over. An interrupt reaches all of them.
    """
    words = _words(options)
    started: list[subprocess.Popen] = []

    def one(name: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "gradflow", "run", name, *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        said, complained = process.communicate()
        return process.returncode, said, complained

    with ThreadPoolExecutor(options.jobs) as pool:
        running = [pool.submit(one, name) for name in names]
        try:
            return max(_told(*each.result()) for each in as_completed(running))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in started:
                process.send_signal(signal.SIGINT)
            raise


def _words(options: argparse.Namespace) -> list[str]:
    """Return the words that each of them gets."""
    words = [
        "--output",
        options.output,
        *(f"--{name}" for name in ("quick", "update") if vars(options)[name]),
    ]
    words += [] if options.seed is None else ["--seed", str(options.seed)]
    return [*words, *(["--set", *options.set] if options.set else [])]


def _told(status: int, said: str, complained: str) -> int:
    streams.say(said)
    if complained:
        streams.complain("gradflow run", complained.strip())
    return status
