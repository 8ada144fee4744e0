"""gradflow run and gradflow plot: what they take, what they leave, and where."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow import experiments
from gradflow.cli import main
from gradflow.experiments import finding

ROOT = Path(__file__).parents[2]
SMALL = ("--set", "momenta=0.5", "num_steps=300")
ENDINGS = ("json", "npz", "csv", "png", "svg")
FILES = {f"momentum_limits.{end}" for end in ENDINGS}

OWN = '''
"""How often?"""

import os, time
from dataclasses import dataclass
from pathlib import Path
from gradflow import plots, script
from gradflow.experiments import descend
from gradflow.problems import Quadratic

@dataclass(frozen=True)
class Results:
    factor: float

def run(*, factor: float = 2.0, seed: int = 0) -> Results:
    if factor < 0:
        raise ValueError(f"`factor` must be positive, got {factor:g}")
    if factor == 0:
        Path(f"{os.getpid()}.running").touch()
        time.sleep(60)
    return Results(factor + seed)

def answers(results):
    return {"factor": results.factor}

def plot(results):
    figure, (ax,) = plots.new_figure()
    ax.plot([0.0, 1.0], [0.0, results.factor], label="line")
    return figure

if __name__ == "__main__":
    script.run(__file__)
'''


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own(tmp_path):
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(OWN))


def status_of(*words):
    try:
        return main(list(words))
    except SystemExit as error:
        return error.code


def names_in(folder):
    return {path.name for path in Path(folder).iterdir()}


def in_a_process(*words, **options):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"} | options.pop("env", {})
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False, timeout=250
    )


def test_without_a_name_it_lists_them_with_their_questions_and_runs_nothing(capsys, tmp_path):
    assert main(["run"]) == 0
    printed = capsys.readouterr().out
    for name in experiments.names():
        assert f"  {name} " in printed
        assert experiments.question(name) in printed
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_all_there_is_has_them_too(capsys):
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["experiments"]
    assert found == {name: experiments.question(name) for name in experiments.names()}
    assert all(question.endswith("?") for question in found.values())


def test_parameters_reach_the_run_and_stand_in_the_file(capsys):
    assert main(["run", "momentum_limits", *SMALL, "--output", "out"]) == 0
    assert names_in("out") == FILES
    told = json.loads(Path("out/momentum_limits.json").read_text())
    assert told["parameters"] == {"momenta": [0.5], "num_steps": 300}
    printed = capsys.readouterr().out
    assert printed.startswith("How much does momentum move the stability limit?\n")
    assert printed.endswith(
        "".join(f"out/momentum_limits.{end}\n" for end in ("json", "npz", "csv", "png", "svg"))
    )


def test_a_name_may_stand_behind_the_values():
    assert main(["run", "--output", "out", "--set", "num_steps=300", "momenta=0.5", "momentum_limits"]) == 0
    assert names_in("out") == FILES


def test_help_of_a_name_shows_its_parameters_and_runs_nothing(capsys, tmp_path):
    assert main(["run", "momentum_limits", "--help"]) == 0
    printed = capsys.readouterr().out
    assert "  num_steps = 2000\n      Of the runs that are bisected.\n" in printed
    assert "--quick sets momenta=0,0.5,0.9 num_steps=1000\n" in printed
    assert list(tmp_path.iterdir()) == []


def test_help_without_a_name_is_that_of_the_command(capsys):
    assert main(["run", "--help"]) == 0
    assert "--set" in capsys.readouterr().out


@pytest.mark.usefixtures("own")
def test_a_script_of_ones_own_is_run_by_its_path_and_a_seed_is_a_parameter(capsys):
    assert main(["run", "first.py", "--seed", "3", "--output", "out"]) == 0
    assert capsys.readouterr().out.startswith("How often?\nfactor: 5\n")
    assert "first.npz" in names_in("out")
    assert main(["plot", "out", "--script", "first.py", "--output", "again"]) == 0
    assert Path("again/first.svg").read_bytes() == Path("out/first.svg").read_bytes()


@pytest.mark.usefixtures("own")
def test_what_the_run_itself_refuses_is_one_sentence_where_it_was_asked_for(capsys):
    assert status_of("run", "first.py", "--set", "factor=-1") == 2
    assert capsys.readouterr().err == "gradflow run: first: `factor` must be positive, got -1\n"


def test_a_script_without_a_run_is_refused(capsys, tmp_path):
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert status_of("run", "empty.py") == 2
    assert "must be a script with the functions run, answers and plot" in capsys.readouterr().err


@pytest.mark.usefixtures("own")
def test_nothing_runs_unless_all_names_and_all_parameters_are_known(capsys, tmp_path):
    for words in (("first.py", "third.py"), ("first.py", "momentum_limits", "--set", "factor=1")):
        assert status_of("run", *words, "--output", "out") == 2
        assert capsys.readouterr().out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_several_run_one_after_the_other_or_at_once(jobs, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert main(["run", "first.py", "second.py", "--set", "factor=4", "--output", "out", "--jobs", jobs]) == 0
    assert capsys.readouterr().out.count("factor: 4\n") == 2
    assert len(names_in("out")) == 10


@pytest.mark.usefixtures("own")
def test_an_interrupt_ends_all_that_run_at_once(monkeypatch):
    command = [sys.executable, "-m", "gradflow", "run", "first.py", "second.py"]
    command += ["--set", "factor=0", "--output", "out", "--jobs", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 30
        while len(list(Path().glob("*.running"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == b"gradflow run: interrupted\n"
    assert names_in("out") == set()


def test_the_committed_figure_is_replaced_only_where_that_is_asked_for(monkeypatch, tmp_path):
    figures = tmp_path / "figures"
    figures.mkdir()
    monkeypatch.setattr(finding, "FIGURES", figures)
    quick = experiments.load("momentum_limits").quick
    monkeypatch.setattr(experiments.load("momentum_limits").run, "__kwdefaults__", dict(quick))
    assert main(["run", "momentum_limits", "--output", "out"]) == 0
    assert names_in(figures) == set()
    assert main(["run", "momentum_limits", "--output", "out", "--update"]) == 0
    assert names_in(figures) == {"momentum_limits.png", "momentum_limits.svg"}
    assert names_in("out") == FILES
    monkeypatch.setattr(finding, "FIGURES", None)
    assert status_of("run", "momentum_limits", "--update") == 2


def test_installed_without_a_checkout_all_of_it_is_there(tmp_path):
    """The wheel is made as pyproject.toml says: the package, and the scripts inside it."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["gradflow"]
    assert wheel["force-include"] == {"experiments": "gradflow/experiments/scripts"}
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gradflow", tmp_path / "site" / "gradflow", ignore=hidden)
    for source, target in wheel["force-include"].items():
        shutil.copytree(ROOT / source, tmp_path / "site" / target, ignore=hidden)
    site = {"PYTHONPATH": str(tmp_path / "site")}
    done = in_a_process("-m", "gradflow", "run", "momentum_limits", *SMALL, "--output", "out", env=site)
    assert (done.returncode, done.stderr) == (0, "")
    assert names_in("out") == FILES
    done = in_a_process("-m", "gradflow", "run", env=site)
    assert all(name in done.stdout for name in experiments.names())
    done = in_a_process("-m", "gradflow", "run", "catapult", "--update", env=site)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "in a checkout" in done.stderr
    done = in_a_process("-c", "from gradflow.experiments import catapult; print(catapult.__file__)", env=site)
    assert done.stdout.strip() == str(tmp_path / "site/gradflow/experiments/scripts/catapult.py")


