"""The nonlinearities y = f(x) of a network with their first two derivatives, all written in place.

What computes them is chosen at every call: code compiled by numba where it is in use and the arrays are
large, else numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.kernels import compiled, plain, tables

Reals = NDArray[Any]


@dataclass(frozen=True)
class Activation:
    """One nonlinearity f and how its derivatives follow from x and y = f(x).

    Arrays are of double or of single precision, all of one call of the same.

    Attributes
    ----------
    value : callable
        ``value(x, out)`` writes f(x); it may clip `x` where that changes nothing.
    slope : callable or None
        ``slope(x, y, out)`` writes f'(x), and ``slope.multiply(x, y, delta, scratch)`` multiplies `delta` by
        it in one pass, to the same last bit; `scratch` may be written over. None where f' is 1.
    second : callable or None
        ``second(x, y, slope, out)`` writes f''(x); None where f'' is 0.
    from_value : bool
        Whether the derivatives follow from y alone, so that y may overwrite x.
    """

    value: Callable[[Reals, Reals], object]
    slope: Slope | None
    second: Callable[[Reals, Reals, Reals, Reals], object] | None
    from_value: bool


@dataclass(frozen=True)
class Value:
    """f by name, compiled or by `plain`."""

    name: str
    plain: Callable[[Reals, Reals], object]

    def __call__(self, x: Reals, out: Reals) -> None:
        """Write f(x); `out` may be x."""
        small = out.size < compiled.LEAST_ENTRIES
        if small or (kernel := compiled.find(self.name, out)) is None:
            self.plain(x, out)
            return
        if out is not x:
            np.copyto(out, x)
        kernel(out.reshape(-1))


@dataclass(frozen=True)
class Slope:
    """f' by the name of f, from y or from x, compiled or by `plain`."""

    name: str
    plain: Callable[[Reals, Reals, Reals], object]
    from_value: bool

    def __call__(self, x: Reals, y: Reals, out: Reals) -> None:
        """Write f'(x)."""
        source = y if self.from_value else x
        kernel = compiled.find(self.name, source, out)
        if kernel is None:
            self.plain(x, y, out)
        else:
            out.fill(1.0)
            kernel(source.reshape(-1), out.reshape(-1))

    def multiply(self, x: Reals, y: Reals, delta: Reals, scratch: Reals) -> None:
        """Multiply `delta` by f'(x)."""
        source = y if self.from_value else x
        small = delta.size < compiled.LEAST_ENTRIES
        if small or (kernel := compiled.find(self.name, source, delta)) is None:
            self.plain(x, y, scratch)
            delta *= scratch
        else:
            kernel(source.reshape(-1), delta.reshape(-1))


def _nonlinear(name: str, value: Any, slope: Any, second: Any, from_value: bool) -> Activation:
    compiled_slope = Slope(f"{name}_chain", slope, from_value)
    return Activation(Value(f"{name}_values", value), compiled_slope, second, from_value)


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(plain.identity, None, None, from_value=True),
    "tanh": _nonlinear("tanh", tables.tanh, plain.tanh_slope, plain.tanh_second, True),
    "sigmoid": _nonlinear("sigmoid", plain.sigmoid, plain.sigmoid_slope, plain.sigmoid_second, True),
    "relu": Activation(plain.relu, Slope("relu_chain", plain.relu_slope, True), None, from_value=True),
    "softplus": _nonlinear("softplus", plain.softplus, plain.softplus_slope, plain.softplus_second, False),
    "swish": _nonlinear("swish", plain.swish, plain.swish_slope, plain.swish_second, False),
    "gelu": _nonlinear("gelu", plain.gelu, plain.gelu_slope, plain.gelu_second, False),
}
"""By name: x, tanh x, 1 / (1 + exp(-x)), max(x, 0), ln(1 + exp x), x sigmoid(x), x Phi(x) with Phi from erf.

relu has slope 0 at 0 and second derivative 0 everywhere.
"""


def choose(name: str, value: str) -> Activation:
    """Return the activation called `value`; `name` is the argument that asks for it."""
    if not isinstance(value, str) or value not in ACTIVATIONS:
        raise ValueError(f"`{name}` must be one of {', '.join(ACTIVATIONS)}, got {value!r:.60}")
    return ACTIVATIONS[value]
