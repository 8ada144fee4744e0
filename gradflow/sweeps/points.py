"""The axes of a sweep and the points that they span."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

import gradflow

# The axes that a sweep reads itself; every other one is a keyword of the problem's factory.
LEARNING_RATE, SEED = "learning_rate", "seed"
Point = dict[str, Any]
# So many points are beyond what one file or one list should hold.
MOST = 10**8


def checked_axes(axes: Mapping[str, Iterable[Any]]) -> dict[str, tuple[Any, ...]]:
    """Return axes as tuples of plain numbers, text or flags.

    Raises
    ------
    ValueError
        If an axis is empty, holds a value twice, is not finite or of another type.
    """
    if not isinstance(axes, Mapping) or not axes:
        raise ValueError(f"`axes` must map names to values, got {axes!r:.60}")
    plain = {name: _values(name, values) for name, values in axes.items()}
    for name in plain:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"`axes` must have names such as learning_rate, seed or width, got {name!r:.60}")
    for rate in plain.get(LEARNING_RATE, ()):
        if isinstance(rate, bool | str) or not rate > 0:
            raise ValueError(f"`axes` must have learning rates above 0, got {rate!r:.60}")
    for seed in plain.get(SEED, ()):
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise ValueError(f"`axes` must have seeds that are whole numbers from 0 on, got {seed!r:.60}")
    if (size := int(np.prod([len(values) for values in plain.values()], dtype=float))) > MOST:
        raise ValueError(f"`axes` must span at most {MOST:,} points, got {size:,}: split the sweep")
    return plain


def _values(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ValueError(f"`axes` must have a sequence of values for {name}, got {values!r:.60}")
    plain = tuple(_plain(name, value) for value in values)
    if not plain:
        raise ValueError(f"`axes` must have at least one value for {name}, got none")
    if len(set(plain)) < len(plain):
        twice = next(value for value in plain if plain.count(value) > 1)
        raise ValueError(f"`axes` must have every value of {name} once, got {twice!r:.60} twice")
    return plain


def _plain(name: str, value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, list | tuple):
        return tuple(_plain(name, each) for each in value)
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"`axes` must have numbers, text or flags for {name}, got {value!r:.60}")
    if isinstance(value, float) and not np.isfinite(value):
        raise ValueError(f"`axes` must have finite values for {name}, got {value}")
    return value


def spanned(axes: Mapping[str, tuple[Any, ...]]) -> Iterator[Point]:
    """Yield every combination, the last axis the fastest."""
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def key(what: str, point: Point) -> str:
    """Return the digest of a point of the sweep that `what` describes."""
    text = json.dumps([what, point], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def described(thing: Any) -> Any:
    """Return JSON values that change where what `thing` computes changes: names, source text, arguments."""
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, partial):
        return ["partial", described(thing.func), described(list(thing.args)), described(thing.keywords)]
    if isinstance(thing, Mapping):
        return {str(name): described(value) for name, value in sorted(thing.items())}
    if isinstance(thing, list | tuple):
        return [described(each) for each in thing]
    if isinstance(thing, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(thing).tobytes()).hexdigest()
        return ["array", thing.dtype.str, list(thing.shape), digest]
    if callable(thing):
        return _of_function(thing)
    # Written to be compared, never to be read.
    return [
        f"{type(thing).__module__}.{type(thing).__qualname__}",
        hashlib.sha256(pickle.dumps(thing)).hexdigest(),
    ]


def _of_function(function: Callable[..., Any]) -> Any:
    """Return a function's name and the digest of its text; gradflow's own go by name and version."""
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", repr(function))
    if str(module).partition(".")[0] == "gradflow":
        return [module, name, gradflow.__version__]
    try:
        source = hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    except (OSError, TypeError):
        source = "unknown"
    captured = [described(cell.cell_contents) for cell in getattr(function, "__closure__", None) or ()]
    return [module, name, source, captured]
