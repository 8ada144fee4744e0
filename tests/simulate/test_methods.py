import numpy as np
import pytest
from scipy.linalg import expm

import gradflow as gf
from gradflow.problems.quadratic import Quadratic
from gradflow.solvers import KrylovBDF

CURVATURES = np.logspace(-2, 2, 60)


class HeavyBall:
    """w'' = -friction w' - grad E: a flow whose spectrum is not real."""

    symmetric = False

    def __init__(self, problem, friction):
        self.problem, self.friction = problem, friction

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
    start = np.random.default_rng(0).standard_normal(60)
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
    assert rough.num_gradients < 0.9 * solver.nfev


def test_a_problem_without_rough_products_is_followed_by_differences():
    run = gf.integrate(gf.GradientFlow(Quadratic(CURVATURES)), np.ones(60), 5.0, method="krylov-bdf")
    assert run.num_hvps == 0
    assert np.linalg.norm(run.final_weights - np.exp(-5 * CURVATURES)) < 1e-5


@pytest.mark.parametrize("method", ["krylov-bdf", "rock2", "auto"])
def test_the_loss_never_rises_along_a_stiff_flow(method):
    problem = network()
    rtol = 1e-3 if method == "rock2" else 1e-6
    run = gf.integrate(gf.GradientFlow(problem), problem.initial_weights(0), 50.0, method=method, rtol=rtol)
    assert np.diff(run.step_losses).max() <= 1e-10 * run.losses[0]


def test_the_names_of_methods_do_not_mind_case():
    run = gf.integrate(gf.GradientFlow(Quadratic([1.0])), [1.0], 1.0, method="ROCK2", rtol=1e-3)
    assert run.method == "rock2"
    run = gf.integrate(gf.GradientFlow(Quadratic([1.0])), [1.0], 1.0, method=KrylovBDF)
    assert run.method == "KrylovBDF"
