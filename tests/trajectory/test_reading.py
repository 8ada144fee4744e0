"""Files with valid checksums that break what a trajectory promises: each breach is one sentence."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

import gradflow as gf
from gradflow.trajectory import members, reading

BOWL = gf.problems.Quadratic([1.0, 4.0])
W0 = [1.0, 1.0]


@pytest.fixture(scope="module")
def flow_file(tmp_path_factory):
    events = {"e": gf.Event(lambda t, w: w[0], levels=(0.9, 0.6), terminal=False)}
    record = {"pair": lambda t, w: w, "rare": gf.every(2, lambda t, w: t)}
    run = gf.integrate(gf.GradientFlow(BOWL), W0, 1.0, record=record, events=events)
    return run.save(tmp_path_factory.mktemp("flow") / "run")


@pytest.fixture(scope="module")
def descent_file(tmp_path_factory):
    run = gf.descend(BOWL, W0, gf.rules.HeavyBall(0.1, 0.5), 12, record_every=3)
    return run.save(tmp_path_factory.mktemp("descent") / "run")


def parts(path):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(str(arrays.pop("header"))), arrays


def refusal(path, header, arrays):
    np.savez(path, header=np.array(json.dumps(header)), **arrays)
    with pytest.raises(ValueError, match=r"^`path` must be a gradflow trajectory, got") as caught:
        gf.Trajectory.load(path)
    assert len(str(caught.value)) <= 300
    return str(caught.value)


def entry(name, place, value):
    def change(header, arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value

    return change


def array(name, make):
    def change(header, arrays):
        arrays[name] = make(arrays[name])

    return change


def without(name):
    return lambda header, arrays: arrays.pop(name)


def header(**changes):
    return lambda header, arrays: header.update(changes)


def settings(**changes):
    return lambda header, arrays: header["settings"].update(changes)


ROWS = ("times", "steps", "weights", "losses")
SKETCH = {"num_weights": 2, "size": 9, "seed": 0}
OF_BOTH = {
    "times that fall": (entry("times", 1, 9.0), "'times' that fall"),
    "times that are nan": (entry("times", 1, np.nan), "'times' that are not finite"),
    "times between the steps": (entry("times", 0, -1.0), "'times' that are not those of the steps"),
    "steps that fall": (entry("steps", 1, 10**6), "'steps' that fall"),
    "steps below zero": (array("steps", lambda steps: steps - 1), "'steps' that were not taken"),
    "steps beyond the last": (array("steps", lambda s: s + 1), "'steps' that were not taken"),
    "steps without order": (entry("steps", slice(None), -(2**63)), "'steps'"),
    "weights that are nan": (entry("weights", (1, 0), np.nan), "'weights' that are not finite"),
    "weights that are inf": (entry("weights", (1, 0), np.inf), "'weights' that are not finite"),
    "another end": (entry("final_weights", 0, 3.0), "'final_weights' that are not those of the last row"),
    "another final state": (entry("final_state", 1, 3.0), "'final_state' that is not that of the last row"),
    "a final state that is nan": (entry("final_state", -1, np.nan), "'final_state' that are not finite"),
    "losses that are nan": (entry("losses", 0, np.nan), "'losses' that are not finite"),
    "losses of steps that are nan": (entry("step_losses", 0, np.nan), "'step_losses' that are not finite"),
    "steps back in time": (entry("step_times", 2, -1.0), "'step_times' that fall"),
    "text as losses": (array("losses", lambda x: x.astype("U30")), "'losses' of <U30"),
    "complex weights": (array("weights", lambda x: x.astype(complex)), "'weights' of complex128"),
    "dates as times": (array("times", lambda x: np.arange(len(x)).astype("M8[s]")), "'times' of datetime64"),
    "structures as losses": (array("losses", lambda x: x.view([("a", "f8")])), "the header of an array"),
    "single precision": (array("losses", lambda x: x.astype("f4")), "'losses' of float32"),
    "steps as numbers": (array("steps", lambda x: x.astype(float)), "'steps' of float64"),
    "truth values": (array("losses", lambda x: x > 0), "'losses' of bool"),
    "weights on end": (array("weights", lambda x: x.T), "columns of unequal length"),
    "weights in a line": (array("weights", np.ravel), "'weights' in 1 dimensions"),
    "one time alone": (array("times", lambda x: x[0]), "'times' in 0 dimensions"),
    "no rows": (lambda h, a: a.update({name: a[name][:0] for name in ROWS}), "columns of unequal length"),
    "a message of another type": (header(message=3), "'message' of another type"),
    "a count of another type": (header(num_gradients=3.5), "'num_gradients' of another type"),
    "a count that is true": (header(num_hvps=True), "'num_hvps' of another type"),
    "a count below zero": (header(num_hvps=-1), "'num_hvps' that is no count"),
    "a count of many digits": (header(num_hvps=10**400), "'num_hvps' that is no count"),
    "settings of another type": (header(settings=[]), "'settings' of another type"),
    "another outcome": (header(outcome="NOPE"), "another outcome than a run may have"),
    "an outcome that is a list": (header(outcome=["FINISHED"]), "'outcome' of another type"),
    "a version in words": (header(version="2"), "another version of the format"),
    "a newer version": (header(version=10**400), "newer than this gradflow's 2"),
    "records that are a number": (header(records=3), "'records' without names of their own"),
    "a record that is not there": (header(records=["a", "b", "c"]), "not those of its header"),
    "two crossings of one name": (header(crossings=["e", "e"]), "'crossings' without names of their own"),
    "an origin in words": (header(origin="os:system"), "'origin' of another form"),
    "a sketch in words": (settings(sketch="yes"), "a sketch of another form"),
    "a sketch of words": (settings(sketch=SKETCH | {"seed": "0"}), "a sketch of another form"),
    "a sketch of another width": (settings(sketch=SKETCH), "another width"),
    "another kind": (settings(kind="walk"), "'settings' of another kind of run"),
    "losses of no batch": (settings(losses="rows", batch=None), "losses of batches that are none"),
    "an array too many": (lambda h, a: a.update(more=np.ones(3)), "not those of its header"),
    "an array too few": (without("step_losses"), "not those of its header"),
    "arrays that are not listed": (lambda h, a: h["arrays"].pop("times"), "not those of its header"),
    "arrays without a list": (header(arrays=["times"]), "'arrays' of another type"),
    "arrays of another length": (lambda h, a: h["arrays"].update(steps=["i8", 3]), "than its header lists"),
}  # fmt: skip
OF_FLOWS = {
    "velocities that are gone": (without("velocities"), "not those of its header"),
    "velocities that are nan": (entry("velocities", (0, 0), np.nan), "'velocities' that are not finite"),
    "velocities of another width": (array("velocities", lambda v: v[:, :1]), "unequal shape"),
    "a record in words": (array("record 0", lambda x: x.astype(str)), "'record 0' of another form"),
    "a record in one piece": (array("record 0", lambda x: x[0, 0]), "'record 0' in 0 dimensions"),
    "a record cut short": (array("record 0", lambda x: x[1:]), "a record of unequal length"),
    "a rhythm cut short": (array("record times 1", lambda x: x[1:]), "a record of unequal length"),
    "a rhythm that falls": (entry("record times 1", 0, 9.0), "'record_times' that fall"),
    "a rhythm in words": (array("record times 1", lambda x: x.astype(str)), "'record times 1' of <U32"),
    "levels of another type": (array("crossing 0 0", lambda x: x.astype(int)), "'crossing 0 0' of int64"),
    "crossings of other weights": (array("crossing 0 2", lambda x: x[:, :1]), "crossings of unequal length"),
    "crossings outside the run": (entry("crossing 0 1", 0, 2.0), "crossings of 'e' outside the run"),
    "crossings that are nan": (entry("crossing 0 1", 0, np.nan), "'crossings' that are not finite"),
}  # fmt: skip
OF_DESCENTS = {
    "a memory that is gone": (array("final_state", lambda x: x[:2]), "'final_state' of another form"),
    "learning rates below zero": (entry("learning_rates", 0, -0.1), "'learning_rates' that are not positive"),
    "times inside a step": (entry("times", 1, 0.35), "'times' that are not those of the steps"),
}


@pytest.mark.parametrize("name", [*OF_BOTH, *OF_FLOWS])
def test_a_flow_that_breaks_a_promise_is_refused(name, flow_file, tmp_path):
    change, reason = (OF_BOTH | OF_FLOWS)[name]
    found, arrays = parts(flow_file)
    change(found, arrays)
    assert reason in refusal(tmp_path / "run.npz", found, arrays)


@pytest.mark.parametrize("name", [*OF_BOTH, *OF_DESCENTS])
def test_a_descent_that_breaks_a_promise_is_refused(name, descent_file, tmp_path):
    change, reason = (OF_BOTH | OF_DESCENTS)[name]
    found, arrays = parts(descent_file)
    change(found, arrays)
    assert reason in refusal(tmp_path / "run.npz", found, arrays)


def test_an_end_of_another_width_is_refused_where_nothing_is_listed(descent_file, tmp_path):
    found, arrays = parts(descent_file)
    del found["arrays"]
    arrays["final_weights"] = arrays["final_weights"][:1]
    assert "'weights' of another width than the end" in refusal(tmp_path / "run.npz", found, arrays)


@pytest.mark.parametrize("name", ["flow_file", "descent_file"])
def test_what_was_taken_apart_and_put_together_is_read(name, request, tmp_path):
    """What the refusals above begin from."""
    found, arrays = parts(request.getfixturevalue(name))
    np.savez(tmp_path / "run.npz", header=np.array(json.dumps(found)), **arrays)
    assert gf.Trajectory.load(tmp_path / "run.npz").final_loss == arrays["losses"][-1]


def test_a_file_from_before_the_arrays_were_listed_is_read(flow_file, tmp_path):
    found, arrays = parts(flow_file)
    del found["arrays"], found["origin"]
    np.savez(tmp_path / "run.npz", header=np.array(json.dumps(found)), **arrays)
    run = gf.Trajectory.load(tmp_path / "run.npz")
    with pytest.raises(ValueError, match="an earlier version"):
        run.flow_on(BOWL)


def test_arrays_in_the_order_of_columns_and_of_other_machines_are_read(flow_file, tmp_path):
    found, arrays = parts(flow_file)
    arrays |= {"weights": np.asfortranarray(arrays["weights"]), "losses": arrays["losses"].astype(">f8")}
    np.savez(tmp_path / "run.npz", header=np.array(json.dumps(found)), **arrays)
    run = gf.Trajectory.load(tmp_path / "run.npz")
    np.testing.assert_array_equal(run.weights, arrays["weights"])
    np.testing.assert_array_equal(run.losses, arrays["losses"])
    assert run.losses.dtype == np.float64
    assert run.losses.dtype.isnative


@pytest.mark.parametrize(
    "values", [[True, False], [1 + 2j, 3j], ["one", "two"], np.array([0, 5], "M8[D]"), np.float32([1, 2])]
)
def test_records_of_every_kind_come_back(values, tmp_path):
    run = gf.descend(BOWL, W0, 0.1, 3, record={"v": lambda t, w: values})
    back = gf.Trajectory.load(run.save(tmp_path / "run"))
    assert back.records["v"].dtype == run.records["v"].dtype
    np.testing.assert_array_equal(back.records["v"], run.records["v"])


def npy(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("values", "entry", "reason"),
    [
        (np.array([True] * 4), b"\x02", "truth values that are neither"),
        (np.array(["abcd"] * 4), b"\xff\xff\xff\xff", "letters that do not exist"),
    ],
)
def test_entries_that_numpy_never_writes_are_refused(values, entry, reason, tmp_path):
    text = values.tolist()[0]
    path = gf.descend(BOWL, W0, 0.1, 3, record={"v": lambda t, w: text}).save(tmp_path / "run")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    content = npy(values)
    contents["record 0.npy"] = content[: -len(entry)] + entry
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=reason):
        gf.Trajectory.load(path)


def test_a_record_of_structures_cannot_be_saved(tmp_path):
    run = gf.descend(BOWL, W0, 0.1, 3, record={"v": lambda t, w: np.zeros((), [("a", "f8")])})
    with pytest.raises(ValueError, match="`record 0` must hold numbers or text to be saved, got"):
        run.save(tmp_path / "run")
    assert not os.listdir(tmp_path)


def test_names_listed_twice_in_the_archive_are_refused(flow_file, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(flow_file.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("times.npy", archive.read("times.npy"))
    with pytest.raises(ValueError, match="not those of its header"):
        gf.Trajectory.load(path)


def test_a_long_path_is_shown_by_its_end(tmp_path):
    folder = tmp_path / ("a" * 200) / ("b" * 200)
    folder.mkdir(parents=True)
    (folder / "text.npz").write_text("no archive")
    with pytest.raises(ValueError, match=r"bb/text.npz': File is not a zip file") as caught:
        gf.Trajectory.load(folder / "text.npz")
    assert len(str(caught.value)) <= 300


PATHS = [
    (b"run.npz", "`path` must be the name of a file as text or a Path, got b'run.npz'"),
    (3, "`path` must be the name of a file as text or a Path, got 3"),
    ("", "`path` must be the name of a file, got an empty one"),
    ("run\0.npz", r"`path` must be a name that a file can have, got 'run\\x00.npz'"),
    ("run\ud800", r"`path` must be a name that a file can have, got 'run\\ud800'"),
    (".", "`path` must end in the name of a file, got '.'"),
    ("a/..", "`path` must end in the name of a file, got 'a/..'"),
]


@pytest.mark.parametrize(("path", "sentence"), PATHS)
def test_what_is_no_path_is_one_sentence(path, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = gf.descend(BOWL, W0, 0.1, 3)
    for use in (run.save, run.to_csv, gf.Trajectory.load):
        with pytest.raises(ValueError, match=f"^{sentence}$"):
            use(path)
    assert not os.listdir(tmp_path)


def test_save_says_which_file_it_wrote(tmp_path):
    run = gf.descend(BOWL, W0, 0.1, 3)
    assert run.save(tmp_path / "flow") == tmp_path / "flow.npz"
    assert run.save(str(tmp_path / "descent-0.5")) == tmp_path / "descent-0.5.npz"
    (tmp_path / "link.npz").symlink_to("flow.npz")
    assert run.save(tmp_path / "link") == tmp_path / "link.npz"


def test_a_header_that_python_needs_much_memory_for_is_refused(flow_file, tmp_path, monkeypatch):
    monkeypatch.setattr(members, "HARMLESS_BYTES", 0)
    found, arrays = parts(flow_file)
    found["settings"]["deep"] = [[[]] * 10] * 100
    assert "a header that needs more memory than is safe" in refusal(tmp_path / "run.npz", found, arrays)
    monkeypatch.setattr(members, "HARMLESS_BYTES", 10**6)
    assert gf.Trajectory.load(tmp_path / "run.npz").settings == found["settings"]


def test_a_long_header_is_read_where_it_is_not_compressed(tmp_path, monkeypatch):
    """A matrix of rates stands there as text, twice."""
    monkeypatch.setattr(members, "HARMLESS_BYTES", 0)
    monkeypatch.setattr(reading, "HARMLESS_HEADER", 0)
    rate = np.diag(np.linspace(1.0, 2.0, 60))
    run = gf.integrate(gf.GradientFlow(gf.problems.Quadratic(np.ones(60)), rate), np.ones(60), 0.1, times=2)
    path = run.save(tmp_path / "run")
    np.testing.assert_array_equal(gf.Trajectory.load(path).settings["rate"], rate)
    found, arrays = parts(path)
    monkeypatch.setattr(members, "HARMLESS_RATIO", 100)
    np.savez_compressed(path, header=np.array(json.dumps(found)), **arrays)
    with pytest.raises(ValueError, match="a header longer than any run needs"):
        gf.Trajectory.load(path)


def test_a_header_that_is_no_ascii_is_refused(flow_file, tmp_path):
    found, arrays = parts(flow_file)
    path = tmp_path / "run.npz"
    np.savez(path, header=np.array(json.dumps(found | {"method": "\u00e9"}, ensure_ascii=False)), **arrays)
    with pytest.raises(ValueError, match="a header of another form"):
        gf.Trajectory.load(path)


ORIGINS = {
    "an array of objects": {"array": [0], "dtype": "O", "shape": [1]},
    "an array that is huge": {"array": ["a"], "dtype": "S2000000000", "shape": [1]},
    "an array of another shape": {"array": [0.0], "dtype": "<f8", "shape": [2]},
    "an array without a shape": {"array": [0.0], "dtype": "<f8"},
    "no class": {"class": "os:path.join", "source": None, "fields": {}},
    "a module that imports": {"class": "scipy:optimize", "source": None, "fields": {}},
    "other fields": {"class": "gradflow.rules.plain:GradientDescent", "source": None, "fields": {"a": 1}},
}


@pytest.mark.parametrize("name", ORIGINS)
def test_a_damaged_rule_is_one_sentence_once_it_is_asked_for(name, descent_file, tmp_path):
    found, arrays = parts(descent_file)
    kind = found["origin"]["class"]
    damaged = ORIGINS[name]
    if "array" in damaged:
        damaged = {**found["origin"], "fields": {**found["origin"]["fields"], "learning_rate": damaged}}
    assert isinstance(kind, str)
    found["origin"] = damaged
    np.savez(tmp_path / "run.npz", header=np.array(json.dumps(found)), **arrays)
    run = gf.Trajectory.load(tmp_path / "run.npz")
    with pytest.raises(ValueError, match=r"`trajectory` must|cannot reshape"):
        _ = run.rule
