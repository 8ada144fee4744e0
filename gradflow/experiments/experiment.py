"""An experiment: what its script declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gradflow.words import own_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTS = ("run", "answers", "plot")


@dataclass(frozen=True, eq=False)
class Experiment:
    """What a script declares.

    Attributes
    ----------
    name : str
    text : str
        Its question in the first line, and the answer.
    run : callable
        Takes keywords that have defaults, returns results.
    answers : callable
        Takes results, returns the numbers that are printed, by names, in dictionaries.
    plot : callable
        Takes results, returns the figure.
    quick : mapping of str to value
        Keywords of a run of seconds.
    """

    name: str
    text: str
    run: Callable[..., Any]
    answers: Callable[[Any], dict[str, Any]]
    plot: Callable[[Any], Figure]
    quick: Mapping[str, Any]

    @property
    def question(self) -> str:
        """The first line of the text."""
        return self.text.partition("\n")[0]


def from_module(name: str, module: ModuleType) -> Experiment:
    """Return the experiment that a script declares.

    Raises
    ------
    ValueError
        If it lacks `run`, `answers` or `plot`.
    """
    found = vars(module)
    missing = [part for part in PARTS if not callable(found.get(part))]
    if missing:
        raise ValueError(
            f"`name` must be a script with the functions run, answers and plot, got {name!r} "
            f"without {' and '.join(missing)}"
        )
    text, quick = own_words(module), found.get("QUICK", {})
    return Experiment(name, text, found["run"], found["answers"], found["plot"], quick)
