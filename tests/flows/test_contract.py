"""The contract of flows, over a list of the library's own and of what users write: a new one is one line."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import gradflow as gf
from gradflow.flows.flow import Flow, Linearized
from gradflow.simulate.integrators import INTEGRATORS

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.5]])


class Tally:
    """E = sum cosh(w_i) + w_0 w_1, and how often its gradient was asked for."""

    def __init__(self):
        self.num_gradients = 0

    def gradient(self, w):
        self.num_gradients += 1
        return np.sinh(w) + np.array([w[1], w[0], 0.0])

    def problem(self, exact=True):
        coupling = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        return gf.problems.from_callables(
            lambda w: np.cosh(w).sum() + w[0] * w[1],
            self.gradient,
            3,
            hvp=(lambda w, v: np.cosh(w) * v + coupling @ v) if exact else None,
        )


class _Plain:
    """What the weights themselves as the state leave to say."""

    symmetric = True

    def initial_state(self, w0):
        return w0

    def weights(self, y):
        return y


@dataclass(frozen=True)
class HeavyBall:
    """w'' = -friction w' - grad E, with the velocity as a state of its own."""

    problem: object
    friction: float = 0.5
    symmetric = False

    def on(self, problem):
        return replace(self, problem=problem)

    def initial_state(self, w0):
        return np.concatenate([w0, np.zeros_like(w0)])

    def weights(self, y):
        return y[..., : y.shape[-1] // 2]

    def __call__(self, t, y):
        w, v = np.split(y, 2)
        return np.concatenate([v, -self.friction * v - self.problem.gradient(w)])

    def linearize(self, t, y):
        product = self.problem.linearize(self.weights(y))[2]

        def jacobian(d):
            w, v = np.split(d, 2)
            return np.concatenate([v, -self.friction * v - product(w)])

        return self(t, y), jacobian


@dataclass(frozen=True)
class WithoutProducts(_Plain):
    """A flow that fades with time, and no more than a flow must have."""

    problem: object

    def on(self, problem):
        return replace(self, problem=problem)

    def __call__(self, t, y):
        return -self.problem.gradient(y) / (1 + t)


class ReadOnlyProblem(_Plain):
    """Its problem is a property that cannot be set."""

    def __init__(self, problem):
        self._problem = problem

    @property
    def problem(self):
        return self._problem

    def on(self, problem):
        return ReadOnlyProblem(problem)

    def __call__(self, t, y):
        return -self._problem.gradient(y)


class Bound(_Plain):
    """Takes the gradient from the problem when it is made."""

    def __init__(self, problem):
        self.problem, self._gradient = problem, problem.gradient

    def on(self, problem):
        return Bound(problem)

    def __call__(self, t, y):
        return -self._gradient(y)


class InPlace(ReadOnlyProblem):
    """Works in the very array that it got for its gradient."""

    def on(self, problem):
        return InPlace(problem)

    def __call__(self, t, y):
        gradient = self._problem.gradient(y)
        gradient *= -1
        return gradient


MAKERS = {
    "a rate that is a number": lambda problem: gf.GradientFlow(problem, 2.0),
    "a rate for each weight": lambda problem: gf.GradientFlow(problem, np.array([0.5, 1.0, 2.0])),
    "a rate that is a matrix": lambda problem: gf.GradientFlow(problem, MATRIX),
    "a heavy ball": HeavyBall,
    "a flow without products": WithoutProducts,
    "a problem that is read-only": ReadOnlyProblem,
    "a gradient bound beforehand": Bound,
    "a flow that works in place": InPlace,
}
START = np.array([0.8, -0.5, 1.2])
UNIT = gf.problems.Recurrent([[-0.5], [0.25]], [[0.2], [0.4]], [0], rest=0.2)


def coupled(problem=UNIT):
    return gf.flows.ThreeTimeScales(problem, 0.1, 0.2, 1.0)


def all_flows():
    flows = {name: (make(Tally().problem()), START) for name, make in MAKERS.items()}
    return flows | {"three time scales": (coupled(), np.full(UNIT.num_weights, -0.5))}


NAMES = [*MAKERS, "three time scales"]
METHODS = [*INTEGRATORS, "auto"]


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_has_the_members_of_one(name):
    flow, _ = all_flows()[name]
    assert isinstance(flow, Flow)
    assert isinstance(flow.symmetric, bool)


@pytest.mark.parametrize("name", NAMES)
def test_weights_read_what_the_initial_state_wrote(name):
    flow, w0 = all_flows()[name]
    np.testing.assert_array_equal(flow.weights(flow.initial_state(w0)), w0)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_linear_and_take_rows(name):
    flow, w0 = all_flows()[name]
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((3, flow.initial_state(w0).size))
    np.testing.assert_allclose(
        flow.weights(2 * rows[0] - 3 * rows[1]), 2 * flow.weights(rows[0]) - 3 * flow.weights(rows[1])
    )
    np.testing.assert_array_equal(flow.weights(rows), [flow.weights(row) for row in rows])


@pytest.mark.parametrize("name", NAMES)
def test_a_call_leaves_the_state_and_gives_the_same_again(name):
    flow, w0 = all_flows()[name]
    y = np.array(flow.initial_state(w0))
    before = y.copy()
    first = np.array(flow(0.5, y))
    if isinstance(flow, Linearized):
        flow.linearize(0.5, y)[1](np.ones(y.size))
    np.testing.assert_array_equal(y, before)
    np.testing.assert_array_equal(flow(0.5, y), first)
    assert first.shape == y.shape


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(all_flows()[name][0], Linearized)])
def test_the_product_is_the_derivative_of_the_velocity(name):
    flow, w0 = all_flows()[name]
    rng = np.random.default_rng(2)
    y = np.array(flow.initial_state(w0)) + 0.1 * rng.standard_normal(flow.initial_state(w0).size)
    v = rng.standard_normal(y.size)
    velocity, product = flow.linearize(0.3, y)
    np.testing.assert_allclose(velocity, flow(0.3, y), rtol=1e-14, atol=1e-15)
    h = 1e-5
    difference = (flow(0.3, y + h * v) - flow(0.3, y - h * v)) / (2 * h)
    np.testing.assert_allclose(product(v), difference, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_that_calls_itself_symmetric_has_a_real_spectrum(name):
    flow, w0 = all_flows()[name]
    y = np.array(flow.initial_state(w0))
    h = 1e-6
    columns = [(flow(0.0, y + h * e) - flow(0.0, y - h * e)) / (2 * h) for e in np.eye(y.size)]
    imaginary = np.abs(np.linalg.eigvals(np.transpose(columns)).imag).max()
    assert (imaginary < 1e-6) or not flow.symmetric
    # Both sides: a ball with little friction turns round and round.
    assert name != "a heavy ball" or imaginary > 0.5


@pytest.mark.parametrize("name", [name for name in MAKERS if name.startswith("a rate")])
def test_a_gradient_flow_is_symmetric_in_the_inner_product_of_its_rate(name):
    flow, w0 = all_flows()[name]
    jacobian = flow.jacobian(0.0, w0)
    rate = flow.rate * np.eye(3) if np.ndim(flow.rate) < 2 else flow.rate
    weighed = np.linalg.solve(rate, jacobian)
    np.testing.assert_allclose(weighed, weighed.T, atol=1e-12)
    assert np.linalg.eigvalsh((weighed + weighed.T) / 2).max() < 0


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_flow_on_another_problem_leaves_the_first_as_it_was(name):
    first, other = Tally(), Tally()
    flow = MAKERS[name](first.problem())
    problem, y = other.problem(), flow.initial_state(START)
    moved = flow.on(problem)
    assert type(moved) is type(flow)
    assert moved is not flow
    assert moved.problem is problem
    assert flow.problem is not problem
    expected = np.array(flow(0.25, y))
    counts = first.num_gradients, other.num_gradients
    np.testing.assert_array_equal(moved(0.25, y), expected)
    assert (first.num_gradients, other.num_gradients) == (counts[0], counts[1] + 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["RK45", "BDF", "LSODA", "krylov-bdf"])
def test_a_run_follows_the_flow_and_leaves_the_users_own(name, method):
    flow, w0 = all_flows()[name]
    problem, start = flow.problem, np.array(flow.initial_state(w0))
    truth = solve_ivp(flow, (0, 1.5), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    kept = w0.copy()
    run = gf.integrate(flow, w0, 1.5, method=method, rtol=1e-7)
    assert run.outcome is gf.Outcome.FINISHED
    assert np.linalg.norm(run.final_state - truth) < 1e-6 * np.linalg.norm(start)
    assert flow.problem is problem
    assert run.flow is flow
    np.testing.assert_array_equal(w0, kept)


@pytest.mark.parametrize("rate", [2.0, np.array([0.5, 1.0, 2.0]), MATRIX], ids=["number", "vector", "matrix"])
def test_a_gradient_flow_ends_at_its_closed_form(rate):
    h = np.array([1.0, 4.0, 9.0])
    flow = gf.GradientFlow(gf.problems.Quadratic(h), rate)
    values, vectors = np.linalg.eig((rate * np.eye(3) if np.ndim(rate) < 2 else rate) * h)
    truth = vectors @ (np.exp(-values) * np.linalg.solve(vectors, START))
    run = gf.integrate(flow, START, 1.0, rtol=1e-9)
    np.testing.assert_allclose(run.final_weights, truth, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("exact", [True, False], ids=["products", "differences"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_budget_holds_for_every_call_of_the_users_gradient(name, exact, method):
    tally = Tally()
    flow = MAKERS[name](tally.problem(exact))
    run = gf.integrate(flow, START, 1e4, method=method, rtol=1e-12, max_evaluations=300)
    assert run.outcome is gf.Outcome.BUDGET
    assert tally.num_gradients == run.num_gradients == 300


class WithoutOn(_Plain):
    def __init__(self, problem):
        self.problem = problem

    def __call__(self, t, y):
        return -self.problem.gradient(y)


class OnItself(WithoutOn):
    def on(self, problem):
        return self


class OnItselfChanged(WithoutOn):
    def on(self, problem):
        self.problem = problem
        return self


class OnTheOldProblem(WithoutOn):
    def on(self, problem):
        return OnTheOldProblem(self.problem)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (WithoutOn, "`flow` must be a flow such as .* without on"),
        (OnItself, r"`flow` must return from on\(problem\) the same flow evaluating that problem"),
        (OnItselfChanged, r"`flow` must return from on\(problem\) the same flow evaluating that problem"),
        (OnTheOldProblem, r"`flow` must return from on\(problem\) the same flow evaluating that problem"),
    ],
)
def test_a_flow_that_cannot_evaluate_another_problem_is_refused(kind, says):
    with pytest.raises(ValueError, match=says) as caught:
        gf.integrate(kind(Tally().problem()), START, 1.0)
    assert "\n" not in str(caught.value)
