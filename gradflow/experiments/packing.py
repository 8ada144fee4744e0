"""Results as named arrays and back: types of the script say what is what, so that files hold numbers alone.

A field of a dataclass, an entry of a dictionary and a place in a tuple are one word each of a name, as in
``trainings/0/own``; a trajectory is the arrays of its own file behind its name.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from gradflow.trajectory import Trajectory

Arrays = dict[str, NDArray[Any]]


def packed(results: Any, name: str = "") -> Arrays:
    """Return the numbers of results as arrays by name.

    Parameters
    ----------
    results : dataclass, dict, tuple, Trajectory, ndarray, number or str
    name : str
        What stands before each name.

    Raises
    ------
    TypeError
        If something else is among them.

    Examples
    --------
    >>> sorted(packed({"rates": np.ones(2), "limits": (1.0, 2.0)}))
    ['limits/0', 'limits/1', 'rates']
    """
    if results is None:
        return {}
    if isinstance(results, Trajectory):
        return {_join(name, part): values for part, values in _of_file(results).items()}
    if isinstance(results, np.ndarray | np.generic | bool | int | float | str):
        return {name: np.asarray(results)}
    return {
        part: values
        for word, each in _entries(results).items()
        for part, values in packed(each, _join(name, word)).items()
    }


def unpacked(kind: Any, arrays: Mapping[str, NDArray[Any]], name: str = "") -> Any:
    """Return the results of a kind, as annotated, from the arrays that `packed` made of them.

    Raises
    ------
    ValueError
        If an array that the kind needs is missing or of another form.

    Examples
    --------
    >>> unpacked(dict[float, tuple[int, ...]], packed({0.5: (1, 2)}))
    {0.5: (1, 2)}
    """
    under = _under(arrays, name)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        inner = next(each for each in get_args(kind) if each is not NoneType)
        return unpacked(inner, arrays, name) if under or name in arrays else None
    if kind is Trajectory:
        return _from_file(under, name)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        fields = [each.name for each in dataclasses.fields(kind)]
        values = {field: unpacked(hints[field], under, field) for field in fields}
        return kind(**values)  # type: ignore[operator]
    if origin is dict:
        to_key, inner = get_args(kind)
        return {to_key(word): unpacked(inner, under, word) for word in _first_words(under)}
    if origin in (tuple, Sequence):
        return _tuple(get_args(kind), under)
    return _value(kind, arrays, name)


def _tuple(kinds: tuple[Any, ...], under: Mapping[str, NDArray[Any]]) -> tuple[Any, ...]:
    words = _first_words(under)
    if len(kinds) == 1 or Ellipsis in kinds:
        kinds = (kinds[0],) * len(words)
    return tuple(unpacked(each, under, str(place)) for place, each in enumerate(kinds))


def _value(kind: Any, arrays: Mapping[str, NDArray[Any]], name: str) -> Any:
    if name not in arrays:
        raise ValueError(f"`path` must hold the array {name!r}")
    values = arrays[name]
    if kind not in (int, float, bool, str):
        values.flags.writeable = False
        return values
    if values.ndim or values.dtype.kind not in _FORMS[kind]:
        raise ValueError(
            f"`path` must hold one {kind.__name__} as {name!r}, got {values.dtype} {values.shape}"
        )
    return kind(values.item())


_FORMS: dict[Callable[..., Any], str] = {int: "i", float: "if", bool: "b", str: "U"}


def _entries(results: Any) -> dict[str, Any]:
    """Return the parts of results by word."""
    if dataclasses.is_dataclass(results):
        return {each.name: vars(results)[each.name] for each in dataclasses.fields(results)}
    if isinstance(results, Mapping):
        return {_word(key): each for key, each in results.items()}
    if isinstance(results, tuple):
        return {str(place): each for place, each in enumerate(results)}
    raise TypeError(
        f"`results` must be made of dataclasses, dictionaries, tuples, trajectories, arrays and numbers, "
        f"got {type(results).__name__}"
    )


def _word(key: Any) -> str:
    word = str(key)
    if "/" in word or not word:
        raise TypeError(f"`results` must have names without a slash, got {word!r}")
    return word


def _join(name: str, word: str) -> str:
    return f"{name}/{word}" if name else word


def _under(arrays: Mapping[str, NDArray[Any]], name: str) -> Mapping[str, NDArray[Any]]:
    if not name:
        return arrays
    return {
        part.removeprefix(f"{name}/"): each for part, each in arrays.items() if part.startswith(f"{name}/")
    }


def _first_words(arrays: Mapping[str, NDArray[Any]]) -> list[str]:
    return list(dict.fromkeys(name.partition("/")[0] for name in arrays))


def _of_file(run: Trajectory) -> Arrays:
    """Return the arrays of the file that a trajectory writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        run.save(path)
        with np.load(path) as file:
            return {name: file[name] for name in file.files}


def _from_file(arrays: Mapping[str, NDArray[Any]], name: str) -> Trajectory:
    """Return the trajectory of a file with these arrays, after all that `Trajectory.load` checks."""
    if not arrays:
        raise ValueError(f"`path` must hold the trajectory {name!r}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        with open(path, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        return Trajectory.load(path)
