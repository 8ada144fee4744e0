"""Samples: the closed form of standardizing and what undoes it; scikit-learn's small sets."""

import sys

import numpy as np
import pytest

import gradflow as gf
from gradflow.datasets import samples as module
from gradflow.datasets import sklearn_sets

INPUTS = np.random.default_rng(3).normal([1.0, -50.0, 1e6], [0.5, 20.0, 3.0], (40, 3))


def made(inputs, names=None):
    names = names or tuple(f"x{n}" for n in range(inputs.shape[1]))
    return module.measured(inputs, np.arange(len(inputs), dtype=float), names, ("y",))


def test_standardized_inputs_have_mean_0_and_deviation_1():
    samples = made(INPUTS).standardized()
    np.testing.assert_allclose(samples.inputs.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(samples.inputs.std(axis=0), 1, rtol=1e-14)
    np.testing.assert_allclose(samples.means, INPUTS.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(samples.scales, INPUTS.std(axis=0), rtol=1e-10)


def test_the_numbers_lead_back_and_forth():
    samples = made(INPUTS).standardized()
    np.testing.assert_allclose(samples.means + samples.scales * samples.inputs, INPUTS, rtol=1e-14)
    np.testing.assert_allclose(samples.scaled(INPUTS), samples.inputs, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(made(INPUTS).scaled(INPUTS), INPUTS)


def test_standardized_twice_is_standardized_once():
    once = made(INPUTS).standardized()
    twice = once.standardized()
    np.testing.assert_allclose(twice.inputs, once.inputs, rtol=0, atol=1e-14)
    np.testing.assert_allclose(twice.means, once.means, rtol=1e-14)
    np.testing.assert_allclose(twice.scales, once.scales, rtol=1e-14)


@pytest.mark.parametrize("size", [1e-300, 1.0, 2.0**1023])
def test_two_opposite_numbers_become_minus_and_plus_one_whatever_their_size(size):
    samples = made(np.array([[-size], [size]])).standardized()
    np.testing.assert_array_equal(samples.inputs, [[-1.0], [1.0]])
    assert (samples.means[0], samples.scales[0]) == (0.0, size)


def test_neighboring_floats_vary():
    one = np.array([[1e16], [np.nextafter(1e16, np.inf)]])
    np.testing.assert_array_equal(made(one).standardized().inputs, [[-1.0], [1.0]])


def test_a_constant_column_is_named():
    inputs = np.column_stack([INPUTS, np.full(40, 0.1), np.zeros(40)])
    with pytest.raises(ValueError, match=r"same number in every row of column 'x3' and 1 more$"):
        made(inputs).standardized()
    with pytest.raises(ValueError, match=r"`inputs` must vary .* of column 'x0'$"):
        made(np.ones((1, 1))).standardized()


def test_scaled_inputs_have_the_same_columns():
    with pytest.raises(ValueError, match="`inputs` must have 3 columns, got 2"):
        made(INPUTS).scaled(INPUTS[:, :2])
    with pytest.raises(ValueError, match="`inputs` must be finite"):
        made(INPUTS).scaled([[np.nan, 1.0, 2.0]])


def test_samples_are_unpacked_into_a_problem():
    samples = made(INPUTS).standardized()
    inputs, targets = samples
    assert inputs is samples.inputs
    assert targets is samples.targets
    assert gf.problems.FeedForward(*samples, [2]).num_samples == 40
    assert repr(samples) == "Samples(40 of 3 inputs, y)"


@pytest.mark.parametrize(
    ("name", "shape", "counts"),
    [
        ("iris", (150, 4), [50, 50, 50]),
        ("wine", (178, 13), [59, 71, 48]),
        ("breast_cancer", (569, 30), [212, 357]),
    ],
)
def test_sets_of_scikit_learn_have_the_classes_their_pages_state(name, shape, counts):
    samples = gf.datasets.from_sklearn(name)
    assert samples.inputs.shape == shape
    assert len(samples.names) == shape[1]
    assert samples.targets.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(samples.targets), counts)
    assert len(samples.classes) == len(counts)


def test_the_digits_of_scikit_learn_are_those_of_the_package():
    for theirs, ours in zip(gf.datasets.from_sklearn("digits"), gf.datasets.digits(), strict=True):
        np.testing.assert_array_equal(theirs, ours)


def test_diabetes_is_as_it_was_measured_and_standardized_on_request():
    samples = gf.datasets.from_sklearn("diabetes")
    assert samples.inputs.shape == (442, 10)
    assert samples.targets.dtype == np.float64
    age = samples.inputs[:, samples.names.index("age")]
    np.testing.assert_array_equal(age, age.round())
    assert (age.min(), age.max()) == (19, 79)
    standardized = gf.datasets.from_sklearn("diabetes", standardize=True)
    np.testing.assert_allclose(standardized.inputs.std(axis=0), 1, rtol=1e-13)


def test_linnerud_has_three_targets():
    samples = gf.datasets.from_sklearn("linnerud")
    assert samples.targets.shape == (20, 3)
    assert samples.target_names == ("Weight", "Waist", "Pulse")


def test_an_unknown_set_is_refused():
    with pytest.raises(ValueError, match=r"`name` must be one of breast_cancer, digits, .*, got 'mnist'"):
        gf.datasets.from_sklearn("mnist")


def test_without_scikit_learn_one_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="from_sklearn needs scikit-learn: pip install scikit-learn"):
        sklearn_sets.from_sklearn("iris")
