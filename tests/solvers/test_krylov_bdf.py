import tracemalloc

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from gradflow.solvers import KrylovBDF
from gradflow.solvers.ndf import ALPHA, ERROR, GAMMA, MAX_ORDER, rescaling


def solve(fun, span, y0, rtol=1e-6, atol=None, **options):
    atol = 1e-3 * rtol if atol is None else atol
    return solve_ivp(fun, span, y0, method=KrylovBDF, rtol=rtol, atol=atol, **options)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def logistic(t, y):
    return y * (1 - y)


def logistic_truth(t, start):
    return start * np.exp(t) / (1 + start * (np.exp(t) - 1))


def backward_differences(values):
    """Differences 0, 1, ... of values listed from the latest back."""
    return np.array([np.diff(values[k::-1], k)[0] for k in range(len(values))])


@pytest.mark.parametrize("order", range(1, MAX_ORDER + 1))
def test_each_formula_is_exact_up_to_its_order_and_then_off_by_its_error_constant(order):
    for degree in range(order + 2):
        following, past = 1.5**degree, (0.5 - np.arange(order + 1.0)) ** degree
        differences = backward_differences(past)
        correction = following - differences.sum()
        formula = GAMMA[1 : order + 1] @ differences[1:] + ALPHA[order] * correction
        slope = degree * 1.5 ** (degree - 1)
        assert formula == pytest.approx(slope - ERROR[order] * correction, abs=1e-9)
        assert (abs(correction) > 0.5) == (degree == order + 1)


@pytest.mark.parametrize("order", range(1, MAX_ORDER + 1))
@pytest.mark.parametrize("factor", [0.3, 1.0, 2.5])
def test_a_change_of_step_keeps_the_polynomial(order, factor):
    polynomial = np.polynomial.Polynomial(np.random.default_rng(order).standard_normal(order + 1))

    def differences(h):
        return backward_differences(polynomial(-h * np.arange(order + 1)))

    changed = rescaling(order, factor) @ differences(0.5)
    np.testing.assert_allclose(changed, differences(0.5 * factor), atol=1e-12)


def test_the_error_follows_the_tolerance_over_six_decades():
    tolerances = 10.0 ** -np.arange(3, 10)
    truth = logistic_truth(8.0, np.array([1e-3, 0.5]))
    errors = [relative(solve(logistic, (0, 8), [1e-3, 0.5], rtol).y[:, -1], truth) for rtol in tolerances]
    assert np.polyfit(np.log(tolerances), np.log(errors), 1)[0] == pytest.approx(1.0, abs=0.2)
    assert (np.array(errors) < 10 * tolerances).all()


def test_the_order_rises_with_the_accuracy_asked_for():
    def highest(rtol):
        solver = KrylovBDF(logistic, 0.0, [1e-3], 10.0, rtol=rtol, atol=1e-3 * rtol)
        orders = []
        while solver.status == "running":
            solver.step()
            orders.append(solver.order)
        return max(orders)

    assert highest(1e-1) < highest(1e-9) == MAX_ORDER


@pytest.mark.parametrize("order", range(1, MAX_ORDER + 1))
@pytest.mark.parametrize(
    ("fun", "truth"),
    [
        (lambda t, y: -y, lambda t: np.exp(-t) * np.array([1.0, 2.0])),
        (logistic, lambda t: logistic_truth(t, np.array([0.1, 0.5]))),
        (lambda t, y: -2 * t * y**2, lambda t: 1 / (np.array([1.0, 2.0]) + t**2)),
    ],
    ids=["linear", "nonlinear", "depends on time"],
)
def test_fixed_steps_at_a_held_order_show_that_order(fun, truth, order, monkeypatch):
    monkeypatch.setattr(KrylovBDF, "_adapt", lambda self, *rest: None)
    monkeypatch.setattr("gradflow.solvers.krylov_bdf._LINEAR", 1e-14)
    monkeypatch.setattr("gradflow.solvers.krylov_bdf._NONLINEAR", 1e-14)

    def error(num_steps):
        h = 1 / num_steps
        solver = KrylovBDF(fun, 0.0, truth(0.0), 1.0 + 5 * h, first_step=h, atol=10.0)
        past = np.array([truth(-h * k) for k in range(order + 2)])
        solver._differences[: order + 2] = np.array([backward_differences(one) for one in past.T]).T
        solver.order = order
        while solver.t < 1.0 - h / 2:
            solver.step()
        return np.linalg.norm(solver.y - truth(solver.t))

    slope = np.log2(error(40) / error(80))
    assert slope == pytest.approx(order, abs=0.15)


def test_cost_does_not_grow_with_the_stiffness():
    def cost(stiffness):
        rates = np.array([1.0, stiffness])
        run = solve(lambda t, y: -rates * y, (0, 2), [1.0, 1.0], 1e-5)
        assert relative(run.y[:, -1], np.exp(-2 * rates)) < 5e-5
        return run.nfev

    assert cost(1e8) < 2 * cost(1e2)


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-7])
def test_the_tolerance_is_honest_on_a_quadratic_of_condition_a_million(rtol):
    rates = np.logspace(-4, 2, 200)
    start = np.random.default_rng(0).standard_normal(200)
    run = solve(lambda t, y: -rates * y, (0, 1000), start, rtol)
    assert relative(run.y[:, -1], np.exp(-1000 * rates) * start) < 5 * rtol


