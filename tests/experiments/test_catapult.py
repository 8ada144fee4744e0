"""The experiment, run small: where the catapult throws the weights."""

import numpy as np
import pytest

from experiments import catapult as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(num_sweep=22, num_steps=150)


def test_the_throws_of_the_study(results):
    expected = {2.5: (52.95, 6, 1.26978), 3.0: (184.99, 4, 0.18928), 3.9: (465.88, 3, 1.14422)}
    for start, (peak, step, end) in expected.items():
        run = results.runs[start]
        assert run.step_losses.max() == pytest.approx(peak, abs=0.01)
        assert run.step_losses.argmax() == step
        assert run.records["effective"][-1] == pytest.approx(end, abs=1e-5)


def test_the_regimes_below_between_and_above(results):
    assert results.regimes == {
        1.5: "OVERSHOOTING",
        2.5: "CATAPULT",
        3.0: "CATAPULT",
        3.9: "CATAPULT",
        4.05: "DIVERGED",
    }


def test_below_2_the_kernel_hardly_moves_and_above_it_ends_below_2(results):
    lazy = results.starts < 1.5
    np.testing.assert_allclose(results.ends[lazy], results.starts[lazy], rtol=0.01)
    thrown = (results.starts > 2.1) & np.isfinite(results.ends)
    assert (results.ends[thrown] < 2.0).all()
    assert np.isnan(results.ends[results.starts > 4.05]).all()


def test_the_figure_has_a_line_for_every_run(results):
    losses, products, ends = experiment.plot(results).axes
    assert len(losses.get_lines()) == len(results.runs)
    assert len(products.get_lines()) == len(results.runs) + 1
    assert ends.get_xlabel() == r"$\eta\lambda$ at the start"
