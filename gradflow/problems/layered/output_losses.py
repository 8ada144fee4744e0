"""The two losses on a network's outputs, each through its residual dE/dy and its Hessian in y."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from gradflow.kernels import losses
from gradflow.types import Array


class OutputLoss(Protocol):
    """E as a function of the outputs y and the targets t, both (c, N)."""

    def residual(self, y: Array, targets: Array, out: Array) -> float:
        """Write dE/dy into `out` and return E."""

    def curvature(self, residual: Array, targets: Array) -> Callable[[Array], None]:
        """Return the function that turns directions (c, k, N) in y into d2E/dy2 times them, in place."""


class Squared:
    """E = 1/(2N) sum ||y - t||^2."""

    def residual(self, y: Array, targets: Array, out: Array) -> float:
        """Write (y - t) / N into `out` and return E."""
        return losses.squared(y, targets, out) / (2 * y.shape[1])

    def curvature(self, residual: Array, targets: Array) -> Callable[[Array], None]:  # noqa: ARG002
        """Return the division by N."""

        def divide(directions: Array) -> None:
            directions *= 1.0 / residual.shape[1]

        return divide


class CrossEntropy:
    """E = -1/N sum_samples sum_c t_c ln p_c with p = softmax(y) and sum_c t_c = 1."""

    def residual(self, y: Array, targets: Array, out: Array) -> float:
        """Write (p - t) / N into `out` and return E."""
        return losses.cross_entropy(y, targets, out) / y.shape[1]

    def curvature(self, residual: Array, targets: Array) -> Callable[[Array], None]:
        """Return u -> p (u - sum_c p_c u_c) / N."""
        num_samples = residual.shape[1]
        shares = targets + num_samples * residual

        def multiply(directions: Array) -> None:
            directions -= np.einsum("cn,ckn->kn", shares, directions)
            directions *= shares[:, np.newaxis] / num_samples

        return multiply


OUTPUT_LOSSES: dict[str, OutputLoss] = {"squared": Squared(), "cross_entropy": CrossEntropy()}


def choose(name: str) -> OutputLoss:
    """Return the loss called `name`."""
    if not isinstance(name, str) or name not in OUTPUT_LOSSES:
        raise ValueError(f"`loss` must be one of {', '.join(OUTPUT_LOSSES)}, got {name!r:.60}")
    return OUTPUT_LOSSES[name]
