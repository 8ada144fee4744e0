"""A scipy solver behind a guard: what it cannot do ends as a sentence, never as an endless loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradflow.flows.flow import Flow
from gradflow.simulate.counting import NonFinite, are_finite
from gradflow.simulate.integrators import Linearize, Method, Stepper, jacobian
from gradflow.simulate.recorder import Point
from gradflow.trajectory import Outcome
from gradflow.types import Array

MAX_RESTARTS = 20
# A blow-up at t* leaves t* - t comparable with the spacing of floats when the step size collapses.
BLOW_UP_SPACINGS = 1e5


class StepFailed(Exception):
    """No further step is possible, with the outcome and the sentence."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome, self.message = outcome, message


class GuardedStepper:
    """Steps a solver, and starts it again with a smaller step where a trial step left the finite numbers.

    scipy's solvers react to a non-finite right-hand side each in its own way: LSODA reports success
    or never returns, BDF raises from inside a factorization. Here the right-hand side raises, and
    the run goes on from the last accepted point until `MAX_RESTARTS` restarts are spent.
    """

    def __init__(
        self, flow: Flow, method: Method, start: Point, end_time: float, options: dict[str, Any]
    ) -> None:
        self._flow, self._method, self._end_time = flow, method, end_time
        self._options = {name: value for name, value in options.items() if method.takes(name)}
        if method.takes("jac"):
            self._options["jac"] = self._guarded(jacobian(flow), "the Hessian")
        products = [self._guarded_products(linearize) for linearize in method.products(flow)]
        if products:
            self._options["linearize"] = products if len(products) > 1 else products[0]
        self.t, self.y = start.time, start.state
        self._tried = self.t
        self._restarts = 0
        self._inside = False
        self._first_step: float | None = None
        self._interpolant: Callable[[float], Array] | None = None
        self._history: list[tuple[float, str]] = []
        self.solver: Stepper | None = None

    @property
    def used(self) -> str:
        """The name of the method; of one that switches, what it used and from which time on."""
        changes = [*self._history, *getattr(self.solver, "history", [])] or [(self.t, self._method.name)]
        name, text = changes[0][1], changes[0][1]
        for time, other in changes:
            if other != name:
                name, text = other, f"{text}, {other} from t = {time:.6g}"
        return text

    def step(self) -> None:
        """Advance to the next accepted point or raise `StepFailed`."""
        self._interpolant = None
        solver, message = self._attempted()
        if solver.status == "failed" or solver.t == self.t:
            raise self._stuck(message or "the step size fell below the spacing of floats")
        self.t, self.y = float(solver.t), np.array(solver.y)

    def state_at(self, t: float) -> Array:
        """Return the state inside the last step."""
        if t == self.t:
            return self.y
        if self._interpolant is None:
            assert self.solver is not None
            self._interpolant = self.solver.dense_output()
        return self._interpolant(t)

    def _attempted(self) -> tuple[Stepper, str | None]:
        """Step; start again with a smaller step as often as a trial leaves the finite numbers."""
        while True:
            self._inside = False
            try:
                if self.solver is None:
                    self.solver = self._make()
                return self.solver, self.solver.step()
            except UserWarning as failure:
                # LSODA's word on why it gave up, where warnings are errors.
                raise self._stuck(str(failure)) from None
            except (ArithmeticError, ValueError) as failure:
                # Outside the right-hand side a ValueError is scipy's own, of numbers that overflowed.
                own = isinstance(failure, ArithmeticError | np.linalg.LinAlgError)
                if self._inside and not own:
                    raise
                self._first_step = 0.1 * ((self._tried - self.t) or self._end_time - self.t)
                exhausted = self._restarts == MAX_RESTARTS or self.t + self._first_step == self.t
                if exhausted or not self._method.takes("first_step"):
                    raise self._failed(failure) from None
                self._restarts += 1
                self._history += getattr(self.solver, "history", [])
                self._tried, self.solver = self.t, None

    def _make(self) -> Stepper:
        options = (
            self._options if self._first_step is None else {**self._options, "first_step": self._first_step}
        )
        return self._method.make(self._guarded(self._flow), self.t, self.y, self._end_time, **options)

    def _guarded(
        self, function: Callable[[float, Array], Array], what: str = "the gradient"
    ) -> Callable[[float, Array], Array]:
        def guarded(t: float, y: Array) -> Array:
            self._tried = max(self._tried, t)
            self._inside = True
            value = function(t, np.array(y))
            self._inside = False
            if not are_finite(value.ravel(), value.ravel()):
                raise NonFinite(what)
            return value

        return guarded

    def _guarded_products(self, linearize: Linearize) -> Linearize:
        def guarded(t: float, y: Array) -> tuple[Array, Callable[[Array], Array]]:
            velocity, product = linearize(t, np.array(y))
            return velocity, lambda v: self._guarded(lambda _, v: product(v), "a product with the Hessian")(
                t, v
            )

        return guarded

    def _failed(self, failure: Exception) -> StepFailed:
        if isinstance(failure, NonFinite):
            return StepFailed(Outcome.DIVERGED, f"{failure} is not finite beyond the last step")
        if isinstance(failure, ValueError) and not isinstance(failure, np.linalg.LinAlgError):
            return StepFailed(
                Outcome.DIVERGED, "the integrator's own numbers overflowed beyond the last step"
            )
        return StepFailed(Outcome.FAILED, str(failure) or repr(failure))

    def _stuck(self, message: str) -> StepFailed:
        speed = np.linalg.norm(self._flow(self.t, self.y))
        if np.linalg.norm(self.y) <= BLOW_UP_SPACINGS * np.spacing(abs(self.t)) * speed:
            return StepFailed(Outcome.DIVERGED, "the weights grow beyond all bounds in finite time")
        return StepFailed(Outcome.FAILED, f"the integrator gave up: {message}")
