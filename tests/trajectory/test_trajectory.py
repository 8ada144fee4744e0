import json
import os
import pickle
import zipfile

import numpy as np
import pytest

import gradflow as gf
from gradflow.problems.landscapes.quadratic import Quadratic


def flow_run(**options):
    record = {"pair": lambda t, w: w[:2], "t": lambda t, w: t}
    events = {
        "met": gf.Event(lambda t, w: w[0], levels=(0.5,), terminal=False),
        "not met": gf.Event(lambda t, w: t + 1),
    }
    return gf.integrate(
        gf.GradientFlow(Quadratic([1.0, 4.0]), 2.0), [1.0, 1.0], 1.0, record=record, events=events, **options
    )


def descent_run(**options):
    return gf.descend(Quadratic([1.0, 4.0]), [1.0, 1.0], gf.rules.HeavyBall(0.05, 0.5), 20, **options)


RUNS = {
    "flow": flow_run,
    "descent": descent_run,
    "sketched": lambda: descent_run(sketch=gf.Sketch(2, size=3)),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_saved_run_comes_back_the_same(name, tmp_path):
    run = RUNS[name]()
    run.save(tmp_path / "run.npz")
    back = gf.Trajectory.load(tmp_path / "run.npz")
    for field, value in vars(run).items():
        other = getattr(back, field)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(other, value)
            assert other.dtype == value.dtype
        elif field == "records":
            assert list(other) == list(value)
            for key in value:
                np.testing.assert_array_equal(other[key], value[key])
        elif field == "crossings":
            for key in value:
                for mine, theirs in zip(value[key], other[key], strict=True):
                    np.testing.assert_array_equal(theirs, mine)
        else:
            assert json.dumps(other, default=str) == json.dumps(value, default=str)
    assert (back.states is back.weights) == (run.states is run.weights)
    assert repr(back) == repr(run)


def test_the_end_of_a_sketched_run_is_never_sketched():
    run = RUNS["sketched"]()
    whole = descent_run()
    np.testing.assert_array_equal(run.final_weights, whole.weights[-1])
    np.testing.assert_array_equal(gf.Sketch(2, size=3).apply(run.final_weights), run.weights[-1])


def test_the_file_is_plain_npz_with_a_json_header_and_no_pickle(tmp_path):
    flow_run().save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as file:
        header = json.loads(str(file["header"]))
        assert header["version"] == 2
        for name in file.files:
            assert not file[name].dtype.hasobject


@pytest.mark.parametrize("name", ["my run", "descent-0.05", "my run.npz"])
def test_a_name_gets_its_suffix_once_and_loads_with_and_without_it(name, tmp_path):
    flow_run().save(tmp_path / name)
    assert os.listdir(tmp_path) == [f"{name.removesuffix('.npz')}.npz"]
    for again in (name, name.removesuffix(".npz")):
        assert gf.Trajectory.load(tmp_path / again).is_continuous


def test_a_run_saved_without_a_suffix_is_found_before_an_older_file_of_that_very_name(tmp_path):
    flow_run().save(tmp_path / "run.npz")
    os.rename(tmp_path / "run.npz", tmp_path / "run")
    assert gf.Trajectory.load(tmp_path / "run").is_continuous
    descent_run().save(tmp_path / "run")
    assert not gf.Trajectory.load(tmp_path / "run").is_continuous


def test_a_failed_write_leaves_the_old_file_and_no_part_of_a_new_one(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    flow_run().save(path)
    before = path.read_bytes()

    def half(file, **arrays):
        file.write(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(OSError, match="no space"):
        descent_run().save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.npz"]


def truncated(path):
    flow_run().save(path)
    path.write_bytes(path.read_bytes()[:-200])


def cut_in_the_middle(path):
    flow_run().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def corrupted(path):
    flow_run().save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def newer(path):
    flow_run().save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop("header"))) | {"version": 99}
    np.savez(path, header=np.array(json.dumps(header)), **arrays)


def with_header(**changes):
    def make(path):
        flow_run().save(path)
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop("header"))) | changes
        np.savez(path, header=np.array(json.dumps(header)), **arrays)

    return make


