"""The words of the command line: learning rates, seeds, rules, and how runs answer to them."""

import argparse
import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.analysis.stability import largest_stable_learning_rate
from gradflow.cli import arguments, entry, heartbeat, main, options, update_rules
from gradflow.cli.learning_rates import learning_rates
from gradflow.cli.suggestions import OPTIONS, meant
from gradflow.simulate.integrators import INTEGRATORS


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # No line says where a slow machine is.
    monkeypatch.setattr("gradflow.cli.heartbeat.SECONDS", 1e9)


@pytest.fixture
def no_figures(monkeypatch):
    """Leave out what takes longest where figures are not the matter."""
    monkeypatch.setattr("gradflow.plots.save_figure", lambda *_: [])


def compared(capsys, *words):
    assert main(["compare", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def rates_of(found):
    return [row["learning_rate"] for row in found["descents"]]


class TestLearningRates:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0.1", (0.1,)),
            ("0.3,0.1,0.3", (0.1, 0.3)),
            ("limit", (0.5,)),
            ("0.5*limit", (0.25,)),
            (" 0.5 * limit , 1 ", (0.25, 1.0)),
            ("2/lambda,3.8/lambda", (0.5, 0.95)),
            ("1:2:3", (1.0, 1.5, 2.0)),
            ("1:2:3lin", (1.0, 1.5, 2.0)),
            ("0.01:100:5log", (0.01, 0.1, 1.0, 10.0, 100.0)),
            ("0.1*limit:10*limit:3log", (0.05, 0.5, 5.0)),
            ("0.5*limit,0.01:0.1:2log", (0.01, 0.1, 0.25)),
            ("2:2:1", (2.0,)),
        ],
    )
    def test_they_are_numbers_shares_and_ranges(self, text, expected):
        assert learning_rates(text).times(limit=0.5, sharpness=4.0) == pytest.approx(expected, rel=1e-15)

    def test_the_ends_of_a_range_are_those_that_were_asked_for(self):
        found = learning_rates("0.0123456:0.987654:7log").times(None, None)
        assert (found[0], found[-1], len(found)) == (0.0123456, 0.987654, 7)
        assert np.ptp(np.diff(np.log(found))) < 2e-3

    @pytest.mark.parametrize("text", ["limit", "2/lambda", "0.1*limit:1:3"])
    def test_without_a_limit_shares_are_no_numbers(self, text):
        assert learning_rates(text).times(None, None) is None
        assert learning_rates(text).times(None, -1.0) is None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "0",
            "-1",
            "nan",
            "inf",
            "1:2",
            "1:2:3:4",
            "1:2:0",
            "1:2:x",
            "1+1",
            "limit*2",
            "lambda",
            "exit()",
        ],
    )
    def test_nothing_else_is_read(self, text):
        with pytest.raises(argparse.ArgumentTypeError, match="must be positive numbers separated by commas"):
            learning_rates(text)

    @pytest.mark.usefixtures("no_figures")
    def test_shares_are_those_of_the_limit_of_the_rule(self, capsys):
        words = (
            "quadratic",
            "--rule",
            "nesterov",
            "--momentum",
            "0.9",
            "--learning-rates",
            "0.5*limit,1/lambda",
        )
        limit = 3.8 / 2.8 / 10
        assert rates_of(compared(capsys, *words)) == pytest.approx([0.5 * limit, 0.1], rel=1e-5)


class TestSeeds:
    @pytest.mark.parametrize(
        ("text", "expected"), [("0:3", (0, 1, 2)), ("5:6", (5,)), ("3,1,3", (3, 1)), ("7", (7,))]
    )
    def test_they_are_ranges_or_lists(self, text, expected):
        assert arguments.seeds(text) == expected

    @pytest.mark.usefixtures("no_figures")
    def test_each_begins_at_its_own_weights_with_equal_learning_rates(self, capsys):
        found = compared(
            capsys, "quadratic", "--seeds", "3:5", "--learning-rates", "0.05,0.1", "--end-time", "1"
        )
        rows = {(row["seed"], row["learning_rate"]): row for row in found["descents"]}
        assert set(rows) == {(seed, rate) for seed in (3, 4) for rate in (0.05, 0.1)}
        for seed in (3, 4):
            alone = compared(
                capsys, "quadratic", "--seed", str(seed), "--learning-rates", "0.1", "--end-time", "1"
            )
            assert rows[seed, 0.1]["final_loss"] == alone["descents"][0]["final_loss"]
        assert [each["seed"] for each in found["seeds"]] == [3, 4]

    def test_the_figure_has_a_median_and_a_band_for_the_flow_and_each_rate(self, capsys, monkeypatch):
        kept = []
        monkeypatch.setattr("gradflow.plots.save_figure", lambda figure, _: kept.append(figure) or [])
        words = ("--seeds", "0:3", "--learning-rates", "0.05,0.1", "--end-time", "1", "--output", "out")
        compared(capsys, "quadratic", *words)
        losses, distance = kept[0].axes
        assert (len(losses.lines), len(losses.collections)) == (3, 3)
        assert (len(distance.lines), len(distance.collections)) == (2, 2)
        files = [f"out/quadratic-seed-{seed}-descent-0.1.npz" for seed in range(3)]
        ends = [gf.Trajectory.load(path).final_loss for path in files]
        assert losses.lines[2].get_ydata()[-1] == pytest.approx(np.median(ends))
        band = losses.collections[2].get_paths()[0].vertices
        last = band[band[:, 0] == band[:, 0].max(), 1]
        assert (last.min(), last.max()) == pytest.approx((min(ends), max(ends)))
        assert losses.get_title(loc="left") == "(a) quadratic, descent, 3 seeds"

    @pytest.mark.usefixtures("no_figures")
    def test_the_table_has_a_row_a_rate_and_counts_outcomes(self, capsys):
        assert main(["compare", "quadratic", "--seeds", "0:4", "--learning-rates", "0.1,0.3"]) == 0
        lines = capsys.readouterr().out.splitlines()
        rows = [line for line in lines if line.startswith(("flow  ", "descent"))]
        assert [row.split()[0] for row in rows] == ["flow", "descent", "descent"]
        assert rows[1].endswith("4 finished")
        assert rows[2].endswith("4 DIVERGED")
        assert lines[-1].startswith("Over 4 seeds descent at learning rate 0.1 stays within")

    @pytest.mark.usefixtures("no_figures")
    def test_one_list_of_seeds_cannot_be_given_twice(self, capsys):
        with pytest.raises(SystemExit):
            main(["compare", "--seed", "1", "--seeds", "0:2"])
        assert "not allowed with" in capsys.readouterr().err


