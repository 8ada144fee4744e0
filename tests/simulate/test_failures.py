"""Whatever ends a run, what was reached comes back with the reason."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import gradflow as gf

METHODS = ["RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA", "krylov-bdf", "cvode"]


def problem(loss, gradient, hessian=lambda w: np.zeros((1, 1))):
    return gf.problems.from_callables(loss, gradient, 1, hvp=lambda w, v: hessian(w) @ v)


def blow_up():
    """y' = y^2: from y = 1 it leaves the numbers at t = 1."""
    return problem(lambda w: -(w[0] ** 3) / 3, lambda w: -(w**2), lambda w: np.array([[-2 * w[0]]]))


def nan_beyond(edge):
    return problem(lambda w: -w[0], lambda w: np.where(w < edge, -1.0, np.nan))


def nan_after(num_calls):
    calls = []

    def gradient(w):
        calls.append(1)
        return np.full(1, np.nan) if len(calls) > num_calls else np.cos(3 * w) - 1.5

    return problem(
        lambda w: np.sin(3 * w[0]) / 3 - 1.5 * w[0], gradient, lambda w: -3 * np.sin(3 * w)[:, None]
    )


def rows_are_sound(run):
    assert np.isfinite(run.weights).all()
    assert np.isfinite(run.losses).all()
    assert (np.diff(run.times) > 0).all()
    assert len(run.times) == len(run.weights) == len(run.losses) == len(run.steps)
    np.testing.assert_array_equal(run.final_weights, run.weights[-1])


@pytest.mark.timeout(10)
@pytest.mark.parametrize("method", METHODS)
def test_a_flow_that_blows_up_diverges_at_its_time(method):
    run = gf.integrate(gf.GradientFlow(blow_up()), [1.0], 10.0, method=method)
    assert run.outcome is gf.Outcome.DIVERGED
    assert run.times[-1] == pytest.approx(1.0, abs=1e-4)
    assert run.final_weights[0] > 1e6
    assert run.num_gradients < 20_000
    rows_are_sound(run)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("method", METHODS)
def test_a_gradient_that_is_nan_beyond_a_point_stops_the_run_before_it(method):
    run = gf.integrate(gf.GradientFlow(nan_beyond(5.0)), [1.0], 10.0, method=method)
    assert run.outcome is gf.Outcome.DIVERGED
    assert 4.0 < run.final_weights[0] < 5.0
    rows_are_sound(run)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("method", METHODS)
def test_a_gradient_that_turns_nan_in_mid_run_stops_it(method):
    run = gf.integrate(gf.GradientFlow(nan_after(40)), [1.0], 100.0, method=method)
    assert run.outcome is gf.Outcome.DIVERGED
    assert 0 < run.times[-1] < 100
    rows_are_sound(run)


@pytest.mark.parametrize("method", METHODS)
def test_an_undefined_gradient_fails_the_run_with_its_sentence(method):
    def gradient(w):
        if w[0] > 2:
            raise gf.Undefined("the logarithm is not defined beyond 2")
        return np.array([-1.0])

    run = gf.integrate(gf.GradientFlow(problem(lambda w: -w[0], gradient)), [1.0], 10.0, method=method)
    assert run.outcome is gf.Outcome.FAILED
    assert "the logarithm is not defined beyond 2" in run.message
    assert 1.5 < run.final_weights[0] <= 2
    rows_are_sound(run)


