"""The experiment, run small."""

import numpy as np
import pytest

from experiments import learning_rate_by_width as experiment
from gradflow.analysis.stability import critical_learning_rate
from gradflow.curvature import sharpness


@pytest.fixture(scope="module")
def results():
    return experiment.run(widths=(2, 16), depths=(1, 2), width=4, num_seeds=3, num_steps=200)


def test_limits_and_critical_rates_are_those_of_single_runs(results):
    net = experiment.network(width=16)
    start = net.initial_weights(1)
    assert results.by_width.limits[1, 1] == pytest.approx(2 / sharpness(net, start), rel=1e-6)
    found = critical_learning_rate(net, start, num_steps=200)
    assert results.by_width.critical[1, 1] == pytest.approx(found, rel=1e-5)


def test_wider_nets_are_sharper_at_the_start(results):
    narrow, wide = np.median(results.by_width.limits, axis=1)
    assert wide < narrow


def test_the_depth_counts_hidden_layers(results):
    assert experiment.network(width=4, depth=2).num_weights == (2 + 1) * 4 + (4 + 1) * 4 + (4 + 1)
    assert results.by_depth.sizes.tolist() == [1, 2]


def test_the_figure_has_a_line_and_a_band_for_each_rate(results):
    panels = experiment.plot(results).axes
    assert [len(panel.lines) for panel in panels] == [2, 2]
    assert [len(panel.collections) for panel in panels] == [2, 2]
    np.testing.assert_allclose(
        panels[0].lines[1].get_ydata(), np.median(results.by_width.limits, axis=1), rtol=1e-12
    )
