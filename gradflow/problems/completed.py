"""A whole problem from the few members that its author wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.numerics.differences import DifferenceProduct, Differences
from gradflow.numerics.rounding import DOUBLE
from gradflow.problems.batched import Batched
from gradflow.problems.door import complaint
from gradflow.problems.members import Members
from gradflow.problems.precision import Evidence
from gradflow.problems.problem import Followed, Kinked, Paid, Problem, Product, Sampled
from gradflow.problems.recurrent.memory import AssociativeMemory
from gradflow.types import Array


def as_problem(thing: Any, name: str = "problem") -> Problem:
    """Return a complete problem as it is, and complete one that has at least ``loss_and_gradient(w)``.

    What its author left out follows: `loss` and `gradient` from the pair, products with the Hessian from
    central differences of gradients, at a distance that is measured (`Differenced`). With `num_samples` and
    `subset(indices)` it is a problem of samples, `averaged` unless it says otherwise. What the author wrote
    is used as it is: `loss`, `gradient`, `hvp` and `linearize`, the last two for one v of shape (n,) at a
    time, and `gradient_precision`, see `Precise`. Without `num_weights` weights of any length are passed on.

    A run looks at its start whether the gradient belongs to the loss, as it does for `from_callables`, which
    also knows how to switch that off (``check=False``). It does not where there are samples: that would cost
    gradients of them all.

    Parameters
    ----------
    thing : object
        A problem, or what its author calls one.
    name : str
        What the argument is called in a complaint.

    Raises
    ------
    ValueError
        If it is neither: a loss alone, a flow, a class, an `AssociativeMemory`, a number.

    See Also
    --------
    from_callables : A problem from functions.

    Examples
    --------
    >>> class Mean:
    ...     def __init__(self, data):
    ...         self.data, self.num_samples = data, len(data)
    ...
    ...     def loss_and_gradient(self, w):
    ...         gap = w - self.data.mean(axis=0)
    ...         return 0.5 * gap @ gap, gap
    ...
    ...     def subset(self, indices):
    ...         return Mean(self.data[indices])
    >>> problem = as_problem(Mean(np.array([[1.0, 2.0], [3.0, 6.0]])))
    >>> problem.gradient([0.0, 0.0]), problem.subset([1]).gradient([0.0, 0.0])
    (array([-2., -4.]), array([-3., -6.]))
    >>> problem.hvp([0.0, 0.0], [1.0, 0.0]).round(9)
    array([1., 0.])
    """
    if isinstance(thing, type):
        raise ValueError(
            f"`{name}` must be a problem, got the class {thing.__name__} itself: make one of it first"
        )
    if isinstance(thing, Problem) and (isinstance(thing, Sampled) or not isinstance(thing, HasSamples)):
        return thing
    if not isinstance(thing, Descendable):
        raise ValueError(f"`{name}` must be a problem, an object with loss_and_gradient(w), {_cure(thing)}")
    has_samples = isinstance(thing, HasSamples)
    completed = _completed(thing, has_samples=has_samples)
    # Of samples it would cost gradients of them all, which a run by batches does without.
    completed.is_doubted = not has_samples
    return completed


def _completed(thing: Any, *, has_samples: bool, like: _Completed | None = None) -> Exact | ByDifferences:
    members = _members(thing, like)
    exact = members.hvp is not None or members.linearize is not None
    if has_samples:
        return (SampledExact if exact else SampledByDifferences)(members, thing, like)
    return (Exact if exact else ByDifferences)(members, thing, like)


def is_same_problem(one: Any, other: Any) -> bool:
    """Return whether both are one problem, completed or as its author wrote it."""
    return _written(one) is _written(other)


def _written(problem: Any) -> Any:
    """Return what an author wrote; a problem made of functions is its own."""
    completed = isinstance(problem, _Completed) and not isinstance(problem._author, str)
    return problem._author if completed else problem


def kind_of(problem: Any) -> str:
    """Return the name of the class that an author wrote."""
    return type(_written(problem)).__name__


def batched_form(problem: Any) -> Batched | None:
    """Return the problem as its author wrote it if that takes many weight vectors at once, else None."""
    written = _written(problem)
    return written if isinstance(written, Batched) else None


@runtime_checkable
class Descendable(Protocol):
    """The least that a problem is."""

    def loss_and_gradient(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw."""


@runtime_checkable
class HasSamples(Protocol):
    """The least that a problem of samples has beside."""

    num_samples: int

    def subset(self, indices: Any) -> Any:
        """Return the problem on the samples `indices` alone."""


@runtime_checkable
class _Moving(Protocol):
    problem: Any

    def initial_state(self, w0: Array) -> Array: ...


def _cure(thing: Any) -> str:
    if isinstance(thing, AssociativeMemory):
        return "got an AssociativeMemory, which has no loss: give its network, memory.learning"
    if isinstance(thing, _Moving):
        return "got a flow: give its problem, flow.problem"
    if callable(thing):
        return "got a loss alone: give it as gf.problems.from_callables(loss, gradient)"
    return f"got {thing!r:.60}"