@pytest.mark.usefixtures("no_figures")
class TestRules:
    @pytest.mark.parametrize("name", update_rules.NAMES)
    def test_each_runs_under_its_own_name(self, name, capsys):
        momentum = ("--momentum", "0.5") if name in update_rules.WITH_MOMENTUM else ()
        words = ("quadratic", "--rule", name, *momentum, "--learning-rates", "0.01", "--end-time", "0.5")
        found = compared(capsys, *words)
        assert found["settings"]["rule"] == (f"{name} 0.5" if momentum else name)
        run = gf.Trajectory.load(found["trajectories"][1])
        assert type(run.rule).__name__.lower() in (
            name.replace("-", ""),
            f"{name}descent",
            f"gradient{name}",
        )

    @pytest.mark.parametrize(("name", "product"), [("heavy-ball", 3.8), ("nesterov", 3.8 / 2.8)])
    def test_momentum_has_a_limit_of_its_own_on_both_sides(self, name, product, capsys):
        words = ("quadratic", "--rule", name, "--momentum", "0.9", "--learning-rates")
        found = compared(capsys, *words, "0.95*limit,1.05*limit", "--steps", "400")
        assert found["limit"] == pytest.approx(product / 10)
        assert [row["diverged"] for row in found["descents"]] == [False, True]

    @pytest.mark.parametrize("name", ["rmsprop", "adam"])
    def test_a_rule_with_a_preconditioner_has_the_limit_of_that(self, name, capsys):
        found = compared(capsys, "quadratic", "--rule", name)
        case = gf.cases.make("quadratic")
        rule = {"adam": gf.rules.Adam, "rmsprop": gf.rules.RMSProp}[name](1.0)
        assert found["limit"] == largest_stable_learning_rate(case.problem, case.w0, rule)
        assert rates_of(found) == [float(f"{share * found['limit']:.3g}") for share in (0.25, 0.9, 1.1)]

    def test_the_table_says_whose_limit_it_is_and_whose_flow(self, capsys):
        main(["compare", "quadratic", "--rule", "nesterov", "--momentum", "0.9"])
        assert "stability limit of Nesterov 1.357/sharpness 0.1357\n" in capsys.readouterr().out
        main(["compare", "quadratic", "--rule", "sign", "--learning-rates", "0.01"])
        assert "sign follows a flow of its own" in capsys.readouterr().out

    def test_so_does_the_figure(self, capsys, monkeypatch):
        kept = []
        monkeypatch.setattr("gradflow.plots.save_figure", lambda figure, _: kept.append(figure) or [])
        compared(capsys, "quadratic", "--rule", "nesterov", "--momentum", "0.9")
        titles = [ax.get_title(loc="left") for ax in kept[0].axes]
        assert titles == [
            "(a) quadratic, nesterov 0.9",
            r"(b) limit of Nesterov $1.357/\lambda$ = 0.136 at the start",
        ]
        assert not any(ax.get_title() for ax in kept[0].axes)

    def test_momentum_gets_as_many_steps_at_its_limit_as_plain_descent(self, capsys):
        plain = compared(capsys, "quadratic", "--learning-rates", "limit")
        ball = compared(
            capsys, "quadratic", "--rule", "heavy-ball", "--momentum", "0.9", "--learning-rates", "limit"
        )
        assert plain["descents"][0]["steps"] == ball["descents"][0]["steps"] == 25


