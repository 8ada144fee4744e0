"""The sentence that ends a comparison: true of the runs, on both sides of every limit."""

import re

import numpy as np
import pytest

import gradflow as gf
from gradflow.cli import main

BOWL = ("quadratic", "--learning-rates")


@pytest.fixture(autouse=True)
def _in_an_empty_folder_without_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gradflow.plots.save_figure", lambda *_: [])


def ended(capsys, *words):
    assert main(["compare", *words]) == 0
    return capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((*BOWL, "0.05,0.21"), "; it diverges at 0.21 (1.05 times the stability limit)."),
        (
            (*BOWL, "0.05,0.21,0.3"),
            "; it diverges at 2 of 3 learning rates, the least 0.21 (1.05 times the stability limit).",
        ),
        (
            (*BOWL, "0.05,0.19"),
            "; even at 0.19 (0.95 times the stability limit) it does not diverge, but comes ",
        ),
        ((*BOWL, "0.19"), "; it does not diverge there (0.95 times the stability limit)."),
        ((*BOWL, "0.21,0.3"), "Descent diverges at every learning rate tried, the least 0.21 (1.05 times"),
        ((*BOWL, "0.3"), "Descent diverges at learning rate 0.3 (1.50 times the stability limit)."),
        (
            (*BOWL, "0.1*limit,1.1*limit", "--rule", "heavy-ball", "--momentum", "0.5"),
            "; it diverges at 0.33 (1.10 times the stability limit).",
        ),
        (
            ("xor", "--rule", "normalized", "--learning-rates", "0.01,0.1"),
            "; it diverges at none of the 2 learning rates tried.",
        ),
        ((*BOWL, "0.05,0.21", "--seeds", "0:2"), "Over 2 seeds descent at learning rate 0.05 stays within "),
        (("identity-neuron", "--seed", "8"), "; even at 100 it does not diverge, but comes "),
    ],
)
def test_it_says_what_became_of_the_learning_rates(words, expected, capsys):
    sentence = ended(capsys, *words)
    assert expected in sentence
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0


def test_its_distance_is_the_largest_one_of_the_nearest_descent_and_its_share_that_of_the_way(capsys):
    sentence = ended(capsys, *BOWL, "0.02,0.1", "--end-time", "5", "--output", "out")
    flow, run = (gf.Trajectory.load(f"out/quadratic-{name}.npz") for name in ("flow", "descent-0.02"))
    distance = gf.compare(run, flow).largest_distance
    way = np.linalg.norm(flow.weights - flow.weights[0], axis=1).max()
    found = re.match(r"Descent at learning rate 0.02 stays within (\S+) of the flow \((\S+) % of", sentence)
    assert float(found[1]) == pytest.approx(distance, rel=5e-3)
    assert float(found[2]) == pytest.approx(100 * distance / way, rel=5e-2)


def test_the_table_is_said_before_anything_is_drawn(capsys, monkeypatch):
    said = []
    monkeypatch.setattr("gradflow.plots.save_figure", lambda *_: said.append(capsys.readouterr().out) or [])
    assert main(["compare", *BOWL, "0.1"]) == 0
    assert "final loss" in said[0]
    assert capsys.readouterr().out.startswith("trajectories are in ")


def test_a_flow_that_stopped_is_no_whole_one(capsys, monkeypatch):
    def integrate(flow, *arguments, **options):
        return gf.integrate(flow, *arguments, **options, max_evaluations=30)

    monkeypatch.setattr("gradflow.studies.run.integrate", integrate)
    assert main(["compare", *BOWL, "0.05", "--method", "RK45"]) == 1
    printed = capsys.readouterr().out
    assert "As far as the flow came, to t = " in printed
    assert "quadratic-flow-partial.npz" in printed
