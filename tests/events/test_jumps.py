"""Runs on recurrent networks whose fixed points jump, vanish or lose stability."""

from functools import cache

import numpy as np
import pytest

from gradflow import cases
from gradflow.events.jumps import fixed_point_jumps, fixed_point_loses_stability
from gradflow.flows.gradient import GradientFlow
from gradflow.problems.recurrent.network import Recurrent
from gradflow.simulate import descend, integrate
from gradflow.trajectory import Outcome


def xor(seed, rest=0.5):
    case = cases.make("pineda-xor", seed=seed)
    circuit = case.problem.circuit
    return Recurrent(circuit.drive, circuit.targets, [3], clamped=[4, 5, 6], rest=rest), case.w0


@cache
def followed(seed, rest=0.5, *, terminal=True):
    problem, w0 = xor(seed, rest)
    branch = problem.following(w0)
    events = {
        "jump": fixed_point_jumps(problem, terminal=terminal),
        "instability": fixed_point_loses_stability(branch),
    }
    # Short steps on both sides of the jump: rows between steps know nothing of it.
    return integrate(GradientFlow(branch), w0, 2000.0, method="BDF", events=events)


def switch(w=6.0, b=-4.5, target=1.0):
    """One sigmoid unit with weight w onto itself and b from a constant, with a fold where w x (1 - x) = 1."""
    problem = Recurrent([[0.0, 1.0]], [[target]], [0], clamped=[1], rest=0.0)
    return problem, np.array([w, b])


@pytest.mark.parametrize(("seed", "loss"), [(0, 2.091e-4), (1, 2.550e-4), (4, 2.432e-4)])
def test_exclusive_or_is_learned_by_the_flow(seed, loss):
    problem, w0 = xor(seed)
    run = integrate(GradientFlow(problem), w0, 2000.0)
    assert run.outcome is Outcome.FINISHED
    assert run.final_loss == pytest.approx(loss, rel=0.01)
    assert (np.diff(run.step_losses) < 0).all()
    assert run.num_gradients <= 1600
    assert "by Relaxation" in run.settings["problem"]


@pytest.mark.parametrize(
    ("seed", "rest", "time", "pattern"),
    [(2, 0.5, 325.64, 3), (2, 0.0, 304.7, 3), (3, 0.5, 349.34, 0), (3, 0.0, 1815.8, 2)],
)
def test_the_run_from_rest_ends_where_the_fixed_point_jumps(seed, rest, time, pattern):
    run = followed(seed, rest)
    assert run.outcome is Outcome.EVENT
    assert f"the fixed point of pattern {pattern} jumped at t = " in run.message
    assert run.times[-1] == pytest.approx(time, abs=0.1)
    assert run.crossings["jump"][1] == pytest.approx([time], abs=0.1)
    assert not run.crossings["instability"][1].size


def test_up_to_the_jump_the_branch_is_what_rest_reaches_and_not_beyond():
    problem, run = xor(2)[0], followed(2, terminal=False)
    jump = run.crossings["jump"][1][0]
    before, after = run.losses_at(jump - 1e-3), run.losses_at(jump + 1e-3)
    assert problem.loss(run.at(jump - 1e-3)) == pytest.approx(before, rel=1e-3)
    assert problem.loss(run.at(jump + 1e-3)) > 10 * after


@pytest.mark.parametrize(("seed", "loss"), [(2, 1.822e-4), (3, 3.281e-4)])
def test_the_branch_can_be_followed_beyond_the_jump(seed, loss):
    run = followed(seed, terminal=False)
    assert run.outcome is Outcome.FINISHED
    assert run.final_loss == pytest.approx(loss, rel=0.01)
    assert (np.diff(run.step_losses) < 0).all()
    assert len(run.crossings["jump"][1]) >= 1
    assert not run.crossings["instability"][1].size
    assert "following a branch" in run.settings["problem"]


