"""Figures: every function draws one idea on one axes and returns it."""

from gradflow.plots.animation import animate_path
from gradflow.plots.bands import draw_bands
from gradflow.plots.bifurcation import draw_bifurcation
from gradflow.plots.cobweb import draw_cobweb
from gradflow.plots.distance import draw_distance
from gradflow.plots.final_loss import draw_final_loss
from gradflow.plots.legends import legend, letter_panels, settle_legends, share_legend
from gradflow.plots.losses import draw_losses
from gradflow.plots.path import draw_path
from gradflow.plots.plane import Plane, plane_along, plane_of_eigenvectors, plane_of_runs, plane_through
from gradflow.plots.regimes import draw_regime_map, draw_regimes
from gradflow.plots.saving import save_figure
from gradflow.plots.sharpness import draw_sharpness
from gradflow.plots.spectrum import draw_spectrum, mark_crossings
from gradflow.plots.stability_region import draw_stability_region
from gradflow.plots.study import draw_study
from gradflow.plots.style import in_style, new_figure
from gradflow.plots.sweep import draw_sweep

__all__ = [
    "Plane",
    "animate_path",
    "draw_bands",
    "draw_bifurcation",
    "draw_cobweb",
    "draw_distance",
    "draw_final_loss",
    "draw_losses",
    "draw_path",
    "draw_regime_map",
    "draw_regimes",
    "draw_sharpness",
    "draw_spectrum",
    "draw_stability_region",
    "draw_study",
    "draw_sweep",
    "in_style",
    "legend",
    "letter_panels",
    "mark_crossings",
    "new_figure",
    "plane_along",
    "plane_of_eigenvectors",
    "plane_of_runs",
    "plane_through",
    "save_figure",
    "settle_legends",
    "share_legend",
]
