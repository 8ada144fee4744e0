"""The nonlinearities y = f(x) of a network with their first two derivatives, all written in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from scipy.special import ndtr

from gradflow.types import Array


@dataclass(frozen=True)
class Activation:
    """One nonlinearity f and how its derivatives follow from x and y = f(x).

    Attributes
    ----------
    value : callable
        ``value(x, out)`` writes f(x); it may clip `x` where that changes nothing in its precision.
    slope : callable or None
        ``slope(x, y, out)`` writes f'(x); None where f' is 1.
    second : callable or None
        ``second(x, y, slope, out)`` writes f''(x); None where f'' is 0.
    from_value : bool
        Whether the derivatives follow from y alone, so that y may overwrite x.
    """

    value: Callable[[Array, Array], object]
    slope: Callable[[Array, Array, Array], object] | None
    second: Callable[[Array, Array, Array, Array], object] | None
    from_value: bool


def _identity(x: Array, out: Array) -> None:
    if out is not x:
        np.copyto(out, x)


def _tanh_slope(_x: Array, y: Array, out: Array) -> None:
    np.multiply(y, y, out=out)
    np.subtract(1.0, out, out=out)


def _tanh_second(_x: Array, y: Array, slope: Array, out: Array) -> None:
    np.multiply(y, slope, out=out)
    out *= -2.0


def _largest(x: Array) -> float:
    """Return about the largest argument of exp that does not overflow in the precision of x."""
    return 709.0 if x.dtype == np.float64 else 87.0


def _sigmoid(x: Array, out: Array) -> None:
    # 1 / (1 + exp(709)) is 0 to 308 decimals.
    np.maximum(x, -_largest(x), out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    out += 1.0
    np.reciprocal(out, out=out)


def _sigmoid_slope(_x: Array, y: Array, out: Array) -> None:
    np.subtract(1.0, y, out=out)
    out *= y


def _sigmoid_second(_x: Array, y: Array, slope: Array, out: Array) -> None:
    np.multiply(y, -2.0, out=out)
    out += 1.0
    out *= slope


def _relu(x: Array, out: Array) -> None:
    np.maximum(x, 0.0, out=out)


def _relu_slope(_x: Array, y: Array, out: Array) -> None:
    np.sign(y, out=out)


def _softplus(x: Array, out: Array) -> None:
    np.minimum(x, _largest(x), out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    np.maximum(x, out, out=out)


def _softplus_slope(_x: Array, y: Array, out: Array) -> None:
    np.negative(y, out=out)
    np.expm1(out, out=out)
    np.negative(out, out=out)


def _softplus_second(_x: Array, y: Array, slope: Array, out: Array) -> None:
    np.negative(y, out=out)
    np.exp(out, out=out)
    out *= slope


def _swish(x: Array, out: Array) -> None:
    np.maximum(x, -_largest(x), out=x)
    _sigmoid(x, out)
    out *= x


def _swish_slope(x: Array, y: Array, out: Array) -> None:
    _sigmoid(x, out)
    out += y * (1.0 - out)


def _swish_second(x: Array, _y: Array, _slope: Array, out: Array) -> None:
    _sigmoid(x, out)
    out *= (1.0 - out) * (2.0 + x * (1.0 - 2.0 * out))


def _normal_density(x: Array, out: Array) -> None:
    np.clip(x, -40.0, 40.0, out=out)
    np.multiply(out, out, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= 1.0 / sqrt(2.0 * pi)


def _gelu(x: Array, out: Array) -> None:
    ndtr(x, out=out)
    out *= x


def _gelu_slope(x: Array, _y: Array, out: Array) -> None:
    _normal_density(x, out)
    out *= x
    out += ndtr(x)


def _gelu_second(x: Array, _y: Array, _slope: Array, out: Array) -> None:
    _normal_density(x, out)
    out *= 2.0 - np.clip(x, -40.0, 40.0) ** 2


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(_identity, None, None, from_value=True),
    "tanh": Activation(np.tanh, _tanh_slope, _tanh_second, from_value=True),
    "sigmoid": Activation(_sigmoid, _sigmoid_slope, _sigmoid_second, from_value=True),
    "relu": Activation(_relu, _relu_slope, None, from_value=True),
    "softplus": Activation(_softplus, _softplus_slope, _softplus_second, from_value=False),
    "swish": Activation(_swish, _swish_slope, _swish_second, from_value=False),
    "gelu": Activation(_gelu, _gelu_slope, _gelu_second, from_value=False),
}
"""By name: x, tanh x, 1 / (1 + exp(-x)), max(x, 0), ln(1 + exp x), x sigmoid(x), x Phi(x) with Phi from erf.

relu has slope 0 at 0 and second derivative 0 everywhere.
"""


def choose(name: str, value: str) -> Activation:
    """Return the activation called `value`; `name` is the argument that asks for it."""
    if not isinstance(value, str) or value not in ACTIVATIONS:
        raise ValueError(f"`{name}` must be one of {', '.join(ACTIVATIONS)}, got {value!r:.60}")
    return ACTIVATIONS[value]
