"""What other libraries hold is taken at the doors, and what has no numbers is named with its place."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import gradflow as gf
from gradflow import foreign, validate

FRAME = pd.DataFrame({"age": [3, 5], "height": [1.5, 1.75]})


class Tensor:
    """What torch's tensors answer: numpy gets nothing before `detach` and `cpu`, nor halves of floats."""

    def __init__(self, values, floating=True, width=2, steps=()):
        self.values, self.floating, self.width, self.steps = values, floating, width, steps

    def detach(self):
        return Tensor(self.values, self.floating, self.width, (*self.steps, "detach"))

    def cpu(self):
        return Tensor(self.values, self.floating, self.width, (*self.steps, "cpu"))

    def double(self):
        return Tensor(self.values, self.floating, 8, self.steps)

    def is_floating_point(self):
        return self.floating

    def __array__(self, dtype=None, copy=None):
        if self.steps != ("detach", "cpu"):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.width < 4:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return np.array(self.values, dtype=dtype)


class Unreadable:
    """An array that was given away."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Array has been deleted")


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        FRAME.astype(object),
        FRAME.astype({"age": "Int64", "height": "Float32"}),
        FRAME.rename(columns={"height": "age"}),
        FRAME.set_index(pd.Index(["a", "b"])),
        FRAME.map(Decimal),
        FRAME.astype({"age": "category"}),
    ],
    ids=["plain", "objects", "nullable", "one name twice", "index of text", "decimals", "categories"],
)
def test_a_frame_of_numbers_is_an_array(frame):
    result = validate.array("x", frame, 2)
    np.testing.assert_array_equal(result, [[3.0, 1.5], [5.0, 1.75]])
    assert result.dtype == np.float64
    assert result.flags.c_contiguous


def test_a_frame_is_not_shared():
    frame = pd.DataFrame(np.ones((2, 2)))
    result = validate.array("x", frame, 2)
    result[:] = 7
    np.testing.assert_array_equal(frame, np.ones((2, 2)))


@pytest.mark.parametrize("dtype", ["int64", "Int64", object])
def test_a_series_of_whole_numbers_stays_one(dtype):
    assert foreign.plain("x", pd.Series([2, 0, 1], dtype=dtype)).dtype == np.int64


@pytest.mark.parametrize("floating", [True, False])
def test_a_tensor_leaves_its_graph_and_its_device_first(floating):
    tensor = Tensor([1.0, 2.0] if floating else [1, 2], floating, width=2 if floating else 8)
    np.testing.assert_array_equal(validate.array("x", tensor, 1), [1.0, 2.0])
    np.testing.assert_array_equal(validate.numbers("x", tensor), [1.0, 2.0])
    assert foreign.plain("x", tensor).dtype == (np.float64 if floating else np.int64)


def test_weights_may_be_tensors_and_series():
    problem = gf.problems.Quadratic([1.0, 4.0])
    for w in (Tensor([1.0, 1.0]), pd.Series([1.0, 1.0])):
        assert problem.loss(w) == 2.5
        np.testing.assert_array_equal(gf.descend(problem, w, 0.25, 1).weights[-1], [0.75, 0.0])


MISSING = {
    "none": ([1.0, None], 1, r"nan at \[1\]$"),
    "NaN": (np.array([[1.0, 2.0], [np.nan, np.nan]]), 2, r"nan at \[1, 0\], and 1 more$"),
    "infinity": ([1.0, -np.inf], 1, r"-inf at \[1\]$"),
    "number": (np.nan, 0, "nan$"),
    "masked": (np.ma.array([1, 2, 3], mask=[0, 0, 1]), 1, r"nan at \[2\]$"),
    "NA": (pd.Series([1, 2, pd.NA], dtype="Int64"), 1, r"nan at \[2\]$"),
    "NA among objects": (pd.Series([1, pd.NA, 2.5], dtype=object), 1, r"nan at \[1\]$"),
    "frame": (FRAME.assign(weight=[60.0, np.nan]), 2, r"nan at \[1, 2\], column 'weight'$"),
    "nullable frame": (FRAME.assign(n=pd.array([None, 1], "Int64")), 2, r"nan at \[0, 2\], column 'n'$"),
    "NaT": (FRAME.assign(day=pd.Series([1, pd.NaT], dtype=object)), 2, r"nan at \[1, 2\], column 'day'$"),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_refused_with_its_place(name):
    value, ndim, place = MISSING[name]
    with pytest.raises(ValueError, match=f"^`x` must be finite, got {place}"):
        validate.array("x", value, ndim)


NO_NUMBERS = {
    "text column": (FRAME.assign(color=["red", "blue"]), 2, r"'red' at \[0\], column 'color'$"),
    "text in a column": (FRAME.assign(n=[1, "two"]), 2, r"'two' at \[1\], column 'n'$"),
    "digits as text": (FRAME.astype(str), 2, r"'3' at \[0\], column 'age'$"),
    "categories": (FRAME.assign(c=pd.Categorical(["a", "b"])), 2, r"'a' at \[0\], column 'c'$"),
    "dates": (FRAME.assign(day=pd.to_datetime(["2020-01-01"] * 2)), 2, r"datetime64\[\w+\] in column 'day'$"),
    "complex": (FRAME.assign(z=[1j, 2.0]), 2, "complex128 in column 'z'$"),
    "lists": (FRAME.assign(pair=[[1, 2], [3, 4]]), 2, "object in column 'pair'$"),
    "an array of objects": (np.array([[1, "b"]], dtype=object), 2, r"'b' at \[0, 1\]$"),
    "bytes": (np.array([1, b"2"], dtype=object), 1, r"b'2' at \[1\]$"),
    "what cannot be read": (Unreadable(), 1, "<"),
    "ragged": ([[1.0], [1.0, 2.0]], 2, r"\[\[1.0\], \[1.0, 2.0\]\]$"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_has_no_numbers_is_named(name):
    value, ndim, sentence = NO_NUMBERS[name]
    with pytest.raises(ValueError, match=f"^`x` must be numbers, got {sentence}"):
        validate.array("x", value, ndim)


def test_a_frame_without_columns_is_empty():
    with pytest.raises(ValueError, match="`x` must not be empty"):
        validate.array("x", pd.DataFrame(), 2)


def test_indices_may_be_a_series_or_a_tensor():
    for chosen in (pd.Series([2, 0]), Tensor([2, 0], floating=False, width=8)):
        np.testing.assert_array_equal(validate.indices("i", chosen, 3), [2, 0])


@pytest.mark.parametrize(
    "problem",
    [
        gf.problems.FeedForward([[1.0], [2.0]], [1.0, 0.5], [2]),
        gf.problems.LinearRegression([[1.0], [2.0]], [1.0, 0.5]),
        gf.problems.LogisticRegression([[1.0], [2.0]], [1, 0]),
        gf.problems.DeepLinear([[1.0], [2.0]], [1.0, 0.5], [2]),
        gf.problems.DoubleWell(),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_every_door_of_a_problem_takes_tensors(problem):
    w = np.linspace(0.1, 0.4, problem.num_weights)
    tensor = Tensor(w.tolist())
    assert problem.loss(tensor) == problem.loss(w)
    np.testing.assert_array_equal(problem.gradient(tensor), problem.gradient(w))
    np.testing.assert_array_equal(problem.hvp(tensor, tensor), problem.hvp(w, w))
    np.testing.assert_array_equal(problem.linearize(tensor)[2](tensor), problem.linearize(w)[2](w))
