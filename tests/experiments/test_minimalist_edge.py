"""The experiment, run small: just below the edge, and a drift that only goes down."""

import numpy as np
import pytest

from experiments import minimalist_edge as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(learning_rates=(0.05, 0.2), flow_times=200.0)


def test_descent_settles_where_the_study_found_it_whatever_the_start(results):
    np.testing.assert_allclose(results.products[0], 0.99769251, rtol=0, atol=1e-6)
    np.testing.assert_allclose(results.products[1], 0.9911162, rtol=0, atol=1e-6)


def test_the_sharpness_of_the_flows_limit_never_rises_while_the_loss_does(results):
    assert results.largest_rise < 1e-11
    assert results.num_rises > 100
    series = 0.5 * results.drift_rate * results.drift.records["sharpness"]
    assert series[0] == pytest.approx(1.2)
    assert 0.98 < series[-1] < 1.0


def test_the_figure_draws_valley_limits_and_drift(results):
    valley, settled, drift = experiment.plot(results).axes
    assert "minima $y = 1/x$" in [text.get_text() for text in valley.get_legend().get_texts()]
    np.testing.assert_allclose(settled.get_lines()[0].get_ydata(), 1 - results.products[:, 0])
    assert drift.get_xscale() == "log"
