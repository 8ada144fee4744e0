"""Who else takes many runs at once: JAX's vmap, torch.func.vmap, diffrax and one stacked `solve_ivp`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Run = Callable[[], Any]


def _jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def jax_network(inputs: Any, targets: Any, layers: list, rate: float, num_steps: int) -> Run:
    """Return vmap over runs of a scan over steps of a tanh network; `layers` have the runs first."""
    jax = _jax()
    jnp = jax.numpy
    x, t = jnp.asarray(inputs), jnp.asarray(targets)

    def loss(weights: list) -> Any:
        y = x
        for n, (kernel, bias) in enumerate(weights):
            y = y @ kernel.T + bias
            y = jnp.tanh(y) if n + 1 < len(weights) else y
        return 0.5 * jnp.sum((y - t) ** 2) / len(x)

    def step(weights: list, _: Any) -> tuple[list, None]:
        slopes = jax.grad(loss)(weights)
        return jax.tree.map(lambda w, g: w - rate * g, weights, slopes), None

    @jax.jit
    def runs(weights: list) -> Any:
        return jax.vmap(lambda each: jax.lax.scan(step, each, length=num_steps)[0])(weights)

    return lambda: jax.block_until_ready(runs(layers))


def torch_network(inputs: Any, targets: Any, layers: list, rate: float, num_steps: int) -> Run:
    """Return a loop over steps of ``torch.func.vmap(grad(loss))`` of a tanh network."""
    import torch

    torch.set_num_threads(1)
    x, t = torch.tensor(inputs), torch.tensor(targets)
    start = [tuple(torch.tensor(part) for part in layer) for layer in layers]

    def loss(weights: list) -> torch.Tensor:
        y = x
        for n, (kernel, bias) in enumerate(weights):
            y = y @ kernel.T + bias
            y = torch.tanh(y) if n + 1 < len(weights) else y
        return 0.5 * ((y - t) ** 2).sum() / len(x)

    slopes = torch.func.vmap(torch.func.grad(loss))

    def run() -> list:
        weights = start
        for _ in range(num_steps):
            parts = slopes(weights)
            weights = [
                tuple(w - rate * g for w, g in zip(layer, part, strict=True))
                for layer, part in zip(weights, parts, strict=True)
            ]
        return weights

    return run


def jax_basins(starts: Any, rate: float, num_steps: int) -> tuple[Run, Run]:
    """Return the product of two weights by a loop of all steps, and by blocks that stop when all rest."""
    jax = _jax()
    jnp = jax.numpy
    columns = jnp.asarray(starts[:, 0]), jnp.asarray(starts[:, 1])

    def step(state: tuple) -> tuple:
        x, y = state
        miss = rate * (x * y - 1.0)
        return x - miss * y, y - miss * x

    @jax.jit
    def fixed(state: tuple) -> tuple:
        return jax.lax.fori_loop(0, num_steps, lambda _, at: step(at), state)

    def until_at_rest(state: tuple) -> tuple:
        def eight(carried: tuple) -> tuple:
            at, count, _ = carried
            ahead = jax.lax.fori_loop(0, 8, lambda _, each: step(each), at)
            moved = jnp.maximum(jnp.abs(ahead[0] - at[0]).max(), jnp.abs(ahead[1] - at[1]).max())
            return ahead, count + 8, moved

        def going(carried: tuple) -> Any:
            return (carried[1] < num_steps) & (carried[2] > 1e-12)

        return jax.lax.while_loop(going, eight, (state, 0, jnp.inf))[0]

    @jax.jit
    def early(state: tuple) -> tuple:
        blocks = tuple(each.reshape(-1, 200) for each in state)
        return jax.lax.map(until_at_rest, blocks)

    return lambda: jax.block_until_ready(fixed(columns)), lambda: jax.block_until_ready(early(columns))


def _slope(name: str, module: Any) -> Callable[[Any], Any]:
    """Return dw/dt of one flow, or of many along the last axis, in numpy or in JAX."""

    def neuron(w: Any) -> Any:
        out = 1 / (1 + module.exp(-w))
        return (1 - out) ** 2 * out

    def product(w: Any) -> Any:
        return (1.0 - w[0] * w[1]) * w[::-1]

    return neuron if name == "the neuron" else product


def diffrax_flows(name: str, starts: Any, end_time: float, rtol: float) -> Run:
    """Return vmap over diffrax's Tsit5 of one of the flows."""
    jax = _jax()
    import diffrax

    jnp = jax.numpy
    slope = _slope(name, jnp)

    def one(w: Any) -> Any:
        return diffrax.diffeqsolve(
            diffrax.ODETerm(lambda _, y, __: slope(y)),
            diffrax.Tsit5(),
            0.0,
            end_time,
            None,
            w,
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=1e-3 * rtol),
        ).ys[0]

    runs, given = jax.jit(jax.vmap(one)), jnp.asarray(starts)
    return lambda: jax.block_until_ready(runs(given))


def stacked_flows(name: str, starts: Any, end_time: float, rtol: float) -> Run:
    """Return one `solve_ivp` of all flows of one problem, which share their steps."""
    from scipy.integrate import solve_ivp

    slope, size = _slope(name, np), starts.shape[1]

    def stacked(t: float, w: Any) -> Any:  # noqa: ARG001
        return slope(w.reshape(size, -1)).ravel()

    start = starts.T.ravel()
    return lambda: solve_ivp(stacked, (0.0, end_time), start, rtol=rtol, atol=1e-3 * rtol).y[:, -1]
