"""Update rules by the names they have on the command line."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradflow.cli.arguments import Refused, one_of

if TYPE_CHECKING:
    from gradflow.rules import UpdateRule

    Make = Callable[[float], UpdateRule]

NAMES = ("descent", "heavy-ball", "nesterov", "sign", "normalized", "rmsprop", "adam")
WITH_MOMENTUM = ("heavy-ball", "nesterov")
# They follow the flow of the gradient as their learning rate falls; the others follow another one.
OF_THE_FLOW = ("descent", *WITH_MOMENTUM)
LIMITED = (*OF_THE_FLOW, "rmsprop", "adam")
SYNONYMS = {
    "momentum": "heavy-ball",
    "polyak": "heavy-ball",
    "heavyball": "heavy-ball",
    "nag": "nesterov",
    "gd": "descent",
    "sgd": "descent",
    "gradient-descent": "descent",
    "gradientdescent": "descent",
    "signsgd": "sign",
    "adamw": "adam",
}

rule_name = one_of(NAMES, SYNONYMS)


def rule_of(options: argparse.Namespace) -> Make:
    """Return the rule as a function of its learning rate.

    Raises
    ------
    Refused
        If momentum is missing or has no place.
    """
    # Here, since names are looked up without waiting for numpy.
    from gradflow import rules

    kinds = (
        rules.GradientDescent,
        rules.HeavyBall,
        rules.Nesterov,
        rules.SignDescent,
        rules.Normalized,
        rules.RMSProp,
        rules.Adam,
    )
    kind: Any = dict(zip(NAMES, kinds, strict=True))[options.rule]
    momentum = options.momentum
    if options.rule in WITH_MOMENTUM:
        if momentum is None:
            raise Refused(f"`momentum` must be given with --rule {options.rule}, such as --momentum 0.9")
        return functools.partial(kind, momentum=momentum)
    if momentum is not None:
        raise Refused(
            f"`momentum` must be left out with --rule {options.rule}: heavy-ball and nesterov have one, "
            f"such as --rule heavy-ball --momentum {momentum:g}"
        )
    return kind


def said(options: argparse.Namespace) -> str:
    """Return the rule in words."""
    name = str(options.rule)
    return name if options.momentum is None else f"{name} {options.momentum:g}"
