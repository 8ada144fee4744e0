"""The one-weight sigmoid neuron: its loss at values known by hand, and its flow in closed form."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import expit

from gradflow.errors import Undefined
from gradflow.problems.landscapes.neuron import SigmoidNeuron

ONE = SigmoidNeuron((1.5,), (1.0,))


def integrated(neuron, w0, times):
    run = solve_ivp(
        lambda t, w: -neuron.gradient(w), (0.0, times[-1]), [w0], "DOP853", times, rtol=1e-11, atol=1e-13
    )
    return run.y[0]


def test_the_default_is_the_identity_on_zero_and_one():
    neuron = SigmoidNeuron()
    for w in (-3.0, 0.0, 2.0):
        p = 1 / (1 + np.exp(-w))
        assert neuron.loss([w]) == pytest.approx(1 / 8 + (p - 1) ** 2 / 2, rel=1e-14)
        assert neuron.gradient([w])[0] == pytest.approx((p - 1) * p * (1 - p), rel=1e-14)


def test_patterns_are_summed_not_averaged():
    twice = SigmoidNeuron((1.5, 1.5), (1.0, 1.0))
    assert not twice.averaged
    assert twice.loss([0.3]) == 2 * ONE.loss([0.3])


def test_extreme_weights_saturate_quietly():
    neuron = SigmoidNeuron()
    assert neuron.gradient([90.0])[0] == 0.0
    for w in (-1e6, 1e6):
        assert neuron.gradient([w])[0] == 0.0
        assert neuron.hvp([w], [1.0])[0] == 0.0
        assert neuron.third_derivative([w], [1.0], [1.0])[0] == 0.0
    assert neuron.loss([1e6]) == 1 / 8
    assert neuron.loss([-1e6]) == 5 / 8


def test_flow_reaches_the_published_weights():
    weights = ONE.flow([-2.0], [1.0, 10.0, 100.0, 1000.0])[:, 0]
    np.testing.assert_allclose(weights, [-1.9326263, -0.8418504, 1.8731727, 2.7676757], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "neuron",
    [
        ONE,
        SigmoidNeuron(),
        SigmoidNeuron((-1.5,), (1.0,)),
        SigmoidNeuron((1.5,), (0.0,)),
        SigmoidNeuron((0.7, -0.7, 0.0, 0.7), (1.0, 0.0, 0.4, 1.0)),
    ],
    ids=["one pattern", "identity", "negative input", "target zero", "patterns that agree"],
)
def test_closed_flow_agrees_with_the_integrated_gradient(neuron):
    times = np.array([0.5, 5.0, 50.0, 500.0])
    np.testing.assert_allclose(
        neuron.flow([-1.0], times)[:, 0], integrated(neuron, -1.0, times), rtol=0, atol=1e-9
    )


def test_flow_time_is_the_formula_in_p():
    def antiderivative(p):
        return 3 * np.log(p / (1 - p)) - 1 / p + 2 / (1 - p) + 1 / (2 * (1 - p) ** 2)

    p0, p = 1 / (1 + np.exp(3.0)), 1 / (1 + np.exp(-1.8))
    assert ONE.flow_time([-2.0], [1.2]) == pytest.approx(
        (antiderivative(p) - antiderivative(p0)) / 1.5**2, rel=1e-13
    )


@pytest.mark.parametrize("w0", [-400.0, -50.0, -2.0, 0.0, 3.0, 40.0])
@pytest.mark.parametrize("x", [1.5, -0.1])
def test_flow_inverts_flow_time(w0, x):
    neuron = SigmoidNeuron((x,), (1.0,))
    steps = np.concatenate([-np.logspace(1, -3, 9), np.logspace(-3, 1, 9)])
    weights = w0 + steps[:, np.newaxis]
    times = neuron.flow_time([w0], weights)
    assert times.shape == (18,)
    np.testing.assert_array_equal(np.sign(times), np.sign(steps * x))
    speed = abs(x) * expit(x * weights[:, 0]) * expit(-x * weights[:, 0]) ** 2
    # Times are exponentials of x w: an exponent off by one rounding moves them by eps |x w|.
    exponent = abs(x) * (abs(w0) + 10) + 1
    rounding = np.finfo(float).eps * (abs(times) * speed * exponent + exponent / abs(x))
    np.testing.assert_array_less(abs(neuron.flow([w0], times) - weights)[:, 0], 4 * rounding)


def test_equal_patterns_speed_up_the_flow():
    thrice = SigmoidNeuron((1.5, -1.5, 1.5), (1.0, 0.0, 1.0))
    assert thrice.flow_time([-2.0], [1.0]) == pytest.approx(ONE.flow_time([-2.0], [1.0]) / 3, rel=1e-14)
    np.testing.assert_allclose(thrice.flow([-2.0], 2.0), ONE.flow([-2.0], 6.0), rtol=1e-14)


def test_late_weights_grow_like_half_the_logarithm_of_twice_the_time():
    times = np.array([1e20, 1e100, 1e300])
    weights = SigmoidNeuron().flow([-2.0], times)[:, 0]
    np.testing.assert_allclose(weights, 0.5 * np.log(2 * times), rtol=1e-10)


def test_weights_that_no_time_can_move_stay():
    neuron = SigmoidNeuron()
    for w0 in (-1e6, -800.0, 1e6):
        np.testing.assert_array_equal(neuron.flow([w0], [-1e300, -1.0, 0.0, 1.0, 1e300]), np.full((5, 1), w0))
    assert neuron.flow_time([-1e6], [0.0]) == np.inf
    assert neuron.flow_time([0.0], [-1e6]) == -np.inf
    assert neuron.flow_time([1e6], [1e6]) == 0.0


def test_time_zero_is_the_start_exactly_and_shapes_follow_the_times():
    assert ONE.flow([-2.0], 0.0)[0] == -2.0
    assert ONE.flow(-2.0, 1.0).shape == (1,)
    assert ONE.flow([-2.0], np.ones((2, 3))).shape == (2, 3, 1)
    assert isinstance(ONE.flow_time(-2.0, 1.0), float)
    assert isinstance(ONE.flow_time([-2.0], [1.0]), float)


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        ((1.0, 2.0), (1.0, 1.0)),
        ((1.0, 1.0), (1.0, 0.0)),
        ((1.0,), (0.5,)),
        ((0.0, 0.0), (0.0, 1.0)),
    ],
    ids=["two inputs", "targets that compete", "a target between", "no input that moves the weight"],
)
def test_no_closed_flow_is_said_in_a_sentence(inputs, targets):
    neuron = SigmoidNeuron(inputs, targets)
    with pytest.raises(Undefined, match="the closed-form flow needs patterns"):
        neuron.flow([0.0], 1.0)
    with pytest.raises(Undefined, match="the closed-form flow needs patterns"):
        neuron.flow_time([0.0], [1.0])


@pytest.mark.parametrize(
    ("inputs", "targets", "sentence"),
    [
        ((), (), "`inputs` must not be empty"),
        ((1.0, np.nan), (1.0, 1.0), "`inputs` must be finite"),
        ((1.0,), (np.inf,), "`targets` must be finite"),
        ((1.0, 2.0), (1.0,), "`targets` must have 2 entries, got 1"),
        (((1.0,),), (1.0,), r"`inputs` must have 1 dimension\(s\)"),
        (("a",), (1.0,), "`inputs` must be numbers"),
    ],
)
def test_bad_patterns_are_refused(inputs, targets, sentence):
    with pytest.raises(ValueError, match=sentence):
        SigmoidNeuron(inputs, targets)


def test_bad_times_and_weights_are_refused():
    with pytest.raises(ValueError, match="`t` must be finite"):
        ONE.flow([0.0], [1.0, np.nan])
    with pytest.raises(ValueError, match="`w0` must be finite"):
        ONE.flow([np.inf], 1.0)
    with pytest.raises(ValueError, match="`w0` must have 1 weights"):
        ONE.flow([0.0, 1.0], 1.0)
    with pytest.raises(ValueError, match="`w` must be finite weights of shape"):
        ONE.flow_time([0.0], [1.0, 2.0])
