"""What each learning rate does, and why: limits, verdicts, exponents, bifurcations and maps."""

from gradflow.analysis.bifurcation import Bifurcations, bifurcation_diagram
from gradflow.analysis.companion import companion_matrices, linear_stability
from gradflow.analysis.critical import critical_learning_rate
from gradflow.analysis.diagnostics import curvature_along, directional_smoothness, relative_progress
from gradflow.analysis.limits import effective_sharpness, largest_stable_learning_rate
from gradflow.analysis.lyapunov import lyapunov_exponents
from gradflow.analysis.maps import Cycle, OneStepMap, cycles, flip_sign, one_step_map
from gradflow.analysis.regimes import Regime, regime

__all__ = [
    "Bifurcations",
    "Cycle",
    "OneStepMap",
    "Regime",
    "bifurcation_diagram",
    "companion_matrices",
    "critical_learning_rate",
    "curvature_along",
    "cycles",
    "directional_smoothness",
    "effective_sharpness",
    "flip_sign",
    "largest_stable_learning_rate",
    "linear_stability",
    "lyapunov_exponents",
    "one_step_map",
    "regime",
    "relative_progress",
]
