"""The JAX recipe runs as it stands."""

import runpy
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "jax_loss.py"


def test_the_recipe_runs_downhill_below_its_limit(capsys):
    pytest.importorskip("jax")
    names = runpy.run_path(str(RECIPE))
    assert len(RECIPE.read_text().splitlines()) <= 20
    for run in (names["flow"], names["descent"]):
        assert run.losses[-1] < 0.2 * run.losses[0]
    assert float(capsys.readouterr().out.split()[2]) < 2 / 0.05