@pytest.mark.parametrize("products", ["differences", "jvp", "linearize"])
def test_products_of_every_kind_lead_to_the_same_solution(products):
    def jvp(t, y, v):
        return (1 - 2 * y) * v

    options = {
        "differences": {},
        "jvp": {"jvp": jvp},
        "linearize": {"linearize": lambda t, y: (logistic(t, y), lambda v: jvp(t, y, v))},
    }[products]
    start = np.linspace(0.01, 2.0, 20)
    run = solve(logistic, (0, 5), start, **options)
    assert relative(run.y[:, -1], logistic_truth(5.0, start)) < 2e-6


def test_exact_products_are_counted_apart_from_evaluations():
    rates, calls = np.array([1.0, 100.0, 1e4]), []

    def jvp(t, y, v):
        calls.append(t)
        return -rates * v

    solver = KrylovBDF(lambda t, y: -rates * y, 0.0, np.ones(3), 1.0, jvp=jvp)
    while solver.status == "running":
        solver.step()
    assert solver.num_products == len(calls) > 0


def test_a_flow_that_is_not_stiff_needs_a_product_in_few_of_its_steps():
    options = {"rtol": 1e-6, "atol": 1e-9, "jvp": lambda t, y, v: (1 - 2 * y) * v}
    start = np.linspace(0.01, 2.0, 20)
    solver, num_steps = KrylovBDF(logistic, 0.0, start, 5.0, **options), 0
    while solver.status == "running":
        solver.step()
        num_steps += 1
    assert relative(solver.y, logistic_truth(5.0, start)) < 2e-6
    assert solver.num_products < 0.5 * num_steps


def test_rough_products_change_the_cost_and_not_the_result():
    start = np.linspace(0.01, 2.0, 20)

    def run(factor):
        options = {"jvp": lambda t, y, v: factor * (1 - 2 * y) * v}
        return solve(logistic, (0, 5), start, 1e-5, **options)

    exact, rough = run(1.0), run(0.7)
    assert relative(rough.y[:, -1], logistic_truth(5.0, start)) < 5e-5
    assert rough.nfev < 3 * exact.nfev


class HeavyBall:
    """w'' = -friction w' - h w for 100 curvatures h from 0.01 to 100, from rest, until t = 30."""

    curvatures, end_time = np.geomspace(1e-2, 1e2, 100), 30.0

    def __init__(self, friction):
        self.friction = friction
        self.start = np.concatenate([np.random.default_rng(0).standard_normal(100), np.zeros(100)])

    def __call__(self, t, y):
        return np.concatenate([y[100:], -self.friction * y[100:] - self.curvatures * y[:100]])

    @property
    def truth(self):
        matrices = [np.array([[0, 1], [-h, -self.friction]]) for h in self.curvatures]
        moved = [expm(self.end_time * a) @ [x, 0] for a, x in zip(matrices, self.start[:100], strict=True)]
        return np.array(moved).T.ravel()


# Friction 2 oscillates ten times a unit of time until t is about 10, which needs the short steps of any
# method. There the costs scatter by a tenth from one tolerance to the next, so four are taken together.
@pytest.mark.parametrize(("friction", "share"), [(2, 1.0), (5, 0.85), (10, 0.7), (20, 0.45), (40, 0.25)])
def test_momentum_costs_at_most_what_it_does_with_rk45(friction, share):
    motion = HeavyBall(friction)
    span, ratios = (0, motion.end_time), []
    for rtol in (1e-3, 1e-4, 1e-5, 1e-6):
        explicit = solve_ivp(motion, span, motion.start, method="RK45", rtol=rtol, atol=1e-3 * rtol)
        implicit = solve(motion, span, motion.start, rtol)
        for run in (implicit, explicit):
            assert relative(run.y[:, -1], motion.truth) < 2 * rtol
        ratios.append(implicit.nfev / explicit.nfev)
    assert np.exp(np.mean(np.log(ratios))) <= share


def test_an_oscillation_is_followed_though_explicit_methods_are_cheaper():
    motion = HeavyBall(0.5)
    run = solve(motion, (0, motion.end_time), motion.start, 1e-4)
    assert relative(run.y[:, -1], motion.truth) < 3e-3


def test_an_array_of_absolute_tolerances_measures_every_entry_by_itself():
    # Robertson's kinetics (Hairer and Wanner II, IV.1): the second species is 1e5 times scarcer.
    def kinetics(t, y):
        a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
        return np.array([-a + b, a - b - c, c])

    truth = solve_ivp(kinetics, (0, 100), [1.0, 0, 0], method="Radau", rtol=1e-9, atol=1e-13).y[:, -1]
    run = solve(kinetics, (0, 100), [1.0, 0, 0], 1e-5, atol=[1e-8, 1e-12, 1e-8])
    np.testing.assert_allclose(run.y[:, -1], truth, rtol=5e-5)


