import numpy as np
import pytest

from gradflow import Flow, GradientFlow
from gradflow.problems import Quadratic

H = np.array([[3.0, 1.0], [1.0, 2.0]])
RATES = [2.0, np.array([0.5, 3.0]), np.array([[2.0, 0.3], [0.3, 1.0]])]


def as_matrix(rate):
    return rate if np.ndim(rate) == 2 else np.diag(np.broadcast_to(rate, 2))


@pytest.mark.parametrize("rate", RATES, ids=["number", "vector", "matrix"])
def test_velocity_and_jacobian_are_those_of_minus_rate_times_gradient(rate):
    flow = GradientFlow(Quadratic(H), rate)
    w, v = np.array([1.0, -2.0]), np.array([0.3, 0.7])
    jacobian = -as_matrix(rate) @ H
    np.testing.assert_allclose(flow(0.0, w), jacobian @ w)
    np.testing.assert_allclose(flow.jvp(0.0, w, v), jacobian @ v)
    np.testing.assert_allclose(flow.jacobian(0.0, w), jacobian)
    velocity, product = flow.linearize(0.0, w)
    np.testing.assert_allclose(velocity, jacobian @ w)
    np.testing.assert_allclose(product(np.column_stack([v, w])), jacobian @ np.column_stack([v, w]))
    assert isinstance(flow, Flow)


@pytest.mark.parametrize(
    "bad", [0.0, -1.0, np.nan, [1.0], [1.0, 0.0], np.eye(3), np.diag([1.0, -1.0]), [[1.0, 0.5], [0.0, 1.0]]]
)
def test_wrong_rates_are_refused(bad):
    with pytest.raises(ValueError, match="`rate` must"):
        GradientFlow(Quadratic(H), bad)
