"""How far apart runs are, how fast that falls with the step, and what one step does."""

from gradflow.analysis.convergence.comparison import Comparison, compare, path_distance
from gradflow.analysis.convergence.gradients import difference_gradient
from gradflow.analysis.convergence.orders import (
    StepDecrease,
    decay_rate,
    dissipation_residual,
    observed_order,
    pairwise_orders,
    step_decrease,
)
from gradflow.analysis.convergence.patterns import (
    gradient_cosines,
    pattern_changes,
    pattern_gradients,
    pattern_losses,
)
from gradflow.analysis.convergence.steps import (
    StepDirection,
    cosine,
    decrease_limit,
    largest_decreasing_step,
    path_length,
    step_direction,
)

__all__ = [
    "Comparison",
    "StepDecrease",
    "StepDirection",
    "compare",
    "cosine",
    "decay_rate",
    "decrease_limit",
    "difference_gradient",
    "dissipation_residual",
    "gradient_cosines",
    "largest_decreasing_step",
    "observed_order",
    "pairwise_orders",
    "path_distance",
    "path_length",
    "pattern_changes",
    "pattern_gradients",
    "pattern_losses",
    "step_decrease",
    "step_direction",
]
