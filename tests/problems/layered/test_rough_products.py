import numpy as np
import pytest

import gradflow as gf

# Enough for the smallest of the networks below to gain by rough products.
NUM_SAMPLES = 340
GAUSS_NEWTON, SINGLE = 0, 1


def roughly(problem, w, kind):
    return problem.rough_linearizations()[kind](w)


def network(**options):
    rng = np.random.default_rng(0)
    inputs, targets = rng.standard_normal((NUM_SAMPLES, 5)), rng.standard_normal((NUM_SAMPLES, 3))
    if options.get("loss") == "cross_entropy":
        targets = np.abs(targets) / np.abs(targets).sum(axis=1, keepdims=True)
    widths = options.pop("widths", (7, 6))
    problem = gf.problems.FeedForward(inputs, targets, widths, **options)
    w = problem.initial_weights(1) + 0.1 * rng.standard_normal(problem.num_weights)
    return problem, w, rng.standard_normal(problem.num_weights)


OPTIONS = [
    {},
    {"loss": "cross_entropy"},
    {"activation": "gelu", "bias": False},
    {"activation": "relu", "output_activation": "sigmoid"},
    {"widths": ()},
    {"widths": (1, 1)},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("how", [SINGLE, GAUSS_NEWTON], ids=["single", "gauss-newton"])
def test_loss_and_gradient_beside_a_rough_product_are_those_of_double_precision(options, how):
    problem, w, _ = network(**options)
    loss, gradient, _ = roughly(problem, w, how)
    exact = problem.loss_and_gradient(w)
    assert loss == exact[0]
    np.testing.assert_array_equal(gradient, exact[1])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_hessian_product_is_good_to_single_precision(options):
    problem, w, v = network(**options)
    exact = problem.hvp(w, v)
    rough = roughly(problem, w, SINGLE)[2](v)
    assert rough.dtype == np.float64
    assert np.linalg.norm(rough - exact) < 1e-5 * np.linalg.norm(exact)


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_the_gauss_newton_product_is_that_of_the_jacobian_of_the_outputs(loss):
    problem, w, v = network(loss=loss)
    inputs = np.random.default_rng(0).standard_normal((NUM_SAMPLES, 5))
    step = 1e-6 * v
    tangent = (problem.predict(w + step, inputs) - problem.predict(w - step, inputs)) / 2e-6
    if loss == "cross_entropy":
        scores = np.exp(problem.predict(w, inputs))
        shares = scores / scores.sum(axis=1, keepdims=True)
        curved = shares * (tangent - (shares * tangent).sum(axis=1, keepdims=True))
    else:
        curved = tangent
    product = roughly(problem, w, GAUSS_NEWTON)[2](v)
    # v' G v is the curvature of the loss in the outputs along their tangent.
    assert v @ product == pytest.approx(np.vdot(tangent, curved) / NUM_SAMPLES, rel=1e-5)


def test_the_two_kinds_agree_for_a_linear_model_and_differ_for_a_network():
    problem, w, v = network(widths=())
    np.testing.assert_allclose(
        roughly(problem, w, GAUSS_NEWTON)[2](v), roughly(problem, w, SINGLE)[2](v), rtol=1e-5
    )
    problem, w, v = network()
    exact, other = (roughly(problem, w, how)[2](v) for how in (SINGLE, GAUSS_NEWTON))
    assert np.linalg.norm(exact - other) > 0.05 * np.linalg.norm(exact)


def test_the_gauss_newton_product_is_symmetric_and_never_negative():
    problem, w, _ = network()
    product = roughly(problem, w, GAUSS_NEWTON)[2]
    matrix = np.array([product(row) for row in np.eye(problem.num_weights)])
    assert np.abs(matrix - matrix.T).max() < 1e-6 * np.abs(matrix).max()
    assert np.linalg.eigvalsh((matrix + matrix.T) / 2)[0] > -1e-6 * np.abs(matrix).max()


def test_a_product_stays_right_whatever_is_called_after_it():
    problem, w, v = network()
    product = roughly(problem, w, SINGLE)[2]
    before = product(v)
    roughly(problem, 2 * w, SINGLE)[2](v)
    problem.gradient(3 * w)
    roughly(problem.subset(np.arange(200)), w, SINGLE)[2](v)
    np.testing.assert_array_equal(product(v), before)


def test_a_subset_of_equal_size_has_its_own_inputs():
    problem, w, v = network()
    mirrored = problem.subset(np.arange(NUM_SAMPLES)[::-1])
    roughly(problem, w, SINGLE)[2](v)
    np.testing.assert_allclose(roughly(mirrored, w, SINGLE)[2](v), mirrored.hvp(w, v), rtol=1e-4, atol=1e-6)


def test_a_tiny_network_gains_nothing_and_offers_none():
    problem, _, _ = network()
    signals_of_a_sample = 7 + 6 + 3
    assert problem.subset(np.arange(-(-1000 // signals_of_a_sample))).rough_linearizations()
    assert problem.subset(np.arange(1000 // signals_of_a_sample)).rough_linearizations() == ()


def test_linearize_has_no_options():
    problem, w, _ = network()
    with pytest.raises(TypeError):
        problem.linearize(w, precision="single")
