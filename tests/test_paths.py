"""What is no name of a file is one sentence at every door, before anything has run."""

import functools
import os

import pytest

import gradflow as gf
from gradflow.files import LONGEST_SHOWN, as_path, shown

BOWL = gf.problems.Quadratic(1.0)
DESCENT = functools.partial(gf.descend, BOWL, [1.0], 0.5, 3)
DOORS = {
    "save": lambda path: DESCENT().save(path),
    "load": gf.Trajectory.load,
    "to_csv": lambda path: DESCENT().to_csv(path),
    "resume": lambda path: gf.resume(path, BOWL, num_steps=2),
    "checkpoint": lambda path: DESCENT(checkpoint=path, callback=lambda t, w: pytest.fail("it ran")),
    "Checkpoint": gf.Checkpoint,
    "from_csv": lambda path: gf.datasets.from_csv(path, target=0),
    "save_figure": lambda path: gf.plots.save_figure(gf.plots.draw_losses({"a": DESCENT()}), path),
}
NAMES = [b"run.npz", 3, "", "run\0.npz", "run\ud800", ["run\0.npz"]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_name_is_one_sentence(door, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^`(path|run|checkpoint)` must ") as caught:
        DOORS[door](name)
    assert len(str(caught.value)) <= 300
    assert "\n" not in str(caught.value)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", [".", "..", "/", "folder/.."])
@pytest.mark.parametrize("door", ["save", "to_csv", "checkpoint", "save_figure"])
def test_no_file_is_written_in_the_place_of_a_folder(door, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="`path` must end in the name of a file"):
        DOORS[door](name)
    assert not os.listdir(tmp_path)


def test_a_name_that_is_no_utf8_is_a_name(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/r\xff")
    assert as_path("path", name) == tmp_path / os.fsdecode(b"r\xff")


@pytest.mark.parametrize("length", [LONGEST_SHOWN - 2, LONGEST_SHOWN - 1, 4000])
def test_of_a_long_path_the_end_is_shown(length):
    text = "x" * (length - 3) + "end"
    assert shown(text) == (repr(text) if length == LONGEST_SHOWN - 2 else f"'...{shown(text)[4:]}")
    assert len(shown(text)) <= LONGEST_SHOWN
    assert shown(text).endswith("end'")
