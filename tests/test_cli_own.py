"""One's own data and one's own problem on the command line."""

import json
import sys

import numpy as np
import pytest

import gradflow as gf
from gradflow.cli import main

OWN = '''
import numpy as np

import gradflow as gf
from beside import HESSIAN


def bowl():
    """A bowl of my own.

    More of it.
    """
    return gf.problems.Quadratic(HESSIAN), [1.0, 1.0]


def network(seed=0):
    inputs, targets = gf.datasets.xor()
    return gf.problems.FeedForward(inputs, targets, [3])


def functions():
    return gf.problems.from_callables(lambda w: 0.5 * w @ w, lambda w: w, 2)


class Mean:
    num_weights, num_samples = 1, 3

    def __init__(self, data=(1.0, 2.0, 6.0)):
        self.data = np.array(data)

    def loss_and_gradient(self, w):
        gap = w[0] - self.data
        return 0.5 * (gap**2).mean(), np.array([gap.mean()])

    def subset(self, indices):
        return Mean(self.data[indices])


def mean():
    return Mean(), np.zeros(1)
'''


@pytest.fixture(autouse=True)
def _own_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # No line says where a slow machine is.
    monkeypatch.setattr("gradflow.cli.heartbeat.SECONDS", 1e9)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("gradflow.plots.save_figure", lambda *_: [])
    (tmp_path / "beside.py").write_text("HESSIAN = [1.0, 4.0]\n")
    (tmp_path / "own.py").write_text(OWN)
    yield
    sys.modules.pop("beside", None)


@pytest.fixture
def table(tmp_path):
    """Thirty fruits: two numbers, one that never changes, a price and a kind."""
    rng = np.random.default_rng(0)
    rows = [
        f"{a},{b},7,{2 * a - b},{'plum' if a > 0 else 'apple'}" for a, b in rng.normal(size=(30, 2)).tolist()
    ]
    path = tmp_path / "fruit.csv"
    path.write_text("\n".join(["size,weight,legs,price,kind", *rows]) + "\n")
    return path


def compared(capsys, *words):
    assert main(["compare", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


class TestFile:
    def test_a_problem_and_its_start_are_those_that_the_function_returns(self, capsys):
        found = compared(capsys, "own.py:bowl", "--learning-rates", "0.1,limit", "--steps", "30")
        assert (found["problem"], found["description"]) == ("own", "A bowl of my own.")
        assert found["limit"] == pytest.approx(0.5)
        last = (1 - 0.1 * np.array([1.0, 4.0])) ** 30
        assert found["descents"][0]["final_loss"] == pytest.approx(0.5 * last @ ([1.0, 4.0] * last), rel=1e-9)
        assert found["descents"][1]["learning_rate"] == 0.5

    def test_by_option_and_from_another_folder_it_is_the_same(self, capsys, tmp_path, monkeypatch):
        here = compared(capsys, "own.py:bowl")
        (tmp_path / "else").mkdir()
        monkeypatch.chdir(tmp_path / "else")
        there = compared(capsys, "--problem", str(tmp_path / "own.py") + ":bowl")
        assert here["descents"][0]["final_loss"] == there["descents"][0]["final_loss"]
        assert [path.name for path in (tmp_path / "else").iterdir()] == ["gradflow-compare"]

    def test_nothing_is_left_beside_the_file(self, capsys, tmp_path):
        compared(capsys, "own.py:bowl", "--output", "out")
        assert not list(tmp_path.glob("__pycache__/own*"))

    def test_without_a_start_it_is_the_problems_own_by_seed(self, capsys):
        found = compared(capsys, "own.py:network", "--seeds", "2,5", "--steps", "3")
        for part, seed in zip(found["seeds"], (2, 5), strict=True):
            network = gf.problems.FeedForward(*gf.datasets.xor(), [3])
            assert part["sharpness"] == pytest.approx(
                gf.curvature.sharpness(network, network.initial_weights(seed)), rel=1e-3
            )

    def test_or_normal_numbers_where_it_has_none(self, capsys):
        found = compared(capsys, "own.py:functions", "--seed", "4", "--learning-rates", "0.5", "--steps", "1")
        start = np.random.default_rng(4).standard_normal(2)
        assert found["descents"][0]["final_loss"] == pytest.approx(start @ start / 8)

    def test_samples_of_ones_own_come_in_batches(self, capsys):
        words = ("own.py:mean", "--batch", "1", "--learning-rates", "0.5", "--steps", "6", "--seed", "1")
        found = compared(capsys, *words)
        assert found["descents"][0]["steps"] == 6
        assert found["settings"]["batch"] == 1

    def test_stability_takes_it_too(self, capsys):
        assert main(["stability", "own.py:bowl", "--json", "--steps", "200"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["critical"]["converges"] == pytest.approx(0.5, rel=2e-3)


class TestData:
    def test_amounts_are_learned_by_a_network_from_standardized_inputs(self, capsys, table):
        words = ("--data", str(table), "--target", "price", "--columns", "size,weight", "--widths", "5")
        found = compared(capsys, *words, "--steps", "50")
        assert found["problem"] == "fruit"
        assert found["description"].startswith("price of fruit.csv (amounts) from 2 inputs of mean 0")
        assert found["num_weights"] == 2 * 5 + 5 + 5 + 1
        samples = gf.datasets.from_csv(table, "price", columns=["size", "weight"], standardize=True)
        network = gf.problems.FeedForward(samples.inputs, samples.targets.reshape(-1, 1), [5])
        w0 = network.initial_weights(0)
        row = found["descents"][0]
        run = gf.descend(network, w0, row["learning_rate"], row["steps"])
        assert row["final_loss"] == pytest.approx(run.final_loss, rel=1e-12)

    def test_text_is_classes_and_a_column_that_never_changes_is_left_out(self, capsys, table):
        words = ("--data", str(table), "--target", "-1", "--columns", "size,weight,legs", "--steps", "5")
        assert main(["compare", *words]) == 0
        printed = capsys.readouterr()
        assert "kind of fruit.csv (2 classes) from 2 inputs" in printed.out
        assert "FeedForward(2-16-2, tanh, cross_entropy, 30 samples" in printed.out
        assert printed.err == "gradflow: left out, being the same in every row: legs\n"

    def test_stability_takes_them_too(self, capsys, table):
        words = ("--data", str(table), "--target", "price", "--columns", "size,weight", "--steps", "40")
        assert main(["stability", *words, "--learning-rates", "0.5*limit,3*limit", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert [each["regime"] for each in found["learning_rates"]][1] in ("DIVERGED", "CATAPULT")
        assert found["settings"]["learning_rates"] == pytest.approx(
            [0.5 * found["limit"], 3 * found["limit"]], rel=1e-5
        )
