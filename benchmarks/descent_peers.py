"""Who else takes descent steps: plain numpy, torch and JAX, each as its users would write it.

A task has inputs (N, d), targets (N, c), layers (W, b) of a tanh network, widths and a learning rate.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

Run = Callable[[int], float]  # takes a number of steps and returns the last loss


def naive(task: Any) -> Run:
    """Return back-propagation as textbooks write it in numpy, one sample a row."""

    def run(num_steps: int) -> float:
        layers, losses = list(task.layers), []
        for _ in range(num_steps):
            signals = [task.inputs]
            for n, (weights, bias) in enumerate(layers):
                x = signals[-1] @ weights.T + bias
                signals.append(np.tanh(x) if n + 1 < len(layers) else x)
            miss = signals[-1] - task.targets
            losses.append(0.5 * np.sum(miss**2) / len(task.inputs))
            delta = miss / len(task.inputs)
            for n in reversed(range(len(layers))):
                weights, bias = layers[n]
                layers[n] = (
                    weights - task.learning_rate * delta.T @ signals[n],
                    bias - task.learning_rate * delta.sum(axis=0),
                )
                if n:
                    delta = (delta @ weights) * (1 - signals[n] ** 2)
        return losses[-1]

    return run


def torch_sgd(task: Any) -> Run:
    """Return ``optim.SGD`` on an ``nn.Sequential``, without compilation."""
    import torch

    torch.set_num_threads(1)
    inputs, targets = torch.tensor(task.inputs), torch.tensor(task.targets)

    def network() -> torch.nn.Sequential:
        modules: list[torch.nn.Module] = []
        for (weights, bias), (below, above) in zip(task.layers, pairwise(task.widths), strict=True):
            linear = torch.nn.Linear(below, above, dtype=torch.float64)
            linear.weight.data, linear.bias.data = torch.tensor(weights), torch.tensor(bias)
            modules += [linear, torch.nn.Tanh()]
        return torch.nn.Sequential(*modules[:-1])

    def run(num_steps: int) -> float:
        model, losses = network(), []
        optimizer = torch.optim.SGD(model.parameters(), lr=task.learning_rate)
        for _ in range(num_steps):
            optimizer.zero_grad()
            loss = 0.5 * ((model(inputs) - targets) ** 2).sum() / len(task.inputs)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses[-1]

    return run


def _jax_step(task: Any) -> Callable:
    import jax
    import jax.numpy as jnp

    inputs, targets = jnp.asarray(task.inputs), jnp.asarray(task.targets)

    def loss(layers: list) -> jax.Array:
        y = inputs
        for n, (weights, bias) in enumerate(layers):
            y = y @ weights.T + bias
            y = jnp.tanh(y) if n + 1 < len(layers) else y
        return 0.5 * jnp.sum((y - targets) ** 2) / len(task.inputs)

    def step(layers: list) -> tuple[list, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(layers)
        return jax.tree.map(lambda w, g: w - task.learning_rate * g, layers, gradient), value

    return step


def jax_steps(task: Any) -> Run:
    """Return a loop over one jitted step."""
    import jax

    step = jax.jit(_jax_step(task))

    def run(num_steps: int) -> float:
        layers, losses = task.layers, []
        for _ in range(num_steps):
            layers, loss = step(layers)
            losses.append(loss)
        return float(jax.device_get(losses)[-1])

    return run


def jax_scan(task: Any) -> Run:
    """Return all steps inside one ``lax.scan``."""
    import jax

    step = _jax_step(task)

    @jax.jit(static_argnums=1)
    def scan(layers: list, num_steps: int) -> tuple[list, jax.Array]:
        return jax.lax.scan(lambda layers, _: step(layers), layers, length=num_steps)

    def run(num_steps: int) -> float:
        return float(np.array(scan(task.layers, num_steps)[1])[-1])

    return run
