"""The door of many discrete-time runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.completed import as_problem, batched_form
from gradflow.problems.problem import Problem
from gradflow.rules import UpdateRule
from gradflow.simulate.lanes import crew, moves, request
from gradflow.simulate.lanes.asked import Asked
from gradflow.simulate.lanes.compiled_lanes import CompiledDescents, compiled_kernels
from gradflow.simulate.lanes.ledger import Ledger
from gradflow.simulate.lanes.many_runs import ManyRuns
from gradflow.simulate.lanes.one_by_one import descended, gathered, warn_of_loop
from gradflow.simulate.lanes.pack import descend_in_pack
from gradflow.simulate.lanes.sizes import lane_count
from gradflow.simulate.progress import Progress


def descend_many(
    problem: Problem,
    W0: ArrayLike,
    learning_rates: ArrayLike,
    num_steps: int,
    *,
    rule: Callable[[float], UpdateRule] | None = None,
    loss_tolerance: float | None = None,
    gradient_tolerance: float | None = None,
    repeats: float | None = 0.0,
    record_every: int | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> ManyRuns:
    """Take discrete steps from many starts, or at many learning rates, at once.

    Each run is that of `descend` from its row of `W0` at its learning rate, to 1e-13 over a thousand
    stable steps, whatever runs beside it.

    Parameters
    ----------
    problem : Problem
        The loss that is descended. One that is `Batched` is evaluated at many weight vectors at once; for
        another the runs are made one by one, which a warning says.
    W0 : array_like, shape (K, n) or (n,)
        Starting weights, one row a run, or one start for all.
    learning_rates : array_like, shape (K,) or ()
        One for each run, or one for all.
    num_steps : int
        Number of steps of each run, unless it ends before.
    rule : callable, optional
        From a learning rate to the rule of a run, such as ``functools.partial(gf.rules.HeavyBall,
        momentum=0.9)``; plain descent by default.
    loss_tolerance, gradient_tolerance : float, optional
        A run has CONVERGED once its loss, or its ``|dE/dw|``, is at most this.
    repeats : float or None
        A run that is where it was eight steps before will come back there for ever: it takes no more steps
        than bring it to the point of its cycle where it would end. Where it was means to this share of
        the length of the weights; with 0, the default, to the last bit, so that it changes no result.
        None lets every run take all its steps.
    record_every : int, optional
        Keep weights and losses every so many steps, in `recorded`; the ends alone by default.
    threads : int, optional
        Threads that runs are divided among; by default one for each core that the process may use, and one
        for problems written elsewhere.
    progress : bool
        Show a progress bar over runs.

    Returns
    -------
    ManyRuns
        One row a run, in the order of `W0` and `learning_rates`; also when it was interrupted.

    Raises
    ------
    ValueError
        If an argument is out of its range, or numbers of starts and of learning rates do not fit.

    Warns
    -----
    CostWarning
        If the problem has no batched form, once for each kind.

    See Also
    --------
    descend : One run, with records, events and a trajectory.
    integrate_many : Many flows.

    Examples
    --------
    On E = x^2 / 2 a step multiplies the weight by 1 - eta:

    >>> from gradflow.problems.landscapes.quadratic import Quadratic
    >>> runs = descend_many(Quadratic(1.0), [1.0], [0.5, 1.0, 1.5, 3.0], 2)
    >>> runs.weights[:, 0]
    array([0.25, 0.  , 0.25, 4.  ])
    >>> runs
    ManyRuns(4 runs of 1 weight: 4 finished)
    """
    problem = as_problem(problem)
    given = batched_form(problem)
    rows = request.starts(W0, problem.num_weights)
    W, etas = request.paired(rows, request.rates(learning_rates))
    asked = Asked(
        validate.count("num_steps", num_steps),
        request.rule_maker(rule),
        request.tolerance("loss_tolerance", loss_tolerance),
        request.tolerance("gradient_tolerance", gradient_tolerance),
        request.share("repeats", repeats),
        None if record_every is None else validate.count("record_every", record_every),
    )
    count = crew.num_threads(request.threads(threads), len(W), given)
    numbers = moves.coefficients(asked.make, etas)
    with Progress(progress, 0, len(W), "runs") as bar:
        if numbers is None or given is None:
            why = "has no batched form" if given is None else "meets a rule whose steps are not linear"
            warn_of_loop(problem, why)
            return gathered(partial(descended, problem, W, etas, asked), W, asked.kept_steps, bar)
        ledger = Ledger(W, asked.kept_steps, bar)
        descents = asked.descents(given, numbers, W.shape[1])
        compiled = compiled_kernels(given, "descents", len(W) * asked.last_step)
        if compiled is not None:
            work = CompiledDescents(*compiled, descents, ledger, count).descend
        else:
            num_lanes = lane_count(given, W.shape[1], -(-len(W) // count))
            work = partial(descend_in_pack, descents, ledger, num_lanes)
        crew.together(work, ledger, count)
        ledger.times[...] = ledger.num_steps * etas * moves.clock_factors(asked.make, etas)
    return ledger.closed()
