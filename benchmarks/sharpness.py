"""Times one value of the sharpness along a descent, in gradients of the same network, with its true error.

The path is a stretch of full-batch descent on 500 digits near the edge of stability. Contenders take its
points in turn, on one core, in interleaved rounds within one run; the figures are medians of CPU time per
point over the time of ``loss_and_gradient``. Errors are relative to ARPACK run to rounding. "Shared" means
that the passes of the step are used: the product of ``linearize`` in place of a step's gradient (what
``linearize`` costs beyond that gradient is counted), or the step's gradient for differences. Peers take part
where they are installed. Run it as ``python benchmarks/sharpness.py``.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from collections.abc import Callable
from contextlib import suppress

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
    os.environ[variable] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402
import threadpoolctl  # noqa: E402
from scipy.sparse.linalg import LinearOperator, eigsh, lobpcg  # noqa: E402
from sharpness_peers import curvlinops_eigsh, jax_eigsh, pyhessian_power  # noqa: E402

import gradflow as gf  # noqa: E402
from gradflow.curvature import (  # noqa: E402
    SharpnessTracker,
    hessian_operator,
    sharpness,
)
from gradflow.simulate.place import Place  # noqa: E402

# Hidden widths and the learning rate of the path.
NETS = {"64-32-10": ((32,), 0.1), "64-200-200-10": ((200, 200), 0.04)}
NUM_SAMPLES = 500
FIRST_STEP = 300
Values = Callable[[], list[float]]


class Path:
    """A network, successive weights of its descent, and their sharpness to rounding."""

    def __init__(self, hidden: tuple[int, ...], learning_rate: float, num_points: int) -> None:
        inputs, labels = gf.datasets.digits()
        self.inputs, self.labels = inputs[:NUM_SAMPLES] / 16, labels[:NUM_SAMPLES]
        self.problem = gf.problems.FeedForward(self.inputs, self.labels, hidden)
        self.learning_rate = learning_rate
        steps = np.arange(FIRST_STEP - 1, FIRST_STEP + num_points)
        w0 = self.problem.initial_weights(0)
        run = gf.descend(self.problem, w0, learning_rate, int(steps[-1]), record_every=steps)
        self.before, *weights = run.weights[np.isin(run.steps, steps)]
        self.weights = np.array(weights)
        self.exact = np.array([self._exact(w) for w in self.weights])

    def _exact(self, w: np.ndarray) -> float:
        operator = hessian_operator(self.problem, w)
        return float(eigsh(operator, 1, which="LA", tol=0, v0=np.ones(w.size), return_eigenvectors=False)[0])


def begun(path: Path, products: str = "exact") -> Callable[[], SharpnessTracker]:
    """Return what makes trackers that have been at the point before the path: a run begins cold only once."""
    tracker = SharpnessTracker(path.problem, products=products)
    tracker(-1, path.before)
    return lambda: copy.deepcopy(tracker, {id(path.problem): path.problem})


def gradients(path: Path) -> Values:
    """Return the unit: the gradient at every point."""
    return lambda: [path.problem.loss_and_gradient(w)[0] for w in path.weights]


def tracked(path: Path, products: str, stride: int = 1) -> Values:
    """Return the tracker as a record uses it."""
    make = begun(path, products)

    def run() -> list[float]:
        tracker = make()
        return [float(tracker(t, path.weights[t])) for t in range(0, len(path.weights), stride)]

    return run


def recorded(path: Path, products: str) -> Values:
    """Return the tracker as a record of a descent, which hands it the passes of its steps."""
    make, steps = begun(path, products), len(path.weights) - 1

    def run() -> list[float]:
        record = {"sharpness": make()}
        return list(
            gf.descend(path.problem, path.weights[0], path.learning_rate, steps, record=record).records[
                "sharpness"
            ]
        )

    return run


def tracked_with_linearize(path: Path) -> Values:
    """Return the tracker on the product of the step's own ``linearize``."""
    make = begun(path)

    def run() -> list[float]:
        tracker = make()
        return [float(tracker(t, w, path.problem.linearize(w)[2])) for t, w in enumerate(path.weights)]

    return run


def tracked_with_gradient(path: Path) -> Values:
    """Return the tracker on differences from the step's own gradient."""
    make = begun(path, "differences")

    def run() -> list[float]:
        tracker = make()
        values = []
        for t, w in enumerate(path.weights):
            gradient = path.problem.loss_and_gradient(w)[1]
            values.append(float(tracker.at_place(Place(path.problem, t, t, w, w, gradient=gradient))))
        return values

    return run


def cold(path: Path) -> Values:
    """Return a search from scratch at every point."""
    return lambda: [sharpness(path.problem, w) for w in path.weights]


