"""A run as a table: rows, steps, crossings and records, for pandas, CSV and xarray."""

import csv
import json
import os
import sys

import numpy as np
import pytest

import gradflow as gf

BOWL = gf.problems.Quadratic([1.0, 4.0])
W0 = [1.0, 1.0]


def flow_run():
    record = {"pair": lambda t, w: w[:2], "t": lambda t, w: t}
    events = {
        "met": gf.Event(lambda t, w: w[0], levels=(0.5, 0.4), terminal=False),
        "not met": gf.Event(lambda t, w: t + 1),
    }
    return gf.integrate(gf.GradientFlow(BOWL, 2.0), W0, 1.0, record=record, events=events)


def descent_run(**options):
    return gf.descend(BOWL, W0, gf.rules.HeavyBall(0.05, 0.5), 20, **options)


def test_the_rows_of_plain_descent_are_powers_of_one_minus_eta():
    frame = gf.descend(BOWL, W0, 0.125, 4, record_every=2).to_pandas()
    assert list(frame.columns) == ["step", "loss", "learning_rate", "w[0]", "w[1]"]
    assert frame.index.name == "time"
    np.testing.assert_array_equal(frame.index, [0.0, 0.25, 0.5])
    np.testing.assert_array_equal(frame["step"], [0, 2, 4])
    np.testing.assert_allclose(frame["w[0]"], 0.875 ** frame["step"])
    np.testing.assert_allclose(frame["loss"], (frame["w[0]"] ** 2 + 4 * frame["w[1]"] ** 2) / 2)
    np.testing.assert_array_equal(frame["learning_rate"], 0.125)


def test_records_of_the_rows_are_columns_and_those_in_a_rhythm_of_their_own_are_tables():
    record = {
        "number": lambda t, w: t,
        "matrix": lambda t, w: np.outer(w, w),
        "rare": gf.every(5, lambda t, w: w),
    }
    run = descent_run(record=record)
    frame = run.to_pandas()
    places = ["matrix[0,0]", "matrix[0,1]", "matrix[1,0]", "matrix[1,1]"]
    assert list(frame.columns) == ["step", "loss", "learning_rate", "number", *places, "w[0]", "w[1]"]
    np.testing.assert_array_equal(frame["matrix[0,1]"], run.records["matrix"][:, 0, 1])
    rare = run.to_pandas("rare")
    assert list(rare.columns) == ["rare[0]", "rare[1]"]
    np.testing.assert_array_equal(rare.index, run.times[::5])
    np.testing.assert_array_equal(rare, run.weights[::5])


def test_the_loss_of_every_step_is_a_table_whatever_rows_are_kept():
    run = descent_run(record_every=10)
    frame = run.to_pandas("steps")
    np.testing.assert_array_equal(frame.index, run.step_times)
    np.testing.assert_array_equal(frame["step"], range(21))
    np.testing.assert_array_equal(frame["step_loss"], descent_run().losses)


def test_crossings_are_a_table_with_the_event_the_level_the_time_and_the_weights():
    run = flow_run()
    frame = run.to_pandas("crossings")
    assert frame["event"].tolist() == ["met", "met"]
    assert frame["level"].tolist() == [0.5, 0.4]
    np.testing.assert_allclose(frame["time"], np.log([2.0, 2.5]) / 2, atol=1e-5)
    np.testing.assert_array_equal(frame[["w[0]", "w[1]"]], run.crossings["met"].weights)


@pytest.mark.parametrize("run", [descent_run(), descent_run(events={"none": gf.Event(lambda t, w: t + 1)})])
def test_without_crossings_the_table_is_empty(run):
    frame = run.to_pandas("crossings")
    assert list(frame.columns) == ["event", "level", "time", "w[0]", "w[1]"]
    assert len(frame) == 0


def test_a_sketched_run_has_the_numbers_of_its_sketch_as_weights():
    run = descent_run(sketch=gf.Sketch(2, size=3))
    np.testing.assert_array_equal(run.to_pandas()[["w[0]", "w[1]", "w[2]"]], run.weights)


@pytest.mark.parametrize("of", ["rows", "steps", "crossings", "pair"])
def test_numbers_come_back_from_csv_bit_for_bit(of, tmp_path):
    run = flow_run()
    path = run.to_csv(tmp_path / "run", of)
    assert path == tmp_path / "run.csv"
    frame = run.to_pandas(of)
    with open(path, newline="") as file:
        head, *rows = csv.reader(file)
    whole = frame if of == "crossings" else frame.reset_index()
    assert head == list(whole.columns)
    for name, cells in zip(head, zip(*rows, strict=True), strict=True):
        back = cells if name == "event" else [float(cell) for cell in cells]
        np.testing.assert_array_equal(whole[name], back)


