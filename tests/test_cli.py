"""The command line: what it prints and writes, and how it answers wrong arguments and interrupts."""

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import gradflow as gf
from gradflow import cases
from gradflow.cli import compare as compare_module
from gradflow.cli import entry, listing, main
from gradflow.cli.plan import settle
from gradflow.simulate.integrators import INTEGRATORS
from gradflow.studies import run as studies


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # No line says where a slow machine is.
    monkeypatch.setattr("gradflow.cli.heartbeat.SECONDS", 1e9)


@pytest.fixture
def no_figures(monkeypatch):
    """Leave out what takes longest where figures are not the matter."""
    monkeypatch.setattr("gradflow.plots.save_figure", lambda *_: [])


def status_of(*argv):
    """Return the exit status of `gradflow argv`, whichever way it leaves."""
    try:
        return main(argv)
    except SystemExit as leaving:
        return leaving.code


def compared(capsys, *argv):
    """Return what `gradflow compare argv --json` prints as an object."""
    assert status_of("compare", *argv, "--json") == 0
    return json.loads(capsys.readouterr().out)


def plan_of(*argv):
    return settle(entry._parser().parse_args(["compare", *argv]))


def in_a_process(*argv, **options):
    command = [sys.executable, "-m", "gradflow", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


def complaints(done):
    """Return what was said on standard error, without the lines that say where a slow command is."""
    lines = done.stderr.splitlines(keepends=True)
    return "".join(line for line in lines if not re.fullmatch(r"gradflow \w+: .*, \d+ s\n", line))


QUADRATIC = ("--problem", "quadratic")


@pytest.mark.usefixtures("no_figures")
class TestTable:
    def test_it_has_the_flow_and_then_every_descent(self, capsys):
        assert main(["compare", *QUADRATIC, "--learning-rates", "0.05,0.1"]) == 0
        lines = capsys.readouterr().out.splitlines()
        kinds = [line.split()[0] for line in lines if line.startswith(("flow  ", "descent"))]
        assert kinds == ["flow", "descent", "descent"]
        assert any("stability limit 2/sharpness 0.2" in line for line in lines)

    def test_a_diverging_descent_is_a_normal_row(self, capsys):
        assert main(["compare", *QUADRATIC, "--learning-rates", "0.19,25", "--end-time", "2000"]) == 0
        rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("descent")]
        assert rows[0].endswith("finished")
        steep = abs(cases.make("quadratic").w0[1])
        overflow = (np.log(np.finfo(float).max) - np.log(5 * steep**2)) / (2 * np.log(249.0))
        assert f"DIVERGED at step {int(np.ceil(overflow))}" in rows[1]

    def test_a_descent_that_grew_but_stayed_finite_is_not_called_finished(self, capsys):
        main(["compare", *QUADRATIC, "--learning-rates", "0.3"])
        row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("descent"))
        assert "DIVERGING, loss" in row

    def test_columns_stand_below_their_heads(self, capsys):
        main(["compare", *QUADRATIC])
        lines = capsys.readouterr().out.splitlines()
        place = next(i for i, line in enumerate(lines) if "final loss" in line)
        right = lines[place].index("final loss") + len("final loss")
        for row in lines[place + 2 : place + 6]:
            assert row[right - 1] != " "
            assert row[right : right + 2] == "  "