def test_plot_draws_runs_that_were_saved_by_anybody(capsys):
    problem = gf.problems.Quadratic([1.0, 4.0])
    flow = gf.integrate(gf.GradientFlow(problem), [1.0, 1.0], 5.0)
    flow.save("flow.npz")
    for eta in (0.1, 0.2):
        gf.descend(problem, [1.0, 1.0], eta, end_time=5.0).save(f"descent-{eta}.npz")
    assert main(["plot", "."]) == 0
    assert capsys.readouterr().out.splitlines() == ["trajectories.png", "trajectories.svg"]
    assert main(["plot", "flow.npz", "--output", "alone"]) == 0
    capsys.readouterr()
    assert names_in("alone") == {"trajectories.png", "trajectories.svg"}


def test_plot_looks_into_the_folders_of_a_folder_one_figure_each(capsys):
    for name, eta in (("one", 0.1), ("two", 0.2)):
        Path(f"all/{name}").mkdir(parents=True)
        gf.descend(gf.problems.Quadratic(1.0), [1.0], eta, 9).save(f"all/{name}/run.npz")
    assert main(["plot", "all"]) == 0
    figures = [f"all/{name}/trajectories.{end}" for name in ("one", "two") for end in ("png", "svg")]
    assert capsys.readouterr().out.splitlines() == figures


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("plot", "nowhere"), "No such file or directory: 'nowhere'"),
        (("plot", "empty"), "`path` must hold an experiment's NAME.json or the .npz of a run, got 'empty'"),
        (("plot", "text.npz"), "`path` must be a gradflow trajectory, got 'text.npz'"),
        (("plot", "text.json"), "`path` must be the JSON of an experiment, got 'text.json'"),
        (("plot", "alone.json"), "No such file or directory: 'alone.npz'"),
        (("plot", "unknown.json"), "`name` must be an experiment, got 'no_such'"),
    ],
)
def test_plot_of_something_else_is_refused_in_one_sentence(words, sentence, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("text.npz", "text.json"):
        (tmp_path / name).write_text("this is text")
    for stem, name in (("alone", "momentum_limits"), ("unknown", "no_such")):
        header = {"format": "gradflow-experiment", "version": 1, "experiment": name}
        (tmp_path / f"{stem}.json").write_text(json.dumps(header))
    assert status_of(*words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert printed.err.count("\n") == 1


def test_numbers_of_the_file_are_those_that_were_plotted():
    assert main(["run", "momentum_limits", *SMALL, "--output", "out"]) == 0
    with np.load("out/momentum_limits.npz") as file:
        assert file["momenta"].tolist() == [0.5]
        assert file["closed"][:, 0].tolist() == pytest.approx([3.0, 1.5])
