"""Who else integrates flows: diffrax and torchdiffeq, each on its own framework's gradient of the same loss.

Imported for its side effects too: JAX must hear of one thread before it starts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np
from flow_problems import Task
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_STEPS = 200_000


@dataclass(frozen=True)
class Peer:
    """``run(rtol, atol)`` returns the weights at the end, None where it gave up, and the gradients spent."""

    name: str
    gradient: Callable[[Array], Array]
    run: Callable[[float, float], tuple[Array | None, int]]


def peers(given: Task) -> Iterator[Peer]:
    """Yield the installed peers, compiled; a line says which are missing."""
    for makers, package in ((diffrax_peers, "diffrax"), (torch_peers, "torchdiffeq")):
        try:
            yield from makers(given)
        except ImportError:
            print(f"{package} is not installed")


def loss_of(given: Task, array: Callable[[Array], Any], tanh: Any, logsumexp: Any) -> Callable[[Any], Any]:
    """Return E as a function of the flat weights, with the functions of one framework."""
    data = given.network
    if data is None:
        hessian = array(given.problem.hessian)
        return lambda w: 0.5 * w @ (hessian @ w)
    inputs, targets = array(data.inputs), array(data.targets)
    half_or_one = 0.5 / len(data.inputs) if data.loss == "squared" else 1 / len(data.inputs)
    sizes = list(pairwise((data.inputs.shape[1], *data.widths, data.targets.shape[1])))

    def layers(w: Any) -> list[Any]:
        blocks, begin = [], 0
        for below, above in sizes:
            columns = below + (not data.linear)
            blocks.append(w[begin : begin + above * columns].reshape(above, columns))
            begin += above * columns
        return blocks

    def outputs(w: Any) -> Any:
        blocks = layers(w)
        if data.linear:
            return inputs @ reduce(lambda product, layer: layer @ product, blocks).T
        y = inputs
        for n, block in enumerate(blocks):
            y = y @ block[:, :-1].T + block[:, -1]
            y = tanh(y) if n + 1 < len(blocks) else y
        return y

    def loss(w: Any) -> Any:
        y = outputs(w)
        if data.loss == "squared":
            return half_or_one * ((y - targets) ** 2).sum()
        return half_or_one * (logsumexp(y, 1).sum() - (targets * y).sum())

    return loss


def diffrax_peers(given: Task) -> Iterator[Peer]:
    """Yield Tsit5 and Dopri8 of diffrax, compiled ahead of time.

    A proportional-integral controller saves them a fifth of their steps where stability limits these.
    """
    import diffrax
    import jax

    jax.config.update("jax_enable_x64", True)
    gradient = jax.grad(loss_of(given, jax.numpy.asarray, jax.numpy.tanh, jax.nn.logsumexp))
    term = diffrax.ODETerm(lambda t, w, arguments: -gradient(w))  # noqa: ARG005

    def compiled(solver: Any) -> Any:
        def solve(start: Any, end_time: Any, rtol: Any, atol: Any) -> Any:
            return diffrax.diffeqsolve(
                term,
                solver,
                0.0,
                end_time,
                None,
                start,
                stepsize_controller=diffrax.PIDController(rtol, atol, pcoeff=0.4, icoeff=0.3),
                saveat=diffrax.SaveAt(t1=True),
                max_steps=MAX_STEPS,
                throw=False,
            )

        ready = jax.jit(solve).lower(given.start, given.end_time, 1e-3, 1e-3).compile()
        jax.block_until_ready(ready(given.start, 1e-9 * given.end_time, 1e-3, 1e-3))
        return ready

    def run(solver: Any, solve: Any, rtol: float, atol: float) -> tuple[Array | None, int]:
        solution = solve(given.start, given.end_time, rtol, atol)
        end = np.asarray(solution.ys[-1])
        stages = solver.tableau.num_stages - solver.tableau.fsal
        spent = 1 + stages * int(solution.stats["num_steps"])
        return (end if solution.result == diffrax.RESULTS.successful else None), spent

    for solver in (diffrax.Tsit5(), diffrax.Dopri8()):
        solve = compiled(solver)
        yield Peer(
            f"diffrax {type(solver).__name__}",
            lambda w: np.asarray(jax.jit(gradient)(w)),
            lambda rtol, atol, solver=solver, solve=solve: run(solver, solve, rtol, atol),
        )


def torch_peers(given: Task) -> Iterator[Peer]:
    """Yield dopri5 of torchdiffeq on autograd's gradient."""
    import torch
    from torchdiffeq import odeint

    torch.set_num_threads(1)
    loss = loss_of(given, torch.tensor, torch.tanh, torch.logsumexp)
    spent = 0

    def flow(_: Any, w: Any) -> Any:
        nonlocal spent
        spent += 1
        with torch.enable_grad():
            w = w.detach().requires_grad_()
            return -torch.autograd.grad(loss(w), w)[0]

    def run(rtol: float, atol: float) -> tuple[Array, int]:
        nonlocal spent
        spent = 0
        span = torch.tensor([0.0, given.end_time], dtype=torch.float64)
        with torch.no_grad():
            ends = odeint(flow, torch.tensor(given.start), span, method="dopri5", rtol=rtol, atol=atol)
        return ends[-1].numpy(), spent

    yield Peer("torchdiffeq dopri5", lambda w: -flow(0, torch.tensor(w)).numpy(), run)
