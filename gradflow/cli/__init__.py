"""The command line: ``gradflow compare | list | run | stability``."""

from gradflow.cli.entry import main

__all__ = ["main"]
