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

    def residuals(
        self, y: Array, targets: Array, out: Array, losses: Array | None, axes: tuple[int, int]
    ) -> None:
        """Write dE/dy of many lanes, and their E where they are asked for.

        `y` and `out` have classes and samples at `axes` and lanes at the third one.
        """

    def curvature(self, residual: Array, targets: Array) -> Callable[[Array], None]:
        """Return the function that turns directions (c, k, N) in y into d2E/dy2 times them, in place."""


class Squared:
    """E = 1/(2N) sum ||y - t||^2."""

    def residual(self, y: Array, targets: Array, out: Array) -> float:
        """Write (y - t) / N into `out` and return E."""
        return losses.squared(y, targets, out) / (2 * y.shape[1])

    def residuals(
        self, y: Array, targets: Array, out: Array, losses: Array | None, axes: tuple[int, int]
    ) -> None:
        """Write (y - t) / N of many lanes, and their E where they are asked for."""
        share = 1.0 / y.shape[axes[1]]
        np.subtract(y, targets, out=out)
        if losses is not None:
            np.einsum("cnl,cnl->l" if axes == (0, 1) else "lcn,lcn->l", out, out, out=losses)
            losses *= 0.5 * share
        out *= share

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

    def residuals(
        self, y: Array, targets: Array, out: Array, losses: Array | None, axes: tuple[int, int]
    ) -> None:
        """Write (p - t) / N of many lanes, and their E where they are asked for."""
        classes, samples = axes
        share = 1.0 / y.shape[samples]
        np.subtract(y, y.max(axis=classes, keepdims=True), out=out)
        aligned = 0.0 if losses is None else np.multiply(out, targets).sum(axis=axes)
        np.exp(out, out=out)
        total = out.sum(axis=classes, keepdims=True)
        out /= total
        out -= targets
        out *= share
        if losses is not None:
            np.subtract(np.log(total).sum(axis=axes), aligned, out=losses)
            losses *= share

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
