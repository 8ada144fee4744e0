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
