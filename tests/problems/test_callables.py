"""A user's own loss: what it may return, what it cannot spoil, and what is refused."""

import numpy as np
import pytest

from gradflow.problems.callables import from_callables


def cubic(w):
    return (w**3).sum()


def cubic_gradient(w):
    return 3 * w**2


def test_a_loss_without_a_gradient_is_told_which_extras_provide_one():
    for extra in (
        r"gradflow-sim\[autograd\]",
        r"\[frameworks\]",
        r"from_autograd\(loss\)",
        r"from_jax\(loss, params\)",
    ):
        with pytest.raises(ValueError, match=extra):
            from_callables(cubic)


def test_autograd_provides_the_gradient_as_the_hint_says():
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp

    def loss(w):
        return anp.sum(anp.tanh(w) ** 2)

    problem = from_callables(loss, autograd.grad(loss))
    w = np.array([0.3, -1.2])
    expected = 2 * np.tanh(w) / np.cosh(w) ** 2
    np.testing.assert_allclose(problem.gradient(w), expected, rtol=1e-13)


def test_no_loss_at_all_is_refused():
    with pytest.raises(ValueError, match="`loss` must be a function, or `loss_and_gradient` must be given"):
        from_callables(None, cubic_gradient)


@pytest.mark.parametrize("name", ["loss", "gradient", "loss_and_gradient", "hvp"])
def test_what_cannot_be_called_is_refused(name):
    functions = {"loss": cubic, "gradient": cubic_gradient, name: 3.0}
    with pytest.raises(ValueError, match=f"`{name}` must be a function, got 3.0"):
        from_callables(**functions)


@pytest.mark.parametrize("num_weights", [0, 2.0, True, "two"])
def test_a_bad_number_of_weights_is_refused(num_weights):
    with pytest.raises(ValueError, match="`num_weights` must be a whole number of at least 1"):
        from_callables(cubic, cubic_gradient, num_weights)


def test_any_length_will_do_unless_a_number_of_weights_is_given():
    free, fixed = from_callables(cubic, cubic_gradient), from_callables(cubic, cubic_gradient, 2)
    assert free.num_weights is None
    assert free.loss([2.0]) == 8.0
    assert free.loss([1.0, 2.0, 1.0]) == 10.0
    assert fixed.num_weights == 2
    with pytest.raises(ValueError, match=r"`w` must have shape \(2,\), got \(1,\)"):
        fixed.loss([2.0])
    with pytest.raises(ValueError, match=r"`w` must have shape \(n,\), got \(1, 2\)"):
        free.gradient([[1.0, 2.0]])


@pytest.mark.parametrize(
    "loss", [float, np.float32, lambda x: np.array(x), lambda x: np.array([x]), lambda x: [x]]
)
def test_a_loss_may_come_in_any_wrapping(loss):
    result = from_callables(lambda w: loss(w @ w), lambda w: (2 * w).tolist()).loss_and_gradient([1.0, 2.0])
    assert isinstance(result[0], float)
    assert result[0] == 5.0
    assert result[1].dtype == np.float64
    np.testing.assert_array_equal(result[1], [2.0, 4.0])


