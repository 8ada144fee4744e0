"""What a problem can do: the protocol every run needs, and small protocols of optional abilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.types import Array, Product

# w -> (loss, gradient, product)
Linearization: TypeAlias = Callable[[Array], tuple[float, Array, Product]]


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
class Layered(Protocol):
    """A problem whose weights are those of layers."""

    num_weights: int

    def unflatten(self, w: ArrayLike) -> Sequence[Any]:
        """Return for each layer its matrix, or a pair of matrix and biases, None where there are none."""


@runtime_checkable
class Parted(Protocol):
    """A problem that tells which weights belong together, where `unflatten` returns another library's."""

    def layers(self) -> Sequence[NDArray[np.intp]]:
        """Return for each layer the places of its weights in the weight vector."""


@runtime_checkable
class Closed(Protocol):
    """A problem whose gradient flow dw/dt = -dE/dw has a closed form."""

    def flow(self, w0: Array, t: ArrayLike) -> Array:
        """Return w(t) from w(0) = w0, shape t.shape + (n,)."""


@runtime_checkable
class RoughlyLinearized(Protocol):
    """A problem with products cheaper than a gradient and a little wrong: enough for Newton steps."""

    def rough_linearizations(self) -> tuple[Linearization, ...]:
        """Return functions like `linearize` with rough products, the cheapest first; none where none gains.

        Loss and gradient are those of `loss_and_gradient` to the last bit; v is of shape (n,).
        """


@runtime_checkable
class SinglePasses(Protocol):
    """A problem whose passes can be made in single precision."""

    def in_single(self) -> Problem:
        """Return the same problem with gradients and products computed in float32.

        Everything comes back as float64. Gradients and products (exact, or of `rough_linearizations`, not
        differences of gradients) should be good to about 1e-6, losses to about 1e-7.
        """


@runtime_checkable
class Precise(Protocol):
    """A problem that says how precise its gradients are; of another one double precision is supposed.

    What can be asked of its curvature and of its flow follows: `precision_of` in problems/precision.py.
    """

    @property
    def gradient_precision(self) -> float | None:
        """Relative precision of gradients and exact products, 1.2e-7 in float32; None: not known yet."""


@runtime_checkable
class Differenced(Protocol):
    """A problem whose products with the Hessian are differences of its gradients.

    A run that counts gradients makes the products itself, from the gradient function that counts: then
    every gradient that a product costs is among those counted.
    """

    @property
    def gradients_per_product(self) -> int:
        """How many gradients one product costs, beside a few for the choice of their distance."""

    def products_from(self, gradient: Callable[[Array], Array]) -> Callable[[Array], Product]:
        """Return the function w -> (v -> H(w) v), all of it made of calls of `gradient`.

        `gradient` is dE/dw of this problem, with whatever its caller does beside, and returns arrays that
        are left as they are. The function may remember from one w to the next how far apart to evaluate.
        """


@runtime_checkable
class ThirdDerivative(Protocol):
    """A problem with its third derivative."""

    def third_derivative(self, w: Array, u: Array, v: Array) -> Array:
        """Return the vector with entries sum_jk d3E/dw_i dw_j dw_k u_j v_k, shape (n,)."""


class Paid(Protocol):
    """A problem whose evaluations a run counts."""

    def loss(self, w: Array) -> float:
        """Return E(w)."""

    def loss_and_gradient(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw."""

    def anew(self, w: Array) -> tuple[float, Array]:
        """Return both by another evaluation, also where they are remembered."""


@runtime_checkable
class Doubted(Protocol):
    """A problem whose loss and gradient a user wrote, and which a run looks at before it begins."""

    def check_start(self, w: Array, paid: Paid) -> None:
        """Raise ValueError if loss and gradient at w do not belong together; once, none the second time.

        It evaluates itself through `paid` alone, fewer than 100 times.
        """


@runtime_checkable
class Followed(Protocol):
    """A problem with several branches that follows the one a run is on."""

    def accept(self, w: Array) -> None:
        """Take note that a run has come to w: its steps call this, trial points do not."""


@runtime_checkable
class Kinked(Protocol):
    """A problem that says whether its gradient jumps somewhere, as that of a network of relu units does."""

    @property
    def has_kinks(self) -> bool:
        """Whether E is smooth only in pieces: multistep methods lose order and steps where it is not."""
