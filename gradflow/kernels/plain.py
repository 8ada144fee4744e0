"""The activations in numpy: values, slopes and second derivatives, in either precision, written in place.

Values are good to 1e-15 of themselves in double precision, for every argument, or to 1e-305 where they are
smaller than that. Slopes and second derivatives follow from x and y as exactly as these allow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

Reals = NDArray[Any]

# exp of more overflows.
_MOST = {"d": 709.0, "f": 88.0}
# Below it scipy's ndtr loses digits, in proportion to x^2.
_TAIL = -1.0


def identity(x: Reals, out: Reals) -> None:
    """Write x."""
    if out is not x:
        np.copyto(out, x)


def tanh_slope(_x: Reals, y: Reals, out: Reals) -> None:
    """Write 1 - y^2."""
    np.multiply(y, y, out=out)
    np.subtract(1.0, out, out=out)


def tanh_second(_x: Reals, y: Reals, slope: Reals, out: Reals) -> None:
    """Write -2 y f'."""
    np.multiply(y, slope, out=out)
    out *= -2.0


def sigmoid(x: Reals, out: Reals) -> None:
    """Write 1 / (1 + exp(-x))."""
    np.maximum(x, -_MOST[x.dtype.char], out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    out += 1.0
    np.reciprocal(out, out=out)


def sigmoid_slope(_x: Reals, y: Reals, out: Reals) -> None:
    """Write y (1 - y)."""
    np.subtract(1.0, y, out=out)
    out *= y


def sigmoid_second(_x: Reals, y: Reals, slope: Reals, out: Reals) -> None:
    """Write (1 - 2 y) f'."""
    np.multiply(y, -2.0, out=out)
    out += 1.0
    out *= slope


def relu(x: Reals, out: Reals) -> None:
    """Write max(x, 0)."""
    np.maximum(x, 0.0, out=out)


def relu_slope(_x: Reals, y: Reals, out: Reals) -> None:
    """Write 1 where y is positive, else 0."""
    np.sign(y, out=out)


def softplus(x: Reals, out: Reals) -> None:
    """Write ln(1 + exp x)."""
    np.minimum(x, _MOST[x.dtype.char], out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    np.maximum(x, out, out=out)


def softplus_slope(x: Reals, _y: Reals, out: Reals) -> None:
    """Write 1 / (1 + exp(-x))."""
    sigmoid(x, out)


def softplus_second(_x: Reals, _y: Reals, slope: Reals, out: Reals) -> None:
    """Write f' (1 - f')."""
    sigmoid_slope(_x, slope, out)


def swish(x: Reals, out: Reals) -> None:
    """Write x / (1 + exp(-x)); x is clipped where that is 0 to 305 decimals."""
    np.maximum(x, -_MOST[x.dtype.char], out=x)
    sigmoid(x, out)
    out *= x


def swish_slope(x: Reals, y: Reals, out: Reals) -> None:
    """Write s (1 + y e) with e = exp(-x) and the sigmoid s = 1 / (1 + e)."""
    e = np.exp(-np.maximum(x, -_MOST[x.dtype.char]))
    np.multiply(y, e, out=out)
    out += 1.0
    e += 1.0
    out /= e


def swish_second(x: Reals, _y: Reals, _slope: Reals, out: Reals) -> None:
    """Write s (1 - s) (2 + x (1 - 2 s)) with the sigmoid s."""
    sigmoid(x, out)
    near = np.maximum(x, -_MOST[x.dtype.char])
    out *= (1.0 - out) * (2.0 + near * (1.0 - 2.0 * out))


def gelu(x: Reals, out: Reals) -> None:
    """Write x Phi(x)."""
    ndtr(x, out=out)
    if x.dtype.char == "d":
        tail = x < _TAIL
        out[tail] = _far_tail(np.maximum(x[tail], -40.0))
        out *= np.maximum(x, -40.0)
    else:
        out *= np.maximum(x, np.float32(-15.0))


def _far_tail(x: Reals) -> Reals:
    """Return Phi(x) of x < 0; x^2 is split, since exp would multiply its rounding by x^2."""
    head = (x.view(np.int64) & -(1 << 27)).view(np.float64)
    rest = (x - head) * (x + head)
    return 0.5 * erfcx(x * -np.sqrt(0.5)) * np.exp(-0.5 * head * head) * np.exp(-0.5 * rest)


def gelu_slope(x: Reals, _y: Reals, out: Reals) -> None:
    """Write Phi(x) + x phi(x)."""
    _normal_density(x, out)
    out *= np.clip(x, -40.0, 40.0)
    out += ndtr(x)


def gelu_second(x: Reals, _y: Reals, _slope: Reals, out: Reals) -> None:
    """Write (2 - x^2) phi(x)."""
    _normal_density(x, out)
    out *= 2.0 - np.clip(x, -40.0, 40.0) ** 2


def _normal_density(x: Reals, out: Reals) -> None:
    np.clip(x, -40.0, 40.0, out=out)
    np.multiply(out, out, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= 1.0 / np.sqrt(2.0 * np.pi).item()
