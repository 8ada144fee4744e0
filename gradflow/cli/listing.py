"""``gradflow list``: what there is to choose from."""

from __future__ import annotations

import argparse
import inspect
import json

from gradflow import cases, experiments, rules
from gradflow.cli import streams
from gradflow.words import own_words

# The names of INTEGRATORS in simulate/integrators.py, which waits for scipy.
METHODS = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA", "krylov-bdf", "rock2", "cvode")


def command(options: argparse.Namespace) -> int:
    """Print cases, experiments, update rules and methods, and return the exit status."""
    found = {
        "cases": _cases(),
        "experiments": {name: experiments.question(name) for name in experiments.names()},
        "rules": _rules(),
        "methods": ["auto", *METHODS],
    }
    streams.say(f"{json.dumps(found, indent=2)}\n" if options.json else _text(found))
    return 0


def _cases() -> dict[str, str]:
    return {name: setup.description for name, setup in cases.CASES.items()}


def _rules() -> dict[str, str]:
    """Return what each rule does, in the first line of its own words."""
    classes = {
        name: each for name, each in vars(rules).items() if inspect.isclass(each) and hasattr(each, "update")
    }
    return {
        name: own_words(each).partition("\n")[0]
        for name, each in classes.items()
        if not getattr(each, "_is_protocol", False)
    }


def _text(found: dict) -> str:
    width = max(map(len, (*found["cases"], *found["experiments"], *found["rules"])))
    lines = ["cases (gradflow compare --problem NAME)"]
    lines += [f"  {name:{width}}  {text}" for name, text in found["cases"].items()]
    lines += ["", "experiments (gradflow run NAME)"]
    lines += [f"  {name:{width}}  {text}" for name, text in found["experiments"].items()]
    lines += ["", "update rules (gradflow.rules)"]
    lines += [f"  {name:{width}}  {text}" for name, text in found["rules"].items()]
    lines += ["", "methods (gradflow compare --method NAME)", f"  {', '.join(found['methods'])}", ""]
    return "\n".join(lines)
