"""What users hand to a run to be called on its way: checked at the door, and told apart when it fails."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gradflow.errors import FAILURES
from gradflow.simulate.place import AtPlace, Place


class HookError(Exception):
    """A record, event or callback raised what is no missing value but a bug: the user's own error."""

    def __init__(self, bug: Exception) -> None:
        super().__init__(bug)
        self.bug = bug


def evaluated(function: Any, place: Place) -> Any:
    """Return what a record or callback says at a place, as function(t, w) or by its method `at_place`.

    Raises
    ------
    HookError
        Around any error but those that say a value is missing (`gradflow.errors.FAILURES`).
    """
    try:
        if isinstance(function, AtPlace):
            return function.at_place(place)
        return function(place.time, place.weights)
    except FAILURES:
        raise
    except Exception as bug:
        raise HookError(bug) from bug


def check_answer(answer: Any) -> bool:
    """Return whether a callback stops the run.

    Raises
    ------
    HookError
        If it answered anything but None, True or False: a loss or a norm must not pass for a wish.
    """
    if answer is None or isinstance(answer, bool | np.bool_):
        return bool(answer)
    raise HookError(
        ValueError(f"`callback` must return True to stop the run, or False or None, got {answer!r:.60}")
    )


def check_hook(name: str, function: Any) -> None:
    """Raise ValueError unless `function` has a method `at_place` or can be called as function(t, w)."""
    if isinstance(function, AtPlace) and not isinstance(function, type):
        return
    if not callable(function) or isinstance(function, type):
        raise ValueError(
            f"`{name}` must be a function of (t, w), such as lambda t, w: w[0], got {function!r:.60}"
        )
    if not _takes_two(function):
        raise ValueError(
            f"`{name}` must be a function of flow time and weights, as in lambda t, w: ..., "
            f"got {function!r:.60}, which does not take two arguments"
        )


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0.0, None)
    except TypeError:
        return False
    except ValueError:
        # A function of an extension module may have no signature to look at.
        return True
    return True
