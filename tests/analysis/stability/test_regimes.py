import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from gradflow import GradientFlow, Trajectory, descend, integrate
from gradflow.analysis.stability import regime
from gradflow.datasets import chebyshev, xor
from gradflow.problems import (
    Catapult,
    DoubleWell,
    FeedForward,
    LinearRegression,
    MinimalistEdge,
    Quadratic,
    SigmoidNeuron,
    from_callables,
)
from gradflow.rules import Adam, GradientDescent, HeavyBall, Nesterov

WELL = DoubleWell()
BOWL = Quadratic([0.2, 1.0])
NET = FeedForward(*chebyshev(6), (30, 20))


def verdict(problem, w0, rule, num_steps, **options):
    return regime(descend(problem, w0, rule, num_steps, **options), problem)


@pytest.mark.parametrize(
    ("product", "name"),
    [
        (0.5, "MONOTONE"),
        (0.99, "MONOTONE"),
        (1.01, "OVERSHOOTING"),
        (1.99, "OVERSHOOTING"),
        (2.0, "PERIODIC"),
        (2.01, "DIVERGED"),
        (4.0, "DIVERGED"),
    ],
)
@pytest.mark.parametrize("num_steps", [30, 1000])
def test_descent_on_a_quadratic_below_and_above_each_threshold(product, name, num_steps):
    found = verdict(BOWL, [1.0, 1.0], product, num_steps)
    assert found.name == name
    if name != "DIVERGED":
        assert found.evidence["final_effective_sharpness"] == pytest.approx(product)


@pytest.mark.parametrize(("share", "names"), [(0.99, {"OVERSHOOTING"}), (1.01, {"DIVERGED"})])
@pytest.mark.parametrize(("make", "product"), [(HeavyBall, 3.8), (Nesterov, 3.8 / 2.8)])
def test_momentum_is_judged_with_its_memory(make, product, share, names):
    assert verdict(BOWL, [1.0, 1.0], make(share * product, 0.9), 200).name in names


@pytest.mark.parametrize(
    ("rate", "name", "period"),
    [
        (0.4, "MONOTONE", 1),
        (0.6, "OVERSHOOTING", 1),
        (0.99, "OVERSHOOTING", 1),
        (1.01, "PERIODIC", 2),
        (1.23, "PERIODIC", 2),
        (1.245, "PERIODIC", 4),
        (1.29, "PERIODIC", 8),
        (1.35, "CHAOTIC", 0),
        (1.7, "PERIODIC", 6),
        (2.0, "CHAOTIC", 0),
        (2.0001, "DIVERGED", None),
    ],
)
def test_the_double_well_goes_through_its_regimes(rate, name, period):
    found = verdict(WELL, [0.9], rate, 1000)
    assert found.name == name
    assert found.evidence.get("period") == period
    if name == "CHAOTIC":
        assert found.evidence["exponent"] > 0.2


@pytest.mark.parametrize("stride", [1, 2, 10, 997])
@pytest.mark.parametrize(("rate", "period"), [(1.1, 2), (1.25, 4)])
def test_a_stride_does_not_hide_a_period(stride, rate, period):
    found = verdict(WELL, [0.9], rate, 1000, record_every=stride)
    assert (found.name, found.evidence["period"]) == ("PERIODIC", period)


@pytest.mark.parametrize(
    ("start", "name"), [(1.9, "OVERSHOOTING"), (2.5, "CATAPULT"), (3.9, "CATAPULT"), (4.05, "DIVERGED")]
)
def test_the_catapult_catapults_between_2_and_4(start, name):
    problem = Catapult(1000)
    w0 = problem.initial_weights()
    found = verdict(problem, w0, start / problem.kernel(w0), 100)
    assert found.name == name
    if name == "CATAPULT":
        assert found.evidence["highest_loss"] > 20 * found.evidence["first_loss"]
        assert found.evidence["final_effective_sharpness"] < 1.9 < found.evidence["first_effective_sharpness"]


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_minimalist_edge_settles_at_the_edge(rate):
    problem = MinimalistEdge()
    x = 1.1 * problem.edge(rate)[0]
    found = verdict(problem, [x, 0.9 / x], rate, 2000)
    assert found.name == "EDGE_OF_STABILITY"
    assert found.evidence["settles"] == 1.0


def test_the_same_problem_started_at_a_flat_minimum_overshoots():
    assert verdict(MinimalistEdge(), [1.1, 0.9], 0.15, 2000).name == "OVERSHOOTING"


def test_the_network_on_t6_trains_at_the_edge_of_stability():
    run = descend(NET, NET.initial_weights(0), 0.2, 3000, record_every=50)
    found = regime(run, NET)
    assert found.name == "EDGE_OF_STABILITY"
    assert found.evidence["mean_effective_sharpness"] == pytest.approx(2.0, abs=0.1)
    assert found.evidence["long_run"] < 0.8
    assert found.evidence["share_lowered"] < 0.9


@pytest.mark.parametrize(("rate", "name"), [(0.05, "MONOTONE"), (0.2, "OVERSHOOTING"), (1.0, "DIVERGED")])
def test_the_network_on_t6_before_its_sharpness_has_grown(rate, name):
    assert verdict(NET, NET.initial_weights(0), rate, 300).name == name


