"""The torch recipe runs as it stands."""

import runpy
from pathlib import Path

import pytest

import gradflow as gf

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "torch_edge_of_stability.py"


@pytest.fixture(scope="module")
def names():
    return runpy.run_path(str(RECIPE))


def test_it_is_short():
    assert len(RECIPE.read_text().splitlines()) <= 20


def test_the_flow_crosses_the_edge_and_goes_on(names):
    problem, edge, flow = names["problem"], 2 / names["eta"], names["flow"]
    crossing = flow.crossings["edge"]
    assert len(crossing.times) == 1
    assert gf.curvature.sharpness(problem, crossing.weights[0]) == pytest.approx(edge, rel=1e-3)
    assert names["last"] > 1.1 * edge


def test_descent_stays_below_and_then_hovers_there(names):
    descent, edge = names["descent"], 2 / names["eta"]
    before = descent.records["sharpness"][descent.times < 0.8 * names["flow"].crossings["edge"].times[0]]
    assert before.max() < edge
    assert descent.records["sharpness"][-100:].mean() == pytest.approx(edge, rel=0.05)
    assert descent.losses[-1] < 0.2 * descent.losses[0]
