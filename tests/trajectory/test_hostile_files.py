"""Mutations and bombs: each is refused in one sentence or is the same run, and takes no more than is safe."""

import runpy
from pathlib import Path

import pytest

import gradflow as gf

HOSTILE = runpy.run_path(str(Path(__file__).with_name("hostile_files.py")))
MB = 10**6


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    return {name: run.save(folder / name) for name, run in HOSTILE["runs"]().items()}


def judged(path, content, like):
    """Return the sentence, after a look at its length and at the memory that it took."""
    path.write_bytes(content)
    assert HOSTILE["peak"](path, like) <= max(64 * MB, 2 * len(content))
    sentence = HOSTILE["sentence_of"](path, like)
    assert sentence == "" or sentence.startswith("`path` must be a gradflow trajectory, got ")
    assert len(sentence) <= 300
    assert "\n" not in sentence
    return sentence


def test_a_mutation_is_refused_in_one_sentence_or_is_the_same_run(good, tmp_path):
    runs = {name: gf.Trajectory.load(path) for name, path in good.items()}
    files = list(HOSTILE["mutations"](good))
    assert len(files) == 2000
    refused = [
        what for what, content in files if judged(tmp_path / "run.npz", content, runs[what.split()[1]])
    ]
    # Nearly all of them do damage; what does none is a change of order, or of a byte that nobody reads.
    assert 1700 < len(refused) < 2000
    assert len(set(refused)) == len(refused)


def test_a_bomb_is_refused_before_it_takes_much(good, tmp_path):
    run = gf.Trajectory.load(good["flow"])
    sentences = {
        what: judged(tmp_path / "run.npz", content, run) for what, content in HOSTILE["bombs"](good["flow"])
    }
    assert all(sentences.values())
    assert "'times' that fall" in sentences["zeros that are found out late"]
    assert "more than is safe" in sentences["zeros that agree with each other"]


def test_two_runs_that_differ_anywhere_are_not_the_same(good):
    """What the tests above hold a file against."""
    flow, descent = (gf.Trajectory.load(good[name]) for name in ("flow", "descent"))
    assert HOSTILE["parts_of"](flow) == HOSTILE["parts_of"](HOSTILE["runs"]()["flow"])
    assert HOSTILE["parts_of"](flow) != HOSTILE["parts_of"](descent)
