from itertools import pairwise

import numpy as np
import pytest

from gradflow.analysis.convergence import compare, comparison, path_distance
from gradflow.flows import GradientFlow
from gradflow.problems import Quadratic
from gradflow.rules import HeavyBall
from gradflow.simulate import descend, integrate
from gradflow.trajectory import Outcome
from gradflow.trajectory.sketch import Sketch

EIGENVALUES = np.array([1.0, 4.0])
PROBLEM = Quadratic(EIGENVALUES)
START = np.array([1.0, -0.5])


def flow(end_time=2.0, **options):
    return integrate(GradientFlow(PROBLEM), START, end_time, **{"rtol": 1e-11, **options})


def exact_flow(times):
    return np.exp(-np.multiply.outer(times, EIGENVALUES)) * START


def exact_descent(learning_rate, steps):
    return (1 - learning_rate * EIGENVALUES) ** np.asarray(steps)[:, None] * START


def test_descent_against_the_flow_is_the_closed_form_at_every_step():
    run = descend(PROBLEM, START, 0.1, 20)
    result = compare(run, flow(end_time=run.times[-1], times=run.times))
    np.testing.assert_array_equal(result.times, run.times)
    descent, reference = exact_descent(0.1, np.arange(21)), exact_flow(run.times)
    np.testing.assert_allclose(result.distance, np.linalg.norm(descent - reference, axis=1), atol=1e-9)
    gap = 0.5 * (descent**2 - reference**2) @ EIGENVALUES
    np.testing.assert_allclose(result.loss_gap, gap, rtol=0, atol=1e-9)
    travelled = np.linalg.norm(reference - START, axis=1)
    np.testing.assert_allclose(result.travelled, travelled, rtol=0, atol=1e-9)
    assert result.final_distance == result.distance[-1]
    assert result.largest_distance == result.distance.max() > result.final_distance
    np.testing.assert_allclose(result.relative_distance[1:], result.distance[1:] / result.travelled[1:])
    assert result.relative_distance[0] == 0.0


def test_the_flow_against_descent_is_taken_where_descent_is():
    run = descend(PROBLEM, START, 0.1, 20)
    there, back = compare(run, flow()), compare(flow(), run)
    np.testing.assert_array_equal(back.times, run.times)
    np.testing.assert_array_equal(back.distance, there.distance)
    np.testing.assert_array_equal(back.loss_gap, -there.loss_gap)
    np.testing.assert_allclose(
        back.travelled, np.linalg.norm(exact_descent(0.1, np.arange(21)) - START, axis=1), atol=1e-13
    )


def test_a_trajectory_is_at_distance_zero_from_itself():
    for run in (flow(), descend(PROBLEM, START, 0.3, 7)):
        result = compare(run, run)
        assert not result.distance.any()
        assert not result.loss_gap.any()
        assert not result.relative_distance.any()


def test_descents_at_commensurate_learning_rates_meet_in_rows_without_interpolation():
    coarse, fine = descend(PROBLEM, START, 0.3, 10), descend(PROBLEM, START, 0.1, 30)
    result = compare(coarse, fine)
    np.testing.assert_array_equal(result.times, coarse.times)
    expected = np.linalg.norm(coarse.weights - fine.weights[::3], axis=1)
    np.testing.assert_allclose(result.distance, expected, rtol=1e-15)
    np.testing.assert_array_equal(result.loss_gap, coarse.losses - fine.losses[::3])


def test_between_the_rows_of_a_descent_the_reference_moves_on_straight_lines():
    fine, coarse = descend(PROBLEM, START, 0.1, 4), descend(PROBLEM, START, 0.2, 2)
    middle = 0.5 * (coarse.weights[0] + coarse.weights[1])
    assert compare(fine, coarse).distance[1] == pytest.approx(np.linalg.norm(fine.weights[1] - middle))


def test_two_flows_are_compared_at_the_rows_of_the_first():
    first, second = flow(method="RK45"), flow(method="DOP853")
    result = compare(first, second)
    np.testing.assert_array_equal(result.times, first.times)
    assert result.largest_distance < 1e-8


def test_only_the_overlap_is_compared():
    run = descend(PROBLEM, START, 0.5, 40)
    result = compare(run, flow(end_time=3.25))
    np.testing.assert_array_equal(result.times, run.times[:7])


def test_a_last_time_off_by_rounding_still_counts():
    run = descend(PROBLEM, START, 0.1, 3)
    assert run.times[-1] > 0.3
    assert len(compare(run, flow(end_time=0.3)).times) == 4


def test_runs_without_a_common_time_cannot_be_compared():
    late = integrate(GradientFlow(PROBLEM), START, 20.0, start_time=10.0)
    with pytest.raises(ValueError, match="must overlap in flow time"):
        compare(descend(PROBLEM, START, 0.1, 5), late)


def test_different_numbers_of_weights_cannot_be_compared():
    other = descend(Quadratic([1.0, 2.0, 3.0]), np.ones(3), 0.1, 5)
    for function in (compare, path_distance):
        with pytest.raises(ValueError, match="equal numbers of weights, got 3 and 2"):
            function(other, descend(PROBLEM, START, 0.1, 5))


