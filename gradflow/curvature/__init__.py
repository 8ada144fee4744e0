"""The curvature of a loss: Hessian, leading eigenpairs, sharpness at one place and along a path."""

from gradflow.curvature.density import SpectralDensity, spectral_density
from gradflow.curvature.differences import difference_product
from gradflow.curvature.eigenpairs import (
    bottom_eigenpairs,
    dense_hessian,
    hessian_operator,
    sharpness,
    top_eigenpairs,
)
from gradflow.curvature.layers import layer_sharpness
from gradflow.curvature.tracking.tracker import SharpnessTracker

__all__ = [
    "SharpnessTracker",
    "SpectralDensity",
    "bottom_eigenpairs",
    "dense_hessian",
    "difference_product",
    "hessian_operator",
    "layer_sharpness",
    "sharpness",
    "spectral_density",
    "top_eigenpairs",
]
