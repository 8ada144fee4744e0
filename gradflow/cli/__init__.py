"""The command line: ``gradflow compare | explore | list | run | stability``."""

from gradflow.cli.entry import main

__all__ = ["main"]
