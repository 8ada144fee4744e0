"""Scripts as programs: what is interrupted or fails ends at once, keeps that run and draws nothing."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.solvers import lsoda

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted(path for path in (ROOT / "experiments").glob("*.py") if path.stem != "__init__")

# The signal comes from within the run, after so many gradients.
STUDY = '''
"""What is left of it?"""

import os, signal
from dataclasses import dataclass
import gradflow as gf
from gradflow import plots, script
from gradflow.experiments import descend, integrate

Q = gf.problems.Quadratic([1.0, 4.0])
left = 5

@dataclass(frozen=True)
class Results:
    run: gf.Trajectory

def gradient(w):
    global left
    left -= 1
    if left == 0:
        {happens}
    return Q.gradient(w)

def run(*, budget: int = 1000) -> Results:
    problem = gf.problems.from_callables(Q.loss, gradient, hvp=Q.hvp)
    {first}
    if "{flow}":
        flow = gf.GradientFlow(problem)
        return Results(integrate(flow, [1.0, 1.0], 9.0, method="{flow}", max_evaluations=budget))
    return Results(descend(problem, [1.0, 1.0], 0.1, 100))

def plot(results):
    figure, (ax,) = plots.new_figure()
    plots.draw_losses({{"run": results.run}}, ax=ax)
    return figure

def answers(results):
    return {{"final loss": results.run.final_loss}}

if __name__ == "__main__":
    script.run(__file__)
'''
INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"
OLD = {f"study.{suffix}": "old" for suffix in ("png", "svg", "json", "npz", "csv")}


def study(folder, flow="", happens=INTERRUPT, first="pass"):
    text = textwrap.dedent(STUDY).format(flow=flow, happens=happens, first=first)
    (folder / "study.py").write_text(text)
    (folder / "out").mkdir()
    for name, content in OLD.items():
        (folder / "out" / name).write_text(content)


def ended(folder, *words):
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


def is_untouched(folder):
    return all((folder / "out" / name).read_text() == content for name, content in OLD.items())


def files_of(folder):
    return {path.name for path in (folder / "out").iterdir()}


@pytest.mark.parametrize("flow", ["", "RK45", "LSODA", "BDF", "krylov-bdf"])
def test_a_script_ends_where_it_is_interrupted_draws_nothing_and_keeps_the_run(flow, tmp_path):
    study(tmp_path, flow)
    done = ended(tmp_path, "study.py", "--output", "out")
    said = done.stderr.splitlines()
    if flow == "LSODA" and not lsoda.is_free():
        # scipy's Fortran of that time prints two lines of its own where its callback raises.
        said = said[-1:]
    assert (done.returncode, done.stdout, len(said)) == (130, "", 1)
    assert said[0].startswith("study: interrupted after ")
    assert said[0].endswith("nothing was drawn, what was reached is in out/study.unfinished")
    assert is_untouched(tmp_path)
    assert files_of(tmp_path) == {*OLD, "study.unfinished"}
    assert gf.Trajectory.load(tmp_path / "out/study.unfinished/run-01").outcome is gf.Outcome.INTERRUPTED


def test_so_does_gradflow_run_and_goes_on_to_no_other(tmp_path):
    study(tmp_path)
    done = ended(tmp_path, "-m", "gradflow", "run", "study.py", "study.py", "--output", "out")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (130, "", 1)
    assert is_untouched(tmp_path)


def test_an_interrupt_between_runs_keeps_those_before_it(tmp_path):
    study(tmp_path, first=f"descend(Q, [1.0, 1.0], 0.1, 3); {INTERRUPT}")
    done = ended(tmp_path, "study.py", "--output", "out")
    assert (done.returncode, done.stdout) == (130, "")
    said = "interrupted between two runs; nothing was drawn, what was reached is in out/study.unfinished"
    assert done.stderr == f"study: {said}\n"
    assert is_untouched(tmp_path)
    kept = list((tmp_path / "out/study.unfinished").iterdir())
    assert [gf.Trajectory.load(path).outcome.name for path in kept] == ["FINISHED"]


def test_an_interrupt_before_any_run_keeps_none(tmp_path):
    study(tmp_path, first=INTERRUPT)
    done = ended(tmp_path, "study.py", "--output", "out")
    assert done.returncode == 130
    assert done.stderr == "study: interrupted between two runs; nothing was drawn, no run was reached\n"
    assert is_untouched(tmp_path)
    assert files_of(tmp_path) == set(OLD)


@pytest.mark.parametrize(
    ("flow", "happens", "words", "outcome"),
    [
        ("", "raise gf.Undefined('no value here')", (), "FAILED"),
        ("RK45", "pass", ("--set", "budget=20"), "BUDGET"),
    ],
)
def test_a_run_that_fails_or_spends_its_budget_ends_it(flow, happens, words, outcome, tmp_path):
    study(tmp_path, flow, happens)
    done = ended(tmp_path, "study.py", "--output", "out", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"study: {outcome.lower()} after ")
    assert is_untouched(tmp_path)
    assert gf.Trajectory.load(tmp_path / "out/study.unfinished/run-01").outcome.name == outcome


def test_a_whole_one_replaces_all_five_files(tmp_path):
    study(tmp_path, happens="pass")
    done = ended(tmp_path, "study.py", "--output", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("What is left of it?\nfinal loss: ")
    assert files_of(tmp_path) == set(OLD)
    assert not any((tmp_path / "out" / name).read_bytes() == b"old" for name in OLD)


def test_help_shows_the_question_and_the_parameters_and_runs_nothing(tmp_path):
    study(tmp_path, first="raise SystemExit('it ran')")
    done = ended(tmp_path, "study.py", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("What is left of it?\n")
    assert "budget = 1000" in done.stdout
    assert is_untouched(tmp_path)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_is_such_a_script(path):
    text = path.read_text()
    assert text.endswith('if __name__ == "__main__":\n    script.run(__file__)\n')
    assert text.startswith('"""')
    assert text.partition("\n")[0].endswith("?")
    # Those of the package itself may hand back a part of a run.
    assert not any(f"gf.{name}(" in text for name in ("integrate", "descend", "study", "resume"))
