"""The command line: ``gradflow compare | list | run``."""

from gradflow.cli.entry import main

__all__ = ["main"]