def arpack(path: Path, *, warm: bool) -> Values:
    """Return scipy's eigsh on our products: as it comes, or from the last vector with a small basis."""

    def run() -> list[float]:
        values, vector = [], np.ones(path.problem.num_weights)
        options = {"ncv": 5, "tol": 1e-6} if warm else {}
        for w in path.weights:
            operator = hessian_operator(path.problem, w)
            value, found = eigsh(operator, 1, which="LA", v0=vector, **options)
            vector = found[:, 0] if warm else vector
            values.append(float(value[0]))
        return values

    return run


def conjugate(path: Path, *, warm: bool) -> Values:
    """Return scipy's lobpcg on our products, from noise or from the last vector."""

    def run() -> list[float]:
        values, start = [], np.random.default_rng(0).standard_normal((path.problem.num_weights, 1))
        for w in path.weights:
            product = path.problem.linearize(w)[2]
            shape = (w.size, w.size)
            operator = LinearOperator(shape, matvec=product, matmat=product, dtype=np.float64)
            value, found = lobpcg(operator, start, tol=1e-4, maxiter=40 if warm else 400)
            start = found if warm else start
            values.append(float(value[0]))
        return values

    return run


# What is made, how many gradients of the step it used, and its stride.
CONTENDERS: dict[str, tuple[Callable[[Path], Values], float, int]] = {
    "gradient": (gradients, 0, 0),
    "tracker, exact": (lambda path: tracked(path, "exact"), 0, 1),
    "tracker, exact, shared": (tracked_with_linearize, 1, 1),
    "tracker, exact, recorded by descend": (lambda path: recorded(path, "exact"), 1, 1),
    "tracker, exact, every fifth step": (lambda path: tracked(path, "exact", 5), 0, 5),
    "tracker, differences": (lambda path: tracked(path, "differences"), 0, 1),
    "tracker, differences, shared": (tracked_with_gradient, 1, 1),
    "tracker, differences, by descend": (lambda path: recorded(path, "differences"), 1, 1),
    "tracker, differences, every fifth": (lambda path: tracked(path, "differences", 5), 0, 5),
    "gradflow, sharpness": (cold, 0, 1),
    "scipy eigsh": (lambda path: arpack(path, warm=False), 0, 1),
    "scipy eigsh, warm, ncv 5, tol 1e-6": (lambda path: arpack(path, warm=True), 0, 1),
    "scipy lobpcg": (lambda path: conjugate(path, warm=False), 0, 1),
    "scipy lobpcg, warm": (lambda path: conjugate(path, warm=True), 0, 1),
    "jax, jitted product and eigsh": (jax_eigsh, 0, 1),
    "curvlinops and eigsh": (curvlinops_eigsh, 0, 1),
    "PyHessian, power iteration, tol 1e-3": (pyhessian_power, 0, 1),
}


def measured(path: Path, num_rounds: int, only: str = "") -> dict[str, tuple[float, float, float]]:
    """Return gradients per step of descent, median and largest relative error of every contender."""
    runs: dict[str, Values] = {}
    for name, (make, _, stride) in CONTENDERS.items():
        if only in name or not stride:
            with suppress(ImportError):
                runs[name] = make(path)
    found = {name: np.array(run()) for name, run in runs.items()}
    rounds = [[_timed(run) for run in runs.values()] for _ in range(num_rounds)]
    seconds = dict(zip(runs, np.median(rounds, axis=0), strict=True))
    table = {}
    for name, values in found.items():
        _, shared, stride = CONTENDERS[name]
        error = np.abs(values / path.exact[:: stride or 1] - 1) if stride else np.zeros(1)
        cost = seconds[name] / seconds["gradient"] - shared
        table[name] = (cost, float(np.median(error)), float(error.max()))
    return table


def _timed(run: Values) -> float:
    start = time.process_time()
    with np.errstate(all="ignore"):
        run()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", type=int, default=60)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--only", default="", help="contenders whose name contains this")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    with threadpoolctl.threadpool_limits(1):
        gf.show_config()
        for name in arguments.nets:
            hidden, learning_rate = NETS[name]
            path = Path(hidden, learning_rate, arguments.points)
            print(
                f"\n{name}, {NUM_SAMPLES} digits, sharpness {path.exact[0]:.2f} to {path.exact[-1]:.2f},",
                end=" ",
            )
            print(f"2/eta = {2 / path.learning_rate:g}\n  {'':38} gradients  median error  largest error")
            for contender, (cost, median, largest) in measured(
                path, arguments.rounds, arguments.only
            ).items():
                print(f"  {contender:38} {cost:9.2f}  {median:12.1e}  {largest:13.1e}")


if __name__ == "__main__":
    main()