def short_of_a_row(path):
    flow_run().save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **arrays | {"times": arrays["times"][:-1]})


def other_compression(path):
    flow_run().save(path)
    content = bytearray(path.read_bytes())
    for start in range(len(content) - 12):
        if content[start : start + 4] == b"PK\x01\x02":
            content[start + 10] = 99
    path.write_bytes(bytes(content))


def zipped(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("header.npy", b"not an array")


FOREIGN = {
    "truncated": truncated,
    "cut": cut_in_the_middle,
    "corrupted": corrupted,
    "newer": newer,
    "unknown outcome": with_header(outcome="NOPE"),
    "settings": with_header(settings=3),
    "short": short_of_a_row,
    "other compression": other_compression,
    "zip": zipped,
    "text": lambda path: path.write_text("hello"),
    "empty": lambda path: path.write_bytes(b""),
    "other npz": lambda path: np.savez(path, weights=np.ones(3)),
    "one array": lambda path: path.write_bytes(b"\x93NUMPY\x01\x00"),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"format": "gradflow-trajectory"})),
    "header of another kind": lambda path: np.savez(path, header=np.array("[1, 2]")),
    "pickled array": lambda path: np.savez(path, header=np.array({"a": 1}, dtype=object)),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_truncated_or_foreign_file_is_refused_in_one_sentence(kind, tmp_path):
    path = tmp_path / "file.npz"
    FOREIGN[kind](path)
    with pytest.raises(ValueError, match="`path` must be a gradflow trajectory, got"):
        gf.Trajectory.load(path)


def test_a_missing_file_and_a_missing_folder_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        gf.Trajectory.load(tmp_path / "none.npz")
    with pytest.raises(OSError, match="No such file"):
        flow_run().save(tmp_path / "no folder" / "run.npz")


@pytest.mark.parametrize("make", [flow_run, descent_run])
def test_interpolation_meets_the_rows_and_refuses_times_outside(make):
    run = make()
    np.testing.assert_allclose(run.at(run.times), run.weights, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(run.losses_at(run.times), run.losses, rtol=1e-14, atol=1e-15)
    assert run.at(0.3).shape == (2,)
    assert run.at([[0.1, 0.2, 0.3]]).shape == (1, 3, 2)
    assert run.losses_at(0.3).shape == ()
    for outside in (-0.1, run.times[-1] + 0.1, np.nan):
        with pytest.raises(ValueError, match="`times` must lie between 0 and"):
            run.at(outside)


def test_a_descent_moves_in_straight_lines():
    run = descent_run()
    middle = (run.times[3] + run.times[4]) / 2
    np.testing.assert_allclose(run.at(middle), (run.weights[3] + run.weights[4]) / 2)


def test_settings_are_json_values():
    for run in (
        gf.integrate(gf.GradientFlow(Quadratic([1.0, 4.0]), np.array([1.0, 2.0])), [1.0, 1.0], 1.0),
        gf.descend(Quadratic([1.0, 4.0]), [1.0, 1.0], lambda step: 0.1, 3, record_every=np.int8(1)),
    ):
        assert json.loads(json.dumps(run.settings)) == run.settings


@pytest.mark.parametrize("copied", [lambda run: run, lambda run: pickle.loads(pickle.dumps(run))])
def test_arrays_are_read_only(copied):
    run = copied(flow_run())
    with pytest.raises(ValueError, match="read-only"):
        run.weights[0, 0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        run.records["pair"][0] = 5.0


def test_the_repr_fits_one_screen_and_says_what_happened():
    text = repr(flow_run())
    assert len(text.splitlines()) < 12
    assert max(map(len, text.splitlines())) < 120
    for part in (
        "flow by RK45",
        "FINISHED",
        "loss",
        "gradients",
        "pair",
        "met: 0.5 at t = 0.34657",
        "not met",
    ):
        assert part in text