@pytest.mark.usefixtures("no_figures")
class TestNumbers:
    def test_descents_take_the_whole_steps_of_the_end_time(self, capsys):
        found = compared(
            capsys, *QUADRATIC, "--learning-rates", "0.05,0.15", "--end-time", "2", "--rate", "3"
        )
        assert [row["steps"] for row in found["descents"]] == [120, 40]
        assert [row["final_time"] for row in found["descents"]] == pytest.approx([2.0, 2.0])

    def test_they_are_those_of_the_closed_forms(self, capsys):
        found = compared(capsys, *QUADRATIC, "--learning-rates", "0.1", "--end-time", "1")
        problem, w0 = cases.make("quadratic").problem, cases.make("quadratic").w0
        times = 0.1 * np.arange(11)
        descent = (1 - 0.1 * np.array([1.0, 10.0])) ** np.arange(11)[:, np.newaxis] * w0
        distances = np.linalg.norm(descent - problem.flow(w0, times), axis=1)
        (row,) = found["descents"]
        assert found["limit"] == pytest.approx(0.2)
        assert found["flow"]["final_loss"] == pytest.approx(problem.loss(problem.flow(w0, 1.0)), rel=1e-3)
        assert row["final_loss"] == pytest.approx(problem.loss(descent[-1]))
        assert row["largest_distance"] == pytest.approx(distances.max(), rel=1e-4)
        assert row["final_distance"] == pytest.approx(distances[-1], rel=1e-2)
        assert row["effective_sharpness_start"] == row["effective_sharpness_end"] == pytest.approx(1.0)

    def test_the_rate_only_changes_the_clock(self, capsys):
        slow = compared(capsys, *QUADRATIC, "--end-time", "2")
        fast = compared(capsys, *QUADRATIC, "--end-time", "1", "--rate", "2")
        for row, other in zip(slow["descents"], fast["descents"], strict=True):
            assert row["final_loss"] == other["final_loss"]
            assert row["largest_distance"] == pytest.approx(other["largest_distance"], rel=1e-3)

    def test_the_default_learning_rates_are_those_of_the_case(self, capsys):
        found = compared(capsys, *QUADRATIC)
        assert (
            tuple(row["learning_rate"] for row in found["descents"]) == cases.make("quadratic").learning_rates
        )

    def test_settings_say_what_was_asked(self, capsys):
        found = compared(capsys, "--problem", "xor", "--widths", "3", "--seed", "5", "--method", "rk45")
        assert found["num_weights"] == 2 * 3 + 3 + 3 + 1
        assert (found["settings"]["seed"], found["settings"]["method"]) == (5, "RK45")
        assert found["flow"]["method"] == "RK45"

    def test_what_is_not_finite_is_null(self, capsys):
        """At the start of this neuron the loss curves downwards: it has no limit."""
        found = compared(capsys, "--problem", "identity-neuron", "--seed", "8", "--learning-rates", "1")
        assert found["sharpness"] < 0
        assert found["limit"] is None

    def test_a_diverged_descent_has_finite_numbers_and_no_sharpness_at_its_end(self, capsys):
        found = compared(capsys, *QUADRATIC, "--learning-rates", "25", "--end-time", "2000")
        (row,) = found["descents"]
        assert (row["outcome"], row["diverged"], row["sharpness_end"]) == ("DIVERGED", True, None)
        assert row["effective_sharpness_end"] is None
        assert row["effective_sharpness_start"] == pytest.approx(250.0)


