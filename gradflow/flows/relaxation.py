"""Pineda's coupled system: activations, adjoint and weights, each on its own time scale."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.problem import Product
from gradflow.problems.recurrent.network import Recurrent
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class ThreeTimeScales:
    """The flow on (x, z, w) of which the gradient flow is the limit of fast activations and adjoint.

    For every pattern, with y = g' z at the net inputs of x and J = T - x on target units,

        tau_x dx/dt = -x + g(W x) + I,        tau_z dz/dt = -z + W' y + J,
        tau_w dw_ij/dt = sum over patterns of y_i x_j.

    With tau_x, tau_z -> 0 the weights follow ``GradientFlow(problem, 1 / tau_w)``, at a distance
    proportional to the ratio of the time scales. The state lists x (P, n), z (P, n) and w (N,);
    clamped units send their drive. Losses and gradients of a run are those at the fixed points, and
    are all that its count of gradients counts.

    Parameters
    ----------
    problem : Recurrent
        The network.
    tau_x, tau_z, tau_w : float
        Time scales of activations, adjoint and weights, in units of flow time.

    Raises
    ------
    ValueError
        If a time scale is not positive or the problem is not a recurrent network.

    References
    ----------
    Pineda, *Dynamics and architecture for neural computation*, J. Complexity 4, 216 (1988): the three
    time scales and their adiabatic limit.

    Examples
    --------
    >>> unit = Recurrent([[-0.5]], [[0.2]], [0], rest=0.2)
    >>> flow = ThreeTimeScales(unit, 0.1, 0.1, 1.0)
    >>> x, z, w = flow.split(flow.initial_state(np.array([-8.0])))
    >>> round(float(z[0, 0]), 12), w
    (0.066666666667, array([-8.]))
    """

    problem: Recurrent
    tau_x: float
    tau_z: float
    tau_w: float
    symmetric: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not isinstance(self.problem, Recurrent):
            raise ValueError(f"`problem` must be a recurrent network, got {self.problem!r:.60}")
        for name in ("tau_x", "tau_z", "tau_w"):
            object.__setattr__(self, name, validate.positive(name, getattr(self, name)))

    def on(self, problem: Recurrent) -> ThreeTimeScales:
        """Return the same flow, evaluating `problem`, which may be one that counts."""
        clone = copy(self)
        object.__setattr__(clone, "problem", problem)
        return clone

    def initial_state(self, w0: ArrayLike) -> Array:
        """Return the state at the weights w0 with x and z at their fixed points."""
        return self.join(self.problem.fixed_points(w0), self.problem.adjoint(w0), w0)

    def join(self, x: ArrayLike, z: ArrayLike, w: ArrayLike) -> Array:
        """Return the state of activations (P, n), adjoint (P, n) and weights (N,)."""
        shape = self.problem.circuit.drive.shape
        parts = [validate.array(name, part, 2) for name, part in (("x", x), ("z", z))]
        for name, part in zip("xz", parts, strict=True):
            if part.shape != shape:
                raise ValueError(f"`{name}` must have shape {shape}, got {part.shape}")
        weights = validate.weight_vector("w", w, self.problem.num_weights)
        return np.concatenate([*(part.ravel() for part in parts), weights])

    def split(self, states: Array) -> tuple[Array, Array, Array]:
        """Return x (..., P, n), z (..., P, n) and w (..., N) of a state or of rows of states."""
        shape = self.problem.circuit.drive.shape
        size = shape[0] * shape[1]
        leading = states.shape[:-1]
        x, z = states[..., :size], states[..., size : 2 * size]
        return x.reshape(*leading, *shape), z.reshape(*leading, *shape), self.weights(states)

    def weights(self, y: Array) -> Array:
        """Return the weights in a state or in rows of states."""
        return y[..., y.shape[-1] - self.problem.num_weights :]

    def __call__(self, t: float, y: Array) -> Array:
        """Return d(x, z, w)/dt."""
        return self.linearize(t, y)[0]

    def linearize(self, t: float, y: Array) -> tuple[Array, Product]:  # noqa: ARG002
        """Return d(x, z, w)/dt and the exact product of its Jacobian with (N,) or (N, k)."""
        circuit = self.problem.circuit
        x, z, w = self.split(y)
        matrix = circuit.matrix(w)
        signal, value, slope, second = circuit.activity(matrix, x)
        back = slope * z
        speed = self._scaled(
            value - x, back @ matrix + circuit.errors(x) - z, circuit.flat(back.T @ signal)[None]
        )

        def product(v: Array) -> Array:
            v = validate.directions(v, y.size)
            x_dot, z_dot, w_dot = self.split(v.reshape(y.size, -1).T)
            matrix_dot = circuit.matrix(w_dot.T)
            net_dot = circuit.net_tangent(matrix, signal, x_dot, matrix_dot)
            back_dot = slope * z_dot + second * net_dot * z
            change = self._scaled(
                slope * net_dot - x_dot,
                back_dot @ matrix + back @ matrix_dot + circuit.errors_tangent(x_dot) - z_dot,
                circuit.outer_tangent(back, back_dot, signal, x_dot).T,
            )
            return change.T.reshape(v.shape)

        return speed[0], product

    def _scaled(self, x: Array, z: Array, w: Array) -> Array:
        """Return rows of (x / tau_x, z / tau_z, w / tau_w), shape (k, N)."""
        rows = len(w)
        parts = x.reshape(rows, -1) / self.tau_x, z.reshape(rows, -1) / self.tau_z, w / self.tau_w
        return np.concatenate(parts, axis=1)
