"""What made a run: the very rule or flow in memory, its class by name and its fields in a file."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any

import numpy as np

# Of a flow: a file keeps no problem.
LEFT_OUT = "problem"
# Of the arrays that a rule or a flow may hold: kinds and bytes of an entry.
NUMBERS, WIDEST_NUMBER = "biufc", 32


class Origin:
    """The rule or the flow of a run, as an object or, from a file, as a description of one.

    A description names a class and the values of its fields. It becomes an object again only by a class
    that some imported module holds under the same name, with the same fields and, outside gradflow, with
    the same source text: nothing is imported and nothing evaluated for it.
    """

    def __init__(self, thing: Any = None, description: Mapping[str, Any] | None = None) -> None:
        self._thing = thing
        self._description = description

    def __reduce__(self) -> tuple[Any, ...]:
        return Origin, (None, self.description)

    def __repr__(self) -> str:
        description = self.description or {"lost": "unknown"}
        return f"Origin({description['class'] if 'class' in description else description['lost']})"

    @property
    def description(self) -> Mapping[str, Any]:
        """JSON values that describe the object."""
        return describe(self._thing) if self._description is None else self._description

    def thing(self) -> Any:
        """Return the object.

        Raises
        ------
        ValueError
            If only a description is left and it does not lead back to the same class and values.
        """
        if self._thing is None and self._description is not None:
            self._thing = _given_back(self._description)
        return self._thing

    def on(self, problem: Any) -> Any:
        """Return the flow, evaluating `problem`."""
        if self._thing is not None or self._description is None:
            return self._thing.on(problem)
        return _given_back(self._description, problem)


def describe(value: Any) -> Any:
    """Return JSON values that stand for a rule, a flow or the value of one of its fields."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return describe(value.item())
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, list | tuple):
        return {"tuple": [describe(each) for each in value]}
    if is_dataclass(value) and not isinstance(value, type):
        kept = [each.name for each in fields(value) if each.init and each.name != LEFT_OUT]
        named = {name: describe(getattr(value, name)) for name in kept}
        return {"class": _name(type(value)), "source": _source(type(value)), "fields": named}
    return {"lost": f"{value!r:.200}"}


def _given_back(description: Any, problem: Any = None) -> Any:
    """Return what is described; a description that a file has damaged is one more that does not lead back."""
    try:
        return restored(description, problem)
    except (TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"`trajectory` must keep what made it, got a description that leads nowhere: {error!s:.100}"
        ) from error


def restored(description: Any, problem: Any = None) -> Any:
    """Return the value that `describe` described; a flow evaluates `problem`.

    Raises
    ------
    ValueError
        If it holds what a file cannot keep, or the class is not imported or not the same one.
    """
    if not isinstance(description, dict):
        return description
    if "array" in description:
        return _array(**description)
    if "tuple" in description:
        return tuple(restored(each, problem) for each in description["tuple"])
    if "lost" in description:
        raise ValueError(
            f"`trajectory` must keep what made it, got {description['lost']}, which a file cannot hold: "
            "give it again, as rule= or as the flow"
        )
    kind = _found(description)
    values = {name: restored(each, problem) for name, each in description["fields"].items()}
    names = [each.name for each in fields(kind) if each.init]
    if LEFT_OUT in names:
        if problem is None:
            raise ValueError(
                f"`trajectory` must be given its problem again, got a file of {kind.__name__}, which keeps "
                "none: ask for flow_on(problem)"
            )
        values[LEFT_OUT] = problem
    if set(names) != set(values):
        raise ValueError(
            f"`trajectory` must be of the class {kind.__name__} that is here, got one with the fields "
            f"{', '.join(values)} instead of {', '.join(names)}"
        )
    return kind(**values)


def _array(array: Any, dtype: str, shape: list[int]) -> np.ndarray:
    if np.dtype(dtype).kind not in NUMBERS or np.dtype(dtype).itemsize > WIDEST_NUMBER:
        raise TypeError(f"an array of {dtype!r:.20}")
    return np.array(array, dtype=dtype).reshape(shape)


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _source(kind: type) -> str | None:
    """Return a digest of the source text of a class outside gradflow, whose own classes go by name."""
    if kind.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return None
    try:
        return hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()
    except (OSError, TypeError):
        return "unknown"


def _members(holder: Any) -> Mapping[str, Any]:
    return vars(holder) if isinstance(holder, type | ModuleType) else {}


def _found(description: dict[str, Any]) -> type:
    """Return the class that an imported module holds under the name, if it is the same one."""
    module, _, qualified = str(description["class"]).partition(":")
    kind: Any = sys.modules.get(module)
    for part in qualified.split("."):
        # Not by getattr: a module may import what it is asked for.
        kind = _members(kind).get(part)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise ValueError(
            f"`trajectory` must be of a class that is here, got {qualified} of {module}, which no imported "
            "module holds as a dataclass: import or define it first"
        )
    if _source(kind) != description["source"]:
        raise ValueError(
            f"`trajectory` must be of the class {qualified} that is here, got one of another source text"
        )
    return kind
