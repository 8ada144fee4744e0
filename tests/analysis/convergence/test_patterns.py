import numpy as np
import pytest

from gradflow import datasets
from gradflow.analysis.convergence.patterns import (
    gradient_cosines,
    pattern_changes,
    pattern_gradients,
    pattern_losses,
)
from gradflow.problems import FeedForward, Quadratic, SigmoidNeuron

XOR = FeedForward(*datasets.xor(), (4,))
W = XOR.initial_weights(1) + 0.1
NEURON = SigmoidNeuron((1.0, 2.0, -0.5), (1.0, 0.0, 0.3))


def test_the_mean_of_the_patterns_is_an_averaged_problem():
    assert pattern_losses(XOR, W).mean() == pytest.approx(XOR.loss(W), rel=1e-14)
    np.testing.assert_allclose(pattern_gradients(XOR, W).mean(axis=0), XOR.gradient(W), rtol=0, atol=1e-15)


def test_the_sum_of_the_patterns_is_a_summed_problem():
    w = np.array([0.7])
    assert pattern_losses(NEURON, w).sum() == pytest.approx(NEURON.loss(w), rel=1e-14)
    np.testing.assert_allclose(pattern_gradients(NEURON, w).sum(axis=0), NEURON.gradient(w), rtol=1e-14)


def test_chosen_patterns_are_those_rows():
    chosen = np.array([3, 1])
    np.testing.assert_array_equal(pattern_losses(XOR, W, chosen), pattern_losses(XOR, W)[chosen])
    np.testing.assert_array_equal(pattern_gradients(XOR, W, chosen), pattern_gradients(XOR, W)[chosen])


def test_cosines_are_those_of_the_gradients():
    gradients = pattern_gradients(XOR, W)
    found = gradient_cosines(XOR, W)
    for p, q in np.ndindex(4, 4):
        u, v = gradients[p], gradients[q]
        assert found[p, q] == pytest.approx(u @ v / np.linalg.norm(u) / np.linalg.norm(v), rel=1e-12)


def test_a_pattern_without_a_gradient_has_no_cosine():
    found = gradient_cosines(SigmoidNeuron(), [0.0])
    assert np.isnan(found[0]).all()
    assert found[1, 1] == 1.0


def test_a_short_step_on_one_pattern_harms_those_with_a_negative_cosine():
    cosines, changes = gradient_cosines(XOR, W), pattern_changes(XOR, W, 1e-6)
    np.testing.assert_array_equal(changes > 0, cosines < 0)
    assert (cosines < 0).any()


def test_the_change_of_a_pattern_is_the_product_of_the_gradients_to_first_order():
    gradients = pattern_gradients(XOR, W)
    for eta, bound in ((1e-3, 2e-3), (1e-4, 2e-4)):
        predicted = -eta * gradients @ gradients.T
        assert np.abs(pattern_changes(XOR, W, eta) - predicted).max() < bound * np.abs(predicted).max() * 10


def test_row_p_of_the_changes_is_the_step_on_pattern_p():
    step = 0.3 * pattern_gradients(XOR, W)[2]
    expected = pattern_losses(XOR, W - step) - pattern_losses(XOR, W)
    np.testing.assert_allclose(pattern_changes(XOR, W, 0.3)[2], expected, rtol=1e-13)


@pytest.mark.parametrize("function", [pattern_losses, pattern_gradients, gradient_cosines])
def test_a_problem_without_patterns_and_patterns_out_of_range_are_named(function):
    with pytest.raises(ValueError, match="`problem` must have samples"):
        function(Quadratic([1.0, 2.0]), [0.0, 0.0])
    with pytest.raises(ValueError, match="`indices` must lie in 0 to 3"):
        function(XOR, W, [4])
    with pytest.raises(ValueError, match="`w` must have 17 weights"):
        function(XOR, W[1:])
