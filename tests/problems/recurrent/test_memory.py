"""The content-addressable memory: masters, slaves, and what is recalled without masters."""

import numpy as np
import pytest

from gradflow.flows.gradient import GradientFlow
from gradflow.problems.recurrent.memory import AssociativeMemory
from gradflow.simulate import integrate


@pytest.fixture(scope="module")
def learned():
    signs = np.array([[1] * 10, [1, -1] * 5, [1, 1, -1, -1, 1, -1, 1, 1, -1, -1]])
    memory = AssociativeMemory(0.9 * signs, num_hidden=1, activation="tanh", rest=0.0)
    w0 = memory.learning.initial_weights(0, scale=0.3)
    run = integrate(GradientFlow(memory.learning), w0, 100.0, method="LSODA", times=2)
    return memory, run.final_weights


def test_learning_makes_the_patterns_fixed_points_of_the_released_network(learned):
    memory, w = learned
    assert memory.learning.loss(w) < 1e-12
    released = memory.released(memory.patterns)
    assert released.num_weights == memory.learning.num_weights == 11**2
    x = released.fixed_points(w)
    np.testing.assert_allclose(x[:, :10], memory.patterns, atol=1e-5)
    hidden = memory.learning.fixed_points(w)[:, 20:]
    np.testing.assert_allclose(x[:, 10:], hidden, atol=1e-5)


def test_weights_lie_alike_in_both_networks(learned):
    memory, w = learned
    learning = memory.learning.unflatten(w)
    released = memory.released(memory.patterns).unflatten(w)
    rows, columns = [*range(10), 20], [*range(10, 20), 20]
    np.testing.assert_array_equal(learning[np.ix_(rows, columns)], released)


def test_stored_patterns_are_attractors_and_flipped_units_are_put_right(learned):
    memory, w = learned
    assert memory.are_attractors(w).all()
    assert memory.released(memory.patterns).is_stable(w)
    for unit in range(10):
        cues = memory.patterns.copy()
        cues[:, unit] *= -1
        np.testing.assert_allclose(memory.recall(w, cues), memory.patterns, atol=1e-5)


def test_untrained_weights_hold_nothing(learned):
    memory, _ = learned
    assert not memory.are_attractors(memory.learning.initial_weights(0, scale=0.3)).any()


def test_an_unstable_memory_is_told_apart():
    # tanh(w x) = x holds at x = 0 for every w, but only w < 1 attracts.
    memory = AssociativeMemory([[0.0]], activation="tanh", rest=0.0)
    assert memory.are_attractors([0.9]).all()
    np.testing.assert_allclose(np.abs(memory.recall([2.0], [[1e-3], [-1e-3]])), 0.957504, atol=1e-6)


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="`num_hidden` must be a whole number"):
        AssociativeMemory([[0.5]], num_hidden=-1)
    with pytest.raises(ValueError, match="`patterns` must have 2 dimension"):
        AssociativeMemory([0.5])
    with pytest.raises(ValueError, match="`cues` must have 1 columns"):
        AssociativeMemory([[0.5]]).recall([1.0], [[0.5, 0.5]])
