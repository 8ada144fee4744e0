"""The door of many continuous-time runs."""

from __future__ import annotations

from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.flows.flow import Flow
from gradflow.simulate.integrate import checked_flow, integrate
from gradflow.simulate.lanes import request
from gradflow.simulate.lanes.many_runs import ManyRuns
from gradflow.simulate.lanes.one_by_one import gathered
from gradflow.simulate.progress import Progress
from gradflow.trajectory import Trajectory


def integrate_many(
    flow: Flow,
    W0: ArrayLike,
    end_time: float,
    *,
    rtol: float = 1e-6,
    atol: float | None = None,
    gradient_tolerance: float | None = None,
    max_evaluations: int | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> ManyRuns:
    """Follow a flow from many starts at once, each with steps and an error control of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from gradflow.flows.gradient import GradientFlow
    >>> from gradflow.problems.landscapes.quadratic import Quadratic
    >>> runs = integrate_many(GradientFlow(Quadratic(1.0)), [[1.0], [2.0]], np.log(2.0))
    >>> bool(abs(runs.weights[:, 0] - [0.5, 1.0]).max() < 1e-5)
    True
    """
    flow = checked_flow(flow)
    W = request.starts(W0, flow.problem.num_weights)
    end = validate.positive("end_time", end_time)

    def run(k: int) -> Trajectory:
        return integrate(
            flow,
            W[k],
            end,
            rtol=rtol,
            atol=atol,
            times=2,
            gradient_tolerance=gradient_tolerance,
            max_evaluations=max_evaluations,
        )

    with Progress(progress, 0, len(W), "runs") as bar:
        return gathered(run, W, None, bar)
