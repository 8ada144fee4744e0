"""Networks say the same with either kind of kernels, and follow the switch while they live."""

import numpy as np
import pytest

from gradflow import kernels
from gradflow.kernels import compiled
from gradflow.kernels.activations import ACTIVATIONS
from gradflow.problems import FeedForward, Recurrent

pytest.importorskip("numba")
RNG = np.random.default_rng(3)
INPUTS, LABELS = RNG.normal(size=(30, 5)), RNG.integers(0, 3, size=30)


@pytest.fixture(autouse=True)
def small_arrays_too(monkeypatch):
    monkeypatch.setattr(compiled, "LEAST_ENTRIES", 1)
    yield
    kernels.use("auto")


@pytest.fixture(params=ACTIVATIONS)
def network(request):
    return FeedForward(INPUTS, LABELS, (6, 4), activation=request.param, output_activation=request.param)


def evaluated(problem, w, directions):
    loss, gradient, product = problem.linearize(w)
    return loss, gradient, product(directions), problem.loss(w), problem.loss_and_gradient(w)[1]


def test_passes_and_products_agree_to_rounding_with_and_without(network):
    w, directions = RNG.normal(size=network.num_weights), RNG.normal(size=(network.num_weights, 2))
    found = {}
    for name in ("numba", "numpy"):
        kernels.use(name)
        found[name] = evaluated(network, w, directions)
    for with_, without in zip(*found.values(), strict=True):
        np.testing.assert_allclose(with_, without, rtol=1e-13, atol=1e-13 * np.abs(without).max())


def test_linearize_has_the_gradient_to_the_last_bit(network):
    kernels.use("numba")
    w = np.sin(np.arange(network.num_weights))
    _, linearized, _, _, plain = evaluated(network, w, w)
    np.testing.assert_array_equal(linearized, plain)


def test_rough_products_of_a_network_with_compiled_slopes_are_rough_only():
    kernels.use("numba")
    inputs = RNG.normal(size=(400, 5))
    problem = FeedForward(inputs, np.sin(inputs[:, :2]), (8,), activation="swish")
    w, v = problem.initial_weights(0), RNG.normal(size=problem.num_weights)
    exactly = problem.hvp(w, v)
    _, roughly = problem.rough_linearizations()
    _, gradient, product = roughly(w)
    np.testing.assert_allclose(product(v), exactly, atol=1e-5 * np.linalg.norm(exactly))
    np.testing.assert_array_equal(gradient, problem.gradient(w))
    # Its Gauss-Newton sibling writes the slopes that a plain pass back leaves out: u' G v = v' G u.
    gauss_newton = problem.rough_linearizations()[0](w)[2]
    u = RNG.normal(size=problem.num_weights)
    assert u @ gauss_newton(v) == pytest.approx(v @ gauss_newton(u), rel=1e-4)
    assert v @ gauss_newton(v) > 0.0


def test_gauss_newton_products_are_those_of_the_jacobian():
    kernels.use("numba")
    inputs = RNG.normal(size=(400, 3))
    problem = FeedForward(inputs, np.zeros((400, 1)), (5,), activation="tanh")
    w, step = problem.initial_weights(1), 1e-6
    rows = [
        (problem.predict(w + step * e, inputs) - problem.predict(w - step * e, inputs)).ravel() / (2 * step)
        for e in np.eye(problem.num_weights)
    ]
    jacobian = np.array(rows).T
    v = RNG.normal(size=problem.num_weights)
    expected = jacobian.T @ (jacobian @ v) / 400
    product = problem.rough_linearizations()[0](w)[2]
    np.testing.assert_allclose(product(v), expected, atol=1e-5 * np.linalg.norm(expected))


@pytest.mark.parametrize("name", ["softplus", "swish"])
def test_fixed_points_and_gradients_of_a_recurrent_network_agree(name):
    problem = Recurrent(0.3 * RNG.normal(size=(4, 5)), [[1.5]] * 4, [0], activation=name)
    w, found = problem.initial_weights(0, scale=0.5), {}
    for kind in ("numba", "numpy"):
        kernels.use(kind)
        found[kind] = np.append(problem.fixed_points(w), problem.gradient(w))
    np.testing.assert_allclose(found["numba"], found["numpy"], rtol=1e-11, atol=1e-13)
