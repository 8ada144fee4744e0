"""How far a run has come: a bar, or whatever its caller makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

# What is running, the share of it that is done, and the loss there.
Report = Callable[[str, float, float], None]

FORMAT = "{desc} {percentage:3.0f}%|{bar}| {n:.4g}/{total:.4g} [{elapsed}<{remaining}{postfix}]"


class Progress:
    """Tells where a run is between `start` and `end`: by a tqdm bar, to a function, or not at all."""

    def __init__(self, shown: bool | Report, start: float, end: float, description: str) -> None:
        self._start = start
        self._bar: Any = None
        if callable(shown):
            self._bar = _Reported(shown, end - start, description)
        elif shown:
            self._bar = _bar(end - start, description)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    @property
    def is_shown(self) -> bool:
        """Whether there is a bar to move."""
        return self._bar is not None

    def reach(self, position: float, loss: float) -> None:
        """Move the bar to `position`."""
        if isinstance(self._bar, _Reported):
            self._bar.reach(position - self._start, loss)
        elif self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            self._bar.update(position - self._start - self._bar.n)


class _Reported:
    """A function in the place of a bar."""

    def __init__(self, report: Report, total: float, description: str) -> None:
        self._report, self._total, self._description = report, total, description
        report(description, 0.0, float("nan"))

    def reach(self, position: float, loss: float) -> None:
        self._report(self._description, min(position / self._total, 1.0), loss)

    def close(self) -> None:
        """Leave the last word to the run itself."""


def _bar(total: float, description: str) -> Any:
    # Here, since tqdm.auto brings asyncio, which nobody needs who does not look.
    from tqdm.auto import tqdm

    return tqdm(total=total, desc=description, bar_format=FORMAT, leave=False)
