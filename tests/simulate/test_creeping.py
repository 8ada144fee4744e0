import time
import warnings
from functools import partial

import numpy as np
import pytest
from scipy.integrate import DOP853, LSODA, RK23, RK45

import gradflow as gf
from gradflow.simulate.counting import BudgetSpent
from gradflow.simulate.creeping import MANY, NUM_LOOKS, WINDOW, CreepWatch, jumps
from gradflow.simulate.integrators import INTEGRATORS

METHODS = [*INTEGRATORS, "auto"]


def slope(down, up):
    """The velocity of E = |w_1| + (up w_2 where w_2 > 0, -down w_2 where not)."""
    return lambda t, y: np.array([-np.sign(y[0]), np.where(y[1] > 0, -up, down)])


def kinked(a, quadratic=0.0):
    """E = sum |A w| + quadratic |w|^2 / 2."""
    return gf.problems.from_callables(
        lambda w: np.abs(a @ w).sum() + 0.5 * quadratic * (w @ w),
        lambda w: a.T @ np.sign(a @ w) + quadratic * w,
        a.shape[1],
        hvp=lambda w, v: quadratic * v,
    )


def run(problem, w0, end_time, method, **options):
    if method == "cvode":
        pytest.importorskip("sksundae")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gf.CostWarning)
        return gf.integrate(gf.GradientFlow(problem), w0, end_time, method=method, times=2, **options)


@pytest.mark.parametrize("method", METHODS)
def test_sliding_on_a_kink_ends_with_a_sentence_that_names_it(method):
    began = time.process_time()
    slid = run(kinked(np.eye(2)), [1.0, -0.3], 3.0, method)
    assert time.process_time() - began < 4
    assert slid.outcome is gf.Outcome.FAILED
    assert "slides along a kink" in slid.message
    assert "descend" in slid.message
    assert 0.3 - 1e-6 < slid.times[-1] < 0.4
    assert slid.num_gradients < 20_000


@pytest.mark.parametrize("method", METHODS)
def test_sliding_on_a_kink_across_all_weights_ends_too(method):
    a = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0], [2.0, 0.0, 1.0]])
    slid = run(kinked(a, 1.0), [1.0, -0.3, 0.4], 3.0, method)
    assert "slides along a kink" in slid.message
    assert slid.num_gradients < 20_000