@pytest.mark.parametrize(("w0", "name"), [(-30.0, "STALLED"), (0.0, "MONOTONE")])
def test_a_run_on_flat_ground_is_stalled(w0, name):
    assert verdict(SigmoidNeuron(), [w0], 1.0, 200).name == name


def test_a_run_on_a_saddle_is_stalled_and_one_at_a_minimum_is_not():
    assert verdict(WELL, [0.0], 0.1, 50).name == "STALLED"
    assert verdict(WELL, [1.0], 1e-5, 50).name == "MONOTONE"


def test_the_rule_and_its_memory_survive_the_disk(tmp_path):
    run = descend(BOWL, [1.0, 1.0], HeavyBall(3.7, 0.9), 100)
    run.save(tmp_path / "run.npz")
    again = regime(Trajectory.load(tmp_path / "run.npz"), BOWL)
    assert again.evidence == regime(run, BOWL).evidence


def test_it_is_deterministic():
    run = descend(WELL, [0.9], 1.35, 500)
    first, second = regime(run, WELL), regime(run, WELL)
    assert first.name == second.name
    assert first.evidence == second.evidence


def test_a_vector_learning_rate_is_judged_by_its_effective_sharpness():
    rule = GradientDescent(np.array([2.5, 0.5]))
    found = verdict(BOWL, [1.0, 1.0], rule, 200, rate=np.array([2.5, 0.5]))
    assert found.name == "MONOTONE"
    assert found.evidence["final_effective_sharpness"] == pytest.approx(0.5)


def test_an_adaptive_rule_gets_a_verdict_too():
    found = verdict(BOWL, [1.0, 1.0], Adam(0.01), 2000)
    assert found.name in {"MONOTONE", "OVERSHOOTING"}


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (
            lambda: integrate(GradientFlow(BOWL), [1.0, 1.0], 1.0),
            "`trajectory` must be of a descent, got a flow",
        ),
        (
            lambda: descend(LinearRegression(np.eye(4), np.ones(4)), np.zeros(5), 0.1, 5, batch=2),
            "full batches",
        ),
    ],
)
def test_runs_that_cannot_be_continued_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        regime(make(), BOWL)


def clipped(learning_rate):
    """Return a user's own rule that bears the name of one of the library's."""

    @dataclass(frozen=True, eq=False)
    class GradientDescent:
        learning_rate: float

        def init(self, w):
            return None

        def update(self, w, gradient, state, step):
            return w - self.learning_rate * gradient / max(1.0, np.linalg.norm(gradient)), state

    return GradientDescent(learning_rate)


def test_a_users_rule_is_judged_as_what_it_is_whatever_its_name():
    # On E = 2 w^2 plain descent diverges above 0.5; clipped to length 1, steps of 0.6 stay within 0.6 of 0.
    bowl = Quadratic([4.0])
    own = descend(bowl, [3.0], clipped(0.6), 60)
    assert own.rule.update(np.array([3.0]), np.array([12.0]), None, 0)[0] == pytest.approx([2.4])
    found = regime(own, bowl)
    assert found.name != "DIVERGED"
    assert found.evidence["final_loss"] < 1.0
    assert np.isnan(found.evidence["final_effective_sharpness"])
    assert regime(descend(bowl, [3.0], 0.6, 60), bowl).name == "DIVERGED"


def test_the_rule_of_a_file_is_the_same_class_or_refused(tmp_path):
    bowl = Quadratic([4.0])
    descend(bowl, [3.0], clipped(0.6), 60).save(tmp_path / "own.npz")
    with pytest.raises(ValueError, match="no imported module holds"):
        regime(Trajectory.load(tmp_path / "own.npz"), bowl)
    descend(bowl, [3.0], HeavyBall(0.1, 0.5), 60).save(tmp_path / "run.npz")
    back = Trajectory.load(tmp_path / "run.npz")
    assert (back.rule.learning_rate, back.rule.momentum) == (0.1, 0.5)
    assert regime(back, bowl).name == regime(descend(bowl, [3.0], HeavyBall(0.1, 0.5), 60), bowl).name


class Counting(Quadratic):
    """Counts gradients and notes where they were taken."""

    def __init__(self, hessian):
        super().__init__(hessian)
        self.places = []

    def loss_and_gradient(self, w):
        self.places.append(w.tobytes())
        return super().loss_and_gradient(w)


def test_a_growing_run_is_continued_without_taking_a_step_twice():
    bowl = Counting([1.0])
    run = descend(bowl, [1.0], 2.0002, 50)
    before = len(bowl.places)
    assert regime(run, bowl).name == "DIVERGED"
    continued = bowl.places[before:]
    assert len(continued) == len(set(continued)) == 10_001


def test_the_verdict_keeps_no_more_than_a_few_hundred_weight_vectors():
    n = 5000

    bowl = from_callables(lambda w: 0.5 * w @ w, lambda w: w, n, hvp=lambda w, v: v)
    run = descend(bowl, np.ones(n), 2.0002, 50, record_every=50)
    tracemalloc.start()
    assert regime(run, bowl).name == "DIVERGED"
    peak = tracemalloc.get_traced_memory()[1] / (8 * n)
    tracemalloc.stop()
    assert peak < 300


def test_exclusive_or_at_a_small_learning_rate_is_monotone():
    problem = FeedForward(*xor(), (4,))
    assert verdict(problem, problem.initial_weights(0), 0.05, 500).name == "MONOTONE"
