"""Who else trains networks by their fixed points: torchdeq, as its users would write it.

Its layer in its own settings ("as it comes") differentiates one step of the iteration only, which is not
the gradient. With ``ift=True`` ("implicit") it solves for the adjoint by iteration, with a forward tolerance
of 1e-3 and at most 40 iterations. "Tuned" are tolerances of 1e-5, 200 iterations and a start from the last
fixed point: of the settings tried, one of the fastest with which all solves converge on both tasks. Its
Anderson solver took longer; its Broyden solver did as well on the larger net, but sent exclusive or astray.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torchdeq

import gradflow as gf
from gradflow.problems import Recurrent

MAX_STEPS = 1000
REST = 0.5
TUNED = {"ift": True, "f_tol": 1e-5, "b_tol": 1e-5, "f_max_iter": 200, "b_max_iter": 200}
# Options of the layer, and whether it starts from the last fixed point.
SETTINGS: dict[str, tuple[dict[str, Any], bool]] = {
    "as it comes": ({}, False),
    "implicit": ({"ift": True}, False),
    "tuned": (TUNED, True),
}


@dataclass
class Solves:
    """How many calls of a solver there were, and in how many it met its tolerance on all patterns."""

    tolerance: float
    total: int = 0
    converged: int = 0

    def note(self, info: Any) -> None:
        """Count a call by the statistics that torchdeq returns."""
        self.total += 1
        self.converged += bool((info["abs_lowest"] < self.tolerance).all())

    def __str__(self) -> str:
        return f"{self.converged} of {self.total}"


class Layer:
    """Sigmoid units at their fixed points by torchdeq, with the weights of a `Recurrent` as parameters."""

    def __init__(self, problem: Recurrent, w: np.ndarray, options: dict[str, Any], warm: bool) -> None:
        torch.set_num_threads(1)
        circuit, matrix = problem.circuit, problem.unflatten(w)
        free = circuit.is_free
        self.problem, self.warm = problem, warm
        self.blocks = np.ix_(free, free), np.ix_(free, ~free)
        self.parameters = [torch.tensor(matrix[block], requires_grad=True) for block in self.blocks]
        self.inputs, self.targets = torch.tensor(circuit.drive[:, ~free]), torch.tensor(circuit.targets)
        self.target_units = np.searchsorted(np.flatnonzero(free), circuit.target_units).tolist()
        self.start = torch.full((len(circuit.drive), int(free.sum())), REST, dtype=torch.float64)
        self.deq = torchdeq.get_deq(**options)
        self.forward, self.backward = Solves(self.deq.f_tol), Solves(self.deq.b_tol)

    def loss(self) -> torch.Tensor:
        """Return E, as far as torchdeq's fixed points are right."""
        inner, outer = self.parameters
        net = self.inputs @ outer.T
        states, info = self.deq(
            lambda x: torch.sigmoid(x @ inner.T + net), self.start, backward_writer=self.backward.note
        )
        self.forward.note(info)
        if self.warm:
            self.start = states[-1].detach()
        return 0.5 * ((states[-1][:, self.target_units] - self.targets) ** 2).sum()

    def flat(self, parts: list[torch.Tensor]) -> np.ndarray:
        """Return the flat weight vector of the two blocks of parameters, or of their gradients."""
        num_units = self.problem.circuit.num_units
        matrix = np.zeros((num_units, num_units))
        for block, part in zip(self.blocks, parts, strict=True):
            matrix[block] = part.detach().numpy()
        return self.problem.flatten(matrix)


@dataclass(frozen=True)
class Training:
    """What a descent with torchdeq took; `times` are flow times."""

    outcome: gf.Outcome
    times: tuple[float, float]
    num_gradients: int
    layer: Layer
    gradient_error: float

    @property
    def note(self) -> str:
        """The true loss at the end, the error of the first gradient, and which solves converged."""
        layer = self.layer
        loss = layer.problem.loss(layer.flat(layer.parameters))
        backward = f"backward {layer.backward}" if layer.backward.total else "no backward solver"
        return (
            f"E = {loss:.3g}, first gradient off by {self.gradient_error:.0e}, "
            f"converged: forward {layer.forward}, {backward}"
        )


def contenders(
    problem: Recurrent, w0: np.ndarray, goal: float, learning_rates: tuple[float, ...]
) -> dict[str, Callable[[], Training]]:
    """Return the ways to the goal with torchdeq by their names; nothing may drive the free units."""
    ways = {}
    for name, (options, warm) in SETTINGS.items():
        error = gradient_error(Layer(problem, w0, options, warm))
        for eta in learning_rates:
            layer = Layer(problem, w0, options, warm)
            ways[f"torchdeq {name}, rate {eta:g}"] = lambda layer=layer, eta=eta, error=error: train(
                layer, goal, eta, error
            )
    return ways


def gradient_error(layer: Layer) -> float:
    """Return |g - dE/dw| / |dE/dw| of torchdeq's gradient g."""
    layer.loss().backward()
    gradient = layer.flat([each.grad for each in layer.parameters])
    exact = layer.problem.gradient(layer.flat(layer.parameters))
    return float(np.linalg.norm(gradient - exact) / np.linalg.norm(exact))


def train(layer: Layer, goal: float, learning_rate: float, gradient_error: float) -> Training:
    """Return what full-batch descent takes until the loss that torchdeq sees is at the goal."""
    optimizer = torch.optim.SGD(layer.parameters, lr=learning_rate)
    outcome, steps = gf.Outcome.BUDGET, 0
    while steps < MAX_STEPS:
        loss = layer.loss()
        if loss.item() <= goal:
            outcome = gf.Outcome.EVENT
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    return Training(outcome, (0.0, steps * learning_rate), steps, layer, gradient_error)
