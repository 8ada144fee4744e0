"""Where the experiments are: beside the package in a checkout, inside it where it was installed."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from gradflow.experiments.experiment import Experiment, from_module

_HERE = Path(__file__).resolve().parent
_TOP = _HERE.parents[1]
_INSTALLED = _HERE / "scripts"
SCRIPTS = _INSTALLED if _INSTALLED.is_dir() else _TOP / "experiments"
# The committed figures, which only a checkout has.
FIGURES = None if _INSTALLED.is_dir() else _TOP / "figures"


def names() -> list[str]:
    """Return the names of the experiments, in alphabetical order."""
    return sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem != "__init__")


def question(name: str) -> str:
    """Return the question of an experiment, the first line of its script, which is not run for it."""
    text = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def load(name: str) -> Experiment:
    """Return an experiment by its name, or that of the script at a path that ends in ``.py``.

    Raises
    ------
    ValueError
        If there is none of that name, no such file, or the script has no `run`, `answers` and `plot`.

    Examples
    --------
    >>> load("momentum_limits").name
    'momentum_limits'
    >>> load("momentum")
    Traceback (most recent call last):
    ValueError: `name` must be an experiment, got 'momentum', did you mean momentum_limits?
    """
    if name.endswith(".py"):
        return _at(Path(name))
    if name not in names():
        raise ValueError(f"`name` must be an experiment, got {name!r:.80}, {_meant(name)}")
    return from_module(name, importlib.import_module(f"gradflow.experiments.{name}"))


def _at(path: Path) -> Experiment:
    if not path.is_file():
        raise ValueError(f"`name` must be an experiment or the path of a script, got {str(path)!r:.200}")
    if path.resolve().parent == SCRIPTS and path.stem in names():
        return load(path.stem)
    return from_module(path.stem, _executed(path))


def _executed(path: Path) -> ModuleType:
    name = f"experiment {path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ValueError(f"`name` must be the path of a Python script, got {str(path)!r:.200}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # where dataclasses look for the names in their annotations
    specification.loader.exec_module(module)
    return module


def _meant(name: str) -> str:
    likely = difflib.get_close_matches(name, names(), 1, 0.5)
    return f"did you mean {likely[0]}?" if likely else f"the experiments are {', '.join(names())}"
