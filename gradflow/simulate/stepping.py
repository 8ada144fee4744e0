"""A scipy solver behind a guard: what it cannot do ends as a sentence, never as an endless loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gradflow.errors import Undefined
from gradflow.flows.flow import Flow, Linearized
from gradflow.numerics.vectors import are_finite
from gradflow.simulate.counting import BudgetSpent, NonFinite
from gradflow.simulate.creeping import KINK, jumps
from gradflow.simulate.edges import EdgeAccuracy
from gradflow.simulate.integrators import Integrator, Linearize, Stepper, jacobian
from gradflow.simulate.recorder import Point
from gradflow.solvers import Switching
from gradflow.trajectory import Outcome
from gradflow.types import Array

# Trials into what is undefined that one step may take back, each a tenth as long as the last.
MAX_TAKEN_BACK = 20
# After so many steps without a trial taken back, each may be so much longer than the last again.
CALM_STEPS, RELAXED = 30, 1.1
# A trial no longer than so many spacings of floats has nothing left to be shortened to.
EDGE_SPACINGS = 16
# A little before a place, as a share of its weights.
KINK_SHARE = 1e-13
# A blow-up at t* leaves t* - t comparable with the spacing of floats when the step size collapses.
BLOW_UP_SPACINGS = 1e5
# So many times its start's size is beyond all bounds, where a flow is that fast.
BLOWN_UP = 1e3


class StepFailed(Exception):
    """No further step is possible, with the outcome and the sentence."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome, self.message = outcome, message


@runtime_checkable
class Bounded(Protocol):
    """An explicit Runge-Kutta method of scipy's form: what lies beyond an edge it does not feel coming."""

    max_step: float
    n_stages: int


