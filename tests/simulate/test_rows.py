"""Rows between steps are as good as the steps, and cost nothing."""

import numpy as np
import pytest

import gradflow as gf

METHODS = ["RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA", "krylov-bdf", "rock2", "cvode"]
BOWL = gf.problems.Quadratic([1.0, 3.0, 8.0])
W0 = np.array([1.0, -2.0, 3.0])
TIMES = np.linspace(0.0, 3.0, 41)


def error(weights, times, problem=BOWL, w0=W0, rtol=1.0):
    exact = problem.flow(w0, times)
    return np.linalg.norm(weights - exact, axis=1).max() / (rtol * np.linalg.norm(exact, axis=1).max())


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize("method", METHODS)
def test_weights_and_losses_between_steps_are_as_good_as_at_the_steps(method, rtol):
    if method in ("RK23", "rock2") and rtol < 1e-7:
        return  # Of second and third order: thousands of steps.
    flow = gf.GradientFlow(BOWL)
    free = gf.integrate(flow, W0, 3.0, method=method, rtol=rtol)
    at_steps = max(1.0, error(free.weights, free.times, rtol=rtol))
    assert at_steps < 10
    assert error(free.at(TIMES), TIMES, rtol=rtol) < 3 * at_steps
    asked = gf.integrate(flow, W0, 3.0, method=method, rtol=rtol, times=TIMES)
    assert error(asked.weights, TIMES, rtol=rtol) < 3 * at_steps
    exact = np.array([BOWL.loss(w) for w in BOWL.flow(W0, TIMES)])
    # E changes by |g| |dw|, and |g| is at most 8 |w| here.
    # It falls twice as fast as the weights, so that its polynomial is the coarser one.
    bound = 10 * at_steps * rtol * 8 * np.linalg.norm(W0) ** 2
    assert np.abs(free.losses_at(TIMES) - exact).max() < bound
    assert np.abs(asked.losses - exact).max() < bound


@pytest.mark.parametrize("method", ["RK45", "DOP853", "BDF", "krylov-bdf"])
def test_steps_as_long_as_stability_allows_are_not_amplified_between_them(method):
    """scipy's polynomial inside such steps of DOP853 is off by hundreds of tolerances."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        vectors = np.linalg.qr(rng.standard_normal((8, 8)))[0]
        problem = gf.problems.Quadratic((vectors * np.geomspace(0.1, 500.0, 8)) @ vectors.T)
        w0 = 2 * rng.standard_normal(8)
        for rtol in (1e-6, 1e-8):
            run = gf.integrate(gf.GradientFlow(problem), w0, 1.0, method=method, rtol=rtol, times=41)
            assert error(run.weights, run.times, problem, w0, rtol) < 30


@pytest.mark.parametrize("method", ["auto", "RK45", "DOP853", "BDF", "LSODA", "krylov-bdf"])
def test_rows_cost_no_gradient(method):
    flow = gf.GradientFlow(BOWL)
    free = gf.integrate(flow, W0, 3.0, method=method)
    asked = gf.integrate(flow, W0, 3.0, method=method, times=5000)
    assert (asked.num_gradients, asked.num_hvps) == (free.num_gradients, free.num_hvps)
    assert len(asked.times) == 5000
    np.testing.assert_array_equal(asked.step_times, free.step_times)


def test_wanted_times_that_are_steps_are_the_steps():
    flow = gf.GradientFlow(BOWL)
    free = gf.integrate(flow, W0, 3.0, method="RK45")
    inside = 0.5 * (free.times[1:] + free.times[:-1])
    times = np.sort(np.concatenate([free.times, inside]))
    asked = gf.integrate(flow, W0, 3.0, method="RK45", times=times)
    np.testing.assert_array_equal(asked.times, times)
    np.testing.assert_array_equal(asked.weights[::2], free.weights)
    np.testing.assert_array_equal(asked.steps[::2], free.steps)
    # In the first steps `at` also knows those further ahead.
    np.testing.assert_allclose(asked.weights[1::2][3:], free.at(inside)[3:], rtol=1e-13)
    np.testing.assert_allclose(asked.weights[1::2], free.at(inside), atol=1e-7)


def test_rows_that_wait_for_more_steps_are_kept_when_the_run_ends_before():
    event = {"low": gf.Event(lambda t, w: w[0], levels=(0.5,))}
    run = gf.integrate(gf.GradientFlow(BOWL), W0, 3.0, times=TIMES, events=event)
    met = run.crossings["low"].times[0]
    np.testing.assert_array_equal(run.times, [*TIMES[met > TIMES], met])
    budget = gf.integrate(gf.GradientFlow(BOWL), W0, 3.0, times=TIMES, method="RK45", max_evaluations=60)
    last = budget.times[-1]
    np.testing.assert_array_equal(budget.times, [*TIMES[last > TIMES], last])
    assert error(budget.weights, budget.times) < 1e-5


def test_a_state_of_its_own_is_interpolated_whole():
    case = gf.cases.make("pineda-xor")
    flow = gf.flows.ThreeTimeScales(case.problem, 0.1, 0.1, 1.0)
    run = gf.integrate(flow, case.w0, 2.0, rtol=1e-8, times=21)
    tight = gf.integrate(flow, case.w0, 2.0, rtol=1e-11, method="DOP853", times=21)
    assert run.states.shape == (21, flow.initial_state(case.w0).size)
    np.testing.assert_allclose(run.states, tight.states, atol=1e-6)
    np.testing.assert_array_equal(run.weights, flow.weights(run.states))


def test_a_record_sees_the_rows_between_steps():
    record = {"loss": gf.records.loss, "w": lambda t, w: w.copy()}
    run = gf.integrate(gf.GradientFlow(BOWL), W0, 3.0, times=TIMES, record=record)
    np.testing.assert_array_equal(run.records["loss"], run.losses)
    np.testing.assert_array_equal(run.records["w"], run.weights)