class TestFiles:
    def test_the_table_ends_with_the_sentence_and_the_path_of_the_picture(self, capsys):
        main(["compare", *QUADRATIC])
        *_, sentence, figure = capsys.readouterr().out.splitlines()
        assert sentence.startswith("Descent at learning rate 0.05 stays within ")
        assert sentence.endswith("it diverges at 0.22 (1.10 times the stability limit).")
        assert figure == (
            "figure: gradflow-compare/quadratic/quadratic-compare.png, "
            "gradflow-compare/quadratic/quadratic-compare.svg"
        )
        assert Path(figure.split()[1].rstrip(",")).is_file()

    def test_trajectories_both_figures_and_the_numbers_are_written(self, capsys):
        found = compared(capsys, *QUADRATIC, "--learning-rates", "0.05,0.1", "--output", "some/where")
        names = {path.name for path in Path(found["output"]).iterdir()} - {"run.json"}
        expected = ("compare.png", "compare.svg", "flow.npz", "descent-0.05.npz", "descent-0.1.npz")
        assert names == {f"quadratic-{name}" for name in expected}
        assert {path.rpartition("/")[2] for path in found["figures"] + found["trajectories"]} == names
        assert json.loads(Path("some/where/run.json").read_text()) == found

    @pytest.mark.usefixtures("no_figures")
    def test_every_run_has_a_folder_of_its_own(self, capsys):
        quick = ("--end-time", "1", "--learning-rates", "0.1")
        folders = [compared(capsys, name, *quick)["output"] for name in ("quadratic", "xor", "quadratic")]
        assert folders == [f"gradflow-compare/{name}" for name in ("quadratic", "xor", "quadratic-2")]
        for folder, name in zip(folders, ("quadratic", "xor", "quadratic"), strict=True):
            files = {path.name for path in Path(folder).iterdir()}
            assert files == {f"{name}-flow.npz", f"{name}-descent-0.1.npz", "run.json"}

    @pytest.mark.usefixtures("no_figures")
    def test_in_a_folder_that_was_named_an_earlier_run_gives_way_and_nothing_else(self, capsys):
        quick = ("--end-time", "1", "--output", "out")
        main(["compare", "quadratic", *quick, "--learning-rates", "0.05,0.2"])
        Path("out", "notes.npz").write_text("mine")
        main(["compare", "xor", *quick, "--learning-rates", "0.1"])
        files = {path.name for path in Path("out").iterdir()}
        assert files == {"xor-flow.npz", "xor-descent-0.1.npz", "run.json", "notes.npz"}

    @pytest.mark.usefixtures("no_figures")
    @pytest.mark.parametrize("listed", ["../kept.npz", "kept.txt", 3])
    def test_a_record_that_was_written_by_others_removes_nothing_beside_it(self, listed):
        Path("kept.npz").write_text("mine")
        folder = Path("out")
        folder.mkdir()
        (folder / "kept.txt").write_text("mine")
        (folder / "run.json").write_text(json.dumps({"figures": [], "trajectories": [listed]}))
        assert main(["compare", *QUADRATIC, "--end-time", "1", "--output", "out"]) == 0
        assert Path("kept.npz").read_text() == (folder / "kept.txt").read_text() == "mine"

    def test_a_saved_descent_is_the_run_in_the_table(self, capsys):
        found = compared(capsys, *QUADRATIC, "--learning-rates", "0.05")
        run = gf.Trajectory.load(found["trajectories"][1])
        assert run.final_loss == found["descents"][0]["final_loss"]
        assert run.steps[0] == 0
        assert run.steps[-1] == found["descents"][0]["steps"]
        np.testing.assert_array_equal(run.losses, run.step_losses[run.steps])
        np.testing.assert_array_equal(run.times, run.steps * 0.05)

    @pytest.mark.usefixtures("no_figures")
    def test_rows_of_flow_and_descents_coincide_in_time(self, capsys):
        found = compared(capsys, "--problem", "xor", "--end-time", "20")
        flow, *descents = (gf.Trajectory.load(path) for path in found["trajectories"])
        for run in descents:
            nearest = np.abs(run.times[:, np.newaxis] - flow.times).min(axis=1)
            assert nearest.max() <= 1e-14 * flow.times[-1]

    @pytest.mark.usefixtures("no_figures")
    def test_many_weights_are_kept_as_sketches_and_files_stay_small(self, capsys):
        arguments = ("--widths", "70,70", "--end-time", "0.1", "--learning-rates", "0.01")
        found = compared(capsys, *arguments)
        assert found["num_weights"] > 5000
        assert found["settings"]["sketch"]["size"] == 500
        flow, descent = (gf.Trajectory.load(path) for path in found["trajectories"])
        assert flow.weights.shape[1] == descent.weights.shape[1] == 500
        exact = np.linalg.norm(flow.final_weights - descent.final_weights)
        assert found["descents"][0]["final_distance"] == pytest.approx(exact, rel=0.3)

    def test_a_disk_that_fills_up_still_leaves_the_table(self, capsys, monkeypatch):
        def fails(self, path):
            raise OSError("disk full")

        monkeypatch.setattr(gf.Trajectory, "save", fails)
        assert main(["compare", *QUADRATIC]) == 1
        printed = capsys.readouterr()
        assert "descent" in printed.out
        assert printed.err == "gradflow compare: not everything could be written: disk full\n"


