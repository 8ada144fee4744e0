"""A recurrent network and its error propagation circuit: the two right-hand sides and their tangents."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.kernels.activations import Activation
from gradflow.problems.recurrent.dynamics import Dynamics, evaluated
from gradflow.types import Array

Indices = NDArray[np.intp]


class Activity(NamedTuple):
    """What the units do at given activations: arrays of shape (P, n).

    `signal` is what each unit sends, `value` where its activation is drawn to, `slope` and `second`
    are g' and g'' at its net input, 0 for clamped units.
    """

    signal: Array
    value: Array
    slope: Array
    second: Array


@dataclass(frozen=True, eq=False)
class Circuit:
    """n units with P patterns of drive and targets; `rows`, `columns` list the connections j -> i.

    With signals s (the drive where a unit is clamped, else its activation), forward and error
    propagation relax as

        dx/dt = -x + g(W s) + I    or    -x + g(W s + I),        x_i = I_i where clamped,
        dz/dt = -z + W' (g' z) + J,      J = T - x on target units, else 0.
    """

    drive: Array
    targets: Array
    target_units: Indices
    is_free: NDArray[np.bool_]
    rows: Indices
    columns: Indices
    activation: Activation
    input_inside: bool

    @property
    def num_units(self) -> int:
        """Number of units n."""
        return self.drive.shape[1]

    def subset(self, patterns: Indices) -> Circuit:
        """Return the circuit with some of the patterns."""
        return replace(self, drive=self.drive[patterns], targets=self.targets[patterns])

    def matrix(self, w: Array) -> Array:
        """Return W (n, n) of the flat weights (N,), or (k, n, n) of k columns (N, k)."""
        shape = (*w.T.shape[:-1], self.num_units, self.num_units)
        matrix = np.zeros(shape)
        matrix[..., self.rows, self.columns] = w.T
        return matrix

    def flat(self, matrix: Array) -> Array:
        """Return the flat weights (N,) of W (n, n), or columns (N, k) of (k, n, n)."""
        return np.ascontiguousarray(matrix[..., self.rows, self.columns].T)

    def reduced(self, matrix: Array) -> Dynamics:
        """Return the dynamics of the free units alone."""
        free, clamped = self.is_free, ~self.is_free
        inner = self.drive[:, clamped] @ matrix[np.ix_(free, clamped)].T
        drive = self.drive[:, free]
        if self.input_inside:
            inner, drive = inner + drive, np.zeros_like(drive)
        return Dynamics(matrix[np.ix_(free, free)], inner, drive, self.activation)

    def whole(self, x: Array) -> Array:
        """Return activations (P, n) from those of the free units; clamped units sit at their drive."""
        result = self.drive.copy()
        result[:, self.is_free] = x
        return result

    def activity(self, matrix: Array, x: Array) -> Activity:
        """Return what the units do at activations x (P, n)."""
        signal = np.where(self.is_free, x, self.drive)
        net = signal @ matrix.T
        value, slope, second = evaluated(self.activation, net + self.drive if self.input_inside else net)
        value = value if self.input_inside else value + self.drive
        value[:, ~self.is_free] = self.drive[:, ~self.is_free]
        return Activity(signal, value, slope * self.is_free, second * self.is_free)

    def errors(self, x: Array) -> Array:
        """Return J (P, n): T - x on target units, else 0."""
        errors = np.zeros_like(self.drive)
        errors[:, self.target_units] = self.targets - x[:, self.target_units]
        return errors

    def net_tangent(self, matrix: Array, signal: Array, x_dot: Array, matrix_dot: Array) -> Array:
        """Return the change of the net inputs W s along (x_dot, W_dot), shape (k, P, n)."""
        return (x_dot * self.is_free) @ matrix.T + signal @ matrix_dot.swapaxes(-1, -2)

    def errors_tangent(self, x_dot: Array) -> Array:
        """Return the change of J along x_dot (k, P, n)."""
        change = np.zeros_like(x_dot)
        change[..., self.target_units] = -x_dot[..., self.target_units]
        return change

    def outer_tangent(self, y: Array, y_dot: Array, signal: Array, x_dot: Array) -> Array:
        """Return the change of the flat sum over patterns of y s' along (y_dot, x_dot), shape (N, k)."""
        signal_dot = x_dot * self.is_free
        return self.flat(y_dot.swapaxes(-1, -2) @ signal + y.T @ signal_dot)