def test_csv_needs_no_pandas_and_quotes_what_it_must(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    run = descent_run(record={'a, "b"': lambda t, w: "x,y"})
    path = run.to_csv(tmp_path / "run.csv")
    with open(path, newline="") as file:
        head, first, *_ = csv.reader(file)
    assert head[4] == 'a, "b"'
    assert first[4] == "x,y"
    assert os.listdir(tmp_path) == ["run.csv"]


def test_another_part_or_a_name_taken_twice_is_one_sentence(tmp_path):
    run = descent_run(record={"loss": lambda t, w: t, "w": gf.every(2, lambda t, w: w)})
    with pytest.raises(ValueError, match="`of` must be one of rows, steps, crossings, loss, w, got 'row'"):
        run.to_pandas("row")
    with pytest.raises(ValueError, match="`records` must have names of their own in a table, got 'loss'"):
        run.to_csv(tmp_path / "run")
    assert len(run.to_pandas("loss")) == 21
    assert not os.listdir(tmp_path)


def test_records_named_like_the_rows_have_no_place_in_a_dataset():
    run = descent_run(record={"loss": lambda t, w: t})
    with pytest.raises(ValueError, match="`records` must have names of their own"):
        run.to_xarray()


def test_a_run_becomes_an_xarray_dataset():
    run = flow_run()
    data = run.to_xarray()
    np.testing.assert_array_equal(data["weights"].values, run.weights)
    np.testing.assert_array_equal(data["time"].values, run.times)
    assert data["pair"].shape == run.records["pair"].shape
    assert json.loads(data.attrs["settings"])["rate"] == 2.0


def test_a_record_in_its_own_rhythm_has_a_dimension_of_its_own_in_a_dataset(tmp_path):
    run = descent_run(record={"each": lambda t, w: t, "rare": gf.every(5, lambda t, w: w)})
    run.save(tmp_path / "run")
    for data in (run.to_xarray(), gf.Trajectory.load(tmp_path / "run").to_xarray()):
        assert data["each"].dims == ("time",)
        assert data["rare"].dims == ("rare_time", "rare_1")
        np.testing.assert_array_equal(data["rare_time"].values, run.times[::5])


def test_a_missing_xarray_is_one_sentence_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r'pip install "gradflow-sim\[data\]"'):
        flow_run().to_xarray()


def test_a_dataset_has_the_steps_the_learning_rates_and_the_crossings():
    run = flow_run()
    data = run.to_xarray()
    assert "learning_rate" not in data
    np.testing.assert_array_equal(data["step_loss"].values, run.step_losses)
    np.testing.assert_array_equal(data["step_time"].values, run.step_times)
    np.testing.assert_array_equal(data["met_crossing_level"].values, [0.5, 0.4])
    np.testing.assert_array_equal(data["met_crossing_time"].values, run.crossings["met"].times)
    np.testing.assert_array_equal(data["met_crossing_weights"].values, run.crossings["met"].weights)
    assert data["met_crossing_weights"].dims == ("met_crossing", "weight")
    assert data.sizes["not met_crossing"] == 0
    data = descent_run(record_every=5).to_xarray()
    np.testing.assert_array_equal(data["learning_rate"].values, 0.05)
    assert data.sizes["step_time"] == 21


def test_the_crossings_of_a_sketched_run_are_not_sketched():
    met = {"met": gf.Event(lambda t, w: w[0], levels=(0.5,), terminal=False)}
    data = descent_run(sketch=gf.Sketch(2, size=3), events=met).to_xarray()
    assert data["met_crossing_weights"].shape == (1, 2)
    assert data["weights"].shape[1] == 3


def test_a_record_with_the_name_of_a_crossing_has_no_place_in_a_dataset():
    met = {"met": gf.Event(lambda t, w: w[0], levels=(0.5,), terminal=False)}
    run = descent_run(record={"met_crossing_time": lambda t, w: t}, events=met)
    with pytest.raises(ValueError, match="names of their own in a dataset, got 'met_crossing_time'"):
        run.to_xarray()


def test_a_missing_pandas_is_one_sentence_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "gradflow-sim\[data\]"'):
        flow_run().to_pandas()
