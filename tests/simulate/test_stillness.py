"""Small starts are followed as closely as large ones; what no tolerance can tell from rest is said."""

import numpy as np
import pytest

import gradflow as gf

WELL = gf.problems.from_callables(
    lambda w: 0.25 * float((w[0] ** 2 - 1) ** 2),
    lambda w: w * (w**2 - 1),
    1,
    hvp=lambda w, v: (3 * w[0] ** 2 - 1) * v,
)


def exact(w0, t):
    return 1 / np.sqrt(1 + (1 / w0**2 - 1) * np.exp(-2 * t))


@pytest.mark.parametrize("method", ["auto", "RK45", "DOP853", "Radau", "BDF", "LSODA", "krylov-bdf", "cvode"])
@pytest.mark.parametrize("w0", [1e-12, 1e-10, 1e-6, 1e-2])
def test_a_flow_from_beside_a_saddle_arrives_when_it_should(method, w0):
    end = -np.log(w0)
    run = gf.integrate(gf.GradientFlow(WELL), [w0], end, method=method)
    # An error of the start's own relative size shifts the arrival by as much flow time.
    assert run.final_weights[0] == pytest.approx(exact(w0, end), rel=2e-4)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6, 1e12])
@pytest.mark.parametrize("method", ["auto", "RK45", "Radau", "LSODA", "krylov-bdf"])
def test_the_unit_of_the_weights_does_not_matter(method, scale):
    bowl = gf.problems.Quadratic([1.0, 4.0])
    run = gf.integrate(gf.GradientFlow(bowl), [scale, 2 * scale], 2.0, method=method)
    error = run.final_weights - scale * np.array([np.exp(-2.0), 2 * np.exp(-8.0)])
    assert np.abs(error).max() < 5e-6 * scale


@pytest.mark.parametrize("method", ["BDF", "LSODA", "krylov-bdf", "RK45"])
def test_growth_out_of_the_tolerance_and_none_where_there_should_be_are_said(method):
    # Some arrive at 1 at a time of their own, some say 0; the truth is 1.
    with pytest.warns(gf.ToleranceWarning, match="slower than its tolerance can tell from rest"):
        gf.integrate(gf.GradientFlow(WELL), [1e-12], 40.0, method=method, atol=1e-9)


def test_coming_to_rest_is_no_growth():
    gf.integrate(gf.GradientFlow(WELL), [0.3], 100.0, method="BDF", atol=1e-6)
    gf.integrate(gf.GradientFlow(WELL), [0.0], 10.0)
