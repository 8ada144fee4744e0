from dataclasses import replace

import numpy as np
import pytest

from gradflow.analysis.stability import companion_matrices, largest_stable_learning_rate, linear_stability
from gradflow.analysis.stability.companion import spectral_radii
from gradflow.problems import Quadratic
from gradflow.rules import Adam, GradientDescent, HeavyBall, Nesterov, SignDescent

RULES = [GradientDescent(7.0), HeavyBall(7.0, 0.9), HeavyBall(7.0, 0.0), Nesterov(7.0, 0.5)]


@pytest.mark.parametrize(
    ("momentum", "heavy_ball", "nesterov"),
    [(0.9, 3.8, 1.357143), (0.5, 3.0, 1.5), (0.99, 3.98, 1.335570)],
)
def test_the_limits_are_those_of_the_literature(momentum, heavy_ball, nesterov):
    assert linear_stability(HeavyBall(1.0, momentum), [1.0]) == pytest.approx(heavy_ball, abs=1e-6)
    assert linear_stability(Nesterov(1.0, momentum), [1.0]) == pytest.approx(nesterov, abs=1e-6)
    assert linear_stability(GradientDescent(1.0), [1.0]) == pytest.approx(2.0, abs=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_bisection_of_the_companion_matrix_finds_the_closed_form(rule):
    eigenvalues = [0.3, 4.0, 0.0]
    closed = largest_stable_learning_rate(Quadratic(eigenvalues), np.zeros(3), rule)
    assert linear_stability(rule, eigenvalues) == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_the_companion_matrix_takes_the_rule_one_step_ahead(rule):
    w, memory, rate = np.array([0.7]), np.array([-0.2]), 0.4
    stepped = replace(rule, learning_rate=rate)
    state = None if rule.init(w) is None else memory
    moved, state = stepped.update(w, 3.0 * w, state, 0)
    matrix = companion_matrices(rule, rate * 3.0)
    whole = w if state is None else np.concatenate([w, memory])
    expected = moved if state is None else np.concatenate([moved, state])
    np.testing.assert_allclose(matrix @ whole, expected, rtol=1e-14)


def test_many_complex_products_at_once():
    products = np.array([[0.5, 1j], [2.0 + 1j, 3.0]])
    np.testing.assert_allclose(spectral_radii(GradientDescent(1.0), products), np.abs(1 - products))
    matrices = companion_matrices(HeavyBall(1.0, 0.9), products)
    assert matrices.shape == (2, 2, 2, 2)
    z = products[1, 0]
    np.testing.assert_allclose(matrices[1, 0], [[1 - z, 0.9], [-z, 0.9]])


def test_without_curvature_every_learning_rate_is_stable():
    assert linear_stability(GradientDescent(1.0), [0.0, 0.0]) == np.inf


def test_a_negative_eigenvalue_grows_at_every_learning_rate():
    with pytest.raises(ValueError, match="`eigenvalues` must not be negative, got -1"):
        linear_stability(GradientDescent(1.0), [1.0, -1.0])


@pytest.mark.parametrize("rule", [Adam(0.1), SignDescent(0.1), 0.1])
def test_a_rule_without_a_companion_matrix_is_named(rule):
    with pytest.raises(ValueError, match="`rule` must be one whose steps are linear, such as HeavyBall"):
        linear_stability(rule, [1.0])
