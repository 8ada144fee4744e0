"""Arguments that have another name elsewhere: what a door says when it is given one."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# What other packages call it, and how it is said here.
FOR_DESCENT = {
    "lr": "rule=",
    "learning_rate": "rule=",
    "eta": "rule=",
    "optimizer": "rule=, such as gf.rules.Adam(0.1)",
    "momentum": "rule=gf.rules.HeavyBall(learning_rate, momentum)",
    "nesterov": "rule=gf.rules.Nesterov(learning_rate, momentum)",
    "batch_size": "batch=",
    "steps": "num_steps=",
    "epochs": "num_steps=",
    "max_iter": "num_steps=",
    "x0": "w0",
}
FOR_FLOW = {
    "t_eval": "times=",
    "t_span": "end_time= and start_time=",
    "y0": "w0",
    "x0": "w0",
    "max_nfev": "max_evaluations=",
    "mu": "rate= to the flow, gf.GradientFlow(problem, rate)",
    "rate": "rate= to the flow, gf.GradientFlow(problem, rate)",
    "lr": "rate= to the flow, gf.GradientFlow(problem, rate), or take steps with gf.descend",
    "learning_rate": "rate= to the flow, gf.GradientFlow(problem, rate), or take steps with gf.descend",
    "rule": "it to gf.descend, which takes steps",
    "num_steps": "end_time=, or take steps with gf.descend",
    "momentum": "it to a rule of gf.descend, gf.rules.HeavyBall(learning_rate, momentum)",
    "batch_size": "batch= to gf.descend, a flow is that of the whole loss",
    "batch": "it to gf.descend, a flow is that of the whole loss",
    "max_step": "method=functools.partial(scipy.integrate.RK45, max_step=0.1)",
    "first_step": "method=functools.partial(scipy.integrate.RK45, first_step=0.1)",
}


def explains_keywords(cures: Mapping[str, str]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator that refuses an unknown keyword with a sentence that names the right one.

    Signature and docstring stay those of the function. An unknown keyword is a TypeError as ever.

    Parameters
    ----------
    cures : dict of str to str
        By foreign name what to give instead, as the end of "give ...".

    Examples
    --------
    >>> @explains_keywords({"color": "colour="})
    ... def paint(colour):
    ...     return colour
    >>> paint(color="red")
    Traceback (most recent call last):
        ...
    TypeError: `color` must not be given, paint has no such argument: give colour=
    """

    def decorated(function: Callable[P, T]) -> Callable[P, T]:
        known = list(inspect.signature(function).parameters)

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            for name in kwargs:
                if name not in known:
                    raise TypeError(
                        f"`{name}` must not be given, {function.__name__} has no such argument"
                        + _cure(name, known, cures)
                    )
            return function(*args, **kwargs)

        return checked

    return decorated


def _cure(name: str, known: list[str], cures: Mapping[str, str]) -> str:
    """Return the end of the sentence: the right name, a similar one, or nothing."""
    if name in cures:
        return f": give {cures[name]}"
    similar = difflib.get_close_matches(name, known, 1)
    return f": give {similar[0]}=" if similar else ""
