"""The experiment, run small: flips, merge, chaos and escape of the double well."""

import numpy as np
import pytest

from experiments import bifurcations as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(num_rates=60, num_transient=600, num_kept=200, num_steps=20_000)


def test_the_flips_are_where_theory_puts_them(results):
    assert results.flips[1] == pytest.approx(1.0, abs=1e-8)
    assert results.flips[2] == pytest.approx(np.sqrt(5) - 1, abs=1e-8)
    assert results.flips[4] == pytest.approx(1.28803, abs=1e-5)


def test_successive_flips_come_closer_by_feigenbaums_number(results):
    one, two, four, eight = results.flips.values()
    assert (four - two) / (eight - four) == pytest.approx(4.669, abs=0.2)
    assert (two - one) / (four - two) == pytest.approx(4.669, abs=0.3)


def test_at_1_35_it_is_chaotic(results):
    assert results.chaotic_exponent == pytest.approx(0.278, abs=0.005)


def test_the_exponent_is_negative_before_chaos_and_zero_nowhere_but_at_the_flips(results):
    rates = results.diagram.learning_rates
    assert (results.exponents[rates < 0.99] < 0).all()
    assert (results.exponents[(rates > 1.02) & (rates < 1.22)] < 0).all()
    assert results.exponents[(rates > 1.33) & (rates < 2)].max() > 0.5


def test_wells_merge_and_the_weight_escapes_between_neighbors_of_the_grid(results):
    rates, spacing = results.diagram.learning_rates, np.diff(results.diagram.learning_rates)[0]
    assert experiment.MERGE - spacing <= results.merge <= experiment.MERGE + 2 * spacing
    assert rates[results.diagram.diverged].min() > 2.0
    assert not results.diagram.diverged[rates <= 2.0].any()


def test_the_figure_has_the_attractor_the_exponent_and_two_cobwebs(results):
    attractor, _, exponent, chaos = experiment.plot(results).axes
    assert attractor.get_xlim() == exponent.get_xlim()
    assert chaos.get_title(loc="left") == "(d) chaos"
    for ax in (attractor, exponent):
        marked = {line.get_label(): line.get_xdata()[0] for line in ax.get_lines()}
        assert marked["escape"] == 2.0
        assert marked["wells merge"] == experiment.MERGE
