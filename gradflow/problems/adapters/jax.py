"""A loss written with JAX, over any tree of parameters, as a problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems import batched
from gradflow.types import Array, Product

NO_JAX = 'from_jax needs JAX, which is not installed: pip install "gradflow-sim[frameworks]"'


def from_jax(
    loss: Callable[..., Any],
    params: Any,
    data: Sequence[Any] | None = None,
    *,
    averaged: bool = True,
) -> JaxProblem:
    """Return the problem of a loss written with JAX.

    Loss and gradient are one compiled function. `linearize` is another: it hands the linear map v -> H v
    on as data to a third, so that nothing is traced again where the weights have changed.

    Parameters
    ----------
    loss : callable
        ``loss(params)``, or ``loss(params, inputs, targets)`` where there is `data`: one number.
    params : tree of arrays
        Any pytree whose leaves are floating-point numbers: the arrays of ``equinox.partition``, the state of
        ``flax.nnx.split``, the variables of ``flax.linen``. Their dtype is the one that is computed in:
        float32 unless JAX was told ``jax_enable_x64``.
    data : sequence of arrays, optional
        What the loss takes beside the parameters, such as (inputs, targets), one sample a row of each.
    averaged : bool
        Whether the loss is the mean over the samples, else it is their sum.

    Raises
    ------
    ImportError
        If JAX is not installed.
    ValueError
        If a leaf is not an array of floating-point numbers, the arrays of `data` differ in length, or the
        loss is not one real number or differs between two evaluations.

    See Also
    --------
    from_autograd, from_callables

    Notes
    -----
    Weights, gradients and products are float64 in numpy at the door, whatever JAX computes in.
    """
    try:
        import jax  # noqa: F401
    except ImportError:
        raise ImportError(NO_JAX) from None
    validate.function("loss", loss)
    _require_weights(params)
    arrays = () if data is None else _samples(data)
    _require_one_number(loss, params, arrays)
    if data is None:
        return JaxProblem(loss, params)
    return SampledJaxProblem(loss, params, arrays, averaged)


def _require_weights(params: Any) -> None:
    import jax

    leaves = jax.tree_util.tree_leaves_with_path(params)
    if not leaves:
        raise ValueError(f"`params` must hold arrays, got {validate.shown(params)}")
    for path, leaf in leaves:
        is_array = isinstance(leaf, jax.Array | np.ndarray | np.floating | float)
        if not is_array or not jax.numpy.issubdtype(jax.numpy.result_type(leaf), jax.numpy.floating):
            raise ValueError(
                "`params` must hold floating-point arrays alone (keep the rest apart, as equinox.partition "
                f"and flax.nnx.split do), got {validate.shown(leaf)} at params{jax.tree_util.keystr(path)}"
            )


def _samples(data: Sequence[Any]) -> tuple[Any, ...]:
    import jax

    if not isinstance(data, tuple | list) or not data:
        raise ValueError(f"`data` must be arrays such as (inputs, targets), got {validate.shown(data)}")
    arrays = tuple(jax.numpy.asarray(array) for array in data)
    lengths = [array.shape[0] if array.ndim else 0 for array in arrays]
    if min(lengths) == 0 or len(set(lengths)) > 1:
        raise ValueError(f"`data` must be arrays with a row for each sample, got lengths {lengths}")
    return arrays


def _require_one_number(loss: Callable[..., Any], params: Any, arrays: tuple[Any, ...]) -> None:
    """Raise unless the loss, as it is written, is one number and the same one twice.

    It is not compiled here: what is drawn while a function is traced would be the same ever after.
    """
    import jax

    first, second = loss(params, *arrays), loss(params, *arrays)
    is_number = isinstance(first, jax.Array | np.ndarray | np.generic | float) and np.shape(first) == ()
    if not is_number or not jax.numpy.issubdtype(jax.numpy.result_type(first), jax.numpy.floating):
        raise ValueError(f"`loss` must return one real number, got {validate.shown(first)}")
    if float(first) != float(second) and not (np.isnan(float(first)) and np.isnan(float(second))):
        raise ValueError(
            "`loss` must be a function of the weights alone, got two evaluations that differ by "
            f"{abs(float(first) - float(second)):.3g}: give it a fixed random key, or none"
        )


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
        filled = np.zeros((1 << (len(rows) - 1).bit_length(), self.num_weights), dtype=self._dtype)
        filled[: len(rows)] = rows
        losses, gradients = self._compiled.many(filled, *self._data)
        count = len(rows)
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