@pytest.mark.usefixtures("no_figures")
class TestOptions:
    def test_so_many_steps_are_those_of_the_smallest_learning_rate(self, capsys):
        found = compared(capsys, "quadratic", "--learning-rates", "0.05,0.1", "--steps", "40", "--rate", "3")
        assert [row["steps"] for row in found["descents"]] == [40, 20]
        assert found["settings"]["end_time"] == pytest.approx(40 * 0.05 / 3)

    def test_batches_see_so_many_samples_a_step(self, capsys):
        words = ("xor", "--batch", "2", "--learning-rates", "0.1", "--end-time", "2", "--seed", "7")
        found = compared(capsys, *words)
        case = gf.cases.make("xor", seed=7)
        run = gf.descend(case.problem, case.w0, 0.1, 20, batch=2, seed=7)
        assert found["descents"][0]["final_loss"] == run.final_loss
        assert found["settings"]["batch"] == 2

    def test_single_precision_is_near_double_and_not_it(self, capsys):
        words = ("xor", "--learning-rates", "0.1", "--end-time", "2", "--precision")
        double, single = (
            compared(capsys, *words, each)["descents"][0]["final_loss"] for each in ("double", "single")
        )
        assert single != double
        assert single == pytest.approx(double, rel=1e-5)

    def test_loss_and_activation_are_those_of_the_network(self, capsys):
        words = ("xor", "--activation", "swish", "--loss", "cross_entropy", "--learning-rates", "0.1")
        main(["compare", *words, "--end-time", "1"])
        assert "FeedForward(2-4-2, swish, cross_entropy, 4 samples" in capsys.readouterr().out

    def test_the_methods_are_those_of_integrate(self):
        assert ("auto", *INTEGRATORS) == options.METHODS

    def test_every_suggestion_is_an_option_that_there_is(self):
        for add in (options.add_compare, options.add_stability):
            parser = arguments.Parser(prog="gradflow")
            add(parser)
            known = set(parser._option_string_actions) | set(parser.elsewhere)
            assert set(OPTIONS.values()) <= known
            assert not set(OPTIONS) & known

    def test_nothing_is_suggested_for_what_is_like_nothing(self):
        assert meant("--zzz", ["--steps", "--rule"], OPTIONS) == ""
        assert meant("--port", ["--write", "--no-browser"], OPTIONS) == ""
        assert meant("xor", ["compare", "explore"]) == ""


class TestProgress:
    def test_a_line_says_where_a_run_is(self, capsys):
        beat = heartbeat.Heartbeat("gradflow compare")
        beat.prefix = "seed 3, "
        beat.reach("flow", 0.5, 0.125)
        beat.say()
        assert capsys.readouterr().err == "gradflow compare: seed 3, flow 50 %, loss 0.125, 0 s\n"
        beat.stage("drawing")
        assert beat.line() == "seed 3, drawing, 0 s"

    @pytest.mark.usefixtures("no_figures")
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("compare", "quadratic"), "flow "),
            (("compare", "quadratic"), "descent at learning rate 0.18 "),
            (("stability", "quadratic", "--learning-rates", "0.05"), "learning rate 0.05 "),
            (("stability", "quadratic"), "critical learning rate, up to which the steps die away"),
        ],
    )
    def test_it_is_told_of_every_stage(self, words, expected, monkeypatch):
        lines = []

        class Listening(heartbeat.Heartbeat):
            def stage(self, what):
                super().stage(what)
                lines.append(self.line())

            def reach(self, *place):
                super().reach(*place)
                lines.append(self.line())

        monkeypatch.setattr(heartbeat, "Heartbeat", Listening)
        monkeypatch.setattr(heartbeat, "SECONDS", 1e9)
        assert main(words) == 0
        assert any(line.startswith(expected) for line in lines)
        assert lines[-1].startswith("drawing and writing")

    def test_lines_come_while_a_command_works_and_stop_with_it(self, monkeypatch):
        monkeypatch.setattr(heartbeat, "SECONDS", 1e-3)
        said, heard = [], threading.Event()

        class Heard(heartbeat.Heartbeat):
            def say(self):
                said.append(self.line())
                if said[-1].startswith("waiting to be heard"):
                    heard.set()

        monkeypatch.setattr(heartbeat, "Heartbeat", Heard)
        before = threading.active_count()
        with heartbeat.beating("gradflow compare") as beat:
            beat.stage("waiting to be heard")
            assert heard.wait(60)
            assert threading.active_count() == before + 1
        assert threading.active_count() == before


def documented():
    """Every command line of `compare` and `stability` in README and the page on the command line."""
    root = Path(__file__).parents[1]
    text = "".join((root / page).read_text() for page in ("README.md", "docs/how_to/command_line.md"))
    lines = re.findall(r"^gradflow ((?:compare|stability)\b[^#\n]*)", text, flags=re.MULTILINE)
    return sorted({line.strip() for line in lines})


@pytest.mark.parametrize("line", documented())
def test_what_the_documentation_says_are_words_of_the_command_line(line):
    words = entry._parser().parse_args(line.split())
    update_rules.rule_of(words)
    assert words.name == line.split()[0]
