"""The quadratic against matrix functions of scipy and its own doors."""

import numpy as np
import pytest
from scipy.linalg import expm

from gradflow.problems.landscapes.quadratic import Quadratic


def matrix(n, seed=0):
    root = np.random.default_rng(seed).normal(size=(n, n))
    return root @ root.T + (root + root.T) / 2


HESSIAN = matrix(5)
MINIMIZER = np.arange(5.0)
PROBLEM = Quadratic(HESSIAN, MINIMIZER)


def test_loss_and_gradient_vanish_at_the_minimizer():
    assert PROBLEM.loss(MINIMIZER) == 0.0
    np.testing.assert_array_equal(PROBLEM.gradient(MINIMIZER), np.zeros(5))


def test_loss_is_half_the_quadratic_form():
    w = np.ones(5)
    assert PROBLEM.loss(w) == pytest.approx((w - MINIMIZER) @ HESSIAN @ (w - MINIMIZER) / 2, rel=1e-14)


def test_flow_is_the_matrix_exponential():
    w0 = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
    for t in (0.0, 0.1, 1.5):
        expected = MINIMIZER + expm(-HESSIAN * t) @ (w0 - MINIMIZER)
        np.testing.assert_allclose(PROBLEM.flow(w0, t), expected, rtol=1e-12, atol=1e-12)


def test_descent_by_the_gradient_is_a_matrix_power():
    w0, eta = np.ones(5), 0.5 / PROBLEM.eigenvalues[-1]
    w = w0
    for _ in range(20):
        w = w - eta * PROBLEM.gradient(w)
    power = np.linalg.matrix_power(np.eye(5) - eta * HESSIAN, 20)
    np.testing.assert_allclose(w, MINIMIZER + power @ (w0 - MINIMIZER), rtol=1e-12)


def test_a_vector_is_a_diagonal_and_a_number_is_one_weight():
    np.testing.assert_array_equal(Quadratic([1.0, 2.0]).hessian, np.diag([1.0, 2.0]))
    assert Quadratic(3.0).num_weights == 1
    assert Quadratic(3.0).loss([2.0]) == 6.0


def test_eigenvalues_ascend():
    np.testing.assert_allclose(PROBLEM.eigenvalues, np.linalg.eigvalsh(HESSIAN), rtol=1e-12)


def test_changing_the_given_arrays_changes_nothing():
    hessian, minimizer = np.eye(2), np.zeros(2)
    problem = Quadratic(hessian, minimizer)
    hessian[:], minimizer[:] = 7.0, 7.0
    assert problem.loss([1.0, 0.0]) == 0.5


@pytest.mark.parametrize(
    ("hessian", "minimizer", "sentence"),
    [
        ([[1.0, 2.0], [0.0, 1.0]], None, "`hessian` must be a symmetric matrix"),
        (np.ones((2, 3)), None, "`hessian` must be a symmetric matrix"),
        (np.ones((2, 2, 2)), None, r"`hessian` must have 2 dimension\(s\)"),
        ([1.0, np.nan], None, "`hessian` must be finite"),
        ([], None, "`hessian` must not be empty"),
        ([1.0, 2.0], [0.0], "`minimizer` must have 2 weights, got 1"),
        ([1.0, 2.0], [0.0, np.inf], "`minimizer` must be finite"),
    ],
)
def test_bad_arguments_are_refused(hessian, minimizer, sentence):
    with pytest.raises(ValueError, match=sentence):
        Quadratic(hessian, minimizer)