class _UserError(Exception):
    """The user's function raised, or gave what is not finite; the cause is its error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


_PASSED_ON = (BudgetSpent, StepFailed)


class GuardedStepper:
    """Steps a solver, and starts it again with a smaller step where a trial left what is defined.

    scipy's solvers react to a non-finite right-hand side each in its own way: LSODA reports success
    or never returns, BDF raises from inside a factorization. Here the right-hand side raises, and
    the run goes on from the last accepted point until `MAX_TAKEN_BACK` trials of one step are spent, as
    SUNDIALS does.
    """

    def __init__(
        self,
        flow: Flow,
        integrator: Integrator,
        start: Point,
        end_time: float,
        options: dict[str, Any],
        arrive: Callable[[float, Array], Point],
        confirm: Callable[[], Point],
    ) -> None:
        self._flow, self._integrator, self._end_time = flow, integrator, end_time
        self._arrive, self._confirm = arrive, confirm
        self._options = {name: value for name, value in options.items() if integrator.takes(name)}
        dense = jacobian(flow) if integrator.takes("jac") else None
        if dense is not None:
            self._options["jac"] = self._guarded(dense, "the Hessian")
        products = [self._guarded_products(linearize) for linearize in integrator.products(flow)]
        if products:
            self._options["linearize"] = products if len(products) > 1 else products[0]
        self.t, self.y = start.time, start.state
        self._start_size = float(np.linalg.norm(start.state))
        self._tried = self.t
        self._num_taken_back = 0
        self._edge: tuple[float, StepFailed | None] = (np.inf, None)
        self._first_step: float | None = None
        self._longest, self._num_calm = np.inf, CALM_STEPS
        # An explicit method is held before an edge by its stability: more accuracy only costs.
        self._is_implicit = any(map(integrator.takes, ("jac", "linearize")))
        self._accuracy, self._length = EdgeAccuracy(), 0.0
        self._interpolant: Callable[[Any], Array] | None = None
        self._history: list[tuple[float, str]] = []
        self.solver: Stepper | None = None

    @property
    def used(self) -> str:
        """The name of the method; of one that switches, what it used and from which time on."""
        changes = [*self._history, *_switches(self.solver)] or [(self.t, self._integrator.name)]
        name, text = changes[0][1], changes[0][1]
        for time, other in changes:
            if other != name:
                name, text = other, f"{text}, {other} from t = {time:.6g}"
        return text

    def step(self) -> Point:
        """Return the next accepted point, where everything is defined, or raise `StepFailed`."""
        self._interpolant = None
        self._num_taken_back = 0
        if self._accuracy.loosens:
            self._loosen()
        while True:
            solver, message = self._attempted()
            if solver.status == "failed" or solver.t == self.t:
                raise self._at_edge() or self._stuck(
                    message or "the step size fell below the spacing of floats"
                )
            t, y = float(solver.t), np.array(solver.y)
            try:
                point = self._arrive(t, y)
            except _PASSED_ON:
                raise
            except Exception as error:
                self._take_back(_undefined(error))
                continue
            self._length, self.t, self.y = t - self.t, t, point.state
            self._relax()
            self._accuracy.steps()
            return point

    @property
    def velocity(self) -> Array | None:
        """dy/dt at the end of the last step, if an implicit formula knows it without an evaluation."""
        return self._integrator.velocity(self.solver)

    def state_at(self, t: float) -> Array:
        """Return the state inside the last step."""
        return self.y if t == self.t else self.interpolant(t)

    @property
    def interpolant(self) -> Callable[[Any], Array]:
        """The states inside the last step: at one time (N,), at times (k,) as columns (N, k)."""
        if self._interpolant is None:
            assert self.solver is not None
            self._interpolant = self.solver.dense_output()
        return self._interpolant

    def _attempted(self) -> tuple[Stepper, str | None]:
        """Step; start again with a smaller step as often as a trial leaves what is defined."""
        while True:
            try:
                if self.solver is None:
                    self.solver = self._made()
                return self.solver, self.solver.step()
            except UserWarning as failure:
                if self.solver is None:
                    raise  # An option of the integrator itself.
                # LSODA's word on why it gave up, where warnings are errors.
                raise self._stuck(str(failure)) from None
            except _UserError as failure:
                self._take_back(_undefined(failure.error))
            except (ArithmeticError, ValueError) as failure:
                if self.solver is None:
                    raise  # An option of the integrator itself: nothing has been evaluated wrongly yet.
                self._take_back(_overflowed(failure))

    def _take_back(self, end: StepFailed) -> None:
        """Prepare a smaller first step from the last accepted point, or end the run there."""
        self.y = self._confirm().state
        length = (self._tried - self.t) or self._end_time - self.t
        self._first_step = 0.1 * length
        # Again and again at the same edge: it is where the steps would grow to.
        self._longest = 0.5 * length if 0 < self._num_calm < CALM_STEPS else np.inf
        self._num_calm = 0
        at_edge = length <= EDGE_SPACINGS * np.spacing(abs(self.t))
        exhausted = self._num_taken_back == MAX_TAKEN_BACK or at_edge
        if exhausted or not self._integrator.takes("first_step"):
            raise end from None
        self._num_taken_back += 1
        if self._is_implicit:
            self._accuracy.meets()
        self._edge = self._tried, end
        self._history += _switches(self.solver)
        self._tried, self.solver = self.t, None

    def _loosen(self) -> None:
        """Go on from the last point with steps as long as the last, to a looser tolerance."""
        self._accuracy.loosen()
        self._first_step = self._length
        self._history += _switches(self.solver)
        self._tried, self.solver = self.t, None

    def _relax(self) -> None:
        """Let steps grow again that stayed below the length of a trial that was taken back."""
        self._num_calm += 1
        if self._longest < np.inf and self._num_calm >= CALM_STEPS and isinstance(self.solver, Bounded):
            self._longest *= RELAXED
            self.solver.max_step = self._longest

    def _made(self) -> Stepper:
        options = dict(self._options)
        if self._accuracy.share < 1:
            options = self._beside_edge(options)
        if self._first_step is not None:
            options["first_step"] = min(self._first_step, self._end_time - self.t)
        made = self._integrator.make(self._guarded(self._flow), self.t, self.y, self._end_time, **options)
        if not isinstance(made, Stepper):
            raise ValueError(
                f"`method` must make an integrator with step() and dense_output(), got {made!r:.60}"
            )
        if self._longest < np.inf and isinstance(made, Bounded):
            made.max_step = self._longest
        return made

    def _beside_edge(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return options that resolve how near an edge is; own differences would reach beyond it."""
        careful = self._accuracy.applied(options)
        if self._integrator.takes("stiff"):
            careful["stiff"] = True
        if self._integrator.own_differences and isinstance(self._flow, Linearized):
            careful["linearize"] = self._guarded_products(self._flow.linearize)
        return careful

    def _guarded(
        self, function: Callable[[float, Array], Array], what: str = "the gradient"
    ) -> Callable[[float, Array], Array]:
        def guarded(t: float, y: Array) -> Array:
            if t > self._tried:
                self._tried = t
            try:
                value = function(t, y.copy())
            except _PASSED_ON:
                raise
            except Exception as error:
                raise _UserError(error) from error
            flat = value if value.ndim == 1 else value.ravel()
            if not are_finite(flat, flat):
                raise _UserError(NonFinite(what))
            return value

        return guarded

    def _guarded_products(self, linearize: Linearize) -> Linearize:
        def guarded(t: float, y: Array) -> tuple[Array, Callable[[Array], Array]]:
            self._tried = max(self._tried, t)
            try:
                velocity, product = linearize(t, y.copy())
            except _PASSED_ON:
                raise
            except Exception as error:
                raise _UserError(error) from error
            if not are_finite(velocity, velocity):
                raise _UserError(NonFinite("the gradient"))
            return velocity, lambda v: checked(product, v)

        def checked(product: Callable[[Array], Array], v: Array) -> Array:
            return self._guarded(lambda _, u: product(u), "a product with the Hessian")(self.t, v)

        return guarded

    def _at_edge(self) -> StepFailed | None:
        """Return why the last trial was taken back if that was so near that nothing lies between."""
        time, end = self._edge
        return end if time - self.t <= BLOW_UP_SPACINGS * np.spacing(abs(self.t)) else None

    def _stuck(self, message: str) -> StepFailed:
        """Return why the step size collapsed: a blow-up, a singularity, or the integrator's own word."""
        velocity = self._flow(self.t, self.y)
        size, speed = float(np.linalg.norm(self.y)), float(np.linalg.norm(velocity))
        nearest = BLOW_UP_SPACINGS * np.spacing(abs(self.t))
        if size > BLOWN_UP * self._start_size and size <= nearest * speed and self.y @ velocity > 0:
            return StepFailed(Outcome.DIVERGED, "the weights grow beyond all bounds in finite time")
        if size <= nearest * speed and self.y @ velocity < 0:
            return StepFailed(
                Outcome.DIVERGED,
                "the flow becomes infinitely fast in finite time: the gradient grows beyond all bounds at "
                "finite weights",
            )
        # On the kink to rounding its sides look like noise: a little before it they do not.
        before = self.y - KINK_SHARE * size / max(speed, np.finfo(float).tiny) * velocity
        if any(jumps(self._flow, self.t, y, self._tried - self.t) for y in (self.y, before)):
            return StepFailed(Outcome.FAILED, KINK)
        return StepFailed(Outcome.FAILED, f"the integrator gave up: {message}")


def _undefined(error: Exception) -> StepFailed:
    """Return why no trial is defined, by the error of the user's function."""
    if isinstance(error, NonFinite):
        return StepFailed(Outcome.DIVERGED, f"{error} is not finite beyond the last step")
    if isinstance(error, Undefined | np.linalg.LinAlgError):
        return StepFailed(Outcome.FAILED, str(error) or repr(error))
    return StepFailed(Outcome.FAILED, f"the problem raised beyond the last step: {sentence_of(error)}")


def _overflowed(error: Exception) -> StepFailed:
    """Return why the integrator itself could not go on; scipy raises ValueError where numbers overflowed."""
    if isinstance(error, np.linalg.LinAlgError):
        return StepFailed(Outcome.FAILED, str(error) or repr(error))
    return StepFailed(Outcome.DIVERGED, "the integrator's own numbers overflowed beyond the last step")


def sentence_of(error: Exception) -> str:
    """Return what a person reads of an error that was not foreseen: its kind and its words."""
    return f"{type(error).__name__}: {error}" if str(error) else repr(error)


def _switches(solver: Any) -> list[tuple[float, str]]:
    """Return which methods a switching solver used from which time on."""
    return solver.history if isinstance(solver, Switching) else []
