"""Many flows are the single ones, each with its own steps."""

from functools import partial

import numpy as np
import pytest

import gradflow as gf
from gradflow.problems import DeepLinear, DoubleWell, FeedForward, Quadratic, SigmoidNeuron

H = np.array([[3.0, 1.0], [1.0, 2.0]])
XOR = FeedForward([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0], [4])
WIDE = FeedForward(np.random.default_rng(0).standard_normal((9, 3)), np.arange(9) % 3, [20])


def starts(problem, num_runs, scale=1.5):
    return np.random.default_rng(1).uniform(-scale, scale, (num_runs, problem.num_weights))


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-9])
@pytest.mark.parametrize("rate", [1.0, 2.5, [0.5, 2.0]])
def test_flows_of_a_quadratic_are_its_closed_form_to_the_tolerance(rtol, rate, kernels):
    problem, W0 = Quadratic(H), starts(Quadratic(H), 30)
    many = gf.integrate_many(gf.GradientFlow(problem, rate), W0, 1.5, rtol=rtol)
    modes, vectors = np.linalg.eig(np.diag(np.broadcast_to(rate, 2)) @ H)
    exact = (vectors @ np.diag(np.exp(-1.5 * modes)) @ np.linalg.inv(vectors) @ W0.T).T
    assert np.abs(many.weights - exact).max() < 20 * rtol
    assert (many.outcomes == gf.Outcome.FINISHED).all()
    np.testing.assert_array_equal(many.times, 1.5)
    np.testing.assert_allclose(many.losses, [problem.loss(w) for w in many.weights], rtol=1e-12)


@pytest.mark.parametrize("problem", [SigmoidNeuron(), XOR, WIDE, DeepLinear([[1.0, 2.0]], [[1.0]], [2])])
def test_steps_are_those_of_dormand_and_prince_in_integrate(problem, kernels):
    W0 = starts(problem, 7)
    many = gf.integrate_many(gf.GradientFlow(problem), W0, 8.0)
    for k in range(7):
        one = gf.integrate(gf.GradientFlow(problem), W0[k], 8.0, method="RK45")
        assert abs(many.num_steps[k] - one.steps[-1]) <= 1
        np.testing.assert_allclose(many.weights[k], one.final_weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("problem", [SigmoidNeuron(), XOR, DoubleWell()])
def test_a_lane_does_not_depend_on_its_neighbours_to_the_last_bit(problem, kernels):
    W0 = starts(problem, 300, scale=4.0)
    ask = partial(gf.integrate_many, gf.GradientFlow(problem), end_time=20.0)
    together, order = ask(W0, threads=1), np.random.default_rng(0).permutation(300)
    shuffled, alone = ask(W0[order], threads=2), ask(W0[17])
    np.testing.assert_array_equal(shuffled.weights, together.weights[order])
    np.testing.assert_array_equal(shuffled.num_gradients, together.num_gradients[order])
    np.testing.assert_array_equal(alone.weights[0], together.weights[17])


def test_flows_stop_at_a_small_gradient_and_where_the_budget_is_spent(kernels):
    flow, W0 = gf.GradientFlow(Quadratic(H)), starts(Quadratic(H), 10)
    stopped = gf.integrate_many(flow, W0, 100.0, gradient_tolerance=1e-3)
    assert (stopped.outcomes == gf.Outcome.CONVERGED).all()
    assert (stopped.times < 20.0).all()
    assert (np.linalg.norm(stopped.weights @ H, axis=1) <= 1e-3).all()
    spent = gf.integrate_many(flow, W0, 100.0, max_evaluations=50)
    assert (spent.outcomes == gf.Outcome.BUDGET).all()
    assert (spent.num_gradients <= 50).all()
    assert ((spent.times > 0.0) & (spent.times < 100.0)).all()


def test_a_flow_that_leaves_the_finite_numbers_diverges_and_its_neighbours_arrive(kernels):
    hill = Quadratic([[1.0, 0.0], [0.0, -40.0]])
    many = gf.integrate_many(gf.GradientFlow(hill), [[1.0, 0.0], [1.0, 1.0]], 20.0)
    assert many.outcomes.tolist() == [gf.Outcome.FINISHED, gf.Outcome.DIVERGED]
    assert many.weights[0, 0] == pytest.approx(np.exp(-20.0), abs=1e-9)
    assert np.isfinite(many.weights).all()
    # The loss, 20 exp(80 t), ends the floats at 8.83.
    assert many.times[1] == pytest.approx((np.log(np.finfo(float).max) - np.log(20.0)) / 80.0, rel=0.01)


def test_flows_that_fit_no_lanes_are_run_one_by_one_which_is_said_once():
    class OwnFlow:
        num_weights = 1

        def loss_and_gradient(self, w):
            return 0.5 * float(w @ w), w

    flow = gf.GradientFlow(OwnFlow())
    with pytest.warns(gf.CostWarning, match="its runs are made one by one"):
        many = gf.integrate_many(flow, [[1.0], [2.0]], np.log(2.0))
    np.testing.assert_allclose(many.weights[:, 0], [0.5, 1.0], rtol=1e-5)
    gf.integrate_many(flow, [1.0], 1.0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"flow": Quadratic(1.0)}, "`flow` must be a flow"),
        ({"W0": [[np.inf]]}, "`W0` must be finite"),
        ({"end_time": -1.0}, "`end_time` must be a positive number"),
        ({"rtol": 1e-17}, "`rtol` must be at least"),
        ({"atol": 0.0}, "`atol` must be a positive number"),
        ({"max_evaluations": 0}, "`max_evaluations` must be"),
    ],
)
def test_bad_input_gets_a_sentence(change, sentence):
    arguments = {"flow": gf.GradientFlow(Quadratic(1.0)), "W0": [1.0], "end_time": 1.0} | change
    with pytest.raises(ValueError, match=sentence):
        gf.integrate_many(**arguments)
