"""The work of one task: some points that share their problem, from parameters to rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from gradflow.problems.completed import as_problem
from gradflow.sweeps.measures import Group, Measure, RuleOf
from gradflow.sweeps.points import LEARNING_RATE, SEED, Point
from gradflow.sweeps.store import Row
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that a worker needs beside the points."""

    problem: Any
    start: Callable[[Any, int], Array]
    rule: RuleOf
    num_steps: int
    learning_rate: float | None
    compute: tuple[Measure, ...]


@dataclass(frozen=True)
class Chunk:
    """Points with their keys; all share what the problem is made of."""

    keys: tuple[str, ...]
    points: tuple[Point, ...]


def computed(recipe: Recipe, chunk: Chunk, threads: int) -> list[Row]:
    """Return the rows of a chunk.

    Raises
    ------
    ValueError
        If a measure returns columns of another length.
    """
    with threadpool_limits(1):
        began = time.perf_counter()
        group = _group(recipe, chunk.points, threads)
        columns: dict[str, Sequence[Any] | NDArray[Any]] = {}
        for measure in recipe.compute:
            for name, values in measure(group).items():
                if len(values) != len(chunk.points):
                    raise ValueError(
                        f"`compute` must return one value a point, got {len(values)} of {name} for "
                        f"{len(chunk.points)} points"
                    )
                columns[name] = values
        seconds = (time.perf_counter() - began) / len(chunk.points)
    return [
        _row(key, point, {name: values[place] for name, values in columns.items()}, seconds)
        for place, (key, point) in enumerate(zip(chunk.keys, chunk.points, strict=True))
    ]


def _group(recipe: Recipe, points: Sequence[Point], threads: int) -> Group:
    given = {name: value for name, value in points[0].items() if name not in (LEARNING_RATE, SEED)}
    made = recipe.problem(**given) if callable(recipe.problem) else recipe.problem
    made, w0 = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    problem = as_problem(made)
    seeds = [point.get(SEED, 0) for point in points]
    starts = {seed: recipe.start(problem, seed) if w0 is None else w0 for seed in set(seeds)}
    return Group(
        problem,
        np.array([starts[seed] for seed in seeds], dtype=float),
        np.array([point.get(LEARNING_RATE, recipe.learning_rate) for point in points], dtype=float),
        recipe.num_steps,
        recipe.rule,
        threads,
    )


def _row(key: str, point: Point, values: dict[str, Any], seconds: float) -> Row:
    numbers = {name: _plain(value) for name, value in values.items() if not _is_array(value)}
    arrays = {name: np.asarray(value) for name, value in values.items() if _is_array(value)}
    return Row(key, point, numbers | {"seconds": seconds}, arrays)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic | np.ndarray) else value
