"""Results to arrays and back, and files that are something else."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

import gradflow as gf
from gradflow import experiments
from gradflow.experiments.answers import lines, plain
from gradflow.experiments.leaving import header
from gradflow.experiments.packing import packed, unpacked
from gradflow.experiments.table import read_table, write_table
from gradflow.plots.series import Series


@dataclass(frozen=True, eq=False)
class Part:
    values: np.ndarray
    word: str
    flag: bool
    limit: float | None


@dataclass(frozen=True, eq=False)
class Whole:
    runs: dict[float, gf.Trajectory]
    parts: tuple[Part, ...]
    count: int


@pytest.fixture
def whole():
    problem = gf.problems.Quadratic([1.0, 2.0])
    flow = gf.integrate(gf.GradientFlow(problem), [1.0, 1.0], 1.0)
    runs = {0.5: gf.descend(problem, [1.0, 1.0], 0.5, 4, record={"w": lambda t, w: w[0]}), 0.1: flow}
    parts = (Part(np.array([np.nan, -0.0]), "", True, None), Part(np.arange(3), "später", False, 0.1))
    return Whole(runs, parts, 7)


def same(one, other):
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f") and one.dtype == other.dtype


def test_everything_comes_back(whole):
    arrays = packed(whole)
    found = unpacked(Whole, arrays)
    again = packed(found)
    assert list(again) == list(arrays)
    assert all(same(again[name], arrays[name]) for name in arrays if not name.endswith("header"))
    assert list(found.runs) == [0.5, 0.1]
    assert (found.count, found.parts[0].limit, found.parts[1].limit) == (7, None, 0.1)
    assert [part.word for part in found.parts] == ["", "später"]
    assert found.runs[0.1].is_continuous
    assert not found.parts[0].values.flags.writeable


def test_names_tell_where_each_array_belongs(whole):
    arrays = packed(whole)
    np.testing.assert_array_equal(arrays["runs/0.5/losses"], whole.runs[0.5].losses)
    assert arrays["parts/1/limit"] == 0.1


@pytest.mark.parametrize(
    "results", [object(), {"a/b": 1.0}, {"": 1.0}, {"a": [1.0]}], ids=["object", "slash", "no name", "list"]
)
def test_what_a_file_cannot_hold_is_refused(results):
    with pytest.raises(TypeError, match="`results` must"):
        packed(results)


@pytest.mark.parametrize("lost", ["count", "parts/0/values", "runs/0.5/losses"])
def test_a_missing_array_is_told(whole, lost):
    arrays = packed(whole)
    del arrays[lost]
    with pytest.raises(ValueError, match="`path` must"):
        unpacked(Whole, arrays)


def test_a_number_of_another_form_is_told(whole):
    arrays = packed(whole) | {"count": np.array([1, 2])}
    with pytest.raises(ValueError, match="must hold one int as 'count', got int64"):
        unpacked(Whole, arrays)


def test_a_table_reads_back_to_the_last_bit(tmp_path):
    x = np.array([0.1, 1 / 3, np.nan, -np.inf, 5e-324])
    series = [Series(1, 'loss, "E"', "η = 0.1\nsteps", x, x[::-1]), Series(2, "", "", x[:2], x[:2], x[1:3])]
    write_table(tmp_path / "it.csv", series)
    for one, other in zip(read_table(tmp_path / "it.csv"), series, strict=True):
        assert (one.panel, one.title, one.label) == (other.panel, other.title, other.label)
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.y, other.y)
    assert read_table(tmp_path / "it.csv")[1].value.tolist() == pytest.approx([1 / 3, np.nan], nan_ok=True)


def test_answers_are_json_whatever_the_numbers():
    answers = {
        "nan": np.nan,
        "inf": -np.inf,
        "rows": {0.5: np.array([[1, 2]])},
        "yes": np.True_,
        "none": None,
    }
    expected = {"nan": None, "inf": "-inf", "rows": {"0.5": [[1, 2]]}, "yes": True, "none": None}
    assert json.loads(json.dumps(plain(answers), allow_nan=False)) == expected


def test_numbers_are_told_in_six_digits_and_columns_of_unequal_length_are_no_table():
    told = lines({"big": 2.6651753506174643e52, "lists": {"a": [1, 2], "b": []}, "lost": [np.nan, True]})
    assert told == ["big: 2.66518e+52", "lists", "  a: 1, 2", "  b: none", "lost: -, yes"]


@pytest.fixture
def files(tmp_path):
    found = experiments.load("momentum_limits")
    experiments.perform(found, {"momenta": (0.5,), "num_steps": 400}, tmp_path)
    return found, tmp_path


def test_files_of_something_else_are_refused_in_one_sentence(files):
    found, folder = files
    path = folder / "momentum_limits.npz"
    cut = path.read_bytes()[:-30]
    other = folder / "other.npz"
    np.savez(other, wrong=np.ones(2))
    with pytest.raises(ValueError, match="must hold the array 'momenta' to be results of momentum_limits"):
        experiments.read(other, found)
    np.savez_compressed(other, momenta=np.zeros(10**6))
    with pytest.raises(ValueError, match="it is compressed"):
        experiments.read(other, found)
    np.savez(other, momenta=np.array([object()], dtype=object))
    for content in (other.read_bytes(), cut, b"", b"PK"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="`path` must be a file of plain arrays") as caught:
            experiments.read(path, found)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"format": "gradflow-experiment"}'])
def test_json_of_something_else_is_refused(text, tmp_path):
    (tmp_path / "it.json").write_text(text)
    with pytest.raises(ValueError, match="must be the JSON of an experiment"):
        header(tmp_path / "it.json")