@pytest.mark.parametrize("method", ["RK45", "BDF", "LSODA"])
def test_the_discontinuous_flow_from_rest_ends_at_the_jump_too(method):
    problem, w0 = switch()
    run = integrate(
        GradientFlow(problem), w0, 200.0, method=method, events={"jump": fixed_point_jumps(problem)}
    )
    assert run.outcome is Outcome.EVENT
    assert "the fixed point of pattern 0 jumped at" in run.message
    w, b = run.final_weights
    x = 0.5 * (1 - np.sqrt(1 - 4 / w))
    assert b == pytest.approx(np.log(x / (1 - x)) - w * x, abs=1e-3)


def test_a_run_from_rest_goes_on_across_a_fold_and_marks_it():
    problem, w0 = switch()
    run = integrate(
        GradientFlow(problem), w0, 200.0, events={"jump": fixed_point_jumps(problem, terminal=False)}
    )
    assert run.outcome is Outcome.FINISHED
    assert len(run.crossings["jump"][1]) == 1
    drop = -np.diff(run.losses)
    assert drop.max() > 0.2
    assert run.times[np.argmax(drop)] <= run.crossings["jump"][1][0] <= run.times[np.argmax(drop) + 1]
    assert run.final_loss < 1e-3


def test_a_followed_branch_ends_at_its_fold_with_a_sentence():
    problem, w0 = switch()
    run = integrate(GradientFlow(problem.following(w0)), w0, 200.0)
    assert run.outcome is Outcome.FAILED
    assert "the fixed point of pattern 0 meets another one and vanishes (a fold)" in run.message
    assert problem.relaxation_rates(run.final_weights)[0, 0].real > -0.05


def test_the_approach_to_a_fold_is_seen_before():
    problem, w0 = switch()
    branch = problem.following(w0)
    event = fixed_point_loses_stability(branch, margin=0.1)
    run = integrate(GradientFlow(branch), w0, 200.0, events={"fold ahead": event})
    assert run.outcome is Outcome.EVENT
    assert "the fixed point of pattern 0 loses stability, its slowest rate is -0.1 at" in run.message
    assert branch.relaxation_rates(run.final_weights)[0, 0].real == pytest.approx(-0.1, abs=1e-6)


def test_a_hopf_bifurcation_is_located():
    # Two units that chase each other: at x = 0 the rates are w - 1 +- i c, unstable for w > 1.
    mask = np.eye(2) + np.eye(2)[::-1]
    problem = Recurrent(
        np.zeros((1, 2)), [[0.0]], [0], activation="tanh", input_inside=True, rest=0.0, connections=mask
    )
    start = problem.flatten([[0.5, -2.0], [2.0, 0.5]])
    branch = problem.following(start)
    event = fixed_point_loses_stability(branch)
    rates = [event.function(0.0, start + np.array([s, 0, 0, s])) for s in (0.0, 0.499, 0.501)]
    np.testing.assert_allclose(rates, [-0.5, -0.001, 0.001], atol=1e-12)
    assert event.crossed(*rates[1:]) == [0.0]


def test_descent_names_a_jump_by_its_step():
    problem, w0 = switch()
    run = descend(problem, w0, 5.0, 5000, events={"jump": fixed_point_jumps(problem)})
    assert run.outcome is Outcome.EVENT
    assert f"the fixed point of pattern 0 jumped at step {run.steps[-1]:,}" in run.message
    assert run.losses[-1] < 0.1 * run.losses[-2]


def test_an_event_serves_a_second_run():
    problem, w0 = switch()
    event = fixed_point_jumps(problem)
    first, again = (
        integrate(GradientFlow(problem), start, 100.0, events={"jump": event}) for start in (w0, w0)
    )
    assert again.message == first.message


def test_starting_weights_that_never_settle_end_the_run_with_the_sentence():
    problem = Recurrent(np.zeros((1, 2)), [[0.5]], [0], activation="tanh", input_inside=True)
    run = integrate(GradientFlow(problem), problem.flatten([[2.0, -2.0], [2.0, 2.0]]), 1.0)
    assert run.outcome is Outcome.FAILED
    assert "pattern 0 has not come to rest" in run.message
