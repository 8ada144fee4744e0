import dataclasses

import numpy as np
import pytest

import gradflow as gf
from gradflow import rules

ALL = [
    rules.GradientDescent(0.1),
    rules.HeavyBall(0.1, 0.9),
    rules.Nesterov(0.1, 0.9),
    rules.SignDescent(0.1),
    rules.RandomSign(0.1),
    rules.Normalized(0.1),
    rules.RMSProp(0.1),
    rules.Adam(0.1),
]


def iterate(rule, gradient, w, num_steps):
    state = rule.init(w)
    path = [w]
    for step in range(num_steps):
        w, state = rule.update(w, gradient(w), state, step)
        path.append(w)
    return np.array(path)


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: type(rule).__name__)
def test_an_update_leaves_its_arguments_as_they_are(rule):
    w, g = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    state = rule.init(w)
    before = None if state is None else state.copy()
    rule.update(w, g, state, 0)
    np.testing.assert_array_equal(w, [1.0, -2.0])
    np.testing.assert_array_equal(g, [0.5, 3.0])
    assert state is None or np.array_equal(state, before)


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize(
    "learning_rate", [np.array([0.1, 0.2]), np.diag([0.1, 0.2]), lambda step: 0.1 / (1 + step)]
)
def test_every_rule_takes_every_kind_of_learning_rate(rule, learning_rate):
    changed = dataclasses.replace(rule, learning_rate=learning_rate)
    w, g = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    plain = rule.update(w, g, rule.init(w), 0)[0] - w
    factors = np.array([1.0, 1.0]) if callable(learning_rate) else np.array([1.0, 2.0])
    np.testing.assert_allclose(changed.update(w, g, changed.init(w), 0)[0] - w, factors * plain, rtol=1e-14)


def test_heavy_ball_is_the_two_step_recursion():
    eta, b, h = 0.3, 0.6, np.array([1.0, 3.0])
    path = iterate(rules.HeavyBall(eta, b), lambda w: h * w, np.array([1.0, 1.0]), 20)
    for k in range(1, 20):
        expected = path[k] - eta * h * path[k] + b * (path[k] - path[k - 1])
        np.testing.assert_allclose(path[k + 1], expected, atol=1e-14)


def test_nesterov_stores_the_point_ahead_of_the_two_sequences():
    eta, b, h = 0.3, 0.6, np.array([1.0, 3.0])
    path = iterate(rules.Nesterov(eta, b), lambda w: h * w, np.array([1.0, 1.0]), 20)
    x, ahead = path[0], path[0]
    for k in range(20):
        x_new = ahead - eta * h * ahead
        ahead, x = x_new + b * (x_new - x), x_new
        np.testing.assert_allclose(path[k + 1], ahead, atol=1e-14)


def test_sign_descent_moves_every_weight_by_the_same_amount():
    w = rules.SignDescent(0.1).update(np.zeros(3), np.array([1e-9, -5.0, 0.0]), None, 0)[0]
    np.testing.assert_allclose(w, [-0.1, 0.1, 0.0])


def test_normalized_descent_travels_the_learning_rate_and_stays_where_the_gradient_is_zero():
    rule = rules.Normalized(0.1)
    assert np.isclose(np.linalg.norm(rule.update(np.zeros(3), np.array([3.0, 0.0, 4.0]), None, 0)[0]), 0.1)
    np.testing.assert_array_equal(rule.update(np.ones(3), np.zeros(3), None, 0)[0], np.ones(3))


def test_the_first_steps_of_rmsprop_and_adam_are_sign_steps():
    g = np.array([2.0, -0.5])
    w = rules.Adam(0.1).update(np.zeros(2), g, np.zeros((2, 2)), 0)[0]
    np.testing.assert_allclose(w, -0.1 * np.sign(g), rtol=1e-7)
    w = rules.RMSProp(0.1, decay=0.99).update(np.zeros(2), g, np.zeros(2), 0)[0]
    np.testing.assert_allclose(w, -np.sign(g), rtol=1e-6)


