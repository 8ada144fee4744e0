"""Linear, logistic and deep linear problems against sums over samples, scipy and closed forms."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.special import lambertw

from gradflow.problems.linear.deep import DeepLinear
from gradflow.problems.linear.logistic import LogisticRegression
from gradflow.problems.linear.regression import LinearRegression, compress

RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.normal(size=(30, 4)), RNG.normal(size=(30, 3))
LABELS = np.arange(30) % 2


def with_ones(inputs):
    return np.column_stack([inputs, np.ones(len(inputs))])


def integrated(problem, w0, times, method="DOP853"):
    run = solve_ivp(
        lambda t, w: -problem.gradient(w), (0.0, times[-1]), w0, method, times, rtol=1e-11, atol=1e-13
    )
    return run.y.T


# Linear regression


@pytest.mark.parametrize("num_samples", [1, 3, 4, 5, 6, 30])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_loss_is_the_mean_over_samples(num_samples, bias):
    inputs, targets = INPUTS[:num_samples], TARGETS[:num_samples]
    problem = LinearRegression(inputs, targets, bias=bias)
    rows = with_ones(inputs) if bias else inputs
    matrix = np.random.default_rng(1).normal(size=(3, rows.shape[1]))
    miss = rows @ matrix.T - targets
    loss, gradient = problem.loss_and_gradient(matrix.ravel())
    assert loss == pytest.approx((miss**2).sum() / (2 * num_samples), rel=1e-12)
    np.testing.assert_allclose(gradient.reshape(3, -1), miss.T @ rows / num_samples, rtol=1e-11, atol=1e-13)


def test_linear_work_does_not_grow_with_the_samples():
    factor, image, _ = compress(np.ones((5000, 4)), np.ones((5000, 2)))
    assert factor.shape == (4, 4)
    assert image.shape == (4, 2)


def test_the_factor_holds_the_second_moments():
    factor, image, floor = compress(INPUTS, TARGETS)
    np.testing.assert_allclose(factor.T @ factor, INPUTS.T @ INPUTS / 30, rtol=1e-12)
    np.testing.assert_allclose(factor.T @ image, INPUTS.T @ TARGETS / 30, rtol=1e-11, atol=1e-13)
    unreached = TARGETS - INPUTS @ np.linalg.lstsq(INPUTS, TARGETS)[0]
    assert floor == pytest.approx((unreached**2).sum() / 60, rel=1e-12)


def test_linear_minimizer_is_the_least_squares_solution():
    problem = LinearRegression(INPUTS, TARGETS)
    solution = np.linalg.lstsq(with_ones(INPUTS), TARGETS)[0]
    np.testing.assert_allclose(problem.minimizer.reshape(3, 5), solution.T, rtol=1e-12)
    assert np.abs(problem.gradient(problem.minimizer)).max() < 1e-14


def test_linear_loss_keeps_its_digits_near_an_exact_fit():
    truth = np.array([1e3, -2e3, 3e3, 5e2, 1e3])
    problem = LinearRegression(INPUTS, with_ones(INPUTS) @ truth)
    offset = 1e-7 * np.array([1.0, 2.0, -1.0, 0.5, 1.0])
    expected = ((with_ones(INPUTS) @ offset) ** 2).mean() / 2
    # Residuals of 1e-7 beside targets of 1e3 leave six digits; moments of size 1e7 would leave none.
    assert problem.loss(truth + offset) == pytest.approx(expected, rel=1e-4)
    assert 0 <= problem.loss(problem.minimizer) < 1e-20


def test_linear_eigenvalues_are_those_of_the_hessian():
    problem = LinearRegression(INPUTS, TARGETS)
    hessian = problem.hvp(np.zeros(15), np.eye(15))
    np.testing.assert_allclose(np.repeat(problem.eigenvalues, 3), np.linalg.eigvalsh(hessian), rtol=1e-12)
    assert problem.sharpness == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-13)


@pytest.mark.parametrize("num_samples", [2, 30])
def test_linear_flow_is_the_matrix_exponential(num_samples):
    problem = LinearRegression(INPUTS[:num_samples], TARGETS[:num_samples])
    hessian = problem.hvp(np.zeros(15), np.eye(15))
    w0, best = problem.initial_weights(0, 3.0), problem.minimizer
    for t in (0.0, 0.3, 10.0):
        np.testing.assert_allclose(
            problem.flow(w0, t), best + expm(-hessian * t) @ (w0 - best), rtol=1e-11, atol=1e-12
        )


def test_linear_flow_leaves_what_no_sample_sees():
    problem = LinearRegression([[1.0, 0.0]], [2.0], bias=False)
    np.testing.assert_allclose(problem.flow([0.0, 5.0], 100.0), [2.0, 5.0], rtol=1e-14)
    np.testing.assert_array_equal(problem.eigenvalues, [0.0, 1.0])


def test_results_of_a_problem_can_be_changed_without_harm():
    problem = LinearRegression(INPUTS, TARGETS)
    best = problem.minimizer
    best[:], problem.eigenvalues[:] = 0.0, 0.0
    assert problem.minimizer.any()
    assert problem.eigenvalues.all()


def test_biases_start_at_zero():
    weights = LinearRegression(INPUTS, TARGETS).initial_weights(0).reshape(3, 5)
    np.testing.assert_array_equal(weights[:, -1], 0.0)
    assert weights[:, :-1].all()
    np.testing.assert_array_equal(
        weights[:, :-1], np.random.default_rng(0).normal(0.0, 1 / np.sqrt(4), size=(3, 4))
    )
    assert LogisticRegression(INPUTS, LABELS).initial_weights(0)[-1] == 0.0


# Logistic regression


def test_logistic_loss_is_the_mean_cross_entropy():
    problem = LogisticRegression(INPUTS, LABELS)
    w = np.random.default_rng(1).normal(size=5)
    p = 1 / (1 + np.exp(-with_ones(INPUTS) @ w))
    loss, gradient = problem.loss_and_gradient(w)
    assert loss == pytest.approx(-np.where(LABELS == 1, np.log(p), np.log(1 - p)).mean(), rel=1e-13)
    np.testing.assert_allclose(gradient, with_ones(INPUTS).T @ (p - LABELS) / 30, rtol=1e-12)


def test_logistic_hessian_is_the_weighted_second_moment():
    problem = LogisticRegression(INPUTS, LABELS)
    w = np.random.default_rng(1).normal(size=5)
    p = 1 / (1 + np.exp(-with_ones(INPUTS) @ w))
    expected = with_ones(INPUTS).T @ np.diag(p * (1 - p)) @ with_ones(INPUTS) / 30
    np.testing.assert_allclose(problem.hvp(w, np.eye(5)), expected, rtol=1e-12, atol=1e-15)


def test_separable_logistic_flow_is_the_lambert_function():
    problem = LogisticRegression([[1.0]], [1], bias=False)
    times = np.array([1.0, 10.0, 100.0])
    c = 1.0 + times
    closed = c - lambertw(np.exp(c)).real
    np.testing.assert_allclose(closed, [0.44285440, 2.17732510, 4.56882949], atol=1e-8)
    np.testing.assert_allclose(integrated(problem, [0.0], times)[:, 0], closed, rtol=1e-9)


def test_logistic_loss_is_right_at_huge_margins():
    problem = LogisticRegression([[1.0]], [1], bias=False)
    assert problem.loss([-1e6]) == 1e6
    assert problem.loss([1e6]) == 0.0
    assert problem.loss([50.0]) == pytest.approx(np.exp(-50.0), rel=1e-13)
    assert problem.gradient([50.0])[0] == pytest.approx(-np.exp(-50.0), rel=1e-13)


def test_labels_mirror_the_inputs():
    one, zero = (
        LogisticRegression(INPUTS, LABELS, bias=False),
        LogisticRegression(-INPUTS, 1 - LABELS, bias=False),
    )
    assert one.loss(np.ones(4)) == zero.loss(np.ones(4))


# Deep linear networks


def balanced(strengths, a0):
    """Return the problem of given mode strengths and aligned layers sqrt(a0) I."""
    size = len(strengths)
    problem = DeepLinear.from_map(np.diag(strengths), [size])
    return problem, problem.flatten([np.sqrt(a0) * np.eye(size)] * 2)


@pytest.mark.parametrize("num_samples", [1, 4, 5, 6, 7, 30])
def test_deep_linear_loss_is_the_mean_over_samples(num_samples):
    inputs, targets = INPUTS[:num_samples], TARGETS[:num_samples]
    problem = DeepLinear(inputs, targets, [5, 2])
    w = problem.initial_weights(0)
    first, second, third = problem.unflatten(w)
    miss = inputs @ (third @ second @ first).T - targets
    assert problem.loss(w) == pytest.approx((miss**2).sum() / (2 * num_samples), rel=1e-12)


def test_deep_linear_without_hidden_layers_is_linear_regression():
    deep, flat = DeepLinear(INPUTS, TARGETS, []), LinearRegression(INPUTS, TARGETS, bias=False)
    w = flat.initial_weights(3)
    np.testing.assert_array_equal(deep.initial_weights(3), w)
    assert deep.loss(w) == pytest.approx(flat.loss(w), rel=1e-14)
    np.testing.assert_allclose(deep.gradient(w), flat.gradient(w), rtol=1e-13)


def test_deep_linear_from_a_map_is_half_the_squared_distance():
    target = np.arange(6.0).reshape(2, 3)
    problem = DeepLinear.from_map(target, [4])
    w = problem.initial_weights(0)
    assert problem.loss(w) == pytest.approx(((problem.product(w) - target) ** 2).sum() / 2, rel=1e-13)


def test_modes_are_learned_as_saxe_mcclelland_and_ganguli_say():
    strengths, a0 = np.array([3.0, 1.5, 0.5]), 1e-3
    problem, w0 = balanced(strengths, a0)
    half = np.log(strengths / a0 - 1) / (2 * strengths)
    np.testing.assert_allclose(half, [1.33434, 2.43752, 6.21261], atol=1e-5)
    times = np.sort(np.concatenate([half, [0.5, 12.0]]))
    growth = np.exp(2 * np.multiply.outer(times, strengths))
    expected = strengths * growth / (growth - 1 + strengths / a0)
    for w, modes in zip(integrated(problem, w0, times), expected, strict=True):
        np.testing.assert_allclose(problem.product(w), np.diag(modes), rtol=1e-8, atol=1e-12)


def test_the_flow_keeps_the_difference_of_neighboring_layers():
    problem = DeepLinear(INPUTS, TARGETS, [5, 2])

    def differences(w):
        layers = problem.unflatten(w)
        return np.concatenate([(a @ a.T - b.T @ b).ravel() for a, b in pairwise(layers)])

    w0 = problem.initial_weights(0)
    before, after = (differences(w) for w in integrated(problem, w0, np.array([0.0, 5.0])))
    assert problem.loss(integrated(problem, w0, np.array([5.0]))[0]) < problem.loss(w0)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-9)


def test_flatten_undoes_unflatten_and_the_layers_are_copies():
    problem = DeepLinear(INPUTS, TARGETS, [5, 2])
    w = problem.initial_weights(0)
    layers = problem.unflatten(w)
    assert [layer.shape for layer in layers] == [(5, 4), (2, 5), (3, 2)]
    np.testing.assert_array_equal(problem.flatten(layers), w)
    layers[0][:] = np.nan
    assert np.isfinite(w).all()
    with pytest.raises(ValueError, match="`layers` must have shapes"):
        problem.flatten(problem.unflatten(w)[::-1])


def test_deep_linear_starts_layer_by_layer_from_one_generator():
    generator = np.random.default_rng(7)
    expected = [generator.normal(0.0, 0.5 / np.sqrt(shape[1]), shape) for shape in [(5, 4), (3, 5)]]
    layers = DeepLinear(INPUTS, TARGETS, [5]).unflatten(
        DeepLinear(INPUTS, TARGETS, [5]).initial_weights(7, 0.5)
    )
    for layer, matrix in zip(layers, expected, strict=True):
        np.testing.assert_array_equal(layer, matrix)


# The doors


@pytest.mark.parametrize(
    "make", [LinearRegression, lambda x, t: DeepLinear(x, t, [2])], ids=["linear", "deep"]
)
@pytest.mark.parametrize(
    ("inputs", "targets", "sentence"),
    [
        (np.empty((0, 2)), np.empty(0), "`inputs` must not be empty"),
        (np.empty((3, 0)), np.ones(3), "`inputs` must not be empty"),
        ([1.0, 2.0], [1.0, 2.0], r"`inputs` must have 2 dimension\(s\)"),
        ([[np.nan]], [1.0], "`inputs` must be finite"),
        ([[1.0]], [np.inf], "`targets` must be finite"),
        ([[1.0]], [[[1.0]]], r"`targets` must have 2 dimension\(s\)"),
        ([[1.0]], 1.0, r"`targets` must have 2 dimension\(s\)"),
        ([[1.0], [2.0]], [1.0], "`targets` must have 2 rows like `inputs`, got 1"),
        ([["a"]], [1.0], "`inputs` must be numbers"),
    ],
)
def test_bad_samples_are_refused(make, inputs, targets, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(inputs, targets)


@pytest.mark.parametrize(
    ("inputs", "labels", "sentence"),
    [
        (np.empty((0, 2)), [], "`inputs` must not be empty"),
        ([[np.inf]], [1], "`inputs` must be finite"),
        ([[1.0]], [0, 1], "`labels` must have 1 entries like `inputs`, got 2"),
        ([[1.0], [2.0]], [1, -1], "`labels` must be 0 or 1"),
        ([[1.0]], [[1]], r"`labels` must have 1 dimension\(s\)"),
        ([[1.0]], [np.nan], "`labels` must be finite"),
    ],
)
def test_bad_classes_are_refused(inputs, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        LogisticRegression(inputs, labels)


@pytest.mark.parametrize("width", [0, -1, 2.5, "a", True])
def test_bad_widths_are_refused(width):
    with pytest.raises(ValueError, match=r"`widths\[1\]` must be a whole number of at least 1"):
        DeepLinear(INPUTS, TARGETS, [3, width])


@pytest.mark.parametrize("widths", [3, "33", [[3]]])
def test_widths_that_are_no_sequence_are_refused(widths):
    with pytest.raises(ValueError, match="`widths` must be a sequence of whole numbers"):
        DeepLinear(INPUTS, TARGETS, widths)


def test_bad_maps_are_refused():
    with pytest.raises(ValueError, match="`target_map` must be finite"):
        DeepLinear.from_map([[np.nan]], [1])
    with pytest.raises(ValueError, match=r"`target_map` must have 2 dimension\(s\)"):
        DeepLinear.from_map([1.0], [1])


@pytest.mark.parametrize("make", [LinearRegression, LogisticRegression, lambda x, t: DeepLinear(x, t, [2])])
def test_changing_the_given_arrays_changes_nothing(make):
    inputs, targets = INPUTS.copy(), LABELS.astype(float)
    problem = make(inputs, targets)
    w = problem.initial_weights(0)
    before = problem.loss(w), problem.subset([0, 3]).loss(w)
    inputs[:], targets[:] = 0.0, 0.0
    assert (problem.loss(w), problem.subset([0, 3]).loss(w)) == before
