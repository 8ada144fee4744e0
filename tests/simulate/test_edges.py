"""The share of the tolerance beside an edge: tightened by meetings in a series, loosened by calm steps."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.simulate.edges import LEAST_RTOL, NEAR_STEPS, EdgeAccuracy


def met(*gaps):
    """Return the accuracy after a meeting, and one more after each number of calm steps."""
    accuracy = EdgeAccuracy()
    accuracy.meets()
    for gap in gaps:
        for _ in range(gap):
            accuracy.steps()
        accuracy.meets()
    return accuracy


@pytest.mark.parametrize(
    ("gaps", "share"),
    [((1,) * 3, 1.0), ((1,) * 4, 0.1), ((1,) * 8, 0.1), ((1,) * 9, 0.01), ((NEAR_STEPS - 1,) * 4, 0.1)],
)
def test_every_fifth_meeting_of_a_series_leaves_a_tenth(gaps, share):
    assert met(*gaps).share == pytest.approx(share)


def test_meetings_far_apart_are_no_series():
    assert met(*(NEAR_STEPS,) * 9).share == 1.0


def test_several_trials_of_one_step_are_one_meeting():
    assert met(0, 0, 0, 0, 0).share == 1.0


def calm(accuracy):
    """Return after how many steps it loosens."""
    for num_steps in range(1000):
        if accuracy.loosens:
            return num_steps
        accuracy.steps()
    return None


def test_it_loosens_after_calm_steps_as_it_was_tightened():
    accuracy = met(*(1,) * 9)
    shares = []
    while calm(accuracy) is not None:
        accuracy.loosen()
        shares.append(accuracy.share)
    assert shares == pytest.approx([0.1, 1.0])


def test_loosened_too_early_it_is_tightened_at_once_and_waits_twice_as_long():
    accuracy = met(1, 1, 1, 1)
    assert calm(accuracy) == NEAR_STEPS
    accuracy.loosen()
    accuracy.meets()
    assert accuracy.share == pytest.approx(0.1)
    assert calm(accuracy) == 2 * NEAR_STEPS


def test_both_tolerances_are_tightened_and_only_what_rounding_allows():
    options = {"rtol": 1e-4, "atol": np.array([1.0, 2.0]), "first_step": 1.0}
    applied = met(1, 1, 1, 1).applied(options)
    assert applied["rtol"] == pytest.approx(1e-5)
    np.testing.assert_allclose(applied["atol"], [0.1, 0.2])
    assert applied["first_step"] == 1.0
    assert met(1, 1, 1, 1).applied({"rtol": 2e-12})["rtol"] == LEAST_RTOL
    assert met(1, 1, 1, 1).applied({"rtol": 1e-13})["rtol"] == 1e-13
    assert met(1, 1, 1, 1).applied({}) == {}


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA", "krylov-bdf", "cvode"])
def test_a_weight_that_moves_on_beside_a_near_edge_is_followed_to_the_end(method):
    """w_1 rests 1e-8 before its edge while w_2 = 5 - 5 exp(-t) goes on."""
    eps = 1e-8

    def loss(w):
        return -w[0] - eps * math.log(1 - w[0]) + 0.5 * (w[1] - 5) ** 2

    def gradient(w):
        return np.array([-1 + eps / (1 - w[0]) + 0 * math.log(1 - w[0]), w[1] - 5])

    def hvp(w, v):
        return np.array([eps / (1 - w[0]) ** 2 * v[0], v[1]])

    flow = gf.GradientFlow(gf.problems.from_callables(loss, gradient, 2, hvp=hvp))
    run = gf.integrate(flow, [0.0, 0.0], 6.0, method=method, rtol=1e-4, max_evaluations=5000)
    assert run.outcome is gf.Outcome.FINISHED
    assert run.final_weights[0] == pytest.approx(1 - eps, abs=1e-9)
    assert run.final_weights[1] == pytest.approx(5 - 5 * math.exp(-6), rel=1e-4)
