import numpy as np
from scipy.integrate import solve_ivp

from gradflow.solvers import Switching


def run(fun, y0, end_time, **options):
    solver = Switching(fun, 0.0, y0, end_time, rtol=1e-6, atol=1e-9, **options)
    while solver.status == "running":
        solver.step()
    return solver


def oscillator(t, y):
    return np.array([y[1], -y[0] - 0.01 * y[1]])


def test_an_oscillation_goes_over_to_the_explicit_method_and_stays():
    solver = run(oscillator, np.array([1.0, 0.0]), 100.0)
    assert [name for _, name in solver.history] == ["krylov-bdf", "RK45"]
    truth = solve_ivp(oscillator, (0, 100), [1.0, 0.0], method="DOP853", rtol=1e-11, atol=1e-11).y[:, -1]
    np.testing.assert_allclose(solver.y, truth, atol=2e-3)


def test_an_oscillation_begun_with_the_explicit_method_stays_with_it():
    assert len(run(oscillator, np.array([1.0, 0.0]), 100.0, explicit=True).history) == 1


def test_a_stiff_decay_stays_with_the_implicit_method():
    rates = np.array([0.01, 1e4])
    solver = run(lambda t, y: -rates * y, np.ones(2), 1000.0)
    assert [name for _, name in solver.history][-1] == "krylov-bdf"


def test_a_stiff_decay_begun_with_the_explicit_method_leaves_it():
    rates = np.array([0.01, 1e4])
    solver = run(lambda t, y: -rates * y, np.ones(2), 1000.0, explicit=True)
    assert [name for _, name in solver.history] == ["RK45", "krylov-bdf"]
    assert solver.nfev < 2000
    np.testing.assert_allclose(solver.y, np.exp(-1000 * rates), rtol=1e-4, atol=1e-12)


def test_a_flow_that_loses_its_stiffness_is_noticed():
    # The stiff rate dies out as exp(-t) and leaves a slow oscillation.
    def flow(t, y):
        return np.array([y[1], -y[0], -1e4 * np.exp(-t) * (y[2] - y[0])])

    solver = run(flow, np.array([1.0, 0.0, 1.0]), 60.0)
    assert solver.history[-1][1] == "RK45"
    np.testing.assert_allclose(solver.y[:2], [np.cos(60), -np.sin(60)], atol=2e-3)


def test_dense_output_is_that_of_the_method_at_work():
    solver = run(oscillator, np.array([1.0, 0.0]), 30.0)
    output = solver.dense_output()
    np.testing.assert_allclose(output(solver.t), solver.y, atol=1e-12)
