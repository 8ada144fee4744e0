"""How an experiment becomes a program: ``python experiments/NAME.py`` is ``gradflow run NAME``."""

from __future__ import annotations

import sys

from gradflow.cli import main


def run(path: str) -> None:
    """Run the experiment whose script is at `path`, with the words of the command line, and leave.

    Parameters
    ----------
    path : str
        ``__file__`` of the script.
    """
    sys.exit(main(["run", path, *sys.argv[1:]]))
