"""Class labels are labels in whatever form they come, and amounts are amounts."""

import warnings

import numpy as np
import pandas as pd
import pytest

from gradflow.problems import FeedForward, LogisticRegression

INPUTS = np.linspace(-1, 1, 18).reshape(9, 2)
LABELS = np.array([0, 2, 1, 0, 2, 1, 1, 0, 2])
FORMS = {
    "int64": LABELS,
    "uint8": LABELS.astype(np.uint8),
    "float64": LABELS.astype(float),
    "float32": LABELS.astype(np.float32),
    "list of floats": LABELS.astype(float).tolist(),
    "series": pd.Series(LABELS),
    "float series": pd.Series(LABELS, dtype=float),
    "nullable": pd.Series(LABELS, dtype="Int64"),
    "objects": LABELS.astype(object),
}


def entropy(targets, inputs=INPUTS):
    return FeedForward(inputs, targets, (2,), loss="cross_entropy")


@pytest.mark.parametrize("name", FORMS)
def test_labels_of_every_form_are_the_rows_of_the_unit_matrix(name):
    network, rows = entropy(FORMS[name]), entropy(np.eye(3)[LABELS])
    w = rows.initial_weights(0)
    assert network.loss(w) == rows.loss(w)
    assert network.accuracy(w, INPUTS, FORMS[name]) == rows.accuracy(w, INPUTS, LABELS)


def test_false_and_true_are_the_labels_0_and_1():
    w = entropy(LABELS == 1).initial_weights(0)
    assert entropy(LABELS == 1).loss(w) == entropy((LABELS == 1).astype(int)).loss(w)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([0.0, 0.5], r"got 0.5 at \[1\]"),
        ([0.0, -1.0], r"got -1.0 at \[1\]"),
        ([0, -1], r"got -1 at \[1\]"),
        ([0.0, np.nan], r"got nan at \[1\]"),
        ([0.0, 2.0**53], r"got 9007199254740992.0 at \[1\]"),
        ([0.0, np.inf], r"got inf at \[1\]"),
        (["cat", "dog"], r"got 'cat' at \[0\]"),
        (1.0, r"got shape \(\)"),
    ],
)
def test_what_is_no_label_is_refused_with_its_place(labels, sentence):
    with pytest.raises(ValueError, match=f"`targets` must be a vector of class labels 0, 1, ..., {sentence}"):
        entropy(labels, INPUTS[:2])


def test_one_column_of_labels_is_told_to_be_a_vector():
    with pytest.raises(ValueError, match=r"got other rows in one column; labels are meant by a vector"):
        entropy(LABELS[:, np.newaxis])


def test_both_sides_of_the_most_classes():
    network = FeedForward(INPUTS[:2], [0, 999], ())
    assert network.predict(np.zeros(network.num_weights), INPUTS).shape == (9, 1000)
    with pytest.raises(ValueError, match=r"are class labels and must be below 1000, got 1000; amounts"):
        FeedForward(INPUTS[:2], [0, 1000], ())


def test_as_many_classes_as_samples_are_never_too_many():
    many = np.arange(1001)
    assert FeedForward(np.ones((1001, 1)), many, (), bias=False).num_weights == 1001


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_prices_in_whole_numbers_are_not_made_a_million_classes(loss):
    with pytest.raises(ValueError, match=r"amounts are meant by floats of shape \(N, 1\)"):
        FeedForward(INPUTS[:2], [250_000, 1_000_000], (), loss=loss)


def test_floats_that_look_like_labels_are_amounts_with_a_word_of_warning():
    with pytest.warns(UserWarning, match=r"look like labels of 3 classes: integers, ") as caught:
        network = FeedForward(INPUTS, LABELS.astype(float), ())
    assert network.predict(np.zeros(3), INPUTS).shape == (9, 1)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "targets",
    [
        LABELS.astype(float)[:, np.newaxis],
        LABELS[:8].astype(float),
        LABELS.astype(float) + 1,
        2.0 * LABELS,
        (LABELS > 0).astype(float),
        LABELS + 0.5,
    ],
    ids=["a column", "fewer than three of each", "from 1", "a gap", "two values", "halves"],
)
def test_floats_that_are_amounts_are_taken_without_a_word(targets):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network = FeedForward(INPUTS[: len(targets)], targets, ())
    assert network.num_weights == 3


def test_accuracy_needs_an_output_for_each_class():
    network = FeedForward(INPUTS, INPUTS[:, 0], ())
    with pytest.raises(ValueError, match="`labels` need a network with one output for each class"):
        network.accuracy(np.zeros(3), INPUTS, LABELS)


@pytest.mark.parametrize("labels", [[0.0, 1.0], [False, True], pd.Series([0, 1], dtype="Int64")])
def test_labels_of_two_classes_come_in_every_form(labels):
    problem = LogisticRegression([[1.0], [2.0]], labels)
    np.testing.assert_array_equal(problem.gradient([0.0, 0.0]), [-0.25, 0.0])


def test_a_third_class_is_named():
    with pytest.raises(ValueError, match="`labels` must be 0 or 1, got 2"):
        LogisticRegression([[1.0], [2.0]], [1.0, 2.0])
