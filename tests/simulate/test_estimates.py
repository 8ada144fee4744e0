"""The losses that cost no gradient: how good they are, and where they are evaluated all the same."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import gradflow as gf
from gradflow.problems import FeedForward, Quadratic, from_callables
from gradflow.solvers import KrylovBDF

FREE = ("krylov-bdf", "LSODA")
START = np.random.default_rng(1).standard_normal(8 * 11 + 3 * 9) / 3


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((100, 10))
    return FeedForward(inputs, np.tanh(inputs @ rng.standard_normal((10, 3))), [8])


def counting(problem):
    """Return a problem of one function, and the list of the weights where that was called."""
    calls = []

    class Alone:
        num_weights = problem.num_weights

        def loss_and_gradient(self, w):
            calls.append(w.copy())
            return problem.loss_and_gradient(w)

    return Alone(), calls


@pytest.mark.parametrize(("rtol", "bound"), [(1e-3, 1e-4), (1e-4, 1e-6), (1e-6, 1e-10)])
@pytest.mark.parametrize("method", FREE)
def test_losses_are_of_third_order_in_what_newton_moves(network, method, rtol, bound):
    run = gf.integrate(
        gf.GradientFlow(network, 2.0), network.initial_weights(0), 100.0, method=method, rtol=rtol
    )
    exact = np.array([network.loss(w) for w in run.weights])
    velocities = np.array([-2.0 * network.gradient(w) for w in run.weights])
    assert (np.abs(run.losses - exact) <= bound * exact).all()
    assert (np.diff(run.losses) <= 0).all()
    gaps = np.linalg.norm(run.velocities - velocities, axis=1) / np.linalg.norm(velocities, axis=1)
    assert gaps.max() < 20 * rtol
    assert np.abs(run.losses - exact).max() > 0  # Estimated, not evaluated.


def test_a_run_costs_the_gradients_of_its_solver_and_those_of_its_ends(network):
    flow, w0 = gf.GradientFlow(network), network.initial_weights(0)
    run = gf.integrate(flow, w0, 30.0, method="krylov-bdf", rtol=1e-5)
    atol = run.settings["atol"]
    bare = solve_ivp(
        flow, (0, 30.0), w0, KrylovBDF, rtol=1e-5, atol=atol, linearize=flow.rough_linearizations()
    )
    assert len(run.times) == len(bare.t)
    assert bare.nfev <= run.num_gradients <= bare.nfev + 2


@pytest.mark.parametrize("rate", [3.0, np.array([1.0, 2.0, 4.0])], ids=["number", "vector"])
def test_any_diagonal_rate_tells_the_gradient(rate):
    problem = Quadratic([1.0, 10.0, 100.0])
    run = gf.integrate(gf.GradientFlow(problem, rate), np.ones(3), 2.0, method="krylov-bdf", rtol=1e-5)
    exact = np.array([problem.loss(w) for w in run.weights])
    assert 0 < np.abs(run.losses - exact).max() < 1e-8 * exact[0]


def test_with_a_matrix_rate_every_row_is_evaluated():
    problem = Quadratic([1.0, 10.0])
    rate = np.array([[2.0, 1.0], [1.0, 2.0]])
    run = gf.integrate(gf.GradientFlow(problem, rate), np.ones(2), 2.0, method="krylov-bdf")
    np.testing.assert_array_equal(run.losses, [problem.loss(w) for w in run.weights])


def ended(network, method, **how):
    return gf.integrate(gf.GradientFlow(network), START, 30.0, method=method, **how)


@pytest.mark.parametrize(
    ("outcome", "how"),
    [
        ("FINISHED", {}),
        ("FINISHED", {"times": 5}),
        ("BUDGET", {"max_evaluations": 60}),
        ("EVENT", {"callback": lambda t, w: bool(t > 1.0)}),
        ("EVENT", {"events": {"time": gf.Event(lambda t, w: t, 1.0, terminal=True)}}),
        ("EVENT", {"callback": lambda t, w: bool(t > 1.0), "times": 5}),
    ],
    ids=["end", "times", "budget", "callback", "event", "callback and times"],
)
@pytest.mark.parametrize("method", FREE)
def test_the_last_row_is_evaluated_whatever_ends_the_run(network, method, outcome, how):
    run = ended(network, method, **how)
    assert run.outcome is gf.Outcome[outcome]
    assert run.losses[-1] == network.loss(run.final_weights)
    assert run.step_losses[-1] == run.losses[-1]
    np.testing.assert_array_equal(run.velocities[-1], -network.gradient(run.final_weights))


@pytest.mark.parametrize("method", FREE)
def test_an_interrupted_run_ends_with_an_evaluated_row(network, method):
    def interrupt(t, w):
        if t > 1.0:
            raise KeyboardInterrupt

    run = ended(network, method, callback=interrupt)
    assert run.outcome is gf.Outcome.INTERRUPTED
    assert run.losses[-1] == network.loss(run.final_weights)


@pytest.mark.parametrize("budget", [30, 31, 32, 33])
@pytest.mark.parametrize("method", FREE)
def test_a_budget_holds_the_last_evaluation_too(network, method, budget):
    problem, calls = counting(network)
    run = ended(problem, method, max_evaluations=budget)
    assert run.outcome is gf.Outcome.BUDGET
    assert len(calls) == run.num_gradients <= budget
    assert run.losses[-1] == network.loss(run.final_weights)


class AtRows:
    def at_place(self, place):
        return place.loss, *place.gradient[:3]


@pytest.mark.parametrize("method", FREE)
def test_who_asks_for_the_place_gets_what_was_evaluated(network, method):
    run = ended(network, method, record={"place": gf.every(5, AtRows())})
    steps = np.flatnonzero(np.isin(run.times, run.record_times["place"]))
    for row, (loss, *gradient) in zip(steps, run.records["place"], strict=True):
        assert (loss, run.losses[row]) == (network.loss(run.weights[row]),) * 2
        np.testing.assert_array_equal(gradient, network.gradient(run.weights[row])[:3])


@pytest.mark.parametrize("method", FREE)
def test_a_gradient_tolerance_is_held_against_what_was_evaluated(method):
    problem = Quadratic([1.0, 50.0])
    run = gf.integrate(gf.GradientFlow(problem), [1.0, 1.0], 50.0, method=method, gradient_tolerance=1e-3)
    assert run.outcome is gf.Outcome.CONVERGED
    sizes = [np.linalg.norm(problem.gradient(w)) for w in run.weights]
    assert sizes[-1] <= 1e-3 < sizes[-2]


@pytest.mark.parametrize("method", FREE)
@pytest.mark.parametrize("barrier", [1e-2, 1e-4])
def test_no_row_lies_where_the_loss_is_not_defined(method, barrier):
    problem = from_callables(
        lambda w: -w[0] - barrier * math.log(1 - w[0]),
        lambda w: np.array([-1 + barrier / (1 - w[0]) + 0 * math.log(1 - w[0])]),
        1,
    )
    run = gf.integrate(gf.GradientFlow(problem), [0.0], 1.5, method=method, rtol=1e-3)
    assert run.outcome is gf.Outcome.FINISHED
    assert (run.weights < 1).all()
    assert run.final_weights[0] == pytest.approx(1 - barrier, abs=3e-3)


def test_a_budget_that_ends_beside_an_edge_loses_nothing():
    problem = from_callables(
        lambda w: -w[0] - 1e-2 * math.log(1 - w[0]),
        lambda w: np.array([-1 + 1e-2 / (1 - w[0]) + 0 * math.log(1 - w[0])]),
        1,
        check=False,
    )
    for budget in range(10, 70):
        run = gf.integrate(
            gf.GradientFlow(problem), [0.0], 1.5, method="krylov-bdf", rtol=1e-3, max_evaluations=budget
        )
        assert run.num_gradients <= budget
        assert run.outcome in (gf.Outcome.BUDGET, gf.Outcome.FINISHED)
