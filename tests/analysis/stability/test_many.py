"""The verdicts of runs in lanes are those of single runs."""

from functools import partial

import numpy as np
import pytest

import gradflow as gf
from gradflow.analysis.stability import regime, regimes_of_many
from gradflow.analysis.stability.lane_curvature import largest_curvatures, largest_exponents
from gradflow.analysis.stability.many import periods_of, settle
from gradflow.analysis.stability.orbit import period_of, settles
from gradflow.problems import (
    Catapult,
    DoubleWell,
    FeedForward,
    MinimalistEdge,
    Quadratic,
    ScalarProduct,
    SigmoidNeuron,
)

XOR = FeedForward([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0], [4])
RUNS = {
    "double well": (DoubleWell(), (-1.6, 1.6), (0.1, 1.25)),
    "double well beyond 2": (DoubleWell(), (-1.6, 1.6), (2.05, 2.2)),
    "neuron": (SigmoidNeuron(), (-8.0, 8.0), (1.0, 120.0)),
    "product": (ScalarProduct(2), (0.05, 3.5), (0.05, 0.8)),
    "edge": (MinimalistEdge(), (0.3, 2.0), (0.02, 0.3)),
    "catapult": (Catapult(8), (-1.5, 1.5), (0.1, 1.5)),
    "exclusive or": (XOR, (-1.0, 1.0), (0.02, 0.6)),
}


@pytest.fixture(params=["numpy", "numba"], autouse=True)
def kernels(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    gf.kernels.use(request.param)
    yield request.param
    gf.kernels.use("auto")


def runs_of(name, num_runs):
    problem, values, etas = RUNS[name]
    rng = np.random.default_rng(2)
    return problem, rng.uniform(*values, (num_runs, problem.num_weights)), rng.uniform(*etas, num_runs)


@pytest.mark.parametrize("name", RUNS)
def test_each_run_has_the_regime_that_it_has_alone(name):
    problem, W0, etas = runs_of(name, 24)
    many = regimes_of_many(problem, W0, etas, 200)
    runs = [gf.descend(problem, w, eta, 200) for w, eta in zip(W0, etas, strict=True)]
    assert many.names.tolist() == [regime(run, problem).name for run in runs]
    finished = many.names != "DIVERGED"
    losses = np.array([run.final_loss for run in runs])
    np.testing.assert_allclose(many.final_losses[finished], losses[finished], rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(
    ("problem", "eta", "name"),
    [
        (Quadratic([1.0, 2.0]), 0.45, "MONOTONE"),
        (Quadratic([1.0, 2.0]), 0.9, "OVERSHOOTING"),
        (Quadratic([1.0, 2.0]), 1.01, "DIVERGED"),
        (DoubleWell(), 1.1, "PERIODIC"),
        (DoubleWell(), 1.5, "CHAOTIC"),
    ],
)
def test_verdicts_are_those_of_theory(problem, eta, name):
    W0 = np.full((3, problem.num_weights), 0.9)
    assert regimes_of_many(problem, W0, eta, 300).names.tolist() == [name] * 3


def test_momentum_moves_the_threshold_to_that_of_its_rule():
    # Stable below (2 + 2 b) / lambda.
    ball = partial(gf.rules.HeavyBall, momentum=0.5)
    many = regimes_of_many(Quadratic([1.0, 1.0]), [1.0, 2.0], [2.9, 3.1], 200, rule=ball)
    assert many.names.tolist() == ["OVERSHOOTING", "DIVERGED"]


def test_rules_without_lanes_are_judged_one_by_one():
    many = regimes_of_many(Quadratic([1.0, 4.0]), [1.0, 1.0], [0.1, 0.45], 100, rule=gf.rules.RMSProp)
    runs = [gf.descend(Quadratic([1.0, 4.0]), [1.0, 1.0], gf.rules.RMSProp(eta), 100) for eta in (0.1, 0.45)]
    assert many.names.tolist() == [regime(run, Quadratic([1.0, 4.0])).name for run in runs]


def test_shares_of_regimes_add_up():
    many = regimes_of_many(Quadratic(1.0), [1.0], [0.5, 1.5, 1.6, 2.5], 50)
    shares = [many.share(name) for name in ("MONOTONE", "OVERSHOOTING", "DIVERGED")]
    assert shares == [0.25, 0.5, 0.25]


def test_settling_and_periods_of_rows_are_those_of_one():
    rng = np.random.default_rng(0)
    steps = np.arange(400)
    lengths = np.array(
        [0.99**steps, 1.0 / (1.0 + steps) ** 2, np.full(400, 0.1), 0.1 + 0.9**steps, 1e-14 * rng.random(400)]
    )
    largest = np.ones(5)
    expected = [settles(row, 1.0) for row in lengths]
    assert {True, False} == set(expected)
    assert settle(lengths, largest).tolist() == expected
    points = np.array(
        [np.tile([0.0, 1.0], 64), np.tile(np.arange(5.0), 26)[:128], rng.random(128), np.ones(128)]
    )
    rows = points[:, :, np.newaxis]
    assert periods_of(rows, np.ones(4)).tolist() == [period_of(row, 1.0) for row in rows] == [2, 5, 0, 1]


def test_curvatures_by_differences_are_the_largest_eigenvalues():
    rng = np.random.default_rng(0)
    for problem in (Quadratic([[2.0, 1.0], [1.0, -3.0]]), XOR, SigmoidNeuron()):
        W = rng.uniform(-2.0, 2.0, (5, problem.num_weights))
        exact = [np.linalg.eigvalsh(problem.hvp(w, np.eye(w.size)))[-1] for w in W]
        np.testing.assert_allclose(largest_curvatures(problem, problem, W), exact, rtol=1e-6, atol=1e-9)


def test_exponents_of_the_chaotic_well_are_those_of_one_run():
    well, etas = DoubleWell(), np.array([1.2, 1.5, 1.9])
    found = largest_exponents(well, well, np.full((3, 1), 0.7), etas, None, 4000)
    alone = [gf.analysis.stability.lyapunov_exponents(well, [0.7], eta, 4000)[0] for eta in etas]
    np.testing.assert_allclose(found, alone, atol=0.02)
    assert found[0] < 0.0 < found[1] < found[2]
