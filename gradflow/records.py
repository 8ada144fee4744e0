"""Ready-made records: what a run can note at its places for little more than it has paid already."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

from gradflow import validate
from gradflow.curvature.tracking.tracker import SharpnessTracker
from gradflow.types import Array

if TYPE_CHECKING:
    from gradflow.simulate.place import Place


@final
class Loss:
    """The loss of the whole problem, as a record ``{"loss": gf.records.loss}``."""

    def __repr__(self) -> str:
        return "gradflow.records.loss"

    def at_place(self, place: Place) -> float:
        """Return E(w), which the run has."""
        return place.loss


@final
class GradientNorm:
    """``|dE/dw|`` of the whole problem: as a record ``{"gradient norm": gf.records.gradient_norm}``."""

    def __repr__(self) -> str:
        return "gradflow.records.gradient_norm"

    def at_place(self, place: Place) -> float:
        """Return |g(w)|, from the run's gradient where it has one of the whole problem."""
        return float(np.linalg.norm(place.gradient))


loss = Loss()
gradient_norm = GradientNorm()


def sharpness(tol: float = 1e-6, k: int = 1, *, products: str = "exact", check_every: int = 200) -> Sharpness:
    """Return the record of the sharpness lambda_max(H(w)), or of the `k` largest eigenvalues, along a run.

    It follows the eigenvectors from row to row and takes the passes that the run makes there, so that a
    value costs one to two products. A record belongs to one run at a time.

    Parameters
    ----------
    tol, k, products, check_every
        As of `gradflow.curvature.SharpnessTracker`.

    Raises
    ------
    ValueError
        If an argument is malformed.

    See Also
    --------
    gradflow.curvature.SharpnessTracker : The same along any path, with counts and certificates.
    gradflow.events.sharpness_reaches : The event that it meets a level.

    Examples
    --------
    >>> from gradflow import descend
    >>> from gradflow.problems import DoubleWell
    >>> run = descend(DoubleWell(), [2.0], 0.1, 2, record={"sharpness": sharpness()})
    >>> run.records["sharpness"] - (3 * run.weights[:, 0] ** 2 - 1)
    array([0., 0., 0.])
    """
    if products not in ("exact", "differences"):
        raise ValueError(f"`products` must be 'exact' or 'differences', got {products!r:.60}")
    validate.positive("tol", tol)
    validate.count("k", k)
    validate.count("check_every", check_every)
    return Sharpness(tol, k, products, check_every)


@final
class Sharpness:
    """The record that `sharpness` returns; `tracker` is of the run it was last used in."""

    def __init__(self, tol: float, k: int, products: str, check_every: int) -> None:
        self._options = tol, k, products, check_every
        self.tracker: SharpnessTracker | None = None

    def __repr__(self) -> str:
        tol, k, products, _ = self._options
        return f"gradflow.records.sharpness(tol={tol:g}, k={k}, products={products!r})"

    @property
    def takes_product(self) -> bool:
        """Whether it asks for the product at its places."""
        return self._options[2] == "exact"

    def at_place(self, place: Place) -> float | Array:
        """Return the value at a place of a run, going on from the last one."""
        tracker = self.tracker
        if tracker is None or tracker.problem is not place.problem:
            tol, k, products, check_every = self._options
            self.tracker = tracker = SharpnessTracker(
                place.problem, tol, k, products=products, check_every=check_every
            )
        return tracker.at_place(place)
