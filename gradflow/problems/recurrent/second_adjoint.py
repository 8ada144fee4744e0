"""Hessian products of a recurrent network: the fixed points and the adjoint differentiated once more."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradflow import validate
from gradflow.errors import Undefined
from gradflow.problems.problem import Product
from gradflow.problems.recurrent.circuit import Activity, Circuit
from gradflow.types import Array


class Settled(NamedTuple):
    """A circuit at rest: W (n, n), the activity there, Pineda's z and y = g' z, each (P, n)."""

    matrix: Array
    activity: Activity
    z: Array
    y: Array


def hessian_product(circuit: Circuit, settled: Settled) -> Product:
    """Return v -> H v, with every pattern factorized once.

    Along V the fixed points move by x' = (1 - DW)^-1 D V x and the adjoint by
    z' = (1 - DW)'^-1 (W' D' z + V' y + J'), with D' = g'' (V x + W x') and J' = -x' on target units;
    then H V = -(y' x' + y x'') with y' = D z' + D' z.
    """
    matrix, (x, _, slope, second), z, y = settled
    inverse = _inverse(circuit, matrix, slope)
    num_weights = circuit.rows.size

    def product(v: Array) -> Array:
        v = validate.directions(v, num_weights)
        matrix_dot = circuit.matrix(v.reshape(num_weights, -1))
        x_dot = _applied(circuit, inverse, slope * (x @ matrix_dot.swapaxes(1, 2)))
        slope_dot = second * circuit.net_tangent(matrix, x, x_dot, matrix_dot)
        change = (slope_dot * z) @ matrix + y @ matrix_dot + circuit.errors_tangent(x_dot)
        z_dot = _applied(circuit, inverse.swapaxes(1, 2), change)
        y_dot = slope * z_dot + slope_dot * z
        return -circuit.outer_tangent(y, y_dot, x, x_dot).reshape(v.shape)

    return product


def _inverse(circuit: Circuit, matrix: Array, slope: Array) -> Array:
    """Return (1 - DW)^-1 among free units, shape (P, nf, nf)."""
    free = circuit.is_free
    inner = matrix[np.ix_(free, free)]
    try:
        inverse = np.linalg.inv(np.eye(len(inner)) - slope[:, free, None] * inner)
    except np.linalg.LinAlgError:
        raise Undefined("the Hessian has no value: an eigenvalue of DW is 1 (a fold)") from None
    return np.asarray(inverse, dtype=np.float64)


def _applied(circuit: Circuit, inverse: Array, directions: Array) -> Array:
    """Return each pattern's inverse (nf, nf) applied to directions (k, P, n), 0 on clamped units."""
    result = np.zeros_like(directions)
    free = circuit.is_free
    result[..., free] = np.matmul(inverse, directions[..., free].transpose(1, 2, 0)).transpose(2, 0, 1)
    return result
