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

from gradflow.experiments.experiment import Experiment
from gradflow.experiments.finding import SCRIPTS, load, names, question
from gradflow.experiments.leaving import BrokenOff, Left, perform, read
from gradflow.experiments.runs import descend, integrate, thinned

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
