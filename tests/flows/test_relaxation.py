"""The coupled system of activations, adjoint and weights."""

import numpy as np
import pytest

from gradflow import cases
from gradflow.analysis import compare
from gradflow.analysis.convergence import observed_order
from gradflow.flows.flow import Flow
from gradflow.flows.gradient import GradientFlow
from gradflow.flows.relaxation import ThreeTimeScales
from gradflow.problems.landscapes.quadratic import Quadratic
from gradflow.simulate import integrate


@pytest.fixture(scope="module")
def xor():
    return cases.make("pineda-xor")


@pytest.fixture
def place(xor):
    flow = ThreeTimeScales(xor.problem, 0.3, 0.2, 1.5)
    generator = np.random.default_rng(0)
    state = flow.initial_state(xor.w0)
    return flow, state + 0.1 * generator.normal(size=state.size), generator.normal(size=(state.size, 3))


def test_it_is_a_flow(place):
    flow, state, _ = place
    assert isinstance(flow, Flow)
    assert state.size == 2 * 4 * 7 + 28
    np.testing.assert_array_equal(flow.weights(np.stack([state, state]))[1], state[-28:])


def test_it_starts_at_the_fixed_points_and_moves_the_weights_alone(xor):
    flow = ThreeTimeScales(xor.problem, 0.1, 0.1, 2.0)
    state = flow.initial_state(xor.w0)
    x, z, w = flow.split(flow(0.0, state))
    assert np.abs(x).max() < 1e-13
    assert np.abs(z).max() < 1e-13
    np.testing.assert_allclose(w, -xor.problem.gradient(xor.w0) / 2.0, rtol=1e-12)


def test_the_product_is_the_slope_of_the_velocity(place):
    flow, state, block = place
    velocity, product = flow.linearize(0.0, state)
    np.testing.assert_array_equal(velocity, flow(0.0, state))
    images = product(block)
    for v, image in zip(block.T, images.T, strict=True):
        difference = (flow(0.0, state + 1e-5 * v) - flow(0.0, state - 1e-5 * v)) / 2e-5
        np.testing.assert_allclose(image, difference, atol=1e-8)
        np.testing.assert_allclose(product(v), image, atol=1e-14)


def test_split_and_join_are_inverse(place):
    flow, state, _ = place
    np.testing.assert_array_equal(flow.join(*flow.split(state)), state)
    x, _, w = flow.split(np.stack([state] * 3))
    assert x.shape == (3, 4, 7)
    assert w.shape == (3, 28)


def test_clamped_units_stay_at_their_drive(place):
    flow, state, _ = place
    x, z, w = flow.split(state)
    moved = x.copy()
    moved[:, 4:] += 1.0
    shifted = flow.split(flow(0.0, flow.join(moved, z, w)))
    for part, same in zip(shifted[1:], flow.split(flow(0.0, state))[1:], strict=True):
        np.testing.assert_array_equal(part, same)


def test_weights_approach_the_gradient_flow_in_proportion_to_the_time_scales(xor):
    branch = xor.problem.following(xor.w0)
    adiabatic = integrate(GradientFlow(branch), xor.w0, 300.0, rtol=1e-8)
    expected = {0.3: 0.724, 0.1: 0.228, 0.01: 0.0222}
    distances = {}
    for scale, distance in expected.items():
        flow = ThreeTimeScales(xor.problem.following(xor.w0), scale, scale, 1.0)
        run = integrate(flow, xor.w0, 300.0, rtol=1e-8)
        distances[scale] = compare(run, adiabatic).largest_distance
        assert distances[scale] == pytest.approx(distance, rel=0.05)
    scales = np.array(list(distances))
    assert observed_order(scales, np.array(list(distances.values()))) == pytest.approx(1.0, abs=0.1)


def test_the_time_scale_of_the_weights_is_one_over_the_rate(xor):
    slow = integrate(ThreeTimeScales(xor.problem, 0.04, 0.04, 4.0), xor.w0, 80.0, rtol=1e-8)
    fast = integrate(ThreeTimeScales(xor.problem, 0.01, 0.01, 1.0), xor.w0, 20.0, rtol=1e-8)
    adiabatic = integrate(GradientFlow(xor.problem, 0.25), xor.w0, 80.0, rtol=1e-8)
    np.testing.assert_allclose(slow.final_weights, fast.final_weights, atol=1e-6)
    np.testing.assert_allclose(slow.final_weights, adiabatic.final_weights, atol=1e-3)


def test_the_trajectory_splits_into_the_three(xor):
    flow = ThreeTimeScales(xor.problem, 0.1, 0.1, 1.0)
    run = integrate(flow, xor.w0, 5.0)
    x, z, w = flow.split(run.states)
    np.testing.assert_array_equal(w, run.weights)
    assert x.shape == z.shape == (len(run.times), 4, 7)
    np.testing.assert_allclose(x[-1], xor.problem.fixed_points(w[-1]), atol=0.05)


@pytest.mark.parametrize("name", ["tau_x", "tau_z", "tau_w"])
def test_time_scales_are_positive(xor, name):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive number"):
        ThreeTimeScales(xor.problem, **({"tau_x": 1.0, "tau_z": 1.0, "tau_w": 1.0} | {name: 0.0}))


def test_other_problems_and_shapes_are_refused(xor):
    with pytest.raises(ValueError, match="`problem` must be a recurrent network"):
        ThreeTimeScales(Quadratic(1.0), 1.0, 1.0, 1.0)
    flow = ThreeTimeScales(xor.problem, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="`x` must have shape"):
        flow.join(np.zeros((3, 7)), np.zeros((4, 7)), xor.w0)
