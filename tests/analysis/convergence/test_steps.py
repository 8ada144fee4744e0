import numpy as np
import pytest

from gradflow.analysis.convergence import observed_order, step_decrease
from gradflow.analysis.convergence.steps import (
    cosine,
    decrease_limit,
    largest_decreasing_step,
    path_length,
    step_direction,
)
from gradflow.problems import Quadratic, SigmoidNeuron, from_callables
from gradflow.rules import Normalized, SignDescent
from gradflow.simulate import descend

HESSIAN = np.array([[5.0, 2.0], [2.0, 3.0]])
PROBLEM = Quadratic(HESSIAN)
START = np.array([1.0, -0.4])
GRADIENT = HESSIAN @ START


def test_the_cosine_of_rows_is_that_of_each_pair_and_nan_for_a_zero_vector():
    rows = np.array([[1.0, 1.0], [-2.0, 0.0], [0.0, 0.0]])
    found = cosine(rows, [1.0, 0.0])
    np.testing.assert_allclose(found[:2], [np.sqrt(0.5), -1.0], rtol=1e-15)
    assert np.isnan(found[2])


def test_a_cosine_never_leaves_its_range():
    v = np.random.default_rng(0).standard_normal((100, 3))
    assert (cosine(v, 3 * v) <= 1.0).all()
    assert (cosine(v, -v) >= -1.0).all()


def test_cosines_of_a_step_on_a_quadratic_are_those_of_the_closed_forms():
    etas = np.array([0.01, 0.1, 0.4])
    found = step_direction(PROBLEM, START, etas)
    arrived = [GRADIENT @ (np.eye(2) - eta * HESSIAN) for eta in etas]
    moved = [PROBLEM.flow(START, eta) - START for eta in etas]
    np.testing.assert_allclose(found.next_gradient, cosine(GRADIENT, arrived), rtol=1e-13)
    np.testing.assert_allclose(found.flow, cosine(-GRADIENT, moved), rtol=1e-7)


def test_the_angle_to_the_next_gradient_is_twice_that_to_the_flow_and_both_are_of_first_order():
    etas = 0.02 * 0.5 ** np.arange(4)[::-1]
    found = step_direction(PROBLEM, START, etas)
    next_angles, flow_angles = np.arccos(found.next_gradient), np.arccos(found.flow)
    across = np.linalg.norm(
        HESSIAN @ GRADIENT - GRADIENT * (GRADIENT @ HESSIAN @ GRADIENT) / (GRADIENT @ GRADIENT)
    )
    np.testing.assert_allclose(next_angles[0], etas[0] * across / np.linalg.norm(GRADIENT), rtol=0.02)
    assert observed_order(etas, flow_angles) == pytest.approx(1.0, abs=0.05)
    assert next_angles[0] / flow_angles[0] == pytest.approx(2.0, rel=0.02)
    assert observed_order(etas, next_angles / flow_angles - 2.0) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("bad", [[0.0, 0.1], [0.2, 0.1], [0.1, 0.1]])
def test_learning_rates_of_steps_ascend_from_above_zero(bad):
    with pytest.raises(ValueError, match="`learning_rates` must be positive and ascending"):
        step_direction(PROBLEM, START, bad)


@pytest.mark.parametrize("direction", [None, [1.0, 0.0], [1.0, 1.0]])
def test_a_step_decreases_a_quadratic_just_below_the_limit_and_not_just_above(direction):
    d = GRADIENT if direction is None else np.array(direction)
    limit = decrease_limit(PROBLEM, START, direction)
    assert limit == pytest.approx(2 * GRADIENT @ d / (d @ HESSIAN @ d), rel=1e-14)
    before = PROBLEM.loss(START)
    assert PROBLEM.loss(START - 0.99 * limit * d) < before < PROBLEM.loss(START - 1.01 * limit * d)
    assert largest_decreasing_step(PROBLEM, START, direction) == pytest.approx(limit, rel=1e-10)


def test_the_limit_along_the_gradient_is_least_along_the_top_eigenvector():
    values, vectors = np.linalg.eigh(HESSIAN)
    assert decrease_limit(PROBLEM, vectors[:, 1]) == pytest.approx(2 / values[1], rel=1e-13)
    for w in np.random.default_rng(0).standard_normal((50, 2)):
        assert decrease_limit(PROBLEM, w) >= 2 / values[1] * (1 - 1e-12)


def test_no_step_uphill_decreases():
    assert decrease_limit(PROBLEM, START, -GRADIENT) == 0.0
    assert largest_decreasing_step(PROBLEM, START, -GRADIENT) == 0.0


def test_along_a_loss_that_bends_down_no_step_is_too_long():
    saddle = Quadratic([1.0, -1.0])
    assert decrease_limit(saddle, [0.0, 1.0]) == np.inf
    assert largest_decreasing_step(SigmoidNeuron(), [-2.0]) == np.inf


def test_a_step_that_first_fails_where_the_loss_rises_again_is_found_beyond_the_second_order():
    # E = w^4 / 4 from w = 1: g = 1, E(1 - eta) = E(1) again at eta = 2, while 2 g'g / g'Hg = 2/3.
    quartic = from_callables(lambda w: (w**4).sum() / 4, lambda w: w**3, hvp=lambda w, v: 3 * w**2 * v)
    assert decrease_limit(quartic, [1.0]) == pytest.approx(2 / 3)
    assert largest_decreasing_step(quartic, [1.0]) == pytest.approx(2.0, rel=1e-12)


def test_the_first_of_several_failing_steps_is_found():
    # From w = 0.2 downhill into the well at 1, over the hill at 2, into the deeper well at 3.
    wells = from_callables(
        lambda w: -(np.sin(np.pi * w[0] / 2) ** 2) - 0.01 * w[0],
        lambda w: np.array([-np.pi / 2 * np.sin(np.pi * w[0]) - 0.01]),
    )
    eta = largest_decreasing_step(wells, [0.2])
    step = -eta * wells.gradient(np.array([0.2]))[0]
    assert 0.2 + step < 2.0
    assert wells.loss(np.array([0.2 + step])) == pytest.approx(wells.loss(np.array([0.2])), abs=1e-12)


def test_the_limit_agrees_with_the_decrease_of_a_step():
    eta = decrease_limit(PROBLEM, START)
    assert step_decrease(PROBLEM, START, eta).actual == pytest.approx(0.0, abs=1e-13)


def test_the_path_of_a_run_with_steps_of_one_length_is_as_long_as_all_of_them():
    run = descend(PROBLEM, START, Normalized(0.01), 30)
    np.testing.assert_allclose(path_length(run), 0.01 * np.arange(31), rtol=1e-12)
    signs = descend(PROBLEM, [10.0, 10.0], SignDescent(0.01), 30)
    np.testing.assert_allclose(path_length(signs), 0.01 * np.sqrt(2) * np.arange(31), rtol=1e-12)
