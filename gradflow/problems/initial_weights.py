"""Customary starting weights: one normal draw after another, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradflow import validate
from gradflow.types import Array


def random_layers(seed: Any, scale: Any, shapes: Iterable[tuple[int, int]]) -> list[Array]:
    """Return matrices of the given (out, in) shapes with entries normal(0, scale / sqrt(in)).

    All come from one ``numpy.random.default_rng(seed)``, in order.
    """
    spread = validate.positive("scale", scale)
    generator = np.random.default_rng(validate.whole("seed", seed))
    return [generator.normal(0.0, spread / np.sqrt(shape[1]), shape) for shape in shapes]