class TestPlan:
    def test_steps_that_fit_but_for_rounding_are_taken(self):
        assert plan_of(*QUADRATIC, "--end-time", "0.3").num_steps(0.1) == 3

    def test_steps_that_do_not_fit_are_left_out(self):
        assert plan_of(*QUADRATIC, "--end-time", "0.35").num_steps(0.1) == 3


WRONG = {
    "unknown problem": (("compare", "--problem", "mnist"), "`problem` must be one of digits"),
    "unknown method": (("compare", "--method", "euler"), "--method: must be one of auto, RK23"),
    "zero learning rate": (("compare", "--learning-rates", "0.1,0"), "positive numbers separated by commas"),
    "negative learning rate": (("compare", "--learning-rates=-1"), "positive numbers separated by commas"),
    "learning rate without digits": (("compare", "--learning-rates", "abc"), "got 'abc'"),
    "infinite learning rate": (("compare", "--learning-rates", "inf"), "got 'inf'"),
    "learning rate that is no number": (("compare", "--learning-rates", "nan"), "got 'nan'"),
    "no learning rate": (("compare", "--learning-rates", ""), "got ''"),
    "two commas": (("compare", "--learning-rates", "0.1,,0.2"), "got '0.1,,0.2'"),
    "learning rate beyond the end": (
        ("compare", "--problem", "xor", "--learning-rates", "500"),
        "`learning-rates` must be at most 200, so that there is a step before the end time 200, got 500",
    ),
    "width zero": (("compare", "--widths", "0"), "whole numbers of at least 1 separated by commas"),
    "width and a half": (("compare", "--widths", "1.5"), "got '1.5'"),
    "widths of a quadratic": (
        ("compare", *QUADRATIC, "--widths", "3"),
        "`widths` must be left out for quadratic",
    ),
    "negative end time": (("compare", "--end-time=-1"), "--end-time: must be a positive number, got '-1'"),
    "zero rate": (("compare", "--rate", "0"), "--rate: must be a positive number, got '0'"),
    "negative seed": (("compare", "--seed=-1"), "--seed: must be a whole number of at least 0, got '-1'"),
    "fractional seed": (("compare", "--seed", "1.5"), "got '1.5'"),
    "unknown option": (("compare", "--colour"), "unrecognized arguments: --colour"),
    "option of another name": (
        ("compare", "--learning-rate", "0.1", "--lrs=1"),
        "unrecognized arguments: --lrs=1, did you mean --learning-rates? (see gradflow compare --help)",
    ),
    "two letters of an option": (("compare", "--lr", "1"), "did you mean --learning-rates?"),
    "misspelt option": (("stability", "--step-s", "1"), "did you mean --steps? (see gradflow stability"),
    "option that is like none": (("compare", "--xyz", "1"), "arguments: --xyz (see gradflow compare --help)"),
    "two problems": (("compare", "xor", "digits"), "unrecognized arguments: digits (see gradflow compare"),
    "problem as word and option": (("compare", "xor", *QUADRATIC), "give the problem once, got 'xor' and"),
    "unknown problem as a word": (("compare", "mnist"), "`problem` must be one of digits"),
    "problem of dashes": (("compare", "--problem=--"), "argument --problem: must have a value, got '--'"),
    "method of dashes": (("compare", "--method=--"), "argument --method: must have a value, got '--'"),
    "seed without end": (("compare", "--seed", "9" * 5000), "--seed: must be a whole number of at least 0"),
    "width without end": (("compare", "--widths", "9" * 40), "must be at most 2^62"),
    "steps without end": (("stability", "--steps", "1" + "0" * 30), "`steps` must be at most 100,000,000"),
    "steps and a half": (("stability", "--steps", "1.5"), "--steps: must be a whole number of at least 1"),
    "two numbers of steps": (
        ("stability", "--steps", "1,2"),
        "--steps: must be a whole number of at least 1",
    ),
    "a rate beyond steps": (
        ("compare", "quadratic", "--end-time", "2", "--rate=1e308"),
        "`learning-rates` must need at most 100,000,000 steps to the end time, got inf",
    ),
    "unknown command": (("train",), "gradflow: the command must be one of compare, explore, list"),
    "missing value": (("compare", "--seed"), "expected one argument"),
    "run of a name and all": (("run", "a", "--all"), "give either the NAME of an experiment or --all"),
    "run of a name nearly right": (("run", "catapul"), "got 'catapul', did you mean catapult?"),
    "run with a parameter nearly right": (
        ("run", "catapult", "--set", "num_step=3"),
        "`catapult` has no parameter 'num_step', did you mean num_steps?",
    ),
    "run with a word for a number": (
        ("run", "catapult", "--set", "num_steps=many"),
        "`num_steps` must be a whole number, got 'many'",
    ),
    "run with a value alone": (("run", "catapult", "--set", "3"), "`set` must be name=value, got '3'"),
    "run with a seed that is not asked for": (
        ("run", "bifurcations", "--seed", "1"),
        "`bifurcations` has no parameter 'seed'",
    ),
    "quick figures to be committed": (
        ("run", "catapult", "--quick", "--update"),
        "`update` must stand",
    ),
    "run of several, one of them wrong": (
        ("run", "catapult", "no_such"),
        "an experiment, got 'no_such'",
    ),
    "plot of nothing": (("plot", "nowhere.npz"), "where there is none"),
    "run of a missing path": (
        ("run", "no/such.py"),
        "or the path of a script, got 'no/such.py'",
    ),
}


