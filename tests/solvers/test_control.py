import numpy as np
import pytest
from scipy.integrate import RK45, solve_ivp

from gradflow.solvers import CVODE, ROCK2, KrylovBDF, Switching
from gradflow.solvers.control import Tolerance, jacobian_by_differences, rms, smallest_step, starting_step


def test_a_number_makes_one_unit_of_error_for_the_whole_state():
    y = np.array([3.0, 0.0, -4.0, 0.0])
    assert Tolerance(1e-3, 1e-2, 4).scale(y) == pytest.approx(1e-2 + 1e-3 * rms(y))
    assert rms(y) == 2.5


def test_an_array_makes_a_unit_for_every_entry():
    scale = Tolerance(1e-3, [0.0, 1e-2], 2).scale(np.array([-2.0, 5.0]))
    np.testing.assert_allclose(scale, [2e-3, 1.5e-2])


def test_the_unit_of_error_is_never_zero():
    assert Tolerance(1e-3, 0.0, 3).scale(np.zeros(3)) > 0
    assert (Tolerance(1e-3, np.zeros(3), 3).scale(np.zeros(3)) > 0).all()


def test_a_share_applies_to_both_tolerances():
    y = np.array([1.0, 1.0])
    whole = Tolerance(1e-3, 1e-4, 2).scale(y)
    assert Tolerance(1e-3, 1e-4, 2, share=0.1).scale(y) == pytest.approx(0.1 * whole)


def test_differences_give_the_product_with_the_jacobian():
    rng = np.random.default_rng(0)
    a, y, v = rng.standard_normal((5, 5)), rng.standard_normal(5), rng.standard_normal(5)

    def fun(t, y):
        return np.sin(t + a @ y)

    exact = np.cos(1.0 + a @ y) * (a @ v)
    product = jacobian_by_differences(fun, 1.0, y, fun(1.0, y), np.empty(5))
    for length in (1e-6, 1.0, 1e6):
        np.testing.assert_allclose(product(length * v), length * exact, rtol=1e-5, atol=1e-6 * length)


def test_the_first_step_scales_with_time_and_keeps_to_the_span():
    def size(rate, end_time, wanted=None):
        solver = RK45(lambda t, y: -rate * y, 0.0, [1.0], end_time)
        return starting_step(solver, wanted, -rate * solver.y, 1e-4, np.inf)

    assert size(1.0, 10.0) == pytest.approx(100 * size(100.0, 10.0), rel=1e-6)
    assert size(1.0, 1e-5) == 1e-5
    assert size(1.0, 10.0, wanted=0.5) == 0.5
    with pytest.raises(ValueError, match="`first_step` must be at most the whole span"):
        size(1.0, 10.0, wanted=11.0)


def test_the_first_step_of_euler_makes_an_error_below_its_unit():
    for rate in (1e-3, 1.0, 1e4):
        solver = RK45(lambda t, y, rate=rate: -rate * y, 0.0, [1.0], 1e9)
        h = starting_step(solver, None, -rate * solver.y, 1e-4, np.inf)
        assert 0 < abs(np.exp(-rate * h) - (1 - rate * h)) < 1e-4


def test_the_smallest_step_still_changes_the_time():
    for start in (0.0, 1.0, 1e9):
        solver = RK45(lambda t, y: -y, start, [1.0], start + 1.0)
        assert start + smallest_step(solver) > start


def test_velocities_in_single_precision_are_taken_further_apart():
    rng = np.random.default_rng(0)
    a, y, v = rng.standard_normal((50, 50)), rng.standard_normal(50), rng.standard_normal(50)

    def fun(t, y):
        return np.sin(a.astype(np.float32) @ y.astype(np.float32)).astype(np.float64)

    exact = np.cos(a @ y) * (a @ v)
    error = jacobian_by_differences(fun, 0.0, y, fun(0.0, y), np.empty(50))(v) - exact
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(exact)


@pytest.mark.parametrize("method", [KrylovBDF, ROCK2, Switching, CVODE])
def test_options_of_other_solvers_are_warned_about_in_the_words_of_scipy(method):
    if method is CVODE:
        pytest.importorskip("sksundae")
    told = []
    for solver in (method, RK45):
        with pytest.warns(UserWarning, match="no effect") as caught:
            solve_ivp(lambda t, y: -y, (0.0, 0.1), [1.0], solver, min_step=0.1, lband=1)
        told.append([str(warning.message) for warning in caught])
    assert told[0] == told[1]


@pytest.mark.parametrize("method", [KrylovBDF, ROCK2, Switching, CVODE])
def test_options_of_its_own_are_not_warned_about(method):
    # Warnings are errors here.
    if method is CVODE:
        pytest.importorskip("sksundae")
    assert solve_ivp(lambda t, y: -y, (0.0, 0.1), [1.0], method, rtol=1e-4, first_step=0.01).success


@pytest.mark.parametrize("method", [KrylovBDF, ROCK2, Switching, CVODE])
def test_an_unknown_option_is_warned_about_where_the_solver_is_made(method):
    if method is CVODE:
        pytest.importorskip("sksundae")
    with pytest.warns(UserWarning, match=r"chosen solver: `lband`\.$") as caught:
        method(lambda t, y: -y, 0.0, [1.0], 1.0, lband=1)
    assert caught[0].filename == __file__