class Tensor:
    """What other libraries return: something with ``__array__``."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=np.float32)


def test_tensors_of_other_libraries_are_converted():
    problem = from_callables(None, loss_and_gradient=lambda w: (Tensor(w @ w), Tensor(2 * w)))
    assert problem.loss([1.0, 2.0]) == 5.0
    assert problem.gradient([1.0, 2.0]).dtype == np.float64


def test_what_a_function_does_to_its_arguments_stays_with_it():
    def spoil(result):
        def function(*arrays):
            value = result(*[array.copy() for array in arrays])
            for array in arrays:
                array[:] = np.nan
            return value

        return function

    def both(w):
        return cubic(w), cubic_gradient(w)

    separate = from_callables(spoil(cubic), spoil(cubic_gradient), hvp=spoil(lambda w, v: 6 * w * v))
    fused = from_callables(None, loss_and_gradient=spoil(both))
    for problem in (separate, fused):
        w, v = np.array([1.0, 2.0]), np.array([1.0, -1.0])
        loss, gradient, product = problem.linearize(w)
        assert loss == 9.0
        np.testing.assert_array_equal(gradient, [3.0, 12.0])
        for _ in range(2):
            np.testing.assert_allclose(product(v), [6.0, -12.0], rtol=1e-9)
            np.testing.assert_allclose(
                problem.hvp(w, np.outer(v, [1.0, 2.0])), [[6, 12], [-12, -24]], rtol=1e-9
            )
        np.testing.assert_array_equal(w, [1.0, 2.0])
        np.testing.assert_array_equal(v, [1.0, -1.0])


def test_a_buffer_that_the_function_reuses_is_copied():
    buffer = np.empty(2)

    def gradient(w):
        return np.multiply(w, 2.0, out=buffer)

    problem = from_callables(lambda w: w @ w, gradient)
    first = problem.gradient([1.0, 2.0])
    problem.gradient([5.0, 5.0])
    np.testing.assert_array_equal(first, [2.0, 4.0])
    assert not np.shares_memory(first, buffer)


def test_a_function_that_returns_its_argument_gives_no_alias():
    w = np.array([1.0, 2.0])
    gradient = from_callables(lambda w: w @ w / 2, lambda w: w).gradient(w)
    assert not np.shares_memory(gradient, w)


@pytest.mark.parametrize("w", [np.array([1.0, -2.0]), np.array([1e4, 3e4]), np.array([1e-8, 1e-8])])
def test_differenced_products_have_nine_digits_at_any_length_of_v(w):
    problem = from_callables(lambda w: np.cosh(w / 1e4).sum(), lambda w: np.sinh(w / 1e4) / 1e4)
    for length in (1e-9, 1.0, 1e9):
        v = length * np.array([0.6, -0.8])
        exact = np.cosh(w / 1e4) / 1e8 * v
        np.testing.assert_allclose(problem.hvp(w, v), exact, rtol=0, atol=1e-9 * np.linalg.norm(exact))


def test_the_differenced_product_of_zero_is_zero():
    problem = from_callables(cubic, cubic_gradient)
    np.testing.assert_array_equal(problem.hvp([1.0, 2.0], [0.0, 0.0]), [0.0, 0.0])
    np.testing.assert_array_equal(problem.hvp([1.0, 2.0], np.zeros((2, 3))), np.zeros((2, 3)))


def test_a_given_product_is_used():
    problem = from_callables(cubic, cubic_gradient, hvp=lambda w, v: 7 * v)
    np.testing.assert_array_equal(problem.hvp([1.0, 2.0], np.eye(2)), 7 * np.eye(2))


def test_the_fused_function_is_called_once():
    calls = []

    def both(w):
        calls.append(1)
        return cubic(w), cubic_gradient(w)

    from_callables(cubic, cubic_gradient, loss_and_gradient=both).loss_and_gradient([1.0])
    assert len(calls) == 1


@pytest.mark.parametrize(
    "gradient", [lambda w: w[:1], lambda w: w[:, None], lambda w: 1.0, lambda w: w[None]]
)
def test_a_gradient_of_the_wrong_shape_is_refused_at_the_call(gradient):
    with pytest.raises(ValueError, match=r"`gradient` must return an array of shape \(2,\), got"):
        from_callables(cubic, gradient).gradient([1.0, 2.0])
    fused = from_callables(cubic, loss_and_gradient=lambda w: (0.0, gradient(w)))
    with pytest.raises(ValueError, match=r"`loss_and_gradient` must return an array of shape \(2,\), got"):
        fused.gradient([1.0, 2.0])
    with pytest.raises(ValueError, match=r"`hvp` must return an array of shape \(2,\), got"):
        from_callables(cubic, cubic_gradient, hvp=lambda w, v: gradient(w)).hvp([1.0, 2.0], [1.0, 0.0])


def test_other_wrong_results_are_refused_at_the_call():
    with pytest.raises(ValueError, match=r"`loss` must return one number, got shape \(2,\)"):
        from_callables(lambda w: w, cubic_gradient).loss([1.0, 2.0])
    with pytest.raises(ValueError, match="`loss` must return numbers, got None"):
        from_callables(lambda w: None, cubic_gradient).loss([1.0])
    with pytest.raises(ValueError, match="`gradient` must return numbers, got 'steep'"):
        from_callables(cubic, lambda w: "steep").gradient([1.0])
    with pytest.raises(ValueError, match="`loss` must return numbers, got '3'"):
        from_callables(lambda w: "3", cubic_gradient).loss([1.0])
    with pytest.raises(ValueError, match=r"`gradient` must return numbers, got \[1j\]"):
        from_callables(cubic, lambda w: [1j]).gradient([1.0])
    with pytest.raises(ValueError, match=r"`gradient` must return numbers, got \[1, \[2\]\]"):
        from_callables(cubic, lambda w: [1, [2]]).gradient([1.0])
    with pytest.raises(ValueError, match=r"`loss_and_gradient` must return a pair, got 1\.0"):
        from_callables(None, loss_and_gradient=lambda w: 1.0).loss([1.0])


def test_what_the_function_raises_comes_through():
    def broken(w):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        from_callables(None, loss_and_gradient=broken).gradient([1.0])


def test_nan_results_pass_since_divergence_is_a_result():
    problem = from_callables(lambda w: np.nan, lambda w: w * np.nan)
    loss, gradient = problem.loss_and_gradient([1.0])
    assert np.isnan(loss)
    assert np.isnan(gradient).all()


def test_the_repr_says_where_products_come_from():
    assert (
        repr(from_callables(cubic, cubic_gradient, 2))
        == "Callables(2 weights, hvp by differences of gradients)"
    )
    given = from_callables(cubic, cubic_gradient, hvp=lambda w, v: v)
    assert repr(given) == "Callables(any number of weights, hvp given)"