def test_a_run_that_diverged_past_the_square_root_of_the_largest_float_has_a_finite_distance():
    flat = Quadratic([1e-6, 4e-6])
    run = descend(flat, START, 2e6, 400)
    assert run.outcome is Outcome.DIVERGED
    reference = integrate(GradientFlow(flat), START, run.times[-1], times=run.times)
    largest = np.abs(run.weights[-1]).max()
    assert largest > 1e155
    assert compare(run, reference).final_distance == pytest.approx(largest)
    assert path_distance(run, reference)[-1] == pytest.approx(largest)


def test_a_reference_that_stays_where_it_started_gives_an_infinite_relative_distance_or_none():
    resting = descend(Quadratic([1.0, 4.0], minimizer=START), START, 0.1, 5)
    moving = descend(PROBLEM, START, 0.1, 5)
    relative = compare(moving, resting).relative_distance
    assert relative[0] == 0.0
    assert np.isinf(relative[1:]).all()


def long_runs():
    """A descent and a flow of 400 weights, whole and sketched."""
    problem = Quadratic(np.linspace(0.1, 2.0, 400))
    start = np.random.default_rng(3).standard_normal(400)
    sketch = Sketch(400, size=100, seed=1)

    def both(sketch):
        run = descend(problem, start, 0.2, 10, sketch=sketch)
        return run, integrate(GradientFlow(problem), start, 2.0, sketch=sketch)

    return sketch, both(None), both(sketch)


def test_sketches_made_alike_are_compared_as_the_sketch_of_the_difference():
    sketch, (run, reference), (sketched_run, sketched_reference) = long_runs()
    result = compare(sketched_run, sketched_reference)
    difference = run.weights - reference.at(run.times)
    expected = np.linalg.norm(sketch.apply(difference), axis=1)
    np.testing.assert_allclose(result.distance, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.distance[1:], np.linalg.norm(difference[1:], axis=1), rtol=0.5)
    np.testing.assert_array_equal(result.loss_gap, compare(run, reference).loss_gap)


def test_a_full_run_is_sketched_to_be_compared_with_a_sketched_one():
    _, (run, reference), (sketched_run, sketched_reference) = long_runs()
    expected = compare(sketched_run, sketched_reference).distance
    np.testing.assert_allclose(compare(run, sketched_reference).distance, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(compare(sketched_run, reference).distance, expected, rtol=0, atol=1e-12)
    assert path_distance(run, sketched_run).max() < 1e-12


def test_different_sketches_cannot_be_compared():
    problem, start = Quadratic(np.ones(4)), np.ones(4)
    first, second = (descend(problem, start, 0.1, 3, sketch=Sketch(4, size=2, seed=seed)) for seed in (0, 1))
    for function in (compare, path_distance):
        with pytest.raises(ValueError, match="must carry equal sketches"):
            function(first, second)


def test_a_comparison_says_in_one_line_what_it_found():
    text = repr(compare(descend(PROBLEM, START, 0.1, 20), flow()))
    assert text.startswith("Comparison at 21 flow times 0 to 2: final distance")
    assert "\n" not in text


def test_comparisons_cannot_be_changed():
    result = compare(descend(PROBLEM, START, 0.1, 5), flow())
    with pytest.raises(ValueError, match="read-only"):
        result.distance[0] = 1.0


def slow_path_distance(rows, path):
    """The same by a loop over rows and segments."""
    distances = np.empty((len(rows), len(path) - 1))
    for i, point in enumerate(rows):
        for j, (start, end) in enumerate(pairwise(path)):
            along = end - start
            share = np.clip((point - start) @ along / max(along @ along, 1e-300), 0, 1)
            distances[i, j] = np.linalg.norm(point - start - share * along)
    return distances.min(axis=1)


@pytest.mark.parametrize("block", [4_000_000, 40, 1])
def test_path_distance_agrees_with_a_loop_over_all_segments(monkeypatch, block):
    monkeypatch.setattr(comparison, "_BLOCK", block)
    run, reference = descend(PROBLEM, START, HeavyBall(0.4, 0.6), 40), descend(PROBLEM, START, 0.45, 25)
    expected = slow_path_distance(run.weights, reference.weights)
    np.testing.assert_allclose(path_distance(run, reference), expected, rtol=0, atol=1e-14)
    assert expected.max() > 0.1


def test_the_same_path_at_another_speed_is_at_no_distance():
    slow = integrate(GradientFlow(PROBLEM), START, 4.0, rtol=1e-9)
    fast = integrate(GradientFlow(PROBLEM, rate=2.0), START, 2.0, rtol=1e-9, times=slow.times / 2)
    assert compare(fast, slow).largest_distance > 0.1
    assert path_distance(fast, slow).max() < 1e-8


def test_path_distances_do_not_depend_on_how_far_away_the_origin_is():
    far = Quadratic([1.0, 1.0], minimizer=[1e6, 1e6])
    reference = descend(far, [1e6 + 1.0, 1e6], 0.25, 12)
    shifted = descend(far, [1e6 + 1.0, 1e6 + 1e-6], 0.25, 12)
    expected = 1e-6 * 0.75 ** np.arange(13)
    np.testing.assert_allclose(path_distance(shifted, reference), expected, rtol=0, atol=1e-9)


def test_a_path_of_one_point_is_a_point():
    point = descend(PROBLEM, START, 1e-300, 1, record_every=1)
    resting = descend(Quadratic([1.0, 4.0], minimizer=START), START, 0.1, 3)
    assert not path_distance(point, resting).any()
    run = descend(PROBLEM, START, 0.1, 5)
    np.testing.assert_allclose(
        path_distance(run, resting), np.linalg.norm(run.weights - START, axis=1), atol=1e-15
    )
