"""``gradflow stability``: its table, its JSON, its figure and its refusals."""

import json

import pytest

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
