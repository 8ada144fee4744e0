"""Every recipe is short and runs as it stands."""

import ast
import math
import runpy
from itertools import pairwise
from pathlib import Path

import pytest

import gradflow as gf

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "docs/recipes").glob("*.py"))
# Recipes that need one of these run in tests/frameworks, where it is installed.
FRAMEWORKS = {"torch", "jax", "equinox", "flax"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


FRAMED = [path for path in RECIPES if FRAMEWORKS & set(imported(path))]
PLAIN = [path for path in RECIPES if path not in FRAMED]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_has_at_most_twenty_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 20


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_a_recipe_runs_and_says_something(path, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_recipe_of_a_framework_is_named_where_frameworks_are_tested():
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/frameworks").glob("*.py"))
    assert [path.name for path in FRAMED if path.name not in tests] == []


def test_the_network_of_my_csv_knows_the_pendulum(capsys):
    names = runpy.run_path(str(ROOT / "docs/recipes/my_csv.py"))
    # The period to second order in the angle, by which the file was written with four digits.
    assert names["period"] == pytest.approx(2 * math.pi * math.sqrt(1 / 9.81) * (1 + 0.5**2 / 16), rel=0.02)
    lengths, angles = (names["samples"].means + names["samples"].scales * names["samples"].inputs).T
    exact = 2 * math.pi * (lengths / 9.81) ** 0.5 * (1 + angles**2 / 16)
    assert abs(names["samples"].targets - exact).max() < 1e-4


def test_mini_batches_leave_noise_and_the_step_size_leaves_less(capsys):
    distances = runpy.run_path(str(ROOT / "docs/recipes/mini_batches.py"))["distances"]
    whole, batches = ([distances[eta, size] for eta in (0.2, 0.1, 0.05)] for size in (None, 20))
    # The gap that the step size leaves is of first order in it.
    assert [math.log2(above / below) for above, below in pairwise(whole)] == pytest.approx([1, 1], abs=0.1)
    assert all(above > 1.5 * below for above, below in pairwise(batches))
    assert all(noisy > 5 * still for noisy, still in zip(batches, whole, strict=True))


def test_adam_comes_to_its_own_limit_from_below_and_hovers_there(capsys):
    names = runpy.run_path(str(ROOT / "docs/recipes/adam.py"))
    sharpness = names["sharpness"]
    assert names["steps"] == list(range(100, 3100, 200))
    assert sharpness[0] < sharpness[1] < 1.0
    # Beyond an onset that is chaotic: a band, not digits.
    assert sum(sharpness[-8:]) / 8 == pytest.approx(2, rel=0.1)
    assert names["run"].final_loss < 0.01


def test_the_curves_of_a_run_are_in_the_folder_and_cost_one_gradient(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tensorboardX")
    curves_class = runpy.run_path(str(ROOT / "docs/recipes/tensorboard_curves.py"))["Curves"]
    said = []
    monkeypatch.setattr(curves_class, "add_scalar", lambda _, *said_now: said.append(said_now))

    class Counted(gf.problems.Quadratic):
        passes = 0

        def loss_and_gradient(self, w):
            type(self).passes += 1
            return super().loss_and_gradient(w)

    gf.descend(Counted(1.0), [1.0], 0.5, 8)
    bare, Counted.passes = Counted.passes, 0
    with curves_class(str(tmp_path)) as curves:
        run = gf.descend(Counted(1.0), [1.0], 0.5, 8, callback=curves)
    losses = [value for name, value, _ in said if name == "loss"]
    assert losses == [0.5 * 0.25**step for step in range(1, 9)] == run.step_losses[1:].tolist()
    norms = [(value, step) for name, value, step in said if name == "gradient norm"]
    assert norms == [(0.5**step, step) for step in range(1, 9)]
    # The last step needs a gradient for its curve alone.
    assert Counted.passes <= bare + 1
    assert list(tmp_path.iterdir())
