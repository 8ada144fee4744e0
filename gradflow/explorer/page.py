"""The built page, and what is put into it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from gradflow.files import written_whole

# Computed in the page itself; the names are those of its own list.
PROBLEMS = (
    "quadratic",
    "identity-neuron",
    "double-well",
    "two-weight-product",
    "minimalist-edge",
    "xor",
    "chebyshev-3",
    "chebyshev-4",
    "chebyshev-5",
    "chebyshev-6",
)
_PLACE = '<script id="given" type="application/json">null</script>'


@cache
def built() -> str:
    """Return the page as it was built, without anything put into it."""
    return resources.files("gradflow.explorer").joinpath("page.html").read_text(encoding="utf-8")


@dataclass(frozen=True, eq=False)
class Page:
    """The explorer with something to look at.

    Attributes
    ----------
    given : dict or None
        What the page is told, as JSON values; None lets it begin by itself.
    what : str
        A few words for people.

    See Also
    --------
    gradflow.explore : Makes one.

    Examples
    --------
    >>> page = Page({"kind": "problem", "name": "double-well"}, "double-well")
    >>> page
    Page of double-well: shown where a notebook runs, else page.write("explorer.html")
    >>> "double-well" in page.html, page.html.count("<script")
    (True, 2)
    """

    given: dict[str, Any] | None
    what: str

    @property
    def html(self) -> str:
        """The whole page, one text that asks for nothing else."""
        # Within a script element only "<" could end it.
        text = json.dumps(self.given, allow_nan=False).replace("<", "\\u003c")
        return built().replace(_PLACE, _PLACE.replace("null", text))

    def write(self, path: str | Path) -> Path:
        """Write the page to one file, whole or not at all, and return where.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        place = Path(path)
        with written_whole(place) as (temporary,):
            temporary.write_text(self.html, encoding="utf-8")
        return place

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, which a notebook shows."""
        return (
            f'<iframe title="gradflow explorer: {escape(self.what)}" srcdoc="{escape(self.html)}" '
            'sandbox="allow-scripts allow-downloads" '
            'style="width: 100%; height: 46rem; border: 1px solid #888"></iframe>'
        )

    def __repr__(self) -> str:
        return f'Page of {self.what}: shown where a notebook runs, else page.write("explorer.html")'
