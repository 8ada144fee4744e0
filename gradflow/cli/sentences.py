"""Warnings as sentences on standard error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gradflow.cli import streams


@contextmanager
def warnings_as_sentences(who: str) -> Iterator[None]:
    """Say every warning as one line of the command's; divergence needs none."""

    def say(message: Warning | str, *_: Any, **__: Any) -> None:
        streams.complain(who, message)

    with warnings.catch_warnings():
        # numpy's overflow on the way to infinity, which the outcome tells.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.showwarning = say
        yield
