"""What was probably meant by a word that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

# What options are called elsewhere.
OPTIONS = {
    "--lr": "--learning-rates",
    "--lrs": "--learning-rates",
    "--eta": "--learning-rates",
    "--alpha": "--learning-rates",
    "--step-size": "--learning-rates",
    "--epochs": "--steps",
    "--iterations": "--steps",
    "--num-steps": "--steps",
    "--max-steps": "--steps",
    "--optimizer": "--rule",
    "--optimiser": "--rule",
    "--beta": "--momentum",
    "--solver": "--method",
    "--integrator": "--method",
    "--hidden": "--widths",
    "--layers": "--widths",
    "--dtype": "--precision",
    "--mu": "--rate",
    "--time": "--end-time",
    "--dir": "--output",
    "--folder": "--output",
    "--csv": "--data",
    "--file": "--data",
    "--label": "--target",
    "--model": "--problem",
    "--case": "--problem",
    "--random-state": "--seed",
}

# Of 1; xor and explore have 0.6.
ALIKE = 0.65


def meant(word: str, known: Iterable[str], synonyms: Mapping[str, str] | None = None) -> str:
    """Return ``, did you mean X?`` for the known word that is most like `word`, nothing if none is.

    Examples
    --------
    >>> meant("digit", ["digits", "xor"]), meant("mnist", ["digits", "xor"])
    (', did you mean digits?', '')
    >>> meant("--port", ["--write", "--no-browser"])
    ''
    """
    # Dashes that all options begin with make none of them alike.
    names = {name.lower().lstrip("-"): name for name in known}
    short = word.lower().lstrip("-")
    likely = [(synonyms or {}).get(word.lower(), "").lower().lstrip("-")]
    likely += difflib.get_close_matches(short, names, 1, ALIKE)
    likely += [name for name in names if _shortens(short, name)]
    found = [names[each] for each in likely if each in names]
    return f", did you mean {found[0]}?" if found else ""


def _shortens(short: str, word: str) -> bool:
    """Whether `short` is in `word`, or its letters are, from the first on: --lr and --learning-rates."""
    letters = iter(word)
    in_order = word[:1] == short[:1] and all(letter in letters for letter in short)
    return len(short) > 1 and (short in word or in_order)
