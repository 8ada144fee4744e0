"""Times one step of full-batch descent: on digits over bare matrix products, on tiny problems over a loop.

Everything runs on one core, in interleaved rounds within one run; the figures are medians of CPU time
per step, with the loss of every step kept. gradflow's rows are there with numpy alone and, where numba is
installed, with the kernels of the extra `fast`; peers take part where they are installed. Run it as
``python benchmarks/descent_step.py``; benchmarks/README.md says how to see an older processor's figures.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
    os.environ[variable] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402
import threadpoolctl  # noqa: E402
from descent_peers import Run, jax_scan, jax_steps, naive, torch_sgd  # noqa: E402

import gradflow as gf  # noqa: E402

KERNELS = ("numba", "numpy") if find_spec("numba") else ("numpy",)
NETS = {"64-32-10": (32,), "64-200-200-10": (200, 200)}
NUM_SAMPLES = 500


class Task:
    """What every contender starts from: inputs (N, d), targets (N, c), layers (W, b) of a tanh network."""

    learning_rate = 0.05

    def __init__(self, hidden: tuple[int, ...]) -> None:
        inputs, labels = gf.datasets.digits()
        self.inputs, labels = inputs[:NUM_SAMPLES] / 16, labels[:NUM_SAMPLES]
        self.targets = np.eye(10)[labels]
        self.problem = gf.problems.FeedForward(self.inputs, labels, hidden)
        self.w0 = self.problem.initial_weights(0)
        self.layers = self.problem.unflatten(self.w0)
        self.widths = (64, *hidden, 10)


def bare_products(task: Task, with_tanh: bool = False) -> Run:
    """Return the matrix products of a step, the bias as a column, and perhaps its calls of tanh."""
    rng = np.random.default_rng(0)
    weights = [np.column_stack(layer) for layer in task.layers]
    signals = [np.ones((width + 1, NUM_SAMPLES)) for width in task.widths]
    deltas = [rng.normal(size=(width, NUM_SAMPLES)) for width in task.widths]
    gradients = [np.empty_like(kernel) for kernel in weights]
    signals[0][:-1] = task.inputs.T

    def run(num_steps: int) -> float:
        for _ in range(num_steps):
            for n, kernel in enumerate(weights):
                x = np.matmul(kernel, signals[n], out=signals[n + 1][:-1])
                if with_tanh and n + 1 < len(weights):
                    np.tanh(x, out=x)
            for n in reversed(range(len(weights))):
                np.matmul(deltas[n + 1], signals[n].T, out=gradients[n])
                if n:
                    np.matmul(weights[n][:, :-1].T, deltas[n + 1], out=deltas[n])
        return np.nan

    return run


class Tiny:
    """A problem whose arithmetic costs less than the calls around it."""

    def __init__(self, problem: gf.problems.Problem, w0: object, learning_rate: float) -> None:
        self.problem, self.w0, self.learning_rate = problem, np.array(w0, dtype=float), learning_rate


def tiny_tasks() -> dict[str, Tiny]:
    """Return exclusive or by 2-4-1, the neuron that learns f(x) = x, a quadratic of two weights."""
    inputs, targets = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1.0, 1.0, 0.0])
    network = gf.problems.FeedForward(inputs, targets, (4,))
    return {
        "2-4-1, exclusive or": Tiny(network, network.initial_weights(0), 0.1),
        "neuron of one weight": Tiny(gf.problems.SigmoidNeuron(), [-2.0], 0.5),
        "quadratic of two weights": Tiny(gf.problems.Quadratic(np.diag([1.0, 3.0])), [1.0, 1.0], 0.1),
    }


def loop(task: Task | Tiny, kernels: str) -> Run:
    """Return the loop a user would write around `loss_and_gradient`."""

    def run(num_steps: int) -> float:
        gf.kernels.use(kernels)
        w, losses = task.w0, []
        for _ in range(num_steps):
            loss, gradient = task.problem.loss_and_gradient(w)
            losses.append(loss)
            w = w - task.learning_rate * gradient
        return losses[-1]

    return run


def descend(task: Task | Tiny, kernels: str) -> Run:
    """Return `gf.descend`, keeping every loss and the first and last weights."""

    def run(num_steps: int) -> float:
        gf.kernels.use(kernels)
        trajectory = gf.descend(task.problem, task.w0, task.learning_rate, num_steps, record_every=num_steps)
        return float(trajectory.step_losses[-2])

    return run


STEPS: dict[str, Callable[[Task], Run]] = {
    "bare matrix products": bare_products,
    "the same and tanh": lambda task: bare_products(task, with_tanh=True),
    **{f"gradflow, a loop, {kernels}": partial(loop, kernels=kernels) for kernels in KERNELS},
    **{f"gradflow, descend, {kernels}": partial(descend, kernels=kernels) for kernels in KERNELS},
    "numpy, written naively": naive,
    "torch, SGD": torch_sgd,
    "jax, jitted step": jax_steps,
    "jax, scan": jax_scan,
}


def repeated(call: Callable[[], object]) -> Run:
    """Return the run that only repeats a call."""

    def run(num_steps: int) -> float:
        for _ in range(num_steps):
            call()
        return np.nan

    return run


def products(task: Task) -> dict[str, Run]:
    """Return Hessian products beside the gradient."""
    problem, w = task.problem, task.w0
    v, block = w[::-1].copy(), np.random.default_rng(0).normal(size=(w.size, 8))
    _, _, product = problem.linearize(w)
    return {
        "gradient": repeated(lambda: problem.loss_and_gradient(w)),
        "product after linearize": repeated(lambda: product(v)),
        "one of 8 products at once": lambda num_steps: repeated(lambda: product(block))(-(-num_steps // 8)),
        "linearize": repeated(lambda: problem.linearize(w)),
        "hvp": repeated(lambda: problem.hvp(w, v)),
    }


def contenders(task: Task) -> dict[str, Run]:
    """Return the runs of everybody who is installed."""
    runs = {}
    for name, make in STEPS.items():
        with suppress(ImportError):
            runs[name] = make(task)
    return runs


def seconds_per_step(runs: dict[str, Run], num_rounds: int, seconds: float) -> dict[str, float]:
    """Return the median CPU time of a step, every run taking `seconds` in each of the rounds."""
    first = next(iter(runs.values()))
    num_steps = max(8, round(seconds * 16 / timed(first, 16) / 8) * 8)
    losses = [run(num_steps) for run in runs.values()]
    assert np.ptp([loss for loss in losses if np.isfinite(loss)] or [0.0]) < 1e-10, losses
    rounds = [[timed(run, num_steps) / num_steps for run in runs.values()] for _ in range(num_rounds)]
    return dict(zip(runs, np.median(rounds, axis=0), strict=True))


def timed(run: Run, num_steps: int) -> float:
    """Return the CPU time of a run."""
    start = time.process_time()
    run(num_steps)
    return time.process_time() - start


def print_table(title: str, times: dict[str, float]) -> None:
    """Print times, their ratios to the first and what they take beyond it."""
    print(f"\n{title:36} {'a step':>12} {'ratio':>6} {'beyond':>12}")
    reference = next(iter(times.values()))
    for name, value in times.items():
        beyond = 1e6 * (value - reference)
        print(f"  {name:34} {1e6 * value:9.1f} us {value / reference:6.2f} {beyond:9.1f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.15, help="of every contender in every round")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    timings = arguments.rounds, arguments.seconds
    with threadpoolctl.threadpool_limits(1):
        gf.show_config()
        for name, task in tiny_tasks().items():
            runs = {"a loop over loss_and_gradient": loop(task, "auto"), "descend": descend(task, "auto")}
            print_table(name, seconds_per_step(runs, *timings))
        for name, hidden in NETS.items():
            task = Task(hidden)
            print_table(f"{name}, {NUM_SAMPLES} digits", seconds_per_step(contenders(task), *timings))
            gf.kernels.use("auto")
            print_table("  Hessian products", seconds_per_step(products(task), *timings))


if __name__ == "__main__":
    main()
