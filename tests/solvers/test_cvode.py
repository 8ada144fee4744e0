import sys

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import gradflow as gf
from gradflow.solvers import CVODE

RATES = np.array([1.0, 50.0, 2.0])


def solve(rtol=1e-6, **options):
    return solve_ivp(
        lambda t, y: -RATES * y, (0, 2), np.ones(3), method=CVODE, rtol=rtol, atol=1e-3 * rtol, **options
    )


class TestWithSundials:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("sksundae")

    def test_a_stiff_decay_is_followed_through_solve_ivp(self):
        run = solve()
        assert run.success
        np.testing.assert_allclose(run.y[:, -1], np.exp(-2 * RATES), atol=2e-5)

    def test_the_error_follows_the_tolerance_over_six_decades(self):
        # The logistic curve from 1e-3 and 1/2.
        tolerances, start = 10.0 ** -np.arange(3, 10), np.array([1e-3, 0.5])
        truth = start * np.exp(8) / (1 + start * (np.exp(8) - 1))
        errors = [
            solve_ivp(lambda t, y: y * (1 - y), (0, 8), start, CVODE, rtol=rtol, atol=1e-3 * rtol).y[:, -1]
            for rtol in tolerances
        ] - truth
        sizes = np.linalg.norm(errors, axis=1) / np.linalg.norm(truth)
        assert np.polyfit(np.log(tolerances), np.log(sizes), 1)[0] == pytest.approx(1.0, abs=0.2)
        assert (sizes < 30 * tolerances).all()

    def test_dense_output_is_as_accurate_as_the_steps_and_leaves_them_alone(self):
        run, plain = solve(dense_output=True), solve()
        times = np.linspace(0, 2, 101)
        assert np.abs(run.sol(times) - np.exp(-np.outer(RATES, times))).max() < 2e-5
        np.testing.assert_array_equal(run.t, plain.t)

    def test_exact_products_replace_differences(self):
        calls = []

        def linearize(t, y):
            calls.append(t)
            return -RATES * y, lambda v: -RATES * v

        run = solve(linearize=linearize)
        assert calls
        assert run.nfev < solve().nfev
        np.testing.assert_allclose(run.y[:, -1], np.exp(-2 * RATES), atol=2e-5)

    def test_time_may_run_backward(self):
        run = solve_ivp(lambda t, y: -y, (0, -1), [1.0], method=CVODE, rtol=1e-7, atol=1e-10, first_step=0.1)
        assert run.y[0, -1] == pytest.approx(np.e, rel=1e-5)

    @pytest.mark.parametrize("options", [{"rtol": 0.0}, {"first_step": 9.0}, {"max_basis": 0}])
    def test_wrong_options_are_refused(self, options):
        with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
            CVODE(lambda t, y: -y, 0.0, np.ones(2), 1.0, **options)

    def test_the_driver_hands_it_exact_products_and_counts_them(self):
        run = gf.integrate(gf.GradientFlow(gf.problems.Quadratic(RATES)), np.ones(3), 2.0, method="cvode")
        assert run.outcome is gf.Outcome.FINISHED
        assert run.num_hvps > 0
        np.testing.assert_allclose(run.final_weights, np.exp(-2 * RATES), atol=2e-5)

    def test_an_exhausted_budget_comes_through_it(self):
        flow = gf.GradientFlow(gf.problems.Quadratic(RATES))
        run = gf.integrate(flow, np.ones(3), 2.0, method="cvode", max_evaluations=20)
        assert run.outcome is gf.Outcome.BUDGET
        assert run.num_gradients == 20


def test_without_sundials_one_sentence_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sksundae", None)
    with pytest.raises(ImportError, match="the extra `stiff` brings"):
        solve()
