"""What a problem can do: the protocol every run needs, and small protocols of optional abilities."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from numpy.typing import ArrayLike

from gradflow.types import Array, Product


@runtime_checkable
class Problem(Protocol):
    """A loss E(w) over one flat weight vector w of shape (n,), with its derivatives.

    Every method returns arrays that belong to the caller and leaves `w` untouched.
    """

    num_weights: int

    def loss(self, w: Array) -> float:
        """Return E(w)."""

    def gradient(self, w: Array) -> Array:
        """Return g = dE/dw, shape (n,)."""

    def loss_and_gradient(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw from one forward and one backward pass."""

    def hvp(self, w: Array, v: Array) -> Array:
        """Return the exact product H(w) v with the Hessian; v and the result are (n,) or (n, k)."""

    def linearize(self, w: Array) -> tuple[float, Array, Product]:
        """Return E(w), dE/dw and the product v -> H(w) v that reuses the passes at w.

        E and dE/dw must be those of `loss_and_gradient` to the last bit: a run that records curvature takes
        its steps from here.
        """


@runtime_checkable
class Sampled(Protocol):
    """A loss made of samples (patterns): the mean over them when `averaged`, else their sum."""

    num_samples: int
    averaged: bool

    def subset(self, indices: ArrayLike) -> Problem:
        """Return the problem on the samples `indices` alone."""


@runtime_checkable
class Start(Protocol):
    """A problem that knows customary starting weights."""

    def initial_weights(self, seed: int, scale: float = 1.0) -> Array:
        """Return starting weights drawn from ``numpy.random.default_rng(seed)``, shape (n,)."""


@runtime_checkable
class Closed(Protocol):
    """A problem whose gradient flow dw/dt = -dE/dw has a closed form."""

    def flow(self, w0: Array, t: ArrayLike) -> Array:
        """Return w(t) from w(0) = w0, shape t.shape + (n,)."""


@runtime_checkable
class RoughlyLinearized(Protocol):
    """A problem with cheaper, rougher products beside the same loss and gradient."""

    def rough_linearizations(self) -> tuple[Callable[[Array], tuple[float, Array, Product]], ...]:
        """Return functions like `linearize`, the cheapest products first; none where nothing is gained."""


@runtime_checkable
class Differenced(Protocol):
    """A problem whose products are differences of gradients."""

    def product_from(self, gradient: Callable[[Array], Array], w: Array) -> Product:
        """Return the product v -> H(w) v made of calls to `gradient`."""


@runtime_checkable
class ThirdDerivative(Protocol):
    """A problem with its third derivative."""

    def third_derivative(self, w: Array, u: Array, v: Array) -> Array:
        """Return the vector with entries sum_jk d3E/dw_i dw_j dw_k u_j v_k, shape (n,)."""


@runtime_checkable
class Followed(Protocol):
    """A problem with several branches that follows the one a run is on."""

    def accept(self, w: Array) -> None:
        """Take note that a run has come to w: its steps call this, trial points do not."""
