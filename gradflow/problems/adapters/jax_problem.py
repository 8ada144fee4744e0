"""The problem of a JAX loss: loss, gradient and products over numpy vectors, by compiled functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.problems import batched
from gradflow.types import Array, Product


class JaxProblem:
    """What `from_jax` returns: a problem with a start."""

    _data: tuple[Any, ...] = ()

    def __init__(self, loss: Callable[..., Any], params: Any) -> None:
        import jax
        from jax.flatten_util import ravel_pytree

        flat, self._unravel = ravel_pytree(params)
        self._loss, self._params = loss, params
        self._structure: Any = jax.tree_util.tree_structure(params)
        self._start = np.array(flat, dtype=np.float64)
        self._dtype, self.num_weights = flat.dtype, int(flat.size)
        self._compiled = _Compiled(loss, self._unravel)

    def __repr__(self) -> str:
        return f"JaxProblem({self.num_weights} weights, {self._dtype})"

    def __reduce__(self) -> tuple[Any, ...]:
        return JaxProblem, (self._loss, self._params)

    @property
    def gradient_precision(self) -> float:
        """Relative precision of gradients and products: that of the parameters' dtype."""
        import jax

        return float(jax.numpy.finfo(self._dtype).eps)

    def loss(self, w: ArrayLike) -> float:
        """Return the loss at w."""
        return float(self._compiled.loss(self._own(w), *self._data))

    def gradient(self, w: ArrayLike) -> Array:
        """Return the gradient at w, shape (n,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient at w."""
        loss, gradient = self._compiled.both(self._own(w), *self._data)
        return float(loss), np.array(gradient, dtype=np.float64)

    def losses_and_gradients(self, W: ArrayLike) -> tuple[Array, Array]:
        """Return the losses (K,) and the gradients (K, n) at the rows of W (K, n), by `jax.vmap`.

        Compiled for 1, 2, 4, 8 ... rows, so that many numbers of rows share a compilation.
        """
        rows = batched.rows(W, self.num_weights)
        count = len(rows)
        filled = np.zeros((1 << (count - 1).bit_length(), self.num_weights), dtype=self._dtype)
        filled[:count] = rows
        losses, gradients = self._compiled.many(filled, *self._data)
        return np.array(losses[:count], dtype=np.float64), np.array(gradients[:count], dtype=np.float64)

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the product with the Hessian at w for v of shape (n,) or (n, k)."""
        return self.linearize(w)[2](validate.directions(v, self.num_weights))

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H(w) v, for one v or the columns of several at once."""
        loss, gradient, linear = self._compiled.linearized(self._own(w), *self._data)

        def product(v: Any) -> Array:
            directions = validate.directions(v, self.num_weights).astype(self._dtype)
            apply = self._compiled.product if directions.ndim == 1 else self._compiled.products
            return np.array(apply(linear, directions), dtype=np.float64)

        return float(loss), np.array(gradient, dtype=np.float64), product

    def initial_weights(self, seed: int = 0, scale: float = 1.0) -> Array:  # noqa: ARG002
        """Return the weights that `params` held times `scale`, whatever the seed, shape (n,)."""
        return scale * self._start

    def unflatten(self, w: ArrayLike) -> Any:
        """Return the tree of parameters that the weights w make."""
        return self._unravel(self._own(w))

    def layers(self) -> list[NDArray[np.intp]]:
        """Return the places of weights on each innermost branch of `params`; a leaf at its root is one."""
        import jax

        grouped: dict[Any, list[NDArray[np.intp]]] = {}
        first = 0
        for path, leaf in jax.tree_util.tree_leaves_with_path(self._params):
            places = np.arange(first, first := first + np.size(leaf))
            grouped.setdefault(_branch(path), []).append(places)
        return [np.concatenate(each) for each in grouped.values()]

    def flatten(self, params: Any) -> Array:
        """Return the weight vector of a tree of parameters, shape (n,)."""
        import jax
        from jax.flatten_util import ravel_pytree

        structure = jax.tree_util.tree_structure(params)
        if structure != self._structure:
            raise ValueError(f"`params` must have the structure {self._structure}, got {structure}")
        return validate.shaped(np.asarray(ravel_pytree(params)[0]), self.num_weights)

    def _own(self, w: ArrayLike) -> Any:
        # A copy: JAX may keep the memory that it is given, and the caller may write into w.
        return np.array(validate.shaped(w, self.num_weights), dtype=self._dtype)


def _branch(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the branch that a leaf is on, by its path."""
    import jax

    # Flax NNX puts every array into a variable, which is no branch of its own.
    if path and path[-1] == jax.tree_util.GetAttrKey("value"):
        path = path[:-1]
    return path[:-1] or path


@final
class SampledJaxProblem(JaxProblem):
    """What `from_jax` returns where there are data: a problem with samples and a start."""

    def __init__(
        self, loss: Callable[..., Any], params: Any, data: tuple[Any, ...], averaged: bool = True
    ) -> None:
        super().__init__(loss, params)
        self._data, self.averaged = data, averaged
        self.num_samples = int(data[0].shape[0])

    def __repr__(self) -> str:
        return f"JaxProblem({self.num_weights} weights, {self._dtype}, {self.num_samples} samples)"

    def __reduce__(self) -> tuple[Any, ...]:
        return SampledJaxProblem, (self._loss, self._params, self._data, self.averaged)

    def subset(self, indices: ArrayLike) -> SampledJaxProblem:
        """Return the problem on the samples `indices` alone; subsets of one size are compiled once.

        Raises
        ------
        ValueError
            If an index has no sample.
        """
        chosen = validate.indices("indices", indices, self.num_samples)
        part = object.__new__(SampledJaxProblem)
        part.__dict__.update(self.__dict__)
        part._data, part.num_samples = tuple(array[chosen] for array in self._data), chosen.size
        return part


class _Compiled:
    """The compiled functions of one loss, which all its subsets share."""

    def __init__(self, loss: Callable[..., Any], unravel: Callable[[Any], Any]) -> None:
        import jax

        def flat_loss(flat: Any, *data: Any) -> Any:
            return loss(unravel(flat), *data)

        value_and_gradient = jax.value_and_grad(flat_loss)

        def linearized(flat: Any, *data: Any) -> Any:
            def swapped(flat: Any) -> Any:
                return value_and_gradient(flat, *data)[::-1]

            gradient, linear, value = jax.linearize(swapped, flat, has_aux=True)
            return value, gradient, linear

        self.loss = jax.jit(flat_loss)
        self.both = jax.jit(value_and_gradient)
        self.many = jax.jit(lambda W, *data: jax.vmap(lambda w: value_and_gradient(w, *data))(W))
        # The linear map is a tree of what the passes at w left: it may leave a compiled function.
        self.linearized = jax.jit(linearized)
        self.product = jax.jit(lambda linear, v: linear(v))
        self.products = jax.jit(lambda linear, v: jax.vmap(linear, 1, 1)(v))
