"""A short random image of a long weight vector that keeps distances on average."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from gradflow import validate
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Sketch:
    """A seeded count sketch: every weight is added, with a random sign, to one of `size` buckets.

    The map S is linear and ``E|S w|^2 = |w|^2`` over seeds, so squared distances between sketches made
    alike are unbiased, with relative standard deviation at most sqrt(2 / size).

    Parameters
    ----------
    num_weights : int
        n, the length of the vectors that are sketched.
    size : int
        Number of buckets, the length of a sketch.
    seed : int
        Of ``numpy.random.default_rng``; two runs can be compared when all three numbers agree.

    References
    ----------
    Charikar, Chen, Farach-Colton, *Finding frequent items in data streams*, 2002, section 3;
    Weinberger et al., *Feature hashing for large scale multitask learning*, 2009, lemma 2.

    Examples
    --------
    >>> Sketch(1000, size=50).apply(np.ones((3, 1000))).shape
    (3, 50)
    """

    num_weights: int
    size: int = 500
    seed: int = 0
    _matrix: csr_array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n = validate.count("num_weights", self.num_weights)
        size = validate.count("size", self.size)
        rng = np.random.default_rng(validate.whole("seed", self.seed))
        buckets, signs = rng.integers(size, size=n), rng.choice([-1.0, 1.0], size=n)
        object.__setattr__(self, "_matrix", csr_array((signs, (buckets, np.arange(n))), shape=(size, n)))

    def apply(self, weights: Array) -> Array:
        """Return the sketch (size,) of one weight vector (n,), or (m, size) of the rows of (m, n)."""
        if weights.shape[-1] != self.num_weights:
            raise ValueError(f"`weights` must have {self.num_weights} columns, got shape {weights.shape}")
        return np.ascontiguousarray((self._matrix @ weights.T).T)

    @property
    def settings(self) -> dict[str, int]:
        """The three numbers that make the sketch, as a trajectory stores them."""
        return {"num_weights": self.num_weights, "size": self.size, "seed": self.seed}
