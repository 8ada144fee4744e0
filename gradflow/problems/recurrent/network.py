"""Networks with feedback whose outputs are fixed points: recurrent back-propagation."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.errors import Undefined
from gradflow.problems.problem import Product
from gradflow.problems.recurrent import adjoints, fixed_points
from gradflow.problems.recurrent.branch import Branch
from gradflow.problems.recurrent.circuit import Circuit
from gradflow.problems.recurrent.dynamics import Dynamics
from gradflow.problems.recurrent.newton import are_stable
from gradflow.problems.recurrent.second_adjoint import Settled, hessian_product
from gradflow.problems.recurrent.wiring import resting_states, wire
from gradflow.types import Array


class Recurrent:
    """E(w) = 1/2 sum of (T - x)^2 over patterns and target units, at fixed points x of a recurrent network.

    The n units of each pattern relax from rest by

        dx/dt = -x + g(W x) + I,        or with `input_inside`    dx/dt = -x + g(W x + I),

    to x = g(W x) + I. With J = T - x on target units (else 0), D = diag g' at the net inputs and the
    adjoint z = (1 - DW)'^-1 J, the rest of dz/dt = -z + W' D z + J, the gradient is an outer product,

        dE/dw_ij = -sum over patterns of y_i x_j,        y = D z,

    and -z is the derivative of E with respect to I outside g. Both relaxations have the eigenvalues of
    DW - 1. The weight vector lists the connections w_ij (from unit j to unit i) row by row.

    Parameters
    ----------
    drive : array_like, shape (P, n)
        I of every pattern.
    targets : array_like, shape (P, c)
        T of the target units.
    target_units : sequence of int, shape (c,)
        Which units have targets.
    clamped : sequence of int
        Units with x_i = I_i always, such as inputs and a constant for biases; nothing connects into them.
    activation : str
        g by its name in `FeedForward`.
    connections : array_like of bool, shape (n, n), optional
        Which w_ij exist; all by default. What it says about connections into clamped units is ignored.
    input_inside : bool
        Whether I stands inside g.
    rest : float or array_like, shape (n,) or (P, n)
        The resting state from which free units relax.
    solver : str or FixedPointSolver
        How fixed points are found: "relaxation" (the attractor that the dynamics reach, polished by
        Newton's method), "picard", "damped-picard", "anderson", "newton", or a solver with other options.
    adjoint_solver : str or callable
        How z is found: "direct", "gmres", "relaxation" or "neumann". Hessian products factorize.

    Raises
    ------
    ValueError
        If arguments do not fit each other, or a target unit cannot feel the input.
    Undefined
        From every evaluation at weights where a pattern has no fixed point, an unstable one, or the
        chosen solver does not find it; the sentence says which.

    Warns
    -----
    UserWarning
        If a target lies outside what its unit can reach.

    References
    ----------
    Pineda, *Generalization of back-propagation to recurrent neural networks*, Phys. Rev. Lett. 59,
    2229 (1987); Almeida, *A learning rule for asynchronous perceptrons with feedback in a combinatorial
    environment*, Proc. ICNN 2, 609 (1987).

    Examples
    --------
    One unit with w = -8 and I = -1/2 rests at x = 0, where g' = 1/4 and z = J / (1 + 2); iterating
    x <- g(-8 x) - 1/2 would never find it.

    >>> unit = Recurrent([[-0.5]], [[0.2]], [0], rest=0.2)
    >>> w = np.array([-8.0])
    >>> bool(abs(unit.fixed_points(w)[0, 0]) < 1e-14), round(float(unit.adjoint(w)[0, 0]), 12)
    (True, 0.066666666667)
    >>> unit.relaxation_rates(w).real
    array([[-3.]])
    """

    averaged = False

    def __init__(
        self,
        drive: ArrayLike,
        targets: ArrayLike,
        target_units: ArrayLike,
        *,
        clamped: ArrayLike = (),
        activation: str = "sigmoid",
        connections: ArrayLike | None = None,
        input_inside: bool = False,
        rest: ArrayLike = 0.5,
        solver: Any = "relaxation",
        adjoint_solver: Any = "direct",
    ) -> None:
        self.circuit: Circuit = wire(
            drive, targets, target_units, clamped, activation, connections, bool(input_inside)
        )
        self._rest = resting_states(rest, self.circuit.drive.shape)
        self._solver = fixed_points.choose(solver)
        self._adjoint_solver = adjoints.choose(adjoint_solver)
        self._name = activation
        self.num_weights = self.circuit.rows.size
        self.num_samples = len(self.circuit.drive)

    def __repr__(self) -> str:
        way = "following a branch" if isinstance(self._solver, Branch) else f"by {_name(self._solver)}"
        units = f"{self.circuit.num_units} {self._name} units"
        return f"Recurrent({units}, {self.num_samples} patterns, {self.num_weights} weights, {way})"

    def fixed_points(self, w: ArrayLike) -> Array:
        """Return the fixed points x, shape (P, n)."""
        return self._fixed_points(self._matrix(w))

    def adjoint(self, w: ArrayLike) -> Array:
        """Return Pineda's z = (1 - DW)'^-1 J, shape (P, n), which is -dE/dI for a drive outside g."""
        return self._settled(w).z

    def relaxation_rates(self, w: ArrayLike) -> NDArray[np.complex128]:
        """Return the eigenvalues of DW - 1 at the fixed points, shape (P, n), largest real part first.

        Per unit of the activations' time. Each is an eigenvalue of the adjoint's relaxation too.
        """
        matrix = self._matrix(w)
        activity = self.circuit.activity(matrix, self._fixed_points(matrix))
        rates = np.linalg.eigvals(activity.slope[:, :, None] * matrix) - 1.0
        order = np.argsort(-rates.real, axis=1, kind="stable")
        return np.take_along_axis(rates, order, axis=1).astype(np.complex128)

    def is_stable(self, w: ArrayLike) -> bool:
        """Return whether the fixed points of all patterns are stable: every rate has a negative real part."""
        dynamics, x = self.free_fixed_points(w)
        return bool(are_stable(dynamics.jacobian(x)).all())

    def loss(self, w: ArrayLike) -> float:
        """Return E(w)."""
        matrix = self._matrix(w)
        errors = self.circuit.errors(self._stable_points(matrix))
        return 0.5 * float(np.vdot(errors, errors))

    def gradient(self, w: ArrayLike) -> Array:
        """Return dE/dw, shape (N,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return E(w) and dE/dw from one relaxation forward and one solution of the adjoint."""
        return self._loss_and_gradient(self._settled(w))

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the exact product H(w) v for v of shape (N,) or (N, k), by the second-order adjoint."""
        return self.linearize(w)[2](validate.numbers("v", v))

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return E(w), dE/dw and the exact product v -> H(w) v, which reuses the fixed points at w."""
        settled = self._settled(w)
        return *self._loss_and_gradient(settled), hessian_product(self.circuit, settled)

    def subset(self, indices: ArrayLike) -> Recurrent:
        """Return the network with the patterns `indices` alone, repeats allowed; its loss is their sum."""
        chosen = validate.indices("indices", indices, self.num_samples)
        part = copy(self)
        if isinstance(self._solver, Branch):
            part._solver = self._solver.only(chosen)
        part.circuit, part._rest = self.circuit.subset(chosen), self._rest[chosen]
        part.num_samples = len(chosen)
        return part

    def initial_weights(self, seed: int, scale: float = 1.0) -> Array:
        """Return weights drawn from uniform(-scale, scale), shape (N,).

        One ``numpy.random.default_rng(seed)`` draws the connections among free units row by row, then
        those from clamped units row by row.
        """
        draws = np.random.default_rng(validate.whole("seed", seed)).uniform(-1, 1, self.num_weights)
        among = self.circuit.is_free[self.circuit.columns]
        return validate.positive("scale", scale) * draws[np.argsort(np.argsort(~among, kind="stable"))]

    def unflatten(self, w: ArrayLike) -> Array:
        """Return W (n, n), with zeros where there is no connection."""
        return self._matrix(w)

    def flatten(self, matrix: ArrayLike) -> Array:
        """Return the weight vector of W (n, n), the inverse of `unflatten`."""
        matrix = validate.array("matrix", matrix, 2)
        size = self.circuit.num_units
        if matrix.shape != (size, size):
            raise ValueError(f"`matrix` must have shape ({size}, {size}), got {matrix.shape}")
        return self.circuit.flat(matrix)

    def following(self, w: ArrayLike) -> Recurrent:
        """Return the problem that follows the fixed points at w as weights move, whatever rest would reach.

        Its fixed points are continued from the last weights that a run accepted, `w` at first, so one
        such problem serves one run. Where they vanish (a fold) it raises `Undefined`.
        """
        follower = copy(self)
        follower._solver = Branch(*self.free_fixed_points(w))
        return follower

    def accept(self, w: ArrayLike) -> None:
        """Take note that a run has come to w: a branch that is followed goes on from there."""
        if isinstance(self._solver, Branch):
            self._solver.anchor = self.free_fixed_points(w)

    def free_fixed_points(self, w: ArrayLike) -> tuple[Dynamics, Array]:
        """Return the dynamics of the free units at w and their fixed points (P, number of free units)."""
        matrix = self._matrix(w)
        return self.circuit.reduced(matrix), self._fixed_points(matrix)[:, self.circuit.is_free]

    def _matrix(self, w: ArrayLike) -> Array:
        return self.circuit.matrix(validate.shaped(w, self.num_weights))

    def _fixed_points(self, matrix: Array) -> Array:
        if not np.isfinite(matrix).all():
            return np.full_like(self.circuit.drive, np.nan)
        rest = self._rest[:, self.circuit.is_free]
        return self.circuit.whole(self._solver(self.circuit.reduced(matrix), rest))

    def _stable_points(self, matrix: Array) -> Array:
        x = self._fixed_points(matrix)
        if self._solver.finds_unstable:
            stable = are_stable(self.circuit.reduced(matrix).jacobian(x[:, self.circuit.is_free]))
            if not stable.all():
                pattern = int(np.argmin(stable))
                raise Undefined(
                    f"the fixed point of pattern {pattern} is unstable: activations would leave it"
                )
        return x

    def _settled(self, w: ArrayLike) -> Settled:
        matrix = self._matrix(w)
        x = self._stable_points(matrix)
        activity, free = self.circuit.activity(matrix, x), self.circuit.is_free
        errors = self.circuit.errors(x)
        inner = matrix[np.ix_(free, free)]
        y = np.zeros_like(x)
        slope = activity.slope[:, free]
        y[:, free] = slope * self._adjoint_solver(inner, slope, errors[:, free])
        return Settled(matrix, activity, y @ matrix + errors, y)

    def _loss_and_gradient(self, settled: Settled) -> tuple[float, Array]:
        errors = self.circuit.errors(settled.activity.signal)
        gradient = -self.circuit.flat(settled.y.T @ settled.activity.signal)
        return 0.5 * float(np.vdot(errors, errors)), gradient


def _name(solver: Any) -> str:
    return getattr(solver, "__name__", type(solver).__name__)
