import numpy as np
import pytest
from scipy.integrate import DOP853, RK45, solve_ivp
from scipy.linalg import expm

import gradflow as gf
from gradflow import cases
from gradflow.problems.landscapes.quadratic import Quadratic
from gradflow.solvers import KrylovBDF

CURVATURES = np.logspace(-2, 2, 100)


class HeavyBall:
    """w'' = -friction w' - grad E: a flow whose spectrum is not real."""

    symmetric = False

    def __init__(self, problem, friction):
        self.problem, self.friction = problem, friction

    def on(self, problem):
        return HeavyBall(problem, self.friction)

    def initial_state(self, w0):
        return np.concatenate([w0, np.zeros_like(w0)])

    def weights(self, y):
        return y[..., : y.shape[-1] // 2]

    def __call__(self, t, y):
        w, v = np.split(y, 2)
        return np.concatenate([v, -self.friction * v - self.problem.gradient(w)])

    def linearize(self, t, y):
        _, _, product = self.problem.linearize(self.weights(y))

        def jacobian(d):
            w, v = np.split(d, 2)
            return np.concatenate([v, -self.friction * v - product(w)])

        return self(t, y), jacobian


def heavy_ball(friction, method="auto"):
    start = np.random.default_rng(0).standard_normal(100)
    run = gf.integrate(HeavyBall(Quadratic(CURVATURES), friction), start, 20.0, method=method, rtol=1e-5)
    truth = np.array(
        [
            (expm(20.0 * np.array([[0, 1], [-h, -friction]])) @ [x, 0])[0]
            for h, x in zip(CURVATURES, start, strict=True)
        ]
    )
    return run, np.linalg.norm(run.final_weights - truth) / np.linalg.norm(truth)


def test_auto_follows_an_oscillation_with_an_explicit_method():
    run, error = heavy_ball(0.5)
    assert run.method == "RK45"
    assert error < 1e-3


def test_auto_goes_over_to_an_implicit_method_where_momentum_is_overdamped():
    run, error = heavy_ball(40.0)
    assert run.method.startswith("RK45, krylov-bdf from t = ")
    assert error < 1e-4
    assert run.num_gradients < heavy_ball(40.0, "RK45")[0].num_gradients


@pytest.fixture(scope="module")
def coupled():
    """Pineda's activations, adjoint and weights as one flow, not symmetric; its start; where it ends."""
    case = cases.make("pineda-xor")
    flow = gf.flows.ThreeTimeScales(case.problem, 0.1, 0.1, 1.0)
    start = flow.initial_state(case.w0)
    return flow, start, ended(flow, start, DOP853, 1e-12).y[:, -1]


def ended(flow, start, method, rtol):
    return solve_ivp(flow, (0, 50), start, method=method, rtol=rtol, atol=1e-3 * rtol)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_pinedas_coupled_system_ends_where_explicit_methods_say_and_costs_less(coupled, rtol):
    flow, start, truth = coupled
    implicit, explicit = (ended(flow, start, method, rtol) for method in (KrylovBDF, RK45))
    for run in (implicit, explicit):
        for ours, true in zip(flow.split(run.y[:, -1]), flow.split(truth), strict=True):
            assert np.linalg.norm(ours - true) < rtol * np.linalg.norm(true)
    assert implicit.nfev < 0.4 * explicit.nfev


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_auto_ends_pinedas_coupled_system_there_too(coupled, rtol):
    flow, start, truth = coupled
    run = gf.integrate(flow, flow.weights(start), 50.0, rtol=rtol, times=2)
    assert run.method.startswith("RK45")
    assert np.linalg.norm(run.final_state - truth) < rtol * np.linalg.norm(truth)
    assert run.final_loss == pytest.approx(flow.problem.loss(flow.weights(truth)), rel=rtol)


def network(**options):
    inputs, labels = gf.datasets.digits()
    inputs = (inputs - inputs.mean(axis=0)) / inputs.std()
    return gf.problems.FeedForward(inputs[:100], labels[:100], (8,), **options)


def test_a_network_gives_the_solver_rough_products_and_the_result_is_the_same():
    problem = network()
    flow, w0 = gf.GradientFlow(problem), problem.initial_weights(0)
    rough = gf.integrate(flow, w0, 20.0, method="krylov-bdf", rtol=1e-5)
    assert rough.num_hvps > 0

    solver = KrylovBDF(lambda t, w: -problem.gradient(w), 0.0, w0, 20.0, rtol=1e-5, atol=1e-8)
    while solver.status == "running":
        solver.step()
    assert np.linalg.norm(rough.final_weights - solver.y) < 1e-4 * np.linalg.norm(solver.y)
    # One gradient a step is the run's own, for the loss where the step ends.
    assert rough.num_gradients - len(rough.step_times) < 0.6 * solver.nfev


def test_a_problem_without_rough_products_is_followed_by_differences():
    run = gf.integrate(gf.GradientFlow(Quadratic(CURVATURES)), np.ones(100), 5.0, method="krylov-bdf")
    assert run.num_hvps == 0
    assert np.linalg.norm(run.final_weights - np.exp(-5 * CURVATURES)) < 1e-5


@pytest.mark.parametrize("method", ["krylov-bdf", "rock2", "auto"])
def test_the_loss_never_rises_along_a_stiff_flow(method):
    problem = network()
    rtol = 1e-3 if method == "rock2" else 1e-6
    run = gf.integrate(gf.GradientFlow(problem), problem.initial_weights(0), 50.0, method=method, rtol=rtol)
    assert np.diff(run.step_losses).max() <= 1e-10 * run.losses[0]


@pytest.mark.parametrize("method", ["rock2", "krylov-bdf", "auto"])
def test_weights_that_leave_all_bounds_in_finite_time_diverge_at_a_sensible_cost(method):
    falling = gf.problems.from_callables(
        lambda w: -(w**3).sum() / 3, lambda w: -(w**2), 200, hvp=lambda w, v: -2 * w * v
    )
    w0 = np.linspace(0.1, 1, 200)
    run = gf.integrate(gf.GradientFlow(falling), w0, 10.0, method=method, rtol=1e-3)
    assert run.outcome is gf.Outcome.DIVERGED
    assert run.times[-1] == pytest.approx(1.0, abs=1e-2)
    assert run.num_gradients < 3000


def test_the_names_of_methods_do_not_mind_case():
    run = gf.integrate(gf.GradientFlow(Quadratic([1.0])), [1.0], 1.0, method="ROCK2", rtol=1e-3)
    assert run.method == "rock2"
    run = gf.integrate(gf.GradientFlow(Quadratic([1.0])), [1.0], 1.0, method=KrylovBDF)
    assert run.method == "KrylovBDF"
