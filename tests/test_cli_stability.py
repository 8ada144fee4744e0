"""``gradflow stability``: its table, its JSON, its figure and its refusals."""

import dataclasses
import json

import numpy as np
import pytest

import gradflow as gf
from gradflow.cli import main


def answer(capsys, tmp_path, *words):
    status = main(["stability", "--output", str(tmp_path / "out"), *words])
    return status, capsys.readouterr()


def test_the_quadratic_is_judged_around_its_limit(capsys, tmp_path):
    status, said = answer(capsys, tmp_path, "--problem", "quadratic", "--json", "--steps", "300")
    found = json.loads(said.out)
    assert status == 0
    assert found["limit"] == pytest.approx(0.2)
    assert found["critical"]["monotone"] == pytest.approx(0.2, rel=2e-3)
    assert found["critical"]["converges"] == pytest.approx(0.2, rel=2e-3)
    verdicts = {each["learning_rate"] / 0.2: each["regime"] for each in found["learning_rates"]}
    for share, name in verdicts.items():
        expected = "MONOTONE" if share < 0.5 else "OVERSHOOTING" if share < 1 else "DIVERGED"
        assert name == expected
    assert min(verdicts) < 0.5 < 1 < max(verdicts)
    assert (tmp_path / "out" / "quadratic-stability.png").stat().st_size > 0


def test_momentum_moves_the_limit(capsys, tmp_path):
    words = (
        "--problem",
        "quadratic",
        "--rule",
        "heavy-ball",
        "--momentum",
        "0.9",
        "--json",
        "--steps",
        "200",
    )
    found = json.loads(answer(capsys, tmp_path, *words)[1].out)
    assert found["limit"] == pytest.approx(0.38)
    assert found["rule"] == "heavy-ball 0.9"


def test_the_table_has_a_row_with_its_evidence_for_each_learning_rate(capsys, tmp_path):
    words = ("--problem", "quadratic", "--learning-rates", "0.05,0.19,0.3", "--steps", "60")
    said = answer(capsys, tmp_path, *words)[1].out.splitlines()
    rows = [line.split() for line in said if line.endswith(("MONOTONE", "OVERSHOOTING", "DIVERGED"))]
    assert [row[0] for row in rows] == ["0.05", "0.19", "0.3"]
    assert [row[-1] for row in rows] == ["MONOTONE", "OVERSHOOTING", "DIVERGED"]
    assert any("linear stability limit 2/sharpness 0.2" in line for line in said)


def test_a_neuron_that_never_diverges_has_stalled_runs(capsys, tmp_path):
    words = ("--problem", "identity-neuron", "--learning-rates", "3,1000", "--steps", "100", "--json")
    found = json.loads(answer(capsys, tmp_path, *words)[1].out)
    assert [each["regime"] for each in found["learning_rates"]] == ["MONOTONE", "STALLED"]


def test_it_ends_with_the_sentence_and_the_path_of_the_picture(capsys, tmp_path):
    said = answer(capsys, tmp_path, "quadratic", "--steps", "200")[1].out.splitlines()
    settles, diverges = said[-2].split("; ")
    assert settles.startswith("The steps of descent of quadratic die away up to learning rate ")
    assert settles.endswith("(1.00 times the linear limit)")
    assert diverges == "the smallest learning rate tried that diverges is 0.21 (1.05 times the linear limit)."
    assert said[-1].startswith(f"figure: {tmp_path / 'out' / 'quadratic-stability.png'}")


def test_the_limit_stands_under_the_name_of_its_rule(capsys, tmp_path):
    words = ("quadratic", "--rule", "nesterov", "--momentum", "0.9", "--steps", "60")
    said = answer(capsys, tmp_path, *words)[1].out
    assert "linear stability limit of Nesterov 1.357/sharpness 0.1357\n" in said


def test_shares_of_the_limit_are_judged_on_both_sides(capsys, tmp_path):
    words = ("quadratic", "--rule", "heavy-ball", "--momentum", "0.5", "--steps", "300", "--json")
    found = json.loads(answer(capsys, tmp_path, *words, "--learning-rates", "0.99*limit,1.01*limit")[1].out)
    assert [each["regime"] for each in found["learning_rates"]] == ["OVERSHOOTING", "DIVERGED"]


