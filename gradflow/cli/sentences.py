"""Warnings as sentences on standard error, and none of those of a library about itself."""

from __future__ import annotations

import logging
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

    # Without a home to write to matplotlib says where its cache is instead, in two lines each time.
    library = logging.getLogger("matplotlib")
    level = library.level
    library.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # numpy's overflow on the way to infinity, which the outcome tells.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.showwarning = say
        try:
            yield
        finally:
            library.setLevel(level)
