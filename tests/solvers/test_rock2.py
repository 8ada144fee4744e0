import tracemalloc

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from gradflow.solvers import ROCK2
from gradflow.solvers.rock2_coefficients import coefficients


def solve(fun, span, y0, rtol=1e-4, **options):
    return solve_ivp(fun, span, y0, method=ROCK2, rtol=rtol, atol=1e-3 * rtol, **options)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def test_halving_the_step_quarters_the_error_for_every_number_of_stages():
    # A nonlinear equation that also depends on t: y = 1 / (1 + t^2).
    def flow(t, y):
        return -2 * t * y**2

    for stages in (3, 5, 12, 50):
        method = coefficients(stages)

        def error(num_steps, method=method):
            h = 1.0 / num_steps
            solver = ROCK2(flow, 0.0, [1.0], 1.0)
            for k in range(num_steps):
                solver.t = k * h
                solver._velocity = flow(solver.t, solver.y)
                solver.y, _ = solver._stages(method, h)
            return abs(solver.y[0] - 0.5)

        assert np.log2(error(32) / error(64)) == pytest.approx(2.0, abs=0.1)


def test_a_linear_step_is_the_stability_polynomial():
    rates = np.linspace(0.0, 60.0, 7)
    solver = ROCK2(lambda t, y: -rates * y, 0.0, np.ones(7), 1.0)
    y, _ = solver._stages(coefficients(10), 1.0)
    np.testing.assert_allclose(y, coefficients(10).stability(-rates), atol=1e-12)


def test_the_error_at_the_end_follows_the_tolerance():
    tolerances = np.array([1e-2, 1e-3, 1e-4, 1e-5])
    rates = np.logspace(-1, 3, 50)
    start = np.ones(50)
    errors = [
        relative(solve(lambda t, y: -rates * y, (0, 3), start, rtol).y[:, -1], np.exp(-3 * rates))
        for rtol in tolerances
    ]
    assert (errors < 3 * tolerances).all()
    assert np.polyfit(np.log(tolerances), np.log(errors), 1)[0] == pytest.approx(1.0, abs=0.2)


def test_the_cost_grows_with_the_square_root_of_the_stiffness():
    def cost(stiffness):
        rates = np.array([1.0, stiffness])
        run = solve(lambda t, y: -rates * y, (0, 3), [1.0, 1.0], 1e-3)
        assert run.success
        return run.nfev

    assert cost(1e5) / cost(1e3) == pytest.approx(10.0, rel=0.5)


def test_the_spectral_radius_is_tracked_as_it_grows():
    # The Jacobian -3 y^2 grows 400-fold.
    solver = ROCK2(lambda t, y: -(y**3 - t**3), 1.0, [1.0], 20.0, rtol=1e-3)
    with np.errstate(over="ignore", invalid="ignore"):
        while solver.status == "running":
            solver.step()
    assert solver.y[0] == pytest.approx(20.0, rel=1e-2)
    assert solver.spectral_radius == pytest.approx(3 * 20.0**2, rel=0.3)


def test_a_problem_beyond_the_most_stages_takes_shorter_steps():
    rates = np.array([1.0, 1e7])
    run = solve(lambda t, y: -rates * y, (0, 0.1), [1.0, 1.0], 1e-3)
    assert run.success
    assert np.diff(run.t).max() < 0.82 * 200**2 / 1e7
    assert run.y[0, -1] == pytest.approx(np.exp(-0.1), rel=1e-3)


def test_diffusion_is_followed():
    n = 100
    x = np.arange(1, n + 1) / (n + 1)

    def diffusion(t, y):
        padded = np.pad(y, 1)
        return (padded[2:] - 2 * y + padded[:-2]) * (n + 1) ** 2

    rate = 4 * (n + 1) ** 2 * np.sin(np.pi / (2 * (n + 1))) ** 2
    run = solve(diffusion, (0, 0.1), np.sin(np.pi * x))
    assert relative(run.y[:, -1], np.exp(-0.1 * rate) * np.sin(np.pi * x)) < 5e-4
    assert run.nfev < 1500


def test_a_start_without_velocity_and_a_single_unknown_are_fine():
    assert solve(lambda t, y: -(y**3), (0, 2), np.zeros(3)).y[:, -1].tolist() == [0, 0, 0]
    assert solve(lambda t, y: -y, (0, 1), [1.0]).y[0, -1] == pytest.approx(np.exp(-1), rel=1e-3)


def test_nan_beyond_a_wall_ends_the_solution_at_the_wall():
    run = solve(lambda t, y: np.where(y > 3, np.nan, y), (0, 5), [1.0, 1.0])
    assert not run.success
    assert run.t[-1] == pytest.approx(np.log(3), rel=1e-2)
    assert np.isfinite(run.y).all()


def test_a_blow_up_ends_before_it():
    run = solve(lambda t, y: y**2, (0, 5), [1.0])
    assert not run.success
    assert 0.9 < run.t[-1] < 1.01


def test_a_blow_up_costs_steps_proportional_to_one_over_the_root_of_the_tolerance():
    # y = 1 / (1 - t): every step is the same share of the time left, down to the spacing of floats.
    tolerances = np.array([1e-2, 1e-3, 1e-4])
    costs = [solve(lambda t, y: y**2, (0, 5), [1.0], rtol).nfev for rtol in tolerances]
    assert np.polyfit(np.log(tolerances), np.log(costs), 1)[0] == pytest.approx(-0.5, abs=0.05)
    assert costs[1] < 3000


def test_the_workspace_is_the_stated_number_of_vectors():
    n = 1_000_000
    rates, start, velocity = np.linspace(-10.0, 0.0, n), np.ones(n), np.empty(n)

    def decay(t, y):
        return np.multiply(rates, y, out=velocity)

    tracemalloc.start()
    solver = ROCK2(decay, 0.0, start, 1.0, rtol=1e-2, atol=1e-5)
    for _ in range(10):
        solver.step()
    peak = tracemalloc.get_traced_memory()[1] / (8 * n)
    tracemalloc.stop()
    assert peak < 14 + 0.2


def test_time_may_run_backward():
    assert solve(lambda t, y: -y, (0, -2), [1.0]).y[0, -1] == pytest.approx(np.exp(2), rel=1e-3)


def test_dense_output_is_as_accurate_as_the_steps():
    rates = np.arange(1.0, 4.0)
    run = solve(lambda t, y: -rates * y, (0, 3), np.ones(3), dense_output=True)
    times = np.linspace(0, 3, 200)
    assert np.abs(run.sol(times) - np.exp(-np.outer(rates, times))).max() < 3e-4
    np.testing.assert_allclose(run.sol(run.t), run.y, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"rtol": -1.0}, "`rtol` must be a positive"),
        ({"atol": np.nan}, "`atol` must be a number >= 0"),
        ({"max_step": -1.0}, "`max_step` must be a positive"),
        ({"first_step": 0.0}, "`first_step` must be a positive"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        solve_ivp(lambda t, y: -y, (0, 1), np.ones(2), method=ROCK2, **options)