def test_single_precision_is_judged_as_double_is(capsys, tmp_path):
    words = ("xor", "--steps", "60", "--learning-rates", "0.1", "--json", "--precision")
    double, single = (
        json.loads(answer(capsys, tmp_path, *words, each)[1].out) for each in ("double", "single")
    )
    losses = [found["learning_rates"][0]["evidence"]["final_loss"] for found in (double, single)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


class TestSeeds:
    WORDS = ("quadratic", "--seeds", "0:3", "--steps", "60", "--learning-rates", "0.05,0.25")

    def test_every_seed_has_its_verdicts_and_its_critical_rates(self, capsys, tmp_path):
        found = json.loads(answer(capsys, tmp_path, *self.WORDS, "--json")[1].out)
        verdicts = {(each["seed"], each["learning_rate"]): each["regime"] for each in found["learning_rates"]}
        assert verdicts == {
            (seed, rate): name for seed in range(3) for rate, name in ((0.05, "MONOTONE"), (0.25, "DIVERGED"))
        }
        assert [each["critical"]["monotone"] for each in found["seeds"]] == pytest.approx([0.2] * 3, rel=2e-3)

    def test_the_table_counts_them(self, capsys, tmp_path):
        lines = answer(capsys, tmp_path, *self.WORDS)[1].out.splitlines()
        assert any(line.startswith("0.05") and line.endswith("3 MONOTONE") for line in lines)
        assert any(line.startswith("0.25") and line.endswith("3 DIVERGED") for line in lines)


class TestFigure:
    def axes(self, monkeypatch, capsys, tmp_path, *words):
        kept = []
        monkeypatch.setattr("gradflow.plots.save_figure", lambda figure, _: kept.append(figure) or [])
        assert answer(capsys, tmp_path, *words)[0] == 0
        return kept[0].axes

    def test_what_is_printed_is_drawn_and_nothing_between_the_runs(self, monkeypatch, capsys, tmp_path):
        words = ("quadratic", "--rule", "nesterov", "--momentum", "0.9", "--steps", "200")
        _, marks = self.axes(monkeypatch, capsys, tmp_path, *words, "--learning-rates", "0.05,0.1,0.2")
        found = json.loads((tmp_path / "out" / "run.json").read_text())
        lines = {line.get_label(): line.get_xdata() for line in marks.get_lines()}
        squares = sorted(x for label, where in lines.items() if label.startswith("_") for x in where)
        upright = {label: where[0] for label, where in lines.items() if not label.startswith("_")}
        critical = found["critical"]
        assert squares == [0.05, 0.1, 0.2]
        assert not marks.collections
        assert upright == {
            r"limit of Nesterov $1.357/\lambda$": pytest.approx(3.8 / 2.8 / 10),
            f"the loss never rises, up to {critical['monotone']:.4g}": critical["monotone"],
            f"the steps die away, up to {critical['converges']:.4g}": critical["converges"],
        }

    def test_of_seeds_there_are_bands_and_a_row_each(self, monkeypatch, capsys, tmp_path):
        losses, marks = self.axes(monkeypatch, capsys, tmp_path, *TestSeeds.WORDS)
        assert (len(losses.lines), len(losses.collections)) == (2, 2)
        bowl = [gf.cases.make("quadratic", seed=seed) for seed in range(3)]
        runs = [gf.descend(case.problem, case.w0, 0.05, 60).losses for case in bowl]
        np.testing.assert_allclose(losses.lines[0].get_ydata(), np.median(runs, axis=0), rtol=1e-12)
        band = losses.collections[0].get_paths()[0].vertices[:, 1]
        assert (band.min(), band.max()) == pytest.approx((np.min(runs), np.max(runs)))
        assert [label.get_text() for label in marks.get_yticklabels()] == ["seed 0", "seed 1", "seed 2"]

    def test_no_legend_lies_on_the_curves(self, monkeypatch, capsys, tmp_path):
        for ax in self.axes(monkeypatch, capsys, tmp_path, "quadratic", "--steps", "40"):
            ax.figure.canvas.draw()
            assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


class TestInterrupts:
    def stopped(self, monkeypatch, outcome):
        """Let the second run end so."""
        numbers = iter(range(100))

        def descend(problem, *arguments, **options):
            run = gf.descend(problem, *arguments, **options)
            return dataclasses.replace(run, outcome=outcome) if next(numbers) == 1 else run

        monkeypatch.setattr("gradflow.cli.verdicts.descend", descend)

    @pytest.mark.parametrize(
        ("outcome", "status"), [(gf.Outcome.INTERRUPTED, 130), (gf.Outcome.FAILED, 1), (gf.Outcome.BUDGET, 1)]
    )
    def test_a_run_that_is_none_ends_it_and_is_kept_under_another_name(
        self, monkeypatch, capsys, tmp_path, outcome, status
    ):
        self.stopped(monkeypatch, outcome)
        words = ("quadratic", "--steps", "40", "--learning-rates", "0.05,0.1,0.15")
        ended, said = answer(capsys, tmp_path, *words, "--json")
        found = json.loads(said.out)
        assert ended == status
        assert [each["learning_rate"] for each in found["learning_rates"]] == [0.05]
        assert found["interrupted"] is (outcome is gf.Outcome.INTERRUPTED)
        names = {path.name for path in (tmp_path / "out").iterdir()}
        assert names == {
            "quadratic-descent-0.1-partial.npz",
            "quadratic-stability-partial.png",
            "quadratic-stability-partial.svg",
            "run.json",
        }

    def test_ctrl_c_while_it_searches_keeps_the_verdicts(self, monkeypatch, capsys, tmp_path):
        def interrupted(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr("gradflow.cli.verdicts.critical_learning_rate", interrupted)
        ended, said = answer(capsys, tmp_path, "quadratic", "--steps", "40", "--learning-rates", "0.05")
        assert ended == 130
        assert "MONOTONE" in said.out
        assert "interrupted from the keyboard\n" in said.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--momentum", "0.9"), "`momentum` must be left out with --rule descent"),
        (("--rule", "nesterov"), "`momentum` must be given with --rule nesterov, such as --momentum 0.9"),
        (("--problem", "nothing"), "`problem` must be one of"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(words, sentence, capsys, tmp_path):
    status, said = answer(capsys, tmp_path, *words)
    assert status == 2
    assert sentence in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [("--steps", "0"), ("--steps", "1,2"), ("--momentum", "1"), ("--learning-rates", "0,1")]
)
def test_malformed_words_are_refused(words, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        answer(capsys, tmp_path, *words)
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err
