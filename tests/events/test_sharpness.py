import numpy as np
import pytest

from gradflow import GradientFlow, Outcome, integrate
from gradflow.curvature import SharpnessTracker, sharpness
from gradflow.datasets import chebyshev
from gradflow.events import sharpness_reaches
from gradflow.problems import DoubleWell, FeedForward
from gradflow.simulate.place import Place

WELL = DoubleWell()


def crossing_time(level, x0=0.5):
    """When 3 x^2 - 1 meets the level: 1 / x^2 - 1 falls like exp(-2 t)."""
    return 0.5 * np.log((1 / x0**2 - 1) / (3 / (level + 1) - 1))


def test_several_levels_are_located_in_one_flow():
    levels = [0.5, 1.0, 1.9]
    run = integrate(
        GradientFlow(WELL), [0.5], 5.0, rtol=1e-10, events={"edge": sharpness_reaches(WELL, levels)}
    )
    found, times, weights = run.crossings["edge"]
    np.testing.assert_array_equal(found, levels)
    np.testing.assert_allclose(times, [crossing_time(level) for level in levels], rtol=1e-8)
    np.testing.assert_allclose(3 * weights[:, 0] ** 2 - 1, levels, rtol=1e-9)
    assert run.outcome is Outcome.FINISHED


def test_a_terminal_crossing_ends_the_flow():
    event = sharpness_reaches(WELL, 1.0, terminal=True)
    run = integrate(GradientFlow(WELL), [0.5], 5.0, events={"edge": event})
    assert run.outcome is Outcome.EVENT
    assert run.times[-1] == pytest.approx(crossing_time(1.0), rel=1e-5)


def test_only_rising_crossings_count_unless_asked():
    for direction, count in ((1, 0), (-1, 1), (0, 1)):
        event = sharpness_reaches(WELL, 5.0, direction=direction)
        run = integrate(GradientFlow(WELL), [2.0], 5.0, events={"edge": event})
        assert len(run.crossings["edge"][0]) == count


def test_the_flow_of_the_network_on_t6_reaches_8_and_10_where_the_study_found_it():
    problem = FeedForward(*chebyshev(6), (30, 20))
    run = integrate(
        GradientFlow(problem),
        problem.initial_weights(0),
        280.0,
        times=2,
        events={"edge": sharpness_reaches(problem, (8.0, 10.0))},
    )
    _, times, weights = run.crossings["edge"]
    np.testing.assert_allclose(times, [69.64, 272.87], atol=0.02)
    np.testing.assert_allclose([sharpness(problem, w) for w in weights], [8.0, 10.0], rtol=1e-6)


def test_ten_crossings_cost_at_most_the_products_of_the_plain_record_again():
    problem = FeedForward(*chebyshev(6), (30, 20))
    w0, end_time = problem.initial_weights(0), 280.0
    assert problem.num_weights == 701
    tracker = SharpnessTracker(problem)
    plain = integrate(GradientFlow(problem), w0, end_time, record={"sharpness": tracker})
    values = plain.records["sharpness"]
    levels = np.linspace(values[len(values) // 4], values.max(), 12)[1:-1]
    event = sharpness_reaches(problem, levels)
    run = integrate(GradientFlow(problem), w0, end_time, events={"edge": event})
    found, _, weights = run.crossings["edge"]
    assert set(found) == set(levels)
    np.testing.assert_allclose([sharpness(problem, w) for w in weights], found, rtol=1e-6)
    assert event.function.tracker.num_products <= 2 * tracker.num_products


def test_the_event_takes_what_a_run_has_at_a_place():
    event = sharpness_reaches(WELL, 1.0)
    place = Place(WELL, 0.0, 0, np.array([2.0]), np.array([2.0]), product=lambda v: 7.0 * v)
    assert event.function.at_place(place) == pytest.approx(7.0)
    assert event.function(1.0, np.array([2.0])) == pytest.approx(11.0)
