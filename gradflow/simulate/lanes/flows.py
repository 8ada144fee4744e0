"""The door of many continuous-time runs."""

from __future__ import annotations

from functools import partial
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.flows.flow import Flow
from gradflow.flows.gradient import GradientFlow
from gradflow.problems.completed import batched_form
from gradflow.simulate.integrate import checked_flow, integrate
from gradflow.simulate.lanes import crew, request
from gradflow.simulate.lanes.compiled_lanes import STEPS_OF_A_FLOW, CompiledFlows, compiled_kernels
from gradflow.simulate.lanes.flow_pack import TOO_SMALL, integrate_in_pack
from gradflow.simulate.lanes.flow_request import Flows, atols
from gradflow.simulate.lanes.ledger import Ledger
from gradflow.simulate.lanes.many_runs import CODES, ManyRuns
from gradflow.simulate.lanes.one_by_one import gathered, warn_of_loop
from gradflow.simulate.lanes.sizes import FLOW_STATES, lane_count, lanes_of
from gradflow.simulate.progress import Progress
from gradflow.trajectory import Outcome


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

    Gradient flows of problems that are `Batched` are integrated by Dormand and Prince's explicit pair of
    order 5 and 4, as "RK45" is: a stiff flow costs as many steps as its stability asks for. Other flows, and
    those with a matrix rate, are run one by one by `integrate` and its "auto", which a warning says.

    Parameters
    ----------
    flow : Flow
        Such as ``GradientFlow(problem)``.
    W0 : array_like, shape (K, n) or (n,)
        Starting weights, one row a run.
    end_time : float
        Flow time at which each run ends, from 0 on.
    rtol, atol : float
        Tolerances on the local error, as in `integrate`; `atol` follows each start by default.
    gradient_tolerance : float, optional
        A run has CONVERGED once ``|dE/dw|`` is at most this after a step.
    max_evaluations : int, optional
        The most gradients of one run, which then ends BUDGET.
    threads : int, optional
        Threads that runs are divided among, as in `descend_many`.
    progress : bool
        Show a progress bar over runs.

    Returns
    -------
    ManyRuns
        One row a run; `times` are the flow times reached. Also when it was interrupted.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Warns
    -----
    CostWarning
        If the runs are made one by one, once for each kind of problem.

    See Also
    --------
    integrate : One run, with rows, records and events.
    descend_many : Many descents.

    Examples
    --------
    On E = x^2 / 2 weights halve in a time of ln 2:

    >>> from gradflow.problems.landscapes.quadratic import Quadratic
    >>> runs = integrate_many(GradientFlow(Quadratic(1.0)), [[1.0], [2.0]], np.log(2.0))
    >>> bool(abs(runs.weights[:, 0] - [0.5, 1.0]).max() < 1e-5)
    True
    """
    flow = checked_flow(flow)
    W = request.starts(W0, flow.problem.num_weights)
    end = validate.positive("end_time", end_time)
    tolerances = request.flow_tolerances(rtol, atol)
    slope = request.tolerance("gradient_tolerance", gradient_tolerance)
    budget = None if max_evaluations is None else validate.count("max_evaluations", max_evaluations)
    count = crew.num_threads(request.threads(threads), len(W), flow.problem)
    with Progress(progress, 0, len(W), "runs") as bar:
        problem = batched_form(flow.problem)
        if problem is None or not _has_lanes(flow):
            warn_of_loop(flow.problem, "has no flow in lanes")
            ask = partial(integrate, flow, times=2, gradient_tolerance=slope, max_evaluations=budget)
            return gathered(lambda k: ask(W[k], end, rtol=rtol, atol=atol), W, None, bar)
        size = W.shape[1]
        flows = Flows(
            lanes_of(problem, size),
            -np.broadcast_to(np.asarray(flow.rate, dtype=np.float64), (size,)),
            end,
            tolerances[0],
            atols(tolerances[1], tolerances[0], W),
            slope,
            budget,
        )
        ledger = Ledger(W, None, bar)
        compiled = compiled_kernels(problem, "flows", len(W) * STEPS_OF_A_FLOW)
        if compiled is not None:
            work = CompiledFlows(*compiled, flows, ledger, count).integrate
        else:
            num_lanes = lane_count(problem, size, -(-len(W) // count), FLOW_STATES)
            work = partial(integrate_in_pack, flows, ledger, num_lanes)
        crew.together(work, ledger, count)
    failed = np.flatnonzero(ledger.codes == CODES[Outcome.FAILED]).tolist()
    ledger.messages.update(dict.fromkeys(failed, TOO_SMALL))
    return ledger.closed()


def _has_lanes(flow: Flow) -> TypeGuard[GradientFlow]:
    return isinstance(flow, GradientFlow) and np.ndim(flow.rate) < 2
