"""The sharpness recorded along a flow, whatever follows it."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.curvature import SharpnessTracker, top_eigenpairs
from gradflow.curvature.search import operator_of, top_pairs_of
from gradflow.solvers import Switching

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def network():
    inputs, labels = gf.datasets.digits()
    return gf.problems.FeedForward(inputs[:200] / 8 - 1, labels[:200], (8,))


def recorded(problem, end_time=3.0, rate=1.0, **options):
    """Return a run that records the sharpness, and the tracker that found it."""
    tracker = SharpnessTracker(problem, TOLERANCE)
    options = {"rtol": 1e-5, **options, "record": {"sharpness": tracker}}
    run = gf.integrate(gf.GradientFlow(problem, rate), problem.initial_weights(0), end_time, **options)
    return run, tracker


def assert_right_in_every_row(run, problem):
    exact = [top_eigenpairs(problem, w, 1, 1e-10)[0][0] for w in run.weights]
    np.testing.assert_allclose(run.records["sharpness"], exact, rtol=TOLERANCE)


def num_products_of_a_cold_search(problem, w):
    product, sizes = problem.linearize(w)[2], []

    def counted(v):
        sizes.append(v.size // w.size)
        return product(v)

    top_pairs_of(operator_of(counted, w.size), 1, TOLERANCE)
    return sum(sizes)


@pytest.mark.parametrize("method", ["auto", "RK45", "rock2", "krylov-bdf"])
def test_sharpness_is_right_in_every_row_for_less_than_half_of_what_cold_searches_cost(network, method):
    run, tracker = recorded(network, method=method)
    assert_right_in_every_row(run, network)
    cold = np.mean([num_products_of_a_cold_search(network, w) for w in run.weights[::10]])
    assert tracker.num_products / len(run.times) < 0.5 * cold


def test_the_record_does_not_change_the_run(network):
    run, _ = recorded(network, method="krylov-bdf")
    start = network.initial_weights(0)
    bare = gf.integrate(gf.GradientFlow(network), start, 3.0, rtol=1e-5, method="krylov-bdf")
    np.testing.assert_array_equal(run.weights, bare.weights)
    assert run.num_hvps == bare.num_hvps
    # The bare run evaluates its loss nowhere but at the ends.
    assert bare.num_gradients < run.num_gradients <= bare.num_gradients + len(run.times) - 2


def test_rows_far_apart_are_right_as_well(network):
    run, _ = recorded(network, end_time=30.0, times=7)
    assert len(run.times) == 7
    assert_right_in_every_row(run, network)


def test_sharpness_is_that_of_the_loss_whatever_the_rate_of_the_flow(network):
    rate = np.linspace(0.5, 2.0, network.num_weights)
    run, _ = recorded(network, end_time=1.0, rate=rate)
    assert_right_in_every_row(run, network)


def test_sharpness_stays_right_where_the_method_changes(network):
    run, _ = recorded(network, end_time=30.0, rtol=1e-4, method=Switching)
    assert "RK45" in run.method
    assert "krylov-bdf" in run.method
    assert_right_in_every_row(run, network)


def test_an_event_on_the_sharpness_and_its_record_agree(network):
    rising, _ = recorded(network)
    level = 0.5 * (rising.records["sharpness"][0] + rising.records["sharpness"].max())
    event = gf.events.sharpness_reaches(network, level, direction=0, terminal=True)
    run, _ = recorded(network, events={"edge": event})
    assert run.outcome is gf.Outcome.EVENT
    assert_right_in_every_row(run, network)
    assert run.records["sharpness"][-1] == pytest.approx(level, rel=1e-5)


class Counting(gf.problems.FeedForward):
    """Counts the passes at a point: those for the gradient alone, and those with a product."""

    def __init__(self, *data):
        super().__init__(*data)
        self.num_plain = self.num_linearized = 0

    def loss_and_gradient(self, w):
        self.num_plain += 1
        return super().loss_and_gradient(w)

    def linearize(self, w):
        self.num_linearized += 1
        return super().linearize(w)


@pytest.fixture
def counting():
    inputs, labels = gf.datasets.digits()
    return Counting(inputs[:50] / 8 - 1, labels[:50], (8,))


def test_the_tracker_takes_the_passes_of_the_steps_that_it_is_recorded_at(counting):
    tracker = SharpnessTracker(counting)
    gf.descend(counting, counting.initial_weights(0), 0.01, 20, record={"sharpness": tracker}, record_every=2)
    assert counting.num_plain == 10
    # The last row is no step's.
    assert counting.num_linearized == 10 + 1


def test_differences_start_from_the_gradient_of_the_step(counting):
    w0 = counting.initial_weights(0)
    tracker = SharpnessTracker(counting, products="differences")
    run = gf.descend(counting, w0, 0.01, 20, record={"sharpness": tracker})
    num_differences = tracker.num_products - num_products_of_a_cold_search(counting, run.weights[0])
    num_to_choose = counting.num_plain - (20 + num_differences + 1)  # the last row is no step's
    assert 2 <= num_to_choose <= 6


@pytest.mark.parametrize("batch", [None, 10], ids=["another problem", "mini-batches"])
def test_a_run_on_something_else_shares_nothing(counting, batch):
    inputs, labels = gf.datasets.digits()
    problem = (
        gf.problems.FeedForward(inputs[50:100] / 8 - 1, labels[50:100], (8,)) if batch is None else counting
    )
    tracker, w0 = SharpnessTracker(counting), counting.initial_weights(0)
    run = gf.descend(problem, w0, 0.01, 10, record={"sharpness": tracker}, batch=batch, seed=0)
    assert counting.num_linearized == 11
    assert_right_in_every_row(run, counting)


@pytest.mark.parametrize("name", [name for name in gf.cases.CASES if name != "identity-neuron"])
def test_a_descent_is_the_same_to_the_last_bit_whether_sharpness_is_recorded_or_not(name):
    case = gf.cases.make(name)
    tracker = SharpnessTracker(case.problem)
    run = gf.descend(case.problem, case.w0, case.learning_rates[0], 12, record={"sharpness": tracker})
    bare = gf.descend(case.problem, case.w0, case.learning_rates[0], 12)
    np.testing.assert_array_equal(run.weights, bare.weights)
    np.testing.assert_array_equal(run.losses, bare.losses)
    assert run.num_gradients == bare.num_gradients
