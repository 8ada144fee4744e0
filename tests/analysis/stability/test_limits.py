import numpy as np
import pytest

from gradflow.analysis.stability import effective_sharpness, largest_stable_learning_rate
from gradflow.problems import Quadratic
from gradflow.rules import Adam, GradientDescent, HeavyBall, Nesterov, Normalized, RMSProp

PROBLEM = Quadratic([[2.0, 1.0], [1.0, 3.0]], minimizer=[1.0, -1.0])
W = np.array([0.5, 2.0])
MATRIX = np.array([[0.4, 0.1], [0.1, 0.2]])


@pytest.mark.parametrize(
    "make",
    [
        GradientDescent,
        lambda eta: HeavyBall(eta, 0.9),
        lambda eta: Nesterov(eta, 0.5),
        RMSProp,
        Adam,
        lambda eta: GradientDescent(eta * np.array([0.5, 2.0])),
        lambda eta: GradientDescent(eta * MATRIX),
        lambda eta: GradientDescent(lambda step: eta),
    ],
)
def test_it_is_two_at_the_limit_of_every_rule_and_proportional_to_the_learning_rate(make):
    limit = largest_stable_learning_rate(PROBLEM, W, make(1.0))
    for share in (0.5, 1.0, 1.5):
        assert effective_sharpness(PROBLEM, W, make(share * limit)) == pytest.approx(2.0 * share, rel=1e-12)


def test_a_number_is_plain_descent():
    assert effective_sharpness(PROBLEM, W, 0.1) == pytest.approx(
        0.1 * np.linalg.eigvalsh(PROBLEM.hessian)[-1], rel=1e-12
    )


def test_the_memory_of_an_adaptive_rule_is_its_preconditioner():
    square = np.array([4.0, 0.25])
    preconditioned = np.linalg.eigvals(np.diag(1 / (np.sqrt(square) + 1e-8)) @ PROBLEM.hessian).real.max()
    found = effective_sharpness(PROBLEM, W, RMSProp(0.1), square)
    assert found == pytest.approx(0.1 * preconditioned, rel=1e-12)
    memory, correction = np.stack([np.zeros(2), square]), 1 - 0.999**10
    preconditioned = np.linalg.eigvals(
        np.diag(1 / (np.sqrt(square / correction) + 1e-8)) @ PROBLEM.hessian
    ).real.max()
    found = effective_sharpness(PROBLEM, W, Adam(0.1), memory, step=10)
    assert found == pytest.approx(2 * 0.1 * preconditioned / 38, rel=1e-12)


def test_without_positive_curvature_it_is_not_positive():
    assert effective_sharpness(Quadratic([-1.0, -2.0]), [0.0, 0.0], 0.1) == pytest.approx(-0.1)


def test_a_rule_without_a_limit_is_named():
    with pytest.raises(ValueError, match="linear limit, got Normalized"):
        effective_sharpness(PROBLEM, W, Normalized(0.1))
