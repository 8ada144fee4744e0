import numpy as np
import pytest

from gradflow.analysis.stability import companion_matrices, lyapunov_exponents
from gradflow.errors import Undefined
from gradflow.problems import DoubleWell, Quadratic, ScalarProduct
from gradflow.rules import Adam, GradientDescent, HeavyBall, Nesterov

BASIS = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
EIGENVALUES = np.array([0.5, 1.0, 4.0])
HESSIAN = (BASIS * EIGENVALUES) @ BASIS.T
BOWL = Quadratic(0.5 * (HESSIAN + HESSIAN.T))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_on_a_quadratic_they_are_the_logarithms_of_the_multipliers(k):
    expected = np.sort(np.log(np.abs(1 - 0.45 * EIGENVALUES)))[::-1][:k]
    found = lyapunov_exponents(BOWL, np.ones(3), 0.45, 3000, k)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("rule", [HeavyBall(0.3, 0.5), Nesterov(0.3, 0.9), GradientDescent(np.full(3, 0.3))])
def test_with_momentum_they_are_those_of_the_companion_matrix(rule):
    plain = type(rule) is GradientDescent
    products = 0.3 * EIGENVALUES
    multipliers = np.linalg.eigvals(companion_matrices(rule, products)).ravel()
    expected = np.sort(np.log(np.abs(multipliers)))[::-1]
    found = lyapunov_exponents(BOWL, np.ones(3), rule, 4000, 3 if plain else 6)
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize(
    ("rate", "low", "high"),
    [(1.30, -np.inf, -0.01), (1.31, 0.01, 0.2), (1.35, 0.27, 0.285), (1.7, -np.inf, 0.0)],
)
def test_the_double_well_is_chaotic_where_it_is_known_to_be(rate, low, high):
    (exponent,) = lyapunov_exponents(DoubleWell(), [0.9], rate, 20_000, num_transient=1000)
    assert low < exponent < high


def test_the_mean_of_a_one_weight_run_is_the_mean_logarithm_of_its_slopes():
    x, logs = 0.9, []
    for _ in range(50):
        logs.append(np.log(abs(1 - 1.35 * (3 * x * x - 1))))
        x -= 1.35 * (x**3 - x)
    (exponent,) = lyapunov_exponents(DoubleWell(), [0.9], 1.35, 50)
    assert exponent == pytest.approx(np.mean(logs), rel=1e-8)


def test_the_sum_is_the_mean_logarithm_of_the_determinant():
    problem, w, rate = ScalarProduct(2), np.array([1.5, 0.4]), 0.3
    exponents = lyapunov_exponents(problem, w, rate, 20, k=2)
    total = 0.0
    for _ in range(20):
        hessian = problem.hvp(w, np.eye(2))
        total += np.log(abs(np.linalg.det(np.eye(2) - rate * hessian)))
        w = w - rate * problem.gradient(w)
    assert exponents.sum() == pytest.approx(total / 20, rel=1e-10)


def test_differences_that_vanish_fall_without_end():
    assert lyapunov_exponents(Quadratic(2.0), [1.0], 0.5, 10)[0] == -np.inf


def test_a_run_that_leaves_the_finite_numbers_has_none():
    with pytest.raises(Undefined, match="left the finite numbers"):
        lyapunov_exponents(DoubleWell(), [0.9], 3.0, 100)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((0.1, 10, 4), "`k` must be at most 3"),
        ((HeavyBall(0.1, 0.5), 10, 7), "`k` must be at most 6"),
        ((Adam(0.1), 10, 1), "`rule` must be one whose steps are linear"),
        ((0.1, 0, 1), "`num_steps` must be a whole number"),
        ((-0.1, 10, 1), "`rule` must be a positive number"),
    ],
)
def test_bad_arguments_are_named(arguments, match):
    with pytest.raises(ValueError, match=match):
        lyapunov_exponents(BOWL, np.ones(3), *arguments)