def _members(thing: Any, like: _Completed | None) -> Members:
    """Return what the author wrote. The one place that asks by name: from here on everything has a type."""
    said = getattr(thing, "gradient_precision", None) if like is None else None
    size = getattr(thing, "num_weights", None)
    optional = {name: getattr(thing, name, None) for name in ("loss", "gradient", "hvp", "linearize")}
    return Members(
        None if size is None else validate.count("num_weights", size),
        joint=thing.loss_and_gradient,
        evidence=Evidence(said) if like is None else like.evidence,
        **optional,
    )


class _Completed:
    """What all completed problems have: loss and gradient from the members, and the author's repr.

    Where it is `like` another one of the same author's class, what the class has is not asked again: a run
    makes a subset at every step, and looking for a protocol's members costs more than a small gradient.
    """

    is_doubted = False

    def __init__(self, members: Members, author: Any, like: _Completed | None = None) -> None:
        # Any: None where a weight vector of any length will do.
        self.num_weights: Any = members.num_weights
        self._members, self._author, self.evidence = members, author, members.evidence
        follows = isinstance(author, Followed) if like is None else like._follower is not None
        self._follower: Followed | None = author if follows else None
        self._is_kinked: bool = isinstance(author, Kinked) if like is None else like._is_kinked
        self.has_kinks = self._is_kinked and bool(author.has_kinks)

    def __repr__(self) -> str:
        return self._author if isinstance(self._author, str) else repr(self._author)

    def loss(self, w: ArrayLike) -> float:
        """Return the loss at w."""
        return self._members.loss_at(w)

    def gradient(self, w: ArrayLike) -> Array:
        """Return the gradient at w, shape (n,)."""
        return self._members.gradient_at(w)

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient at w."""
        return self._members.both_at(w)

    @property
    def gradient_precision(self) -> float | None:
        """Relative precision of gradients, as the author said or as their numbers have shown so far."""
        return self.evidence.precision

    def check_start(self, w: Array, paid: Paid) -> None:
        """Look once whether a gradient that is doubted belongs to its loss; see `Doubted`."""
        if not self.is_doubted:
            return
        # A loss that there is with its gradient alone is paid for as a gradient.
        is_free = self._members.loss is not None
        loss = paid.loss if is_free else lambda at: paid.loss_and_gradient(at)[0]
        wrong = complaint(paid, loss, w, self.evidence.said or DOUBLE)
        if wrong is not None:
            raise ValueError(wrong)
        self.is_doubted = False

    def accept(self, w: Array) -> None:
        """Tell an author's object that wants to know it which weights a run has come to."""
        if self._follower is not None:
            self._follower.accept(w)


class Exact(_Completed):
    """A completed problem whose author wrote products with the Hessian."""

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the product with the Hessian at w for v of shape (n,) or (n, k), column by column."""
        return self._members.product_at(w)(v)

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H(w) v."""
        return self._members.linearized_at(w)


class ByDifferences(_Completed):
    """A completed problem whose products with the Hessian are central differences of gradients.

    How far apart the gradients are taken is measured at every w anew, at its first product; a
    second product there costs no more than its two gradients, through `hvp` as well.
    """

    gradients_per_product = 2
    _last: tuple[Array, DifferenceProduct] | None = None

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the product with the Hessian at w for v of shape (n,) or (n, k), column by column."""
        return self._product(self._members.own(w))(v)

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H(w) v."""
        own = self._members.own(w)
        loss, gradient = self.loss_and_gradient(own)
        return loss, gradient, self._product(own, gradient)

    def products_from(self, gradient: Callable[[Array], Array]) -> Callable[[Array], Product]:
        """Return the function w -> (v -> H(w) v) made of calls of `gradient`; see `Differenced`."""
        return Differences(gradient, eps=self.evidence.said)

    def _product(self, own: Array, gradient: Array | None = None) -> DifferenceProduct:
        last = self._last
        if last is None or not np.array_equal(last[0], own):
            differences = Differences(self.gradient, eps=self.evidence.said)
            last = self._last = own, differences(own, gradient)
        return last[1]


class _Samples(_Completed):
    """The samples of an author's object."""

    def __init__(self, members: Members, author: Any, like: _Completed | None = None) -> None:
        super().__init__(members, author, like)
        self.num_samples = validate.count("num_samples", author.num_samples)
        self.averaged = bool(getattr(author, "averaged", True))

    def subset(self, indices: ArrayLike) -> Problem:
        """Return the problem on the samples `indices` alone, repeats allowed."""
        part = self._author.subset(validate.indices("indices", indices, self.num_samples))
        if type(part) is not type(self._author):
            return as_problem(part)
        return _completed(part, has_samples=True, like=self)


@final
class SampledExact(_Samples, Exact):
    """A completed problem of samples whose author wrote products with the Hessian."""


@final
class SampledByDifferences(_Samples, ByDifferences):
    """A completed problem of samples whose products are differences of gradients."""
