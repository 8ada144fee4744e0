"""Experiments: one script a question, with parameters, answers in numbers, and a figure.

The scripts stand in the folder ``experiments/`` of a checkout and in the installed package, and are modules
of this one: ``from gradflow.experiments import catapult``. Each has

``run(*, name: type = default, ...)``
    which returns the results, a frozen dataclass or a tuple or dictionary of them,
``answers(results)``
    the numbers that it prints, in dictionaries,
``plot(results)``
    the figure, drawn from the results alone, and
``QUICK``
    the keywords of a run of seconds.

`load` finds one, `perform` runs it and writes what it leaves, `read` gives its results back from files.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gradflow.experiments.experiment import Experiment
from gradflow.experiments.finding import SCRIPTS, load, names, question

if TYPE_CHECKING:
    from gradflow.experiments.leaving import BrokenOff, Left, perform, read
    from gradflow.experiments.runs import descend, integrate, thinned

# Imported when they are first asked for: who lists experiments does not wait for scipy.
_PLACES = dict.fromkeys(("BrokenOff", "Left", "perform", "read"), "leaving")
_PLACES |= dict.fromkeys(("descend", "integrate", "thinned"), "runs")

__path__.append(str(SCRIPTS))

__all__ = [
    "BrokenOff",
    "Experiment",
    "Left",
    "descend",
    "integrate",
    "load",
    "names",
    "perform",
    "question",
    "read",
    "thinned",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = value
        return value
