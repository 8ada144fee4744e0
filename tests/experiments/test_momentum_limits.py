"""The experiment, run small: three ways to the same limits."""

import numpy as np
import pytest

from experiments import momentum_limits as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(momenta=(0.5, 0.9))


def test_companion_matrix_closed_form_and_runs_agree(results):
    np.testing.assert_allclose(results.companion, [[3.0, 3.8], [1.5, 3.8 / 2.8]], rtol=1e-9)
    np.testing.assert_allclose(results.closed, results.companion, rtol=1e-9)
    np.testing.assert_allclose(results.measured, results.companion, rtol=1e-4)


def test_the_figure_has_curves_marks_and_regions(results):
    limits, region = experiment.plot(results).axes
    marks = [line for line in limits.get_lines() if line.get_marker() == "x" and line.get_xdata().size]
    np.testing.assert_array_equal(marks[0].get_ydata(), results.measured[0])
    assert region.get_xlabel() == r"$\mathrm{Re}\ \eta\lambda$"
