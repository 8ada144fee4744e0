"""Times the training of recurrent networks: the flow beside the usual way, in one run on one core.

Exclusive or by four units to a loss of 1e-3, and a net of 64 free and 8 clamped sigmoid units on 100
patterns to 0.7 times its starting loss. The usual way is fixed-point iteration, Neumann's series for the
adjoint, and descent with a fixed learning rate, which must be found by hand; beside it torchdeq's layer with
the same learning rates, where it is installed. Run it as ``python benchmarks/recurrent.py``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

import gradflow as gf  # noqa: E402
from gradflow import cases  # noqa: E402
from gradflow.problems import Recurrent  # noqa: E402

if TYPE_CHECKING:
    from recurrent_peers import Training

Run = Callable[[], "gf.Trajectory | Training"]


def random_task(num_free: int = 64, num_clamped: int = 8, num_patterns: int = 100) -> Recurrent:
    """Return a net that should map random inputs to four random outputs each."""
    generator = np.random.default_rng(0)
    drive = np.zeros((num_patterns, num_free + num_clamped))
    drive[:, num_free:] = generator.normal(size=(num_patterns, num_clamped))
    targets = 0.2 + 0.6 * generator.random((num_patterns, 4))
    return Recurrent(drive, targets, range(4), clamped=range(num_free, num_free + num_clamped))


def usual(problem: Recurrent) -> Recurrent:
    """Return the same network, solved by iteration and Neumann's series."""
    circuit = problem.circuit
    return Recurrent(
        circuit.drive,
        circuit.targets,
        circuit.target_units,
        clamped=np.flatnonzero(~circuit.is_free),
        solver="picard",
        adjoint_solver="neumann",
    )


def contenders(
    problem: Recurrent, w0: np.ndarray, goal: float, learning_rates: tuple[float, ...]
) -> dict[str, Run]:
    """Return every way to the goal by its name."""
    plain, end_time = usual(problem), 5000.0
    # The run has the loss of every step; along a flow it only falls, so no look inside a step is needed.
    events = {"goal": gf.Event(gf.records.loss, goal, direction=-1, looks=0)}

    def flow(make: Callable[[], Recurrent]) -> gf.Trajectory:
        return gf.integrate(gf.GradientFlow(make()), w0, end_time, times=2, events=events)

    ways: dict[str, Run] = {
        "flow, fixed points from rest": lambda: flow(lambda: problem),
        "flow, following the branch": lambda: flow(lambda: problem.following(w0)),
        "flow, iteration and Neumann": lambda: flow(lambda: plain),
    }
    for eta in learning_rates:
        ways[f"usual way, learning rate {eta:g}"] = lambda eta=eta: gf.descend(
            plain,
            w0,
            eta,
            end_time=end_time,
            record_every=10**6,
            events=events,
        )
    return ways


def report(
    title: str, problem: Recurrent, w0: np.ndarray, goal: float, learning_rates: tuple[float, ...]
) -> None:
    """Run every way and print what it took."""
    ways, missing = contenders(problem, w0, goal, learning_rates), ""
    try:
        from recurrent_peers import contenders as peers

        ways |= peers(problem, w0, goal, learning_rates)
    except ImportError as error:
        missing = f"{'torchdeq':32s} left out: {error}"
    print(
        f"\n{title}\n"
        f"{'way':32s} {'outcome':>9s} {'flow time':>10s} {'gradients':>10s} {'seconds':>8s} {'ratio':>6s}"
    )
    first = None
    for name, run in ways.items():
        start = time.process_time()
        result = run()
        seconds = time.process_time() - start
        first = first or seconds
        print(
            f"{name:32s} {result.outcome.name:>9s} {result.times[-1]:10.1f} "
            f"{result.num_gradients:10,d} {seconds:8.2f} {seconds / first:6.2f}  "
            f"{getattr(result, 'note', '')}".rstrip()
        )
    if missing:
        print(missing)


def main() -> None:
    """Print both tables."""
    gf.show_config()
    case = cases.make("pineda-xor")
    report("exclusive or, 4 units, to E = 1e-3", case.problem, case.w0, 1e-3, (1.0, 4.0))
    problem = random_task()
    w0 = problem.initial_weights(0, scale=0.1)
    loss = problem.loss(w0)
    title = f"64 units, 100 patterns, E = {loss:.3g} to {0.7 * loss:.3g}"
    report(title, problem, w0, 0.7 * loss, (0.05, 0.2))


if __name__ == "__main__":
    main()
