"""The experiment, run small: the recursion against differences, the runs, and the figure."""

import sys

import numpy as np
import pytest

from experiments import backpropagation as experiment
from gradflow.analysis.convergence import observed_order

STEPS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2)


@pytest.fixture(scope="module")
def results():
    return experiment.run(
        widths=(6, 5),
        num_training=60,
        num_patterns=2,
        difference_steps=STEPS,
        shares=(0.25, 0.95),
        end_time=3.0,
    )


def test_every_delta_and_outer_product_agrees_with_differences(results):
    assert results.check.deltas.shape == results.check.products.shape == (len(STEPS), 3)
    assert results.check.deltas.min(axis=0).max() < 1e-8
    assert results.check.products.min(axis=0).max() < 1e-8


def test_what_is_left_below_the_output_is_the_second_order_error_of_the_differences(results):
    rough = slice(4, 7)
    for errors in (results.check.deltas, results.check.products):
        for layer in (0, 1):
            order = observed_order(results.check.steps[rough], errors[rough, layer])
            assert order == pytest.approx(2.0, abs=0.05)


def test_at_the_output_the_error_is_quadratic_and_differences_are_exact(results):
    assert results.check.deltas[-1, -1] < 1e-12
    assert results.check.products[-1, -1] < 1e-12


def test_automatic_differentiation_agrees_to_rounding(results):
    pytest.importorskip("autograd")
    assert results.check.autodiff.shape == (3,)
    assert results.check.autodiff.max() < 1e-13


def test_a_missing_autodiff_leaves_the_rest(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "autograd", None)
    alone = experiment.run(
        widths=(3,), num_training=20, num_patterns=1, difference_steps=(1e-5,), shares=(0.5,), end_time=0.2
    )
    assert alone.check.autodiff is None
    assert experiment.plot(alone).axes[0].texts[:] == []


def test_the_flow_only_falls_and_descents_below_the_limit_end_near_it(results):
    assert (np.diff(results.flow.step_losses) <= 1e-10).all()
    for descent in results.descents.values():
        assert descent.final_loss == pytest.approx(results.flow.final_loss, rel=0.05)
        assert descent.times[-1] == pytest.approx(results.flow.times[-1], rel=0.1)


def test_training_and_test_digits_are_all_the_digits_and_accuracies_are_shares(results):
    assert (results.num_training, results.num_test) == (60, 1797 - 60)
    for each in (results.flow, *results.descents.values()):
        for name in ("training", "test"):
            assert ((each.records[name] >= 0) & (each.records[name] <= 1)).all()
    assert results.flow.records["training"][-1] > results.flow.records["training"][0]


def test_the_figure_draws_the_check_the_losses_and_the_accuracy(results):
    check, losses, accuracy = experiment.plot(results).axes
    np.testing.assert_array_equal(check.get_lines()[0].get_ydata(), results.check.deltas[:, 0])
    np.testing.assert_array_equal(losses.get_lines()[0].get_ydata(), results.flow.step_losses)
    expected = 100 * results.flow.records["test"][1:]
    np.testing.assert_array_equal(accuracy.get_lines()[0].get_ydata(), expected)


def test_main_prints_the_accuracy_and_writes_all_files(results, main_output):
    assert f"{results.flow.records['test'][-1]:.6g}" in main_output(experiment, results)
