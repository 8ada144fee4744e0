"""Who else computes a sharpness: a jitted JAX product with eigsh, curvlinops and PyHessian.

A path has inputs (N, d), labels (N,), a problem, and weights (m, n) in the layout of the problem.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

Values = Callable[[], list[float]]


def jax_eigsh(path: Any) -> Values:
    """Return forward-over-reverse products in JAX, compiled beforehand, in scipy's eigsh."""
    import jax
    import jax.numpy as jnp

    inputs, targets = jnp.asarray(path.inputs), jnp.asarray(np.eye(10)[path.labels])
    shapes = [(weights.shape, bias.shape) for weights, bias in path.problem.unflatten(path.weights[0])]

    def loss(w: Any) -> Any:
        y, place = inputs, 0
        for n, (shape, _) in enumerate(shapes):
            rows, columns = shape
            block = w[place : place + rows * (columns + 1)].reshape(rows, columns + 1)
            place += block.size
            x = y @ block[:, :-1].T + block[:, -1]
            y = jnp.tanh(x) if n + 1 < len(shapes) else x
        return 0.5 * jnp.sum((y - targets) ** 2) / len(inputs)

    product = jax.jit(lambda w, v: jax.jvp(jax.grad(loss), (w,), (v,))[1])
    size = path.weights.shape[1]
    product(path.weights[0], path.weights[0]).block_until_ready()

    def run() -> list[float]:
        values = []
        for w in path.weights:
            place = jnp.asarray(w)
            operator = LinearOperator(
                (size, size), matvec=lambda v, place=place: np.asarray(product(place, v)), dtype=np.float64
            )
            values.append(float(eigsh(operator, 1, which="LA", return_eigenvectors=False)[0]))
        return values

    return run


# Ours is the mean over samples of half the squared error, torch's the mean over samples and ten outputs.
TORCH_UNIT = 0.5 * 10


def curvlinops_eigsh(path: Any) -> Values:
    """Return curvlinops' Hessian of a torch network in scipy's eigsh."""
    import curvlinops
    import torch

    model, set_weights, data, criterion = _torch_network(path)

    def run() -> list[float]:
        values = []
        for w in path.weights:
            set_weights(w)
            parameters = [each for each in model.parameters() if each.requires_grad]
            linear = curvlinops.HessianLinearOperator(model, criterion, parameters, [data])
            operator = linear.to_scipy() if hasattr(linear, "to_scipy") else linear
            values.append(TORCH_UNIT * float(eigsh(operator, 1, which="LA", return_eigenvectors=False)[0]))
        return values

    torch.set_num_threads(1)
    return run


def pyhessian_power(path: Any) -> Values:
    """Return PyHessian's power iteration at its customary tolerance."""
    import torch
    from pyhessian import hessian

    model, set_weights, data, criterion = _torch_network(path)

    def run() -> list[float]:
        values = []
        for w in path.weights:
            set_weights(w)
            top = hessian(model, criterion, data=data, cuda=False).eigenvalues(tol=1e-3)[0][0]
            values.append(TORCH_UNIT * float(top))
        return values

    torch.set_num_threads(1)
    return run


def _torch_network(path: Any) -> tuple[Any, Callable[[np.ndarray], None], Any, Any]:
    """Return a torch network, a function that sets its weights, its data and its loss."""
    import torch

    layers = path.problem.unflatten(path.weights[0])
    widths = [layers[0][0].shape[1], *(len(weights) for weights, _ in layers)]
    modules: list[Any] = []
    for below, above in pairwise(widths):
        modules += [torch.nn.Linear(below, above, dtype=torch.float64), torch.nn.Tanh()]
    model = torch.nn.Sequential(*modules[:-1])
    linears = [module for module in model if isinstance(module, torch.nn.Linear)]

    def set_weights(w: np.ndarray) -> None:
        with torch.no_grad():
            for linear, (weights, bias) in zip(linears, path.problem.unflatten(w), strict=True):
                linear.weight.copy_(torch.tensor(weights))
                linear.bias.copy_(torch.tensor(bias))

    data = torch.tensor(path.inputs), torch.tensor(np.eye(10)[path.labels])
    return model, set_weights, data, torch.nn.MSELoss()
