import numpy as np
import pytest

from gradflow import descend
from gradflow.analysis.stability import curvature_along, directional_smoothness, relative_progress
from gradflow.problems import DoubleWell, Quadratic

HESSIAN = np.array([[2.0, 1.0], [1.0, 3.0]])
PROBLEM = Quadratic(HESSIAN)
W = np.array([0.5, 2.0])
G = HESSIAN @ W


def test_on_a_quadratic_all_three_know_the_curvature_along_the_gradient():
    curvature, rate = G @ HESSIAN @ G / (G @ G), 0.3
    assert relative_progress(PROBLEM, W, rate) == pytest.approx(-1 + rate * curvature / 2, rel=1e-12)
    assert directional_smoothness(PROBLEM, W, rate) == pytest.approx(curvature, rel=1e-12)
    moved = W - rate * G
    assert curvature_along(moved - W, G, HESSIAN @ moved) == pytest.approx(curvature, rel=1e-12)


@pytest.mark.parametrize(("rate", "sign"), [(0.49, -1), (0.51, 1)])
def test_progress_changes_sign_where_the_loss_begins_to_rise(rate, sign):
    assert np.sign(relative_progress(Quadratic(4.0), [1.0], rate)) == sign


def test_small_steps_make_the_progress_of_the_flow():
    assert relative_progress(DoubleWell(), [2.0], 1e-6) == pytest.approx(-1.0, abs=1e-4)


def test_on_a_two_cycle_the_curvature_along_the_step_is_two_over_eta():
    rate = 1.1
    run = descend(DoubleWell(), [0.9], rate, 2000)
    assert directional_smoothness(DoubleWell(), run.final_weights, rate) == pytest.approx(2 / rate, rel=1e-9)


def test_where_nothing_moves_there_is_no_answer():
    assert np.isnan(relative_progress(PROBLEM, [0.0, 0.0], 0.1))
    assert np.isnan(directional_smoothness(PROBLEM, [0.0, 0.0], 0.1))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="`learning_rate` must be a positive number"):
        relative_progress(PROBLEM, W, 0.0)
    with pytest.raises(ValueError, match="`w` must have 2 weights"):
        directional_smoothness(PROBLEM, [1.0], 0.1)
    with pytest.raises(ValueError, match="`next_gradient` must have 2 weights"):
        curvature_along(W, G, [1.0])