def test_adam_matches_its_sums_written_out():
    rng, rule = np.random.default_rng(0), rules.Adam(0.1)
    gradients = rng.standard_normal((6, 3))
    w, state = np.zeros(3), rule.init(np.zeros(3))
    expected = np.zeros(3)
    for k, g in enumerate(gradients):
        w, state = rule.update(w, g, state, k)
        ages = np.arange(k, -1, -1)[:, None]
        mean = (0.9**ages * gradients[: k + 1]).sum(0) * 0.1 / (1 - 0.9 ** (k + 1))
        square = (0.999**ages * gradients[: k + 1] ** 2).sum(0) * 0.001 / (1 - 0.999 ** (k + 1))
        expected = expected - 0.1 * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(w, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "bad", [0.0, -1.0, np.nan, np.inf, "fast", True, [0.1, -0.1], [[1.0, 2.0], [2.0, 1.0]], []]
)
def test_wrong_learning_rates_are_refused(bad):
    with pytest.raises(ValueError, match="`learning_rate` must"):
        rules.GradientDescent(bad)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda v: rules.HeavyBall(0.1, v), "momentum"),
        (lambda v: rules.Nesterov(0.1, v), "momentum"),
        (lambda v: rules.RMSProp(0.1, v), "decay"),
        (lambda v: rules.Adam(0.1, v), "beta1"),
        (lambda v: rules.Adam(0.1, 0.9, v), "beta2"),
    ],
)
@pytest.mark.parametrize("bad", [-0.1, 1.0, np.nan, True])
def test_decays_and_momenta_outside_zero_to_one_are_refused(make, name, bad):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 0 and below 1"):
        make(bad)


def test_rules_are_not_confused_with_each_other():
    assert not isinstance(rules.SignDescent(0.1), gf.rules.GradientDescent)


def test_random_sign_takes_its_signs_from_the_gradient_and_moves_by_the_learning_rate_on_average():
    rule, gradient = rules.RandomSign(0.1, amount_seed=3), np.repeat([1e-9, -5.0, 0.0], 20_000)
    moves = rule.update(np.zeros(60_000), gradient, None, 0)[0].reshape(3, -1)
    assert (moves[0] <= 0).all()
    assert (moves[1] >= 0).all()
    assert (moves[2] == 0).all()
    # 20,000 amounts uniform between 0 and 0.2 have a standard error of 0.2 / sqrt(12 * 20,000).
    assert abs(np.abs(moves[:2]).mean(axis=1) - 0.1).max() < 5 * 0.2 / np.sqrt(12 * 20_000)
    assert np.abs(moves).max() <= 0.2


def test_the_amounts_of_a_step_depend_on_seed_and_step_alone():
    w, gradient = np.zeros(5), np.ones(5)

    def moved(seed, step):
        return rules.RandomSign(0.1, amount_seed=seed).update(w, gradient, None, step)[0]

    np.testing.assert_array_equal(moved(1, 7), moved(1, 7))
    assert not np.array_equal(moved(1, 7), moved(1, 8))
    assert not np.array_equal(moved(1, 7), moved(2, 7))


def test_the_amount_seed_is_a_whole_number():
    with pytest.raises(ValueError, match="`amount_seed` must be a whole number"):
        rules.RandomSign(0.1, amount_seed=-1)


def test_projected_descent_is_descent_inside_the_box_and_is_cut_off_outside():
    inside, outside = np.array([0.5, 0.5]), np.array([4.0, -4.0])
    rule = rules.Projected(rules.GradientDescent(0.25), 0.0, 1.0)
    np.testing.assert_allclose(rule.update(inside, np.array([1.0, -1.0]), None, 0)[0], [0.25, 0.75])
    np.testing.assert_array_equal(rule.update(inside, outside, None, 0)[0], [0.0, 1.0])


def test_projected_descent_settles_where_the_constrained_minimum_is():
    # E = 1/2 |w - (2, 0.5)|^2 on [0, 1]^2 is least at (1, 0.5), where the gradient presses against the bound.
    problem = gf.problems.Quadratic([1.0, 1.0], [2.0, 0.5])
    run = gf.descend(problem, [0.0, 0.0], rules.Projected(rules.GradientDescent(0.5), 0.0, 1.0), 60)
    np.testing.assert_allclose(run.final_weights, [1.0, 0.5], atol=1e-12)
    assert problem.gradient(run.final_weights)[0] == -1.0
    assert ((run.weights >= 0) & (run.weights <= 1)).all()


def test_a_projected_rule_keeps_memory_and_clock_of_the_inner_one():
    inner = rules.HeavyBall(0.1, 0.9)
    run = gf.descend(gf.problems.Quadratic(1.0), [1.0], rules.Projected(inner), 5)
    plain = gf.descend(gf.problems.Quadratic(1.0), [1.0], inner, 5)
    np.testing.assert_array_equal(run.weights, plain.weights)
    np.testing.assert_array_equal(run.times, plain.times)
    assert run.method == "Projected"


def test_a_projected_run_comes_back_from_its_file(tmp_path):
    run = gf.descend(gf.problems.Quadratic(1.0), [1.0], rules.Projected(rules.GradientDescent(0.1), 0.5), 9)
    run.save(tmp_path / "run.npz")
    np.testing.assert_array_equal(gf.Trajectory.load(tmp_path / "run.npz").weights, run.weights)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (np.nan, 1.0)])
def test_bounds_are_in_order(low, high):
    with pytest.raises(ValueError, match="`low` must be below `high`"):
        rules.Projected(rules.GradientDescent(0.1), low, high)
