"""The doors: numbers that a float or an index cannot hold get the sentence of the door."""

from fractions import Fraction

import numpy as np
import pytest

import gradflow as gf
from gradflow import validate
from gradflow.trajectory import storage

PROBLEM = gf.problems.Quadratic([1.0, 4.0])
FLOW = gf.GradientFlow(PROBLEM)
HUGE = 10**400
# Python refuses to write an integer of more than 4300 digits, so its repr raises.
UNWRITTEN = 10**5000


def descend(rule=0.1, num_steps=3, w0=(1.0, 1.0), **options):
    return gf.descend(PROBLEM, w0, rule, num_steps, **options)


def integrate(end_time=1.0, w0=(1.0, 1.0), **options):
    return gf.integrate(FLOW, w0, end_time, **options)


DOORS = {
    "end_time": integrate,
    "start_time": lambda x: integrate(start_time=x),
    "rtol": lambda x: integrate(rtol=x),
    "atol": lambda x: integrate(atol=x),
    "times": lambda x: integrate(times=x),
    "max_evaluations": lambda x: integrate(max_evaluations=x),
    "gradient_tolerance": lambda x: integrate(gradient_tolerance=x),
    "rule": descend,
    "num_steps": lambda x: descend(num_steps=x),
    "w0": lambda x: descend(w0=[1.0, x]),
    "rate": lambda x: descend(rate=x),
    "step_size": lambda x: descend(step_size=x),
    "record_every": lambda x: descend(record_every=x),
    "learning_rate": lambda x: gf.rules.Adam(x),
    "momentum": lambda x: gf.rules.HeavyBall(0.1, x),
    "levels": lambda x: gf.Event(lambda t, w: t, levels=x),
    "w": lambda x: PROBLEM.loss([1.0, x]),
    "v": lambda x: PROBLEM.hvp([1.0, 1.0], [x, 1.0]),
    "size": lambda x: gf.Sketch(2, x),
    "num_samples": lambda x: gf.datasets.chebyshev(2, x),
}


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("number", [HUGE, UNWRITTEN], ids=["400 digits", "5000 digits"])
def test_an_integer_beyond_every_float_is_refused_at_the_door(name, number):
    with pytest.raises(ValueError, match=f"^`{name}` must"):
        DOORS[name](number)


def test_times_asked_of_a_run_have_a_door_too():
    with pytest.raises(ValueError, match=r"^`times` must be numbers that fit a float"):
        descend().at(HUGE)


@pytest.mark.parametrize("name", ["num_steps", "times", "max_evaluations", "record_every", "size"])
def test_counts_end_where_indices_do(name):
    with pytest.raises(ValueError, match=rf"^`{name}` must be at most 2\^62"):
        DOORS[name](2**62 + 1)


def test_both_sides_of_the_largest_count():
    assert validate.count("k", 2**62) == 2**62
    with pytest.raises(ValueError, match=r"`k` must be at most 2\^62"):
        validate.count("k", 2**62 + 1)


def test_a_seed_may_be_as_long_as_numpy_makes_them():
    entropy = 2**127 + 12345
    first, again = (gf.Sketch(5, 3, entropy).apply(np.ones(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    net = gf.problems.FeedForward(*gf.datasets.xor(), (2,))
    assert not np.array_equal(net.initial_weights(entropy), net.initial_weights(entropy + 1))


@pytest.mark.parametrize("number", [np.longdouble(0.25), Fraction(1, 4), np.float32(0.25), np.array(0.25)])
def test_every_kind_of_real_number_is_the_same_number(number):
    assert validate.scale("rate", number) == 0.25
    run = descend(number, rate=number)
    assert run.times.tolist() == [0.0, 1.0, 2.0, 3.0]
    np.testing.assert_array_equal(run.weights, descend(0.25).weights)


def test_a_longdouble_beyond_the_floats_is_not_a_positive_number():
    if np.finfo(np.longdouble).max == np.finfo(float).max:
        pytest.skip("this machine's longdouble is a double")
    with pytest.raises(ValueError, match="`x` must be a positive number"):
        validate.positive("x", np.longdouble("1e4000"))
    with pytest.raises(ValueError, match="`x` must be finite"):
        validate.array("x", [np.longdouble("1e4000")], 1)


@pytest.mark.parametrize(
    "value", [np.longdouble(0.25), np.array([0.25], np.longdouble), np.array(0.25, np.longdouble)]
)
def test_settings_keep_the_value_of_a_longdouble(value):
    assert storage.json_values({"x": value}) == {"x": np.asarray(value).astype(float).tolist()}


def test_settings_say_what_json_has_no_word_for():
    kept = storage.json_values({"complex": np.clongdouble(1j), "function": len, "number": np.int8(3)})
    assert kept == {"complex": repr(np.clongdouble(1j)), "function": repr(len), "number": 3}


@pytest.mark.parametrize(
    "weights", [["1", "2"], np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"), [b"1", b"2"]]
)
def test_text_and_dates_are_no_weights(weights):
    with pytest.raises(ValueError, match="`w0` must be numbers, got"):
        descend(w0=weights)
