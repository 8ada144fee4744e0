import numpy as np
import pytest

from gradflow.analysis.stability import bifurcation_diagram
from gradflow.problems import DoubleWell, Quadratic
from gradflow.rules import HeavyBall

WELL = DoubleWell()


def test_the_periods_double_on_both_sides_of_every_known_flip():
    rates = [0.99, 1.01, 1.23, 1.24, 1.2875, 1.2885, 1.35, 1.7]
    diagram = bifurcation_diagram(WELL, rates, [0.9], num_transient=4000)
    assert diagram.periods.tolist() == [1, 2, 2, 4, 4, 8, 0, 6]


def test_the_points_of_the_two_cycle_are_known_in_closed_form():
    diagram = bifurcation_diagram(WELL, [1.1], [0.9], num_transient=3000, num_kept=2)
    # Subtracting and adding the two equations of the cycle: a b = 1 / eta, a^2 + b^2 = (1 + eta) / eta.
    a, b = diagram.points[0, :, 0]
    assert a * b == pytest.approx(1 / 1.1, rel=1e-9)
    assert a**2 + b**2 == pytest.approx(2.1 / 1.1, rel=1e-9)


@pytest.mark.parametrize(("rate", "wells"), [(1.59, 1), (1.61, 2)])
def test_the_wells_merge_at_their_learning_rate(rate, wells):
    points = bifurcation_diagram(WELL, [rate], [0.9], num_transient=2000, num_kept=2000).points
    assert len(np.unique(np.sign(points))) == wells


def test_the_attractor_is_followed_from_one_learning_rate_to_the_next():
    up = bifurcation_diagram(WELL, [0.5, 0.6], [-0.9]).points
    assert up[-1, 0, 0] == pytest.approx(-1.0)
    first = bifurcation_diagram(WELL, [0.5], [0.9], num_transient=0, num_kept=10).points[0]
    both = bifurcation_diagram(WELL, [0.5, 0.5], [0.9], num_transient=0, num_kept=10).points
    np.testing.assert_allclose(both[1, 0], first[-1], rtol=1e-5)


def test_a_run_that_came_to_rest_leaves_its_place_when_that_loses_its_stability():
    assert bifurcation_diagram(WELL, [0.9, 1.1], [1.0]).periods.tolist() == [1, 2]


def test_a_run_that_diverges_is_said_to_and_the_next_starts_afresh():
    diagram = bifurcation_diagram(WELL, [2.5, 0.5], [0.9])
    assert diagram.diverged.tolist() == [True, False]
    assert np.isnan(diagram.points[0]).all()
    assert np.isnan(diagram.losses[0]).all()
    assert diagram.periods.tolist() == [0, 1]


def test_another_rule_is_varied_too():
    rates = [3.7, 3.8, 3.9]
    diagram = bifurcation_diagram(Quadratic(1.0), rates, [1.0], rule=HeavyBall(1.0, 0.9), num_transient=5000)
    assert diagram.periods.tolist() == [1, 2, 0]
    assert diagram.diverged.tolist() == [False, False, True]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="`learning_rates` must be a positive number"):
        bifurcation_diagram(WELL, [0.5, -1.0], [0.9])
    with pytest.raises(ValueError, match="`num_kept` must be a whole number of at least 2"):
        bifurcation_diagram(WELL, [0.5], [0.9], num_kept=1)
    with pytest.raises(ValueError, match="`w0` must have 1 weights"):
        bifurcation_diagram(WELL, [0.5], [0.9, 1.0])
