"""Grids of runs: over learning rates, starts, and whatever the problem is made from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gradflow import validate
from gradflow.rules import GradientDescent
from gradflow.simulate.interrupts import Interrupts
from gradflow.sweeps.chunk import Chunk, Recipe
from gradflow.sweeps.engine import MOST, work
from gradflow.sweeps.measures import Measure, RuleOf, ends
from gradflow.sweeps.points import LEARNING_RATE, SEED, Point, checked_axes, described, key, spanned
from gradflow.sweeps.results import SweepResult
from gradflow.sweeps.store import Row, Store
from gradflow.sweeps.workers import Here
from gradflow.types import Array

INTERRUPTED = "interrupted"


def own_start(problem: Any, seed: int) -> Array:
    """Return the starting weights that a problem draws itself, by its `initial_weights`."""
    return problem.initial_weights(seed)


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """Descents from many starts at many learning rates, of problems made with many parameters.

    Parameters
    ----------
    problem : Problem or callable
        The loss, or what makes it from the values of the axes that are neither learning rates nor seeds, as
        keywords: with ``axes={"width": [4, 8], ...}`` it is called as ``problem(width=4)``. It may return
        ``problem, w0`` too.
    axes : mapping of str to sequence
        Values of each axis; the sweep is of all their combinations. "learning_rate" and "seed" are read by
        the sweep itself.
    num_steps : int
        Of each descent, unless it ends before.
    learning_rate : float, optional
        Of all descents where no axis has it.
    rule : callable, optional
        From a learning rate to a rule, such as ``functools.partial(gf.rules.HeavyBall, momentum=0.9)``.
    start : callable, optional
        ``start(problem, seed)`` returns starting weights; the problem's `initial_weights` by default.
    compute : sequence of callables
        What to compute: `ends` by default, and `regimes`, `critical_rates`, `distances` of this room, or any
        function of a `Group` that returns columns, one value (or array) a point.

    Raises
    ------
    ValueError
        If an argument is malformed, or a start or a learning rate is missing.

    See Also
    --------
    Store : Keeps what is finished, across kills and processes.
    gradflow.descend_many : Many runs of one problem.

    Examples
    --------
    On E = x^2 / 2 descent converges below 2:

    >>> from gradflow.problems import Quadratic
    >>> sweep = Sweep(Quadratic(1.0), {"learning_rate": [0.5, 1.5, 2.5]}, 2000, start=lambda *_: [1.0])
    >>> result = sweep.run()
    >>> result.column("outcome").tolist()
    ['FINISHED', 'FINISHED', 'DIVERGED']
    """

    problem: Any
    axes: Mapping[str, Iterable[Any]]
    num_steps: int
    learning_rate: float | None = None
    rule: RuleOf = GradientDescent
    start: Callable[[Any, int], Any] = own_start
    compute: Sequence[Measure] = (ends,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", checked_axes(self.axes))
        validate.count("num_steps", self.num_steps)
        if (self.learning_rate is None) == (LEARNING_RATE not in self.axes):
            raise ValueError("`learning_rate` must be given, or be one of the axes, got neither or both")
        if self.learning_rate is not None:
            validate.positive("learning_rate", self.learning_rate)
        functions = {"rule": self.rule, "start": self.start}
        object.__setattr__(self, "compute", tuple([self.compute] if callable(self.compute) else self.compute))
        if not self.compute:
            raise ValueError("`compute` must have at least one measure, got none")
        for name, function in [*functions.items(), *(("compute", each) for each in self.compute)]:
            validate.function(name, function)
        others = [name for name in self.axes if name not in (LEARNING_RATE, SEED)]
        if others and not callable(self.problem):
            raise ValueError(f"`problem` must be a function of {', '.join(others)}, got {self.problem!r:.60}")

    @property
    def _tuples(self) -> dict[str, tuple[Any, ...]]:
        return {name: tuple(values) for name, values in self.axes.items()}

    @cached_property
    def points(self) -> list[Point]:
        """Every combination of the axes, the last axis the fastest."""
        return list(spanned(self._tuples))

    @cached_property
    def keys(self) -> list[str]:
        """A digest of each point and of all that its answer depends on, the source text of functions too."""
        what = [self.problem, self.num_steps, self.learning_rate, self.rule, self.start, self.compute]
        text = json.dumps(described(what))
        return [key(text, point) for point in self.points]

    def run(
        self,
        store: Store | str | os.PathLike[str] | None = None,
        executor: Executor | None = None,
        *,
        threads: int = 1,
        progress: bool = False,
    ) -> SweepResult:
        """Compute what `store` does not have and return all of it.

        Rows are written as they arrive, about every second; what is interrupted or killed goes on where it
        was when it is run again.

        Parameters
        ----------
        store : Store or path, optional
        executor : concurrent.futures.Executor, optional
            Where chunks are computed; this process by default. `Processes` are our own; Dask's are
            ``client.get_executor()``. Everything of the sweep is pickled for it.
        threads : int
            That each chunk may use for its lanes.
        progress : bool
            Show a bar with the time that is left.

        Returns
        -------
        SweepResult
            Also when it was interrupted or something failed: `missing` says what and why.
        """
        kept = Store(store) if isinstance(store, str | os.PathLike) else store
        found = {row.key: row for row in kept.rows(self.keys)} if kept is not None else {}
        groups = self._groups(found)
        missing: dict[str, str] = {}
        recipe = Recipe(
            self.problem, self.start, self.rule, self.num_steps, self.learning_rate, tuple(self.compute)
        )
        with _bar(len(self.keys), len(found), progress) as bar:

            def arrive(rows: Sequence[Row]) -> None:
                found.update((row.key, row) for row in rows)
                bar.update(len(rows))
                if kept is not None:
                    kept.add(rows)

            why, is_interrupted = INTERRUPTED, True
            try:
                with Interrupts(terminates=True):
                    state = work(
                        recipe, groups, executor or Here(), validate.count("threads", threads), arrive
                    )
                missing, why, is_interrupted = state.failures, state.trouble, False
            except KeyboardInterrupt:
                pass
        counts = self._missing(found, missing, why)
        rows = [found[name] for name in self.keys if name in found]
        return SweepResult(self._tuples, rows, counts, is_interrupted)

    def _groups(self, found: Mapping[str, Row]) -> list[list[Chunk]]:
        """Return the points without a row, those of one problem together, in it those of one start."""
        groups: dict[str, dict[int, list[tuple[str, Point]]]] = {}
        for name, point in zip(self.keys, self.points, strict=True):
            if name not in found:
                own = {each: value for each, value in point.items() if each not in (LEARNING_RATE, SEED)}
                units = groups.setdefault(json.dumps(own), {})
                units.setdefault(point.get(SEED, 0), []).append((name, point))
        return [
            [
                Chunk(*zip(*unit[first : first + MOST], strict=True))
                for unit in units.values()
                for first in range(0, len(unit), MOST)
            ]
            for units in groups.values()
        ]

    def _missing(self, found: Mapping[str, Row], missing: Mapping[str, str], why: str) -> dict[str, int]:
        """Return why points have no row, and how many."""
        counts: dict[str, int] = {}
        for name in self.keys:
            if name not in found:
                reason = missing.get(name, why)
                counts[reason] = counts.get(reason, 0) + 1
        return counts

    def __repr__(self) -> str:
        sizes = " x ".join(f"{len(tuple(values))} {name}" for name, values in self.axes.items())
        return f"Sweep({sizes}, {self.num_steps:,} steps each)"


def _bar(total: int, done: int, shown: bool) -> Any:
    # Here, since tqdm.auto brings asyncio, which nobody needs who does not look.
    from tqdm.auto import tqdm

    return tqdm(total=total, initial=done, desc="points", disable=not shown, leave=False)