@pytest.mark.parametrize(("argv", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_get_one_sentence_and_status_two(argv, sentence, capsys, tmp_path):
    assert status_of(*argv) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


class TestFolders:
    @pytest.mark.parametrize("json_too", [(), ("--json",)])
    def test_an_output_folder_that_cannot_be_written_is_refused_before_anything_runs(
        self, capsys, tmp_path, monkeypatch, json_too
    ):
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setattr(compare_module, "study", lambda *_, **__: pytest.fail("it ran"))
        assert status_of("compare", "--output", "file/out", *json_too) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("gradflow compare: `output` must be a folder that can be written")
        assert printed.err.count("\n") == 1

    def test_a_file_in_place_of_the_folder_is_refused(self, capsys, tmp_path):
        (tmp_path / "file").write_text("in the way")
        assert status_of("compare", "--output", "file") == 2


def test_a_method_whose_package_is_missing_is_refused_in_its_own_words(capsys, monkeypatch):
    def integrate(*_, **__):
        raise ImportError("cvode needs the extra stiff")

    monkeypatch.setattr(studies, "integrate", integrate)
    assert main(["compare", *QUADRATIC]) == 2
    assert capsys.readouterr() == ("", "gradflow compare: cvode needs the extra stiff\n")


class TestInterrupts:
    def interrupted_descend(self, monkeypatch, at):
        """Let the descent number `at` meet Ctrl-C at its tenth step."""
        numbers = iter(range(100))

        def descend(problem, *arguments, **options):
            if next(numbers) == at:
                problem = Interrupting(problem, 10)
            return gf.descend(problem, *arguments, **options)

        monkeypatch.setattr(studies, "descend", descend)

    def test_in_a_descent_what_was_finished_and_what_was_reached_is_kept(self, capsys, monkeypatch):
        self.interrupted_descend(monkeypatch, at=1)
        assert main(["compare", *QUADRATIC, "--json"]) == 130
        found = json.loads(capsys.readouterr().out)
        assert found["interrupted"]
        assert [row["outcome"] for row in found["descents"]] == ["FINISHED", "INTERRUPTED"]
        assert found["descents"][1]["steps"] == 9
        assert gf.Trajectory.load(found["trajectories"][2]).steps[-1] == 9
        assert len(found["figures"]) == 2

    @pytest.mark.usefixtures("no_figures")
    def test_the_table_says_how_many_descents_are_missing(self, capsys, monkeypatch):
        self.interrupted_descend(monkeypatch, at=0)
        assert main(["compare", *QUADRATIC]) == 130
        assert "interrupted from the keyboard, 2 of 3 descents not run" in capsys.readouterr().out

    def test_in_the_flow_the_part_that_was_reached_is_kept(self, capsys, monkeypatch):
        def integrate(flow, *arguments, **options):
            return gf.integrate(gf.GradientFlow(Interrupting(flow.problem, 60)), *arguments, **options)

        monkeypatch.setattr(studies, "integrate", integrate)
        assert main(["compare", *QUADRATIC, "--method", "RK45", "--json"]) == 130
        found = json.loads(capsys.readouterr().out)
        assert found["flow"]["outcome"] == "INTERRUPTED"
        assert 0 < found["flow"]["final_time"] < 5
        assert found["descents"] == []
        names = [path.rpartition("/")[2] for path in found["trajectories"] + found["figures"]]
        assert names == [
            "quadratic-flow-partial.npz",
            "quadratic-compare-partial.png",
            "quadratic-compare-partial.svg",
        ]

    def test_while_files_are_written_the_table_is_still_printed(self, capsys, monkeypatch):
        def save_figure(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("gradflow.plots.save_figure", save_figure)
        assert main(["compare", *QUADRATIC]) == 130
        assert "flow" in capsys.readouterr().out

    def test_elsewhere_they_end_the_command_without_a_traceback(self, capsys, monkeypatch):
        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(compare_module, "settle", interrupted)
        assert main(["compare"]) == 130
        assert capsys.readouterr().err == "gradflow compare: interrupted\n"


class Interrupting:
    """A problem that raises KeyboardInterrupt at a given evaluation."""

    def __init__(self, problem, evaluations):
        self._problem, self._left = problem, evaluations
        self.num_weights = problem.num_weights

    def __getattr__(self, name):
        return getattr(self._problem, name)

    def loss_and_gradient(self, w):
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return self._problem.loss_and_gradient(w)


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(
    "words", [("compare", *QUADRATIC), ("stability", *QUADRATIC, "--steps", "5")], ids=lambda words: words[0]
)
def test_the_case_is_built_on_one_thread_of_blas_too(words, monkeypatch):
    made, seen = cases.problem_of, []

    def make(*given, **options):
        seen.extend(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
        return made(*given, **options)

    monkeypatch.setattr(cases, "problem_of", make)
    with threadpool_limits(2, user_api="blas"):
        assert status_of(*words) == 0
    assert seen
    assert set(seen) == {1}


class TestList:
    def test_it_names_every_case_rule_and_method(self, capsys):
        assert main(["list"]) == 0
        printed = capsys.readouterr().out
        for name in (*cases.CASES, "GradientDescent", "HeavyBall", "Adam", "auto", "LSODA"):
            assert name in printed

    def test_the_methods_are_those_of_integrate(self):
        assert tuple(INTEGRATORS) == listing.METHODS

    def test_as_json_it_is_one_object(self, capsys):
        assert main(["list", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert set(found) == {"cases", "experiments", "rules", "methods"}
        assert set(found["cases"]) == set(cases.CASES)
        assert all(found["rules"].values())
        assert "UpdateRule" not in found["rules"]


class TestProcess:
    def test_json_is_one_object_on_standard_output_and_nothing_else(self):
        done = in_a_process(
            "compare", *QUADRATIC, "--learning-rates", "0.19,25", "--end-time", "2000", "--json"
        )
        assert (done.returncode, complaints(done)) == (0, "")
        json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))

    def test_a_wrong_argument_is_one_sentence_and_no_traceback(self):
        done = in_a_process("compare", "--problem", "mnist", "--json")
        assert (done.returncode, done.stdout) == (2, "")
        assert complaints(done).startswith("gradflow compare: `problem` must be one of")
        assert complaints(done).count("\n") == 1

    def test_version_and_help(self):
        assert in_a_process("--version").stdout == f"gradflow {gf.__version__}\n"
        for argv in ((), ("--help",)):
            done = in_a_process(*argv)
            assert done.returncode == 0
            assert "compare" in done.stdout

    def test_a_reader_that_has_gone_costs_no_files_and_no_complaint(self, tmp_path):
        command = [sys.executable, "-m", "gradflow", "compare", *QUADRATIC]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.close()
            done = subprocess.CompletedProcess(command, 0, stderr=process.stderr.read())
        assert (process.returncode, complaints(done)) == (0, "")
        assert (tmp_path / "gradflow-compare" / "quadratic" / "quadratic-flow.npz").exists()

    def test_no_bar_is_shown_unless_standard_error_is_a_terminal(self):
        assert complaints(in_a_process("compare", *QUADRATIC)) == ""


@pytest.mark.usefixtures("no_figures")
def test_a_progress_bar_is_shown_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["compare", *QUADRATIC]) == 0
    assert "%|" in capsys.readouterr().err


@pytest.mark.usefixtures("no_figures")
def test_a_cost_warning_is_one_sentence(capsys, monkeypatch):
    def integrate(*arguments, **options):
        warnings.warn("RK45 will need many gradients", gf.CostWarning, stacklevel=1)
        return gf.integrate(*arguments, **options)

    monkeypatch.setattr(studies, "integrate", integrate)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["compare", *QUADRATIC]) == 0
    assert capsys.readouterr().err == "gradflow compare: RK45 will need many gradients\n"


def test_more_steps_than_can_be_kept_are_refused(tmp_path, capsys):
    words = [
        "compare",
        "--problem",
        "xor",
        "--learning-rates",
        "1e-9",
        "--end-time",
        "1e3",
        "--output",
        str(tmp_path),
    ]
    assert main(words) == 2
    assert "must need at most 100,000,000 steps" in capsys.readouterr().err


@pytest.mark.usefixtures("no_figures")
def test_the_problem_is_a_word_or_an_option(capsys):
    words, options = (
        compared(capsys, *problem, "--learning-rates", "0.05") for problem in (("quadratic",), QUADRATIC)
    )
    assert words["problem"] == options["problem"] == "quadratic"
    assert words["descents"][0]["final_loss"] == options["descents"][0]["final_loss"]


def test_an_output_folder_without_a_name_is_refused(capsys):
    assert main(["compare", "--output", ""]) == 2
    assert "`output` must be a folder" in capsys.readouterr().err


def in_a_shell(words):
    """Return what is left of a command of which one stream is closed or full."""
    command = f"{sys.executable} -m gradflow {words}"
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=120)


needs_a_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
QUICK = "compare quadratic --end-time 1 --learning-rates 0.1 --output out"


class TestStreams:
    @needs_a_full_device
    @pytest.mark.parametrize(
        "words", ["", "--help", "--version", "list", "list --json", "compare --help", QUICK]
    )
    def test_what_could_not_be_said_is_a_failure_in_one_sentence(self, words):
        done = in_a_shell(f"{words} > /dev/full")
        assert done.returncode == 1
        assert "the output could not be written: " in complaints(done)
        assert complaints(done).count("\n") == 1

    @pytest.mark.parametrize("words", ["--help", "--version", "list"])
    def test_so_is_a_standard_output_that_is_closed(self, words):
        done = in_a_shell(f"{words} >&-")
        assert done.returncode == 1
        assert "the output could not be written: standard output is closed" in complaints(done)

    def test_a_closed_standard_error_costs_nothing(self):
        done = in_a_shell(f"{QUICK} --json 2>&-")
        assert done.returncode == 0
        found = json.loads(done.stdout)
        for path in found["trajectories"]:
            assert gf.Trajectory.load(path).outcome is gf.Outcome.FINISHED

    @needs_a_full_device
    def test_a_complaint_that_gets_lost_leaves_its_status(self):
        for closed in ("2>/dev/full", "2>&-"):
            assert in_a_shell(f"compare mnist {closed}").returncode == 2
            assert in_a_shell(f"compare --nothing {closed}").returncode == 2
            assert in_a_shell(f"{QUICK} {closed}").returncode == 0