@pytest.mark.parametrize("rates", [1.0, np.array([0.1, 3.0, 0.3, 10.0])], ids=["one rate", "a rate a weight"])
@pytest.mark.parametrize("method", ["RK23", "RK45", "LSODA", "krylov-bdf", "rock2"])
def test_sliding_where_kinks_meet_ends_too(method, rates):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        problem = kinked(rng.standard_normal((4, 4)), 1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", gf.CostWarning)
            flow = gf.GradientFlow(problem, rates)
            slid = gf.integrate(flow, rng.standard_normal(4), 3.0, method=method, times=2)
        assert "slides along a kink" in slid.message
        assert slid.num_gradients < 20_000


@pytest.mark.parametrize("solver", [RK23, RK45, DOP853, LSODA])
def test_many_kinks_that_are_passed_through_end_nothing(solver):
    # The slope is 1 and 2 in turns, over lengths of 0.02: 0.03 in w and t for each pair, 20 pairs.
    def gradient(w):
        return 1.0 + np.floor(50 * w) % 2

    problem = gf.problems.from_callables(
        lambda w: float((w + np.floor(25 * w) / 50 + np.maximum(w % 0.04 - 0.02, 0)).sum()),
        gradient,
        1,
        hvp=lambda w, v: np.zeros_like(v),
    )
    passed = run(problem, [0.8 - 1e-3], 0.6, partial(solver, max_step=5e-3))
    assert passed.outcome is gf.Outcome.FINISHED
    assert passed.final_weights[0] == pytest.approx(-1e-3, abs=1e-4)


@pytest.mark.parametrize("method", ["RK45", "rock2"])
def test_a_slide_that_a_loose_tolerance_affords_goes_on(method):
    slid = run(kinked(np.eye(2)), [1.0, -0.3], 0.9, method, rtol=1e-2, atol=1e-2)
    assert slid.outcome is gf.Outcome.FINISHED
    assert slid.final_weights[0] == pytest.approx(0.1, abs=1e-9)
    assert abs(slid.final_weights[1]) < 0.1


@pytest.mark.parametrize("method", [name for name in METHODS if name != "rock2"])
def test_a_kink_that_is_passed_through_ends_nothing(method):
    # The slope is 1 before the kink and 3 behind it: w = 1/2 - t, then -3 (t - 1/2).
    def gradient(w):
        return np.where(w > 0, 1.0, 3.0)

    problem = gf.problems.from_callables(
        lambda w: gradient(w) @ w, gradient, 1, hvp=lambda w, v: np.zeros_like(v)
    )
    passed = run(problem, [0.5], 1.0, method)
    assert passed.outcome is gf.Outcome.FINISHED
    assert passed.final_weights[0] == pytest.approx(-1.5, abs=1e-4)


@pytest.mark.parametrize("distance", [1e-9, 3e-9, 1e-8])
@pytest.mark.parametrize("up", [0.1, 1.0, 50.0])
def test_a_jump_of_the_velocity_is_found_ahead(distance, up):
    y = np.array([0.7, up * distance])
    assert jumps(slope(1.0, up), 0.0, y, 1e-8)
    assert jumps(slope(-2.0, up), 0.0, y, 1e-8)
    assert not jumps(slope(-up, up), 0.0, y, 1e-8)


def test_a_jump_is_found_where_the_ray_meets_round_numbers():
    for distance in (1e-9, 2e-9, 4e-9):
        assert jumps(lambda t, y: -np.sign(y), 0.0, np.array([0.7, distance]), 1e-9)


@pytest.mark.parametrize("steepness", [1.0, 1e4, 1e9])
def test_what_is_steep_and_smooth_is_no_jump(steepness):
    # tanh is a kink's velocity, rounded over the distance 1 / steepness.
    y = np.array([0.7, 1.0 / steepness])
    for step in (0.1 / steepness, 3.0 / steepness):
        assert not jumps(lambda t, y: -np.tanh(steepness * y), 0.0, y, step)
        assert not jumps(lambda t, y: -steepness * y, 0.0, y, step)


def test_a_velocity_that_is_known_only_roughly_has_no_jump():
    noise = np.random.default_rng(0)
    y = np.array([0.7, 0.2])
    found = [jumps(lambda t, y: -y + 1e-2 * noise.standard_normal(2), 0.0, y, 1e-6) for _ in range(200)]
    assert not any(found)


def test_a_velocity_of_zero_and_one_that_raises_have_no_jump():
    y = np.array([0.7, 1e-9])

    def edge(t, y):
        if y[1] < 0:
            raise ValueError("math domain error")
        return -np.ones(2)

    assert not jumps(lambda t, y: 0 * y, 0.0, y, 1e-9)
    assert not jumps(edge, 0.0, y, 1e-9)


def test_the_budget_holds_while_a_kink_is_looked_for():
    def spent(t, y):
        raise BudgetSpent

    with pytest.raises(BudgetSpent):
        jumps(spent, 0.0, np.ones(2), 1e-9)


def looks(flow, step, end_time, num_looks, y):
    """What a watch says, look by look, of a run that takes one step a gradient."""
    watch = CreepWatch(flow, 0.0, end_time)
    times = step * np.arange(1, num_looks * WINDOW + 1)
    return [watch.creeps(t, y, count) for count, t in enumerate(times, 1)].index(True) + 1


def test_a_slide_ends_after_some_looks_and_only_if_the_rest_costs_too_much():
    y, step = np.array([0.7, 1e-9]), 1e-9
    flow = slope(1.0, 1.0)
    assert looks(flow, step, 1.1 * MANY * step, NUM_LOOKS, y) == NUM_LOOKS * WINDOW
    with pytest.raises(ValueError, match="not in list"):
        looks(flow, step, 0.99 * MANY * step, NUM_LOOKS, y)


def test_looks_that_find_nothing_become_rare():
    calls = []

    def smooth(t, y):
        calls.append(t)
        return -y

    watch = CreepWatch(smooth, 0.0, 1.0)
    num_steps = 100 * WINDOW
    assert not any(watch.creeps(1e-9 * k, np.ones(2), k) for k in range(1, num_steps + 1))
    assert 0 < len(calls) < 1e-3 * num_steps


BLOW_UP = (lambda w: -(w**3).sum() / 3, lambda w: -(w**2), lambda w, v: -2 * w * v)
SINGULARITY = (lambda w: np.log(w).sum(), lambda w: 1 / w, lambda w, v: -v / w**2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("functions", [BLOW_UP, SINGULARITY], ids=["y' = y^2", "y' = -1/y"])
def test_steps_that_shrink_towards_a_blow_up_or_a_singularity_are_no_slide(method, functions):
    loss, gradient, hvp = functions
    problem = gf.problems.from_callables(loss, gradient, 1, hvp=hvp)
    ended = run(problem, [1.0], 3.0, method)
    assert "kink" not in ended.message
    assert ended.outcome is gf.Outcome.DIVERGED


@pytest.mark.parametrize("method", METHODS)
def test_a_flow_that_keeps_off_a_barrier_is_no_slide(method):
    # E = w - log w / 1e5: dw/dt = 0 at w = 1e-5, where the curvature is 1e5.
    problem = gf.problems.from_callables(
        lambda w: (w - 1e-5 * np.log(w)).sum(), lambda w: 1 - 1e-5 / w, 1, hvp=lambda w, v: 1e-5 * v / w**2
    )
    assert "kink" not in run(problem, [0.5], 0.7, method).message


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853"])
def test_an_explicit_method_held_back_by_stiffness_is_no_slide(method):
    problem = gf.problems.Quadratic([1.0, 1e6])
    steps_left = list(range(2_500))

    def stop(t, w):
        steps_left.pop()
        return not steps_left

    # Some 10^6 gradients are left all the time, ten times what a slide may take.
    held = run(problem, [1.0, 1.0], 2.0, method, callback=stop)
    assert held.outcome is gf.Outcome.EVENT
    assert held.num_gradients > 2 * NUM_LOOKS * WINDOW


def kinked_net():
    return gf.problems.FeedForward(*gf.datasets.chebyshev(5), widths=(30,), activation="relu")


@pytest.mark.parametrize("method", ["LSODA", "krylov-bdf"])
def test_a_net_of_relu_that_slides_ends_and_one_of_softplus_goes_on(method):
    problem = kinked_net()
    w0 = problem.initial_weights(0)
    assert "slides along a kink" in run(problem, w0, 1e5, method).message
    smooth = gf.problems.FeedForward(*gf.datasets.chebyshev(5), widths=(30,), activation="softplus")
    assert run(smooth, w0, 1e3, method).outcome is gf.Outcome.FINISHED


@pytest.mark.parametrize("budget", [600, 5_000])
def test_a_budget_of_the_users_own_takes_the_place_of_the_limit(budget):
    assert "max_evaluations" in run(kinked(np.eye(2)), [1.0, -0.3], 3.0, "RK45").message
    slid = run(kinked(np.eye(2)), [1.0, -0.3], 3.0, "RK45", max_evaluations=budget)
    assert slid.outcome is gf.Outcome.BUDGET
    assert slid.num_gradients == budget
