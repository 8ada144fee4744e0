"""The loop that keeps an executor busy and loses nothing: chunks out, rows in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

from gradflow.sweeps.chunk import Chunk, Recipe, computed
from gradflow.sweeps.store import Row
from gradflow.sweeps.workers import in_flight

# A chunk is worth about so many seconds, and so many points at most: what a kill can lose.
SECONDS, FIRST, MOST = 1.0, 16, 4096
# After so many chunks in a row that killed a worker all by themselves it is not the chunks' fault.
MOST_DEATHS = 3
DIED = "the worker that ran it died"


@dataclass
class Progressing:
    """What has come back.

    Attributes
    ----------
    failures : dict of str to str
        For the key of a point that has no row, why.
    trouble : str
        Why the executor or the store stopped taking work, empty if neither did.
    """

    failures: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


class Chunks:
    """Points in chunks whose size follows what the last ones took.

    Parameters
    ----------
    groups : sequence of sequences of Chunk
        One group a problem, in it the points of one start together: what they share is computed once.
    """

    def __init__(self, groups: Sequence[Sequence[Chunk]]) -> None:
        self._groups = deque(deque(units) for units in groups)
        self._size = FIRST

    def __bool__(self) -> bool:
        return bool(self._groups)

    def next(self) -> Chunk:
        """Return the next chunk: whole starts, until they are enough."""
        units = self._groups[0]
        unit = units.popleft()
        keys, points = list(unit.keys), list(unit.points)
        while units and len(keys) + len(units[0].keys) <= self._size:
            unit = units.popleft()
            keys += unit.keys
            points += unit.points
        if not units:
            self._groups.popleft()
        return Chunk(tuple(keys), tuple(points))

    def took(self, rows: Sequence[Row]) -> None:
        """Let the next ones be as long as fits, at most four times as long as before."""
        each = rows[0].numbers["seconds"]
        fitting = int(SECONDS / each) if each > 0 else MOST
        self._size = max(1, min(fitting, 4 * max(self._size, len(rows)), MOST))


def work(
    recipe: Recipe,
    groups: Sequence[Sequence[Chunk]],
    executor: Executor,
    threads: int,
    arrive: Callable[[Sequence[Row]], None],
) -> Progressing:
    """Compute all points of `groups`, handing rows to `arrive` as they come.

    A chunk whose worker died waits until nothing else is under way and then gets a second try, alone; if its
    worker dies again it has failed. An error in a chunk fails its points and no others.
    """
    chunks, state, suspects = Chunks(groups), Progressing(), deque[Chunk]()
    flying: dict[Future[list[Row]], Chunk] = {}
    most, deaths = in_flight(executor), 0
    try:
        while chunks or suspects or flying:
            alone = not chunks and not flying and bool(suspects)
            for chunk in [suspects.popleft()] if alone else _filling(chunks, most - len(flying)):
                flying[executor.submit(computed, recipe, chunk, threads)] = chunk
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                chunk = flying.pop(future)
                try:
                    rows = future.result()
                except BrokenProcessPool:
                    if not alone:
                        suspects.append(chunk)
                        continue
                    deaths += 1
                    state.failures |= dict.fromkeys(chunk.keys, DIED)
                    if deaths == MOST_DEATHS:
                        raise
                except Exception as error:
                    state.failures |= dict.fromkeys(chunk.keys, f"{type(error).__name__}: {error}"[:300])
                else:
                    deaths = 0
                    chunks.took(rows)
                    arrive(rows)
    except (BrokenProcessPool, RuntimeError) as error:
        # The executor takes nothing any more.
        state.trouble = f"the executor died: {error}"
    except OSError as error:
        state.trouble = str(error)
    finally:
        for future in flying:
            future.cancel()
    return state


def _filling(chunks: Chunks, room: int) -> Iterator[Chunk]:
    while chunks and room > 0:
        room -= 1
        yield chunks.next()
