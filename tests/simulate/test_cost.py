import warnings

import numpy as np
import pytest
from scipy.integrate import DOP853, RK23, RK45

import gradflow as gf
from gradflow.simulate.cost import stability_interval


@pytest.mark.parametrize(
    ("method", "stages", "expected"),
    # RK23 (Bogacki-Shampine) has the stability function of every third-order method with three stages;
    # Dormand-Prince 5(4) reaches 3.3066 (Hairer and Wanner II, IV.2).
    [(RK23, 3, 2.5127), (RK45, 6, 3.3066)],
)
def test_the_stability_interval_comes_from_the_tableau(method, stages, expected):
    assert len(method.B) == stages
    assert stability_interval(method.A, method.B) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("method", [RK23, RK45, DOP853])
def test_the_stability_interval_is_where_steps_of_the_method_stop_shrinking(method):
    limit = stability_interval(method.A, method.B)

    def growth(z):
        solver = method(
            lambda t, y: -z * y, 0.0, [1.0], 1.0, first_step=1.0, max_step=1.0, rtol=1e6, atol=1e6
        )
        solver.step()
        return abs(solver.y[0])

    assert growth(0.99 * limit) < 1 < growth(1.01 * limit)


def stiff():
    return gf.GradientFlow(gf.problems.Quadratic([1e-3, 300.0]))


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853"])
def test_a_costly_run_is_predicted_early(method):
    spent = []

    def stop(t, w):
        return bool(spent)

    def warned(message, category, *rest):
        assert issubclass(category, gf.CostWarning)
        assert "stiff" in str(message)
        spent.append(True)

    with warnings.catch_warnings():
        warnings.showwarning = warned
        warnings.simplefilter("always")
        run = gf.integrate(stiff(), [1.0, 1.0], 2000.0, method=method, callback=stop)
    assert run.outcome is gf.Outcome.EVENT
    assert run.num_gradients < 2_000


def test_the_prediction_is_near_the_cost():
    end_time = 200.0
    with pytest.warns(gf.CostWarning) as caught:
        run = gf.integrate(stiff(), [1.0, 1.0], end_time, method="RK45", times=2)
    predicted = float(str(caught[0].message).split("about ")[1].split()[0])
    assert 0.7 < predicted / run.num_gradients < 1.4


def test_a_cheap_run_is_not_warned_about():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gf.integrate(stiff(), [1.0, 1.0], 50.0, method="RK45", times=2)
        gf.integrate(stiff(), [1.0, 1.0], 2000.0, method="BDF")


def test_the_stiff_case_is_cheap_with_auto_and_warned_about_in_time_with_rk45():
    problem = gf.problems.FeedForward(*gf.datasets.chebyshev(5), widths=(10,))
    for seed in range(4):
        flow, w0 = gf.GradientFlow(problem), problem.initial_weights(seed)
        run = gf.integrate(flow, w0, 5000.0)
        assert run.num_gradients <= 3_000
        assert run.num_hvps <= 300 * problem.num_weights
        with pytest.warns(gf.CostWarning):
            gf.integrate(flow, w0, 5000.0, method="RK45", times=2, max_evaluations=30_000)


def test_losses_fall_and_the_dissipation_balances_on_the_xor_network():
    problem = gf.problems.FeedForward(*gf.datasets.xor(), widths=(4,))
    for seed in range(6):
        run = gf.integrate(gf.GradientFlow(problem), problem.initial_weights(seed), 100.0, rtol=1e-8)
        residual = gf.analysis.convergence.dissipation_residual(run, problem)
        assert np.abs(residual).max() < 1e-5 * run.losses[0]
        assert np.diff(run.losses).max() <= 1e-10 * run.losses[0]
