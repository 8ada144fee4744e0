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
from gradflow.cli import main, redraw
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


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def run(:", "broken.py failed in line 1: SyntaxError"),
        ("import no_such_module_at_all", "broken.py failed in line 1: ModuleNotFoundError"),
        ("import sys\nsys.exit()", "broken.py failed in line 2: SystemExit"),
        (OWN.replace("if factor == 0:", "if factor / 0:"), "broken.py failed in line 18: ZeroDivisionError"),
        (
            OWN.replace("return {", "raise SystemExit(0)\n    return {"),
            "broken.py failed in line 24: SystemExit",
        ),
    ],
)
def test_a_script_that_fails_or_leaves_is_one_sentence_with_the_line(text, sentence, capsys, tmp_path):
    (tmp_path / "broken.py").write_text(text)
    assert status_of("run", "broken.py", "--output", "out") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.usefixtures("own")
def test_one_that_is_named_twice_runs_once(capsys):
    assert main(["run", "first.py", "first.py", "--output", "out"]) == 0
    assert capsys.readouterr().out.count("How often?") == 1


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
def test_one_that_is_killed_is_a_failure(tmp_path):
    text = textwrap.dedent(OWN).replace("time.sleep(60)", "os.kill(os.getpid(), 9)")
    (tmp_path / "second.py").write_text(text)
    words = ("run", "first.py", "second.py", "--output", "out", "--jobs", "2", "--set", "factor=0")
    (tmp_path / "first.py").write_text(textwrap.dedent(OWN).replace("time.sleep(60)", ""))
    done = in_a_process("-m", "gradflow", *words)
    assert (done.returncode, done.stderr) == (
        1,
        "gradflow run: second.py was ended from outside, by signal 9\n",
    )
    assert "factor: 0" in done.stdout
    assert {"first.json", "first.npz"} < names_in("out")


LONG = '''"""How long?"""
import os, signal
from pathlib import Path
from gradflow import plots
from gradflow.experiments import descend
from gradflow.problems import Quadratic

def ready(time, weights):
    Path(f"{os.getpid()}.running").touch()

def run(*, seed: int = 0):
    descend(Quadratic(1.0), [1.0], 1e-9, 10**8, record_every=10**6, callback=ready)

answers = plot = print
'''


def interrupted_twice(command, tmp_path, group):
    """Press Ctrl-C twice, in a terminal where that reaches the whole group of processes."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*.running"))) < group and time.monotonic() < deadline:
            time.sleep(0.05)
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 130
        return process.stderr.read().decode()


@pytest.mark.parametrize("names", [("first.py",), ("first.py", "second.py")])
def test_who_presses_twice_loses_nothing_that_was_reached(names, tmp_path):
    for name in names:
        (tmp_path / name).write_text(LONG)
    command = [sys.executable, "-m", "gradflow", "run", *names, "--output", "out", "--jobs", "2"]
    said = interrupted_twice(command, tmp_path, len(names))
    for name in names:
        stem = name.removesuffix(".py")
        assert f"what was reached is in out/{stem}.unfinished" in said
        run = gf.Trajectory.load(f"out/{stem}.unfinished/run-01.npz")
        assert run.outcome is gf.Outcome.INTERRUPTED
        assert run.steps[-1] > 0


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
        said = process.stderr.read().decode().splitlines()
    assert said[-1] == "gradflow run: interrupted"
    assert sum("interrupted between two runs" in line for line in said) == 2
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


@pytest.mark.usefixtures("own")
def test_a_script_that_fails_is_named_where_it_is_drawn_again(capsys, tmp_path):
    assert main(["run", "first.py", "--output", "out"]) == 0
    (tmp_path / "first.py").write_text("def run(:")
    assert status_of("plot", "out", "--script", "first.py") == 2
    assert "first.py failed in line 1: SyntaxError" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_what_plot_cannot_say_is_a_failure_and_no_wrong_word():
    gf.descend(gf.problems.Quadratic(1.0), [1.0], 0.1, 9).save("run.npz")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gradflow", "plot", "run.npz"],
            env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("gradflow plot: the output could not be written")
    assert Path("trajectories.svg").is_file()


def test_a_folder_that_cannot_be_written_names_the_cure(capsys, monkeypatch):
    gf.descend(gf.problems.Quadratic(1.0), [1.0], 0.1, 9).save("run.npz")

    def denied(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gradflow.cli.folders.tempfile.TemporaryFile", denied)
    assert status_of("plot", "run.npz") == 2
    assert "Permission denied; --output names another" in capsys.readouterr().err


def test_figures_of_the_same_name_in_one_folder_do_not_replace_each_other(capsys):
    for name, eta in (("one", 0.1), ("two", 0.2)):
        Path(name).mkdir()
        gf.descend(gf.problems.Quadratic(1.0), [1.0], eta, 9).save(f"{name}/run.npz")
    assert main(["plot", "one", "two", "--output", "out"]) == 0
    names = [f"trajectories{number}.{end}" for number in ("", "-2") for end in ("png", "svg")]
    assert capsys.readouterr().out.splitlines() == [f"out/{name}" for name in names]
    assert Path("out/trajectories.svg").read_bytes() != Path("out/trajectories-2.svg").read_bytes()


def test_a_part_of_a_run_is_drawn_as_one():
    problem = gf.problems.Quadratic(1.0)
    flow = gf.integrate(gf.GradientFlow(problem), [1.0], 9.0, method="RK45", max_evaluations=20)
    assert flow.outcome is gf.Outcome.BUDGET
    flow.save("flow.npz")
    gf.descend(problem, [1.0], 0.1, 9).save("descent.npz")
    assert main(["plot", "flow.npz", "descent.npz", "--output", "out"]) == 0
    assert names_in("out") == {"trajectories-partial.png", "trajectories-partial.svg"}
    drawn = redraw._trajectories(redraw._loaded([Path("flow.npz"), Path("descent.npz")]))
    labels = {line.get_label() for line in drawn.axes[0].get_lines()}
    assert {"flow (budget)", "descent"} <= labels


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("plot", "nowhere"), "`path` must be a file or folder, got 'nowhere', where there is none"),
        (("plot", ""), "`path` must be the name of a file, got an empty one"),
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
