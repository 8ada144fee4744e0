import numpy as np
import pytest

from gradflow import descend
from gradflow.analysis.stability import cycles, flip_sign, one_step_map
from gradflow.analysis.stability.maps import flip_learning_rate
from gradflow.problems import (
    DoubleWell,
    Quadratic,
    ScalarProduct,
    SigmoidNeuron,
    from_callables,
    overlapping_logistic,
)

WELL = DoubleWell()


def test_the_map_is_one_step_of_descent():
    step = one_step_map(WELL, 0.7)
    run = descend(WELL, [0.3], 0.7, 5)
    np.testing.assert_allclose(step.orbit(0.3, 5), run.weights[:, 0], rtol=1e-14)
    x = np.linspace(-2, 2, 7)
    np.testing.assert_allclose(step.slope(x), (step(x + 1e-6) - step(x - 1e-6)) / 2e-6, atol=1e-8)


def test_the_fixed_points_are_the_stationary_points_with_multiplier_one_minus_eta_curvature():
    found = cycles(WELL, 1.2, 1, -2.0, 2.0)
    assert [cycle.points[0] for cycle in found] == pytest.approx([-1.0, 0.0, 1.0], abs=1e-9)
    assert [cycle.multiplier for cycle in found] == pytest.approx([-1.4, 2.2, -1.4])
    assert [cycle.is_stable for cycle in cycles(WELL, 0.9, 1, -2.0, 2.0)] == [True, False, True]


def test_two_cycles_have_their_closed_form():
    rate = 1.1
    found = cycles(WELL, rate, 2, 0.1, 1.6)
    assert len(found) == 1
    a, b = found[0].points
    assert a * b == pytest.approx(1 / rate, rel=1e-9)
    slopes = [1 - rate * (3 * x * x - 1) for x in (a, b)]
    assert found[0].multiplier == pytest.approx(slopes[0] * slopes[1], rel=1e-6)
    assert found[0].is_stable
    assert not cycles(WELL, 0.9, 2, 0.1, 1.3)


def test_a_stable_cycle_is_where_descent_ends_up():
    found = cycles(WELL, 1.26, 4, 0.1, 1.6)
    points = np.sort(descend(WELL, [0.9], 1.26, 5000).weights[-4:, 0])
    stable = [cycle for cycle in found if cycle.is_stable]
    assert len(stable) == 1
    np.testing.assert_allclose(np.sort(stable[0].points), points, rtol=1e-6)


@pytest.mark.parametrize(
    ("period", "low", "high", "expected"),
    [(1, 0.9, 1.1, 1.0), (2, 1.1, 1.25, np.sqrt(5) - 1), (4, 1.25, 1.29, 1.28803)],
)
def test_the_double_well_flips_where_it_is_known_to(period, low, high, expected):
    assert flip_learning_rate(WELL, [0.9], period, low, high) == pytest.approx(expected, abs=5e-6)


def test_no_flip_between_is_said():
    with pytest.raises(ValueError, match="must have a flip of period 1 between them"):
        flip_learning_rate(WELL, [0.9], 1, 0.5, 0.9)


def test_the_flip_sign_of_the_double_well_is_96():
    assert flip_sign(WELL, [1.0]) == pytest.approx(3 * 36 - 2 * 6, rel=1e-8)


def with_quartic(c):
    """E = x^2 / 2 + c x^4: a 2-cycle beyond eta = 2 that is stable for c below 0 only."""
    return from_callables(
        lambda w: float(w[0] ** 2 / 2 + c * w[0] ** 4),
        lambda w: w + 4 * c * w**3,
        1,
        hvp=lambda w, v: (1 + 12 * c * w[0] ** 2) * v,
    )


@pytest.mark.parametrize(("c", "stays"), [(-0.01, True), (0.01, False)])
def test_the_flip_sign_tells_whether_the_cycle_beyond_the_limit_is_stable(c, stays):
    problem = with_quartic(c)
    assert flip_sign(problem, [0.0]) == pytest.approx(-24 * c, rel=1e-6)
    final = descend(problem, [0.1], 2.02, 3000).final_weights[0]
    assert (abs(final) < 2.0) == stays


def test_logistic_regression_on_overlapping_classes_has_a_stable_cycle_beyond_its_limit():
    problem = overlapping_logistic(2, 1)
    minimum = np.log([2.0])
    assert flip_sign(problem, minimum) > 0
    assert flip_learning_rate(problem, minimum + 0.1, 1, 8.0, 9.5) == pytest.approx(9.0, rel=1e-6)
    assert [cycle.is_stable for cycle in cycles(problem, 9.1, 2, -3.0, 5.0)] == [True]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: one_step_map(ScalarProduct(2), 0.1), "`problem` must have one weight, got 2"),
        (lambda: flip_sign(Quadratic([1.0, 2.0]), [0.0, 0.0]), "`problem` must have one weight"),
        (lambda: one_step_map(WELL, 0.0), "`learning_rate` must be a positive number"),
        (lambda: cycles(WELL, 0.1, 1, 1.0, 0.0), "`low` must be below `high`"),
        (lambda: cycles(WELL, 0.1, 0, 0.0, 1.0), "`period` must be a whole number"),
    ],
)
def test_bad_arguments_are_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_a_loss_without_a_minimum_has_no_fixed_point():
    assert cycles(SigmoidNeuron(), 1.0, 1, -5.0, 5.0) == []
