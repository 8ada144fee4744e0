"""The parameters of an experiment, from the signature of its `run`, and texts as their values."""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from gradflow.words import own_words

WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """A keyword of `run`.

    Attributes
    ----------
    name : str
    kind : type
        As annotated: int, float, bool, str, a tuple or a Sequence of these, each of them also with None.
    default : value
    text : str
        What the docstring of `run` says of it.
    """

    name: str
    kind: Any
    default: Any
    text: str = ""

    def value(self, text: str) -> Any:
        """Return the value that a text means.

        Raises
        ------
        ValueError
            If it means none of this kind.
        """
        try:
            return _read(self.kind, text.strip())
        except ValueError:
            raise ValueError(f"`{self.name}` must be {words_for(self.kind)}, got {text!r:.80}") from None


def parameters(run: Callable[..., Any]) -> dict[str, Parameter]:
    """Return the parameters of a function whose keywords have types and defaults, by name.

    Examples
    --------
    >>> def run(*, num_steps: int = 100, shares: tuple[float, ...] = (0.5, 1.0)): ...
    >>> parameters(run)["shares"].value("0.25, 2")
    (0.25, 2.0)
    >>> parameters(run)["num_steps"].value("many")
    Traceback (most recent call last):
    ValueError: `num_steps` must be a whole number, got 'many'
    """
    hints, texts = get_type_hints(run), _texts(own_words(run))
    return {
        name: Parameter(name, hints[name], each.default, texts.get(name, ""))
        for name, each in inspect.signature(run).parameters.items()
    }


def settings(experiment: str, known: dict[str, Parameter], words: Iterable[str]) -> dict[str, Any]:
    """Return the values that words of the form ``name=text`` give to parameters.

    Raises
    ------
    ValueError
        If a word has another form, names no parameter (the nearest one is told), or its text no value.
    """
    found = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign:
            raise ValueError(f"`set` must be name=value, got {word!r:.80}")
        found[name.strip()] = _known(experiment, known, name.strip()).value(text)
    return found


def _known(experiment: str, known: dict[str, Parameter], name: str) -> Parameter:
    if name in known:
        return known[name]
    likely = difflib.get_close_matches(name, known, 1)
    cure = f"did you mean {likely[0]}?" if likely else f"it has {', '.join(known)}"
    raise ValueError(f"`{experiment}` has no parameter {name!r:.80}, {cure}")


def words_for(kind: Any) -> str:
    """Return in words what a kind of value is."""
    plain = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
    if kind in plain:
        return plain[kind]
    if _is_optional(kind):
        return f"{words_for(_inner(kind))} or none"
    many = {int: "whole numbers", float: "numbers", bool: "trues and falses", str: "words"}
    inner = get_args(kind)
    count = "" if Ellipsis in inner or get_origin(kind) is not tuple else f"{len(inner)} "
    return f"{count}{many[inner[0]]} separated by commas"


def _read(kind: Any, text: str) -> Any:
    if _is_optional(kind):
        return None if text.lower() == "none" else _read(_inner(kind), text)
    if get_origin(kind) in (tuple, Sequence):
        return _read_many(kind, text)
    return _READERS[kind](text)


def _read_many(kind: Any, text: str) -> tuple[Any, ...]:
    parts, kinds = [part.strip() for part in text.strip("()[]").rstrip(",").split(",")], get_args(kind)
    if get_origin(kind) is Sequence or Ellipsis in kinds:
        kinds = (kinds[0],) * len(parts)
    return tuple(_read(each, part) for each, part in zip(kinds, parts, strict=True))


def _whole_number(text: str) -> int:
    value = int(text) if re.fullmatch(r"[+-]?\d{1,300}", text) else _number(text)
    if value != int(value):
        raise ValueError
    return int(value)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _flag(text: str) -> bool:
    if text.lower() not in WORDS:
        raise ValueError
    return WORDS[text.lower()]


def _word(text: str) -> str:
    if not text:
        raise ValueError
    return text


_READERS: dict[Any, Callable[[str], Any]] = {int: _whole_number, float: _number, bool: _flag, str: _word}


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind)


def _inner(kind: Any) -> Any:
    return next(each for each in get_args(kind) if each is not NoneType)


def _texts(docstring: str) -> dict[str, str]:
    """Return what a docstring in numpy's form says of each parameter, in one line."""
    found: dict[str, str] = {}
    named: list[str] = []
    _, _, section = docstring.partition("Parameters\n----------\n")
    for line in section.partition("\n\n")[0].splitlines():
        if not line.startswith(" "):
            named = [name.strip() for name in line.partition(" : ")[0].split(",")]
        for name in named:
            found[name] = f"{found.get(name, '')} {line.strip() if line.startswith(' ') else ''}".strip()
    return found