def test_a_hundred_saddles_are_left_in_the_right_directions():
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((100, 100)))[0]
    signs = np.where(rng.random(100) < 0.5, 1.0, -1.0)

    def flow(t, y):
        z = rotation.T @ y
        return -rotation @ ((z * z - 1) * z)

    run = solve(flow, (0, 20), rotation @ (1e-3 * signs), 1e-4)
    np.testing.assert_allclose(rotation.T @ run.y[:, -1], signs, atol=1e-4)


def test_kinks_are_passed():
    features = np.random.default_rng(0).standard_normal((30, 30))

    def flow(t, y):
        return -features.T @ np.maximum(features @ y - 1, 0)

    start = np.random.default_rng(1).standard_normal(30)
    truth = solve_ivp(flow, (0, 5), start, method="RK45", rtol=1e-9, atol=1e-11).y[:, -1]
    assert relative(solve(flow, (0, 5), start, 1e-5).y[:, -1], truth) < 5e-5


def test_a_start_without_velocity_stays_and_one_beside_it_leaves():
    assert solve(lambda t, y: -(y**3), (0, 2), np.zeros(3)).y[:, -1].tolist() == [0, 0, 0]
    driven = solve(lambda t, y: np.full(2, 3 * t**2), (0, 2), [0.0, 1.0])
    np.testing.assert_allclose(driven.y[:, -1], [8.0, 9.0], rtol=1e-5)


def test_nan_beyond_a_wall_ends_the_solution_at_the_wall():
    run = solve(lambda t, y: np.where(y > 3, np.nan, y), (0, 5), [1.0, 1.0])
    assert not run.success
    assert run.t[-1] == pytest.approx(np.log(3), rel=1e-3)
    assert np.isfinite(run.y).all()


def test_nan_in_a_trial_step_is_stepped_around():
    def flow(t, y):
        return np.where(y < 0.5, np.nan, 1 - y)

    run = solve(flow, (0, 3), [0.6], first_step=1.0)
    assert run.success
    assert run.y[0, -1] == pytest.approx(1 - 0.4 * np.exp(-3), rel=1e-5)


def test_a_blow_up_ends_before_it():
    run = solve(lambda t, y: y**2, (0, 5), [1.0], 1e-4)
    assert not run.success
    assert 0.9 < run.t[-1] < 1.001


def test_time_may_run_backward():
    assert solve(lambda t, y: -y, (0, -2), [1.0]).y[0, -1] == pytest.approx(np.exp(2), rel=1e-5)


def test_dense_output_is_as_accurate_as_the_steps():
    rates = np.arange(1.0, 4.0)
    run = solve(lambda t, y: -rates * y, (0, 3), np.ones(3), dense_output=True)
    times = np.linspace(0, 3, 200)
    assert np.abs(run.sol(times) - np.exp(-np.outer(rates, times))).max() < 5e-6
    np.testing.assert_allclose(run.sol(run.t), run.y, atol=1e-7)


def test_the_workspace_is_the_stated_number_of_vectors():
    n, basis = 1_000_000, 3
    rates, start, velocity = np.linspace(-10.0, 0.0, n), np.ones(n), np.empty(n)

    def decay(t, y):
        return np.multiply(rates, y, out=velocity)

    tracemalloc.start()
    solver = KrylovBDF(decay, 0.0, start, 1.0, rtol=1e-3, atol=1e-6, max_basis=basis)
    orders = set()
    for _ in range(20):
        solver.step()
        orders.add(solver.order)
    peak = tracemalloc.get_traced_memory()[1] / (8 * n)
    tracemalloc.stop()
    assert max(orders) > 2
    assert peak < 8 + basis + 1 + 9 + 0.2


def test_a_function_that_reuses_its_output_is_safe():
    rates, buffer = np.array([1.0, 50.0]), np.empty(2)

    def reusing(t, y):
        return np.multiply(-rates, y, out=buffer)

    fresh = solve(lambda t, y: -rates * y, (0, 1), np.ones(2))
    np.testing.assert_array_equal(solve(reusing, (0, 1), np.ones(2)).y, fresh.y)


def test_the_steps_keep_to_their_bounds():
    run = solve(lambda t, y: -y, (0, 1), [1.0], 1e-2, max_step=0.01, first_step=0.005)
    assert np.diff(run.t).max() <= 0.01 + 1e-12
    assert run.t[1] == 0.005


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"rtol": 0.0}, "`rtol` must be a positive"),
        ({"atol": -1.0}, "`atol` must be a number >= 0"),
        ({"atol": np.ones(3)}, "`atol` must be a number >= 0 or 2"),
        ({"max_step": 0.0}, "`max_step` must be a positive"),
        ({"first_step": 2.0}, "`first_step` must be at most"),
        ({"max_basis": 0}, "`max_basis` must be a whole number"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        solve_ivp(lambda t, y: -y, (0, 1), np.ones(2), method=KrylovBDF, **options)