def test_a_trial_step_into_nonsense_is_taken_back_and_tried_smaller():
    # E = w^2/2 - ln(1 - w): a long trial step can leave the domain, the flow never does.
    barrier = problem(
        lambda w: w[0] ** 2 / 2 - np.log(1 - w[0]),
        lambda w: np.where(w < 1, w + 1 / (1 - np.minimum(w, 1 - 1e-300)), np.nan),
        lambda w: np.array([[1 + 1 / (1 - w[0]) ** 2]]),
    )
    for method in METHODS:
        run = gf.integrate(gf.GradientFlow(barrier), [1 - 1e-6], 20.0, method=method)
        assert run.outcome is gf.Outcome.FINISHED, method
        assert run.final_weights[0] == pytest.approx((1 - np.sqrt(5)) / 2, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_slope_that_squares_beyond_the_numbers_is_followed_or_given_up_at_its_start(method):
    # w = -1e150 t. LSODA's own norm of it overflows; that is no divergence of the flow.
    steep = problem(lambda w: 1.0, lambda w: np.full(1, 1e150))
    run = gf.integrate(gf.GradientFlow(steep), [0.0], 1e-3, method=method)
    rows_are_sound(run)
    if method == "LSODA":
        assert run.outcome is gf.Outcome.FAILED
        assert run.message.startswith("the integrator gave up")
        np.testing.assert_array_equal(run.weights, [[0.0]])
    else:
        assert run.outcome is gf.Outcome.FINISHED
        assert run.final_weights[0] == pytest.approx(-1e147, rel=1e-9)


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_a_hessian_that_is_not_finite_is_named(method):
    flat = problem(lambda w: w[0], lambda w: np.ones(1), lambda w: np.array([[np.nan]]))
    run = gf.integrate(gf.GradientFlow(flat), [0.0], 1.0, method=method)
    assert run.outcome is gf.Outcome.DIVERGED
    assert "the Hessian is not finite" in run.message


@pytest.mark.parametrize("method", METHODS)
def test_a_value_error_of_the_user_is_the_users(method):
    def gradient(w):
        raise ValueError("a bug of mine")

    with pytest.raises(ValueError, match="a bug of mine"):
        gf.integrate(gf.GradientFlow(problem(lambda w: w[0], gradient)), [0.0], 1.0, method=method)


def test_an_event_without_a_value_inside_a_step_fails_the_run():
    def function(t, w):
        return np.nan if 0.49 < w[0] < 0.51 else w[0]

    flow = gf.GradientFlow(gf.problems.Quadratic(1.0))
    run = gf.integrate(flow, [1.0], 2.0, rtol=1e-2, events={"half": gf.Event(function, levels=0.5)})
    assert run.outcome is gf.Outcome.FAILED
    assert "an event has no value" in run.message
    rows_are_sound(run)


def test_a_bug_of_the_user_at_an_event_inside_a_step_keeps_what_was_reached():
    """The state where a terminal event ends the run is looked at outside the integrator's steps."""

    def gradient(w):
        if abs(w[0] - 0.3456) < 1e-9:
            raise TypeError("a bug of mine")
        return np.array([-1.0])

    line = problem(lambda w: -w[0], gradient)
    events = {"there": gf.Event(lambda t, w: w[0], levels=0.3456, terminal=True)}
    run = gf.integrate(gf.GradientFlow(line), [0.0], 1.0, rtol=1e-3, events=events)
    assert run.outcome is gf.Outcome.FAILED
    assert "a bug of mine" in run.message
    assert len(run.times) > 1
    rows_are_sound(run)


def test_an_event_met_at_once_leaves_no_row_twice():
    flow = gf.GradientFlow(gf.problems.Quadratic(1.0))
    run = gf.integrate(flow, [1.0], 2.0, events={"soon": gf.Event(lambda t, w: t, levels=1e-300)})
    assert run.outcome is gf.Outcome.EVENT
    assert run.at(0.0) == 1.0
    rows_are_sound(run)


def test_an_undefined_start_is_a_failed_run_of_one_row():
    def undefined(w):
        raise gf.Undefined("no value anywhere")

    nowhere = problem(undefined, undefined)
    for run in (gf.integrate(gf.GradientFlow(nowhere), [1.0], 1.0), gf.descend(nowhere, [1.0], 0.1, 3)):
        assert run.outcome is gf.Outcome.FAILED
        assert run.message.startswith("no value anywhere")
        np.testing.assert_array_equal(run.weights, [[1.0]])


def test_an_undefined_loss_fails_a_descent_with_its_sentence():
    def loss(w):
        if w[0] > 2:
            raise gf.Undefined("the loss is not defined beyond 2")
        return -w[0]

    run = gf.descend(problem(loss, lambda w: np.array([-1.0])), [1.0], 0.3, 10)
    assert run.outcome is gf.Outcome.FAILED
    assert "not defined beyond 2" in run.message
    assert run.final_weights[0] == pytest.approx(1.9)
    rows_are_sound(run)


def test_python_arithmetic_that_overflows_is_a_failed_run_not_a_crash():
    import math

    steep = problem(lambda w: math.exp(-w[0]), lambda w: [-math.exp(-w[0])])
    run = gf.descend(steep, [-200.0], 1e-80, 10)
    # The first step leads to w = 7e6, where exp(-w) is 0.
    assert run.outcome is gf.Outcome.FINISHED
    assert run.final_loss == 0.0
    away = problem(lambda w: -math.exp(w[0]), lambda w: [-math.exp(w[0])])
    run = gf.descend(away, [1.0], 1.0, 20)
    assert run.outcome is gf.Outcome.FAILED
    rows_are_sound(run)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("budget", [1, 2, 30])
def test_a_spent_budget_returns_what_was_reached(method, budget):
    flow = gf.GradientFlow(gf.problems.Quadratic([1.0, 30.0]))
    run = gf.integrate(flow, [1.0, 1.0], 50.0, method=method, rtol=1e-10, max_evaluations=budget)
    assert run.outcome is gf.Outcome.BUDGET
    assert run.num_gradients == budget
    assert f"{budget}" in run.message
    rows_are_sound(run)


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_during_a_flow_returns_what_was_reached(method):
    calls = []

    def gradient(w):
        calls.append(1)
        if len(calls) == 25:
            signal.raise_signal(signal.SIGINT)
        return 10 * w

    flow = gf.GradientFlow(problem(lambda w: 5 * w[0] ** 2, gradient, lambda w: np.array([[10.0]])))
    run = gf.integrate(flow, [1.0], 100.0, method=method, rtol=1e-9)
    assert run.outcome is gf.Outcome.INTERRUPTED
    assert 0 < run.times[-1] < 100
    rows_are_sound(run)


def test_ctrl_c_during_a_descent_returns_what_was_reached():
    calls = []

    def gradient(w):
        calls.append(1)
        if len(calls) == 25:
            signal.raise_signal(signal.SIGINT)
        return w

    run = gf.descend(problem(lambda w: w[0] ** 2 / 2, gradient), [1.0], 0.1, 1000)
    assert run.outcome is gf.Outcome.INTERRUPTED
    assert run.steps[-1] == 23
    rows_are_sound(run)


@pytest.mark.timeout(60)
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to another process")
@pytest.mark.parametrize(
    "call",
    [
        "gf.integrate(gf.GradientFlow(p, 1e-3), np.ones(50), 1e9, method='RK45')",
        "gf.descend(p, np.ones(50), 1e-9, 10**9, record_every=10**6)",
    ],
)
def test_ctrl_c_at_any_moment_returns_a_sound_trajectory(call):
    script = f"""
    import numpy as np, gradflow as gf, warnings
    warnings.simplefilter("ignore")
    p = gf.problems.Quadratic(np.logspace(0, 3, 50))
    gf.descend(p, np.ones(50), 1e-9, 1), gf.integrate(gf.GradientFlow(p), np.ones(50), 1e-9, method="RK45")
    print("started", flush=True)
    run = {call}
    assert np.isfinite(run.weights).all() and len(run.times) == len(run.weights)
    print(run.outcome.name, run.times[-1] > 0)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "started\n"
    timer = threading.Timer(0.7, lambda: child.send_signal(signal.SIGINT))
    timer.start()
    assert child.communicate()[0] == "INTERRUPTED True\n"


def test_a_record_that_ends_in_mid_run_leaves_nan_and_the_run_goes_on():
    def record(t, w):
        if w[0] < 0.5:
            raise gf.Undefined("nothing to record below one half")
        return w[0]

    quadratic = gf.problems.Quadratic(1.0)
    for make in (
        lambda **options: gf.integrate(gf.GradientFlow(quadratic), [1.0], 5.0, **options),
        lambda **options: gf.descend(quadratic, [1.0], 0.1, 50, **options),
    ):
        with pytest.warns(gf.RecordWarning, match="nothing to record"):
            run = make(record={"w": record})
        assert run.outcome is gf.Outcome.FINISHED
        w = run.weights[:, 0]
        np.testing.assert_array_equal(run.records["w"], np.where(w < 0.5, np.nan, w))
        rows_are_sound(run)
