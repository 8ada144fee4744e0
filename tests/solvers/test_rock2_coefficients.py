import numpy as np
import pytest

from gradflow.solvers.rock2_coefficients import DAMPING, INTERVAL, MAX_STAGES, coefficients

STAGES = [3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 23, 40, 77, 120, MAX_STAGES]


def derivatives(method):
    """R, R', R'' at 0 by Taylor arithmetic on the recurrence."""
    zero, one = np.zeros(3), np.array([1.0, 0.0, 0.0])

    def times_z(series):
        return np.array([0.0, series[0], series[1]])

    before, now = one, one + method.mu[0] * times_z(one)
    for mu, kappa in zip(method.mu[1:], method.kappa[1:], strict=True):
        before, now = now, mu * times_z(now) + (1 + kappa) * now - kappa * before
    value = now + 2 * method.sigma * times_z(now) + method.tau * times_z(times_z(now)) + zero
    return value * [1, 1, 2]


@pytest.mark.parametrize("stages", STAGES)
def test_the_stability_polynomial_agrees_with_the_exponential_to_second_order(stages):
    np.testing.assert_allclose(derivatives(coefficients(stages)), 1.0, rtol=1e-10)


@pytest.mark.parametrize("stages", STAGES)
def test_the_stages_advance_the_time_by_one_step(stages):
    method = coefficients(stages)
    assert method.times[-1] + 2 * method.sigma == pytest.approx(1.0, abs=1e-10)
    assert len(method.times) == stages - 1 == len(method.mu) + 1 == len(method.kappa) + 1
    assert (np.diff(method.times) > 0).all()


@pytest.mark.parametrize("stages", STAGES)
def test_the_method_is_stable_on_its_interval_and_not_beyond(stages):
    method = coefficients(stages)
    z = -np.linspace(0.0, method.interval, 400 * stages)
    assert np.abs(method.stability(z)).max() <= 1 + 1e-10
    assert abs(method.stability(np.array([-1.01 * method.interval]))[0]) > 1


@pytest.mark.parametrize("stages", STAGES)
def test_ripples_are_damped_and_as_high_as_the_damping_allows(stages):
    method = coefficients(stages)
    z = -np.linspace(0.0, method.interval, 400 * stages)
    values = method.stability(z)
    behind = np.abs(values[np.argmax(values < 0) :])
    assert behind.max() == pytest.approx(DAMPING, abs=2e-3)


@pytest.mark.parametrize("stages", STAGES)
def test_the_interval_grows_as_the_square_of_the_stages(stages):
    share = coefficients(stages).interval / stages**2
    assert share >= (0.79 if stages >= 10 else 0.75 if stages >= 5 else 0.68)
    assert share < 0.82


def test_the_stated_interval_is_reached_by_the_most_stages():
    assert coefficients(MAX_STAGES).interval >= INTERVAL * MAX_STAGES**2


def test_the_quadratic_factor_has_no_real_root():
    for stages in STAGES:
        method = coefficients(stages)
        assert method.sigma**2 < method.tau


def test_coefficients_are_made_once():
    assert coefficients(12) is coefficients(12)
