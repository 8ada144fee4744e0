"""``gradflow run``: experiments of a source checkout, or any script."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

from gradflow import script
from gradflow.cli.arguments import Refused

FOLDER = Path("experiments")


def command(options: argparse.Namespace) -> int:
    """Run the experiments that were asked for, one after the other, and return the exit status.

    BLAS gets one thread: the matrices are small, and sums come out alike whatever the number of cores.
    An interrupt ends the whole command, and no figure is drawn of what was reached.

    Raises
    ------
    Refused
        If there is no such script, or none was named.
    """
    if options.all == bool(options.experiments):
        raise Refused("give either the NAME of an experiment or --all")
    before = sys.argv
    try:
        with threadpool_limits(1), script.ended_by_interrupt():
            for path in _all() if options.all else [_script(name) for name in options.experiments]:
                sys.argv = [str(path)]
                runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv = before
    return 0


def _script(name: str) -> Path:
    path = Path(name) if name.endswith(".py") else FOLDER / f"{name}.py"
    if not path.is_file():
        raise Refused(f"there is no {path} here: {_where()}")
    return path


def _all() -> list[Path]:
    scripts = sorted(path for path in FOLDER.glob("*.py") if path.stem != "__init__")
    if not scripts:
        raise Refused(f"there is no folder {FOLDER} with scripts here: {_where()}")
    return scripts


def _where() -> str:
    names = ", ".join(path.stem for path in sorted(FOLDER.glob("*.py")) if path.stem != "__init__")
    if names:
        return f"the experiments are {names}"
    return "experiments are in a source checkout of gradflow, run from its top folder"
