"""A loss written with JAX, over any tree of parameters, as a problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradflow import validate
from gradflow.problems.adapters.jax_problem import JaxProblem, SampledJaxProblem

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
    Weights, gradients and products are float64 in numpy at the door, whatever JAX computes in. They are right
    by construction, but for derivative rules of one's own (``jax.custom_vjp``): no run looks at them, as it
    does at gradients that a user wrote; `check_problem` does.
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
