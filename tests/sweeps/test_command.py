"""`gradflow sweep` as it is typed."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from gradflow import cli
from gradflow.sweeps import Store

OWN = '''
import gradflow as gf

def well(curvature=1.0):
    """A well of one weight."""
    return gf.problems.Quadratic(curvature), [1.0]
'''

LEAVING = """
import sys
import gradflow as gf

def well(curvature=1.0):
    if curvature == 2.0:
        sys.exit(5)
    if curvature == 3.0:
        raise RuntimeError("too steep")
    return gf.problems.Quadratic(curvature), [1.0]
"""
BROKEN = {
    "syntax.py": "def make(:",
    "leaves.py": "import sys\nsys.exit()",
    "lacks.py": "import no_such_module_at_all",
    "needs.py": "def make(width): ...\ndef seeded(seed): ...\ndef drawn(seed=0): ...",
}


def said(capsys, *words):
    status = cli.main(["sweep", *words])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gradflow.cli.heartbeat.SECONDS", 1e9)
    return tmp_path


def test_a_case_over_rates_and_seeds_leaves_a_table_and_a_store(folder, capsys):
    words = ("--problem", "quadratic", "--learning-rates", "0.1:0.3:3", "--seeds", "0:2", "--steps", "3000")
    status, out, err = said(capsys, *words)
    assert (status, err) == (0, "")
    with open(folder / "gradflow-sweep/quadratic.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    # Curvatures 1 and 10: the limit is 0.2, where a run neither shrinks nor grows.
    diverged = {float(row["learning_rate"]) for row in rows if row["outcome"] == "DIVERGED"}
    assert diverged == {0.3}
    assert len(rows) == 6
    assert "2 of 6 runs diverged, the first at a learning rate of 0.3." in out
    assert len(Store(folder / "gradflow-sweep/quadratic.db")) == 6


def test_a_file_says_what_to_sweep_and_options_overrule_it(folder, capsys):
    (folder / "own.py").write_text(OWN)
    (folder / "sweep.toml").write_text(
        'problem = "own.py:well"\nsteps = 50\nrule = "heavy-ball"\nmomentum = 0.5\n'
        'compute = ["ends", "critical-rates"]\n[axes]\nlearning_rate = "0.1:0.2:2"\ncurvature = [1.0, 4.0]\n'
    )
    status, _, err = said(capsys, "sweep.toml", "--steps", "600")
    assert (status, err) == (0, "")
    with open(folder / "gradflow-sweep/own.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    # The limit of heavy ball: 2 (1 + b) over the curvature.
    limits = {float(row["curvature"]): float(row["critical_rate"]) for row in rows}
    assert limits[1.0] == pytest.approx(3.0, rel=1e-2)
    assert limits[4.0] == pytest.approx(0.75, rel=1e-2)
    assert {row["num_steps"] for row in rows} == {"600"}


def test_a_problem_without_starting_weights_starts_where_every_command_starts_it(folder, capsys):
    (folder / "own.py").write_text(OWN.replace(", [1.0]", ""))
    words = ("own.py:well", "--learning-rates", "0.5", "--seeds", "0:2", "--steps", "1")
    status, _, err = said(capsys, *words)
    assert (status, err) == (0, "")
    with open(folder / "gradflow-sweep/own.csv", newline="") as file:
        losses = [float(row["final_loss"]) for row in csv.DictReader(file)]
    # One step of 0.5 in a well of curvature 1 halves the weight.
    starts = [np.random.default_rng(seed).standard_normal() for seed in (0, 1)]
    assert losses == pytest.approx([start**2 / 8 for start in starts])


def test_a_function_that_fails_or_leaves_fails_its_points_and_no_others(folder, capsys):
    (folder / "own.py").write_text(LEAVING)
    words = ("own.py:well", "--axis", "curvature=1.0,2.0,3.0", "--learning-rates", "0.1", "--steps", "5")
    status, out, err = said(capsys, *words)
    assert (status, err) == (1, "")
    assert "1 missing: SystemExit: 5" in out
    assert "1 missing: RuntimeError: too steep" in out
    with open(folder / "gradflow-sweep/own.csv", newline="") as file:
        assert [row["curvature"] for row in csv.DictReader(file)] == ["1.0"]


def test_a_problem_may_be_the_word_itself(folder, capsys):
    assert said(capsys, "quadratic", "--learning-rates", "0.1", "--steps", "5")[0] == 0
    assert (folder / "gradflow-sweep/quadratic.csv").is_file()


def test_the_file_that_readme_names_is_a_sweep(folder, capsys):
    path = Path(__file__).parents[2] / "experiments/sweep.toml"
    words = ("--axis", "widths=2", "--seeds", "0:2", "--learning-rates", "0.1,0.2", "--steps", "100")
    status, out, err = said(capsys, str(path), *words)
    assert (status, err) == (0, "")
    assert "critical_rate" in out


WRONG = [
    (("--problem", "xo"), "did you mean xor"),
    ((), "`problem` must be given"),
    (("--problem", "xor", "--axis", "width=3"), "did you mean widths"),
    (("--problem", "xor", "--axis", "widths"), "must be NAME=VALUES"),
    (("--problem", "xor", "--learning-rates", "0.5*limit"), "must be numbers in a sweep"),
    (("--problem", "xor", "--learning-rates", "fast"), "must be positive numbers"),
    (("--problem", "xor", "--seeds", "5:2"), "`seed`"),
    (("--problem", "xor", "--executor", "ray"), "must be processes:N or dask://HOST:PORT"),
    (("--problem", "xor", "--executor", "processes:0"), "must be processes:N or dask://HOST:PORT"),
    (("--problem", "xor", "--compute", "regime"), "did you mean regimes"),
    (("--problem", "xor", "--rule", "heavy-ball"), "`momentum` must be given"),
    (("--problem", "none.py:make"), "FILE.py:function"),
    (("--problem", "syntax.py:make"), "syntax.py failed in line 1: SyntaxError"),
    (("--problem", "leaves.py:make"), "leaves.py failed in line 2: SystemExit"),
    (("--problem", "lacks.py:make"), "lacks.py failed in line 1: ModuleNotFoundError"),
    (("--problem", "needs.py:mak", "--learning-rates", "1"), "did you mean make?"),
    (("needs.py", "--learning-rates", "1"), "must name one of the functions make, seeded, drawn"),
    (("needs.py:make", "--learning-rates", "1"), "--axis width=VALUES"),
    (("needs.py:seeded", "--learning-rates", "1"), "initial_weights(seed)"),
    (("needs.py:drawn", "--learning-rates", "1", "--seeds", "0:2"), "initial_weights(seed)"),
    (("xo",), "did you mean xor"),
    (("missing.toml",), "must be a file of TOML"),
    (("broken.toml",), "must be a file of TOML"),
    (("unknown.toml",), "the key must be one of problem, axes, steps"),
    (("--problem", "xor", "--store", "broken.toml"), "must be a store of sweeps"),
]


@pytest.mark.parametrize(("words", "cure"), WRONG, ids=[" ".join(words) or "nothing" for words, _ in WRONG])
def test_wrong_words_end_in_one_sentence_that_names_the_cure(folder, capsys, words, cure):
    (folder / "broken.toml").write_text("problem = = 'xor'\n" * 40)
    (folder / "unknown.toml").write_text("problm = 'xor'\n")
    for name, text in BROKEN.items():
        (folder / name).write_text(text)
    status, out, err = said(capsys, *words)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"gradflow sweep: .+\n", err)
    assert cure in err
