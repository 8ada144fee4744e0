"""What each learning rate does, and why: limits, verdicts, exponents, bifurcations and maps."""

from gradflow.analysis.stability.bifurcation import Bifurcations, bifurcation_diagram
from gradflow.analysis.stability.companion import companion_matrices, linear_stability
from gradflow.analysis.stability.critical import critical_learning_rate
from gradflow.analysis.stability.diagnostics import curvature_along, directional_smoothness, relative_progress
from gradflow.analysis.stability.limits import effective_sharpness, largest_stable_learning_rate
from gradflow.analysis.stability.lyapunov import lyapunov_exponents
from gradflow.analysis.stability.many import ManyRegimes, regimes_of_many
from gradflow.analysis.stability.maps import Cycle, OneStepMap, cycles, flip_sign, one_step_map
from gradflow.analysis.stability.regimes import Regime, regime

__all__ = [
    "Bifurcations",
    "Cycle",
    "ManyRegimes",
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
    "regimes_of_many",
    "relative_progress",
]
