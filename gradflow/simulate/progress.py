"""The progress bar of both kinds of run."""

from __future__ import annotations

from typing import Any, Self

FORMAT = "{desc} {percentage:3.0f}%|{bar}| {n:.4g}/{total:.4g} [{elapsed}<{remaining}{postfix}]"


class Progress:
    """A tqdm bar from `start` to `end` that shows the loss; silent unless `shown`."""

    def __init__(self, shown: bool, start: float, end: float, description: str) -> None:
        self._start = start
        self._bar = _bar(end - start, description) if shown else None

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
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            self._bar.update(position - self._start - self._bar.n)


def _bar(total: float, description: str) -> Any:
    # Here, since tqdm.auto brings asyncio, which nobody needs who does not look.
    from tqdm.auto import tqdm

    return tqdm(total=total, desc=description, bar_format=FORMAT, leave=False)
