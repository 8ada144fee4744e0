"""What many runs cost in lanes, beside a loop over single runs and beside others who run many at once.

Seconds of CPU time on one core, medians of interleaved rounds, each job after a run that compiles it; ratios
are what is asked for, since they alone carry over to another processor. The last lines measure two threads,
which want two free cores, and the memory of a million runs. Run it as ``python benchmarks/many_runs.py``.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import many_runs_peers as peers  # noqa: E402
import numpy as np  # noqa: E402

import gradflow as gf  # noqa: E402
from gradflow import datasets  # noqa: E402
from gradflow.analysis.stability import regime, regimes_of_many  # noqa: E402
from gradflow.problems import FeedForward, ScalarProduct, SigmoidNeuron  # noqa: E402

Run = Callable[[], Any]
XOR = FeedForward([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0], [4])
HAS = {name: find_spec(name) is not None for name in ("numba", "jax", "torch", "diffrax")}
_MEMORY = "--memory"


def with_kernels(name: str, run: Run) -> Run:
    """Return the run with these kernels."""

    def chosen() -> Any:
        gf.kernels.use(name)
        return run()

    return chosen


def seconds(runs: dict[str, Run], num_rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each, having run each once before."""
    for run in runs.values():
        run()
    rounds = {name: [timed(run) for _ in range(1)] for name, run in runs.items()}
    for _ in range(num_rounds - 1):
        for name, run in runs.items():
            rounds[name].append(timed(run))
    return {name: float(np.median(times)) for name, times in rounds.items()}


def timed(run: Run) -> float:
    """Return the CPU seconds of a call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def table(title: str, found: dict[str, float], unit: float, name: str, goals: list[tuple]) -> None:
    """Print seconds in a unit, and ratios with what was asked of them."""
    print(f"\n{title}")
    for each, value in found.items():
        print(f"  {each:44} {value / unit:12.4g} {name}")
    for slow, quick, least in goals:
        if slow in found and quick in found:
            ratio = found[slow] / found[quick]
            verdict = "met" if ratio >= least else "missed"
            print(f"  {quick} over {slow}: {ratio:.2f} times, asked for {least:g}: {verdict}")


def layers_of(problem: FeedForward, W: Any) -> list:
    """Return (W, b) of every layer with the runs first."""
    rows = [problem.unflatten(w) for w in W]
    return [tuple(np.array([row[n][part] for row in rows]) for part in (0, 1)) for n in range(len(rows[0]))]


def exclusive_or(num_rounds: int) -> None:
    """Run 2-4-1, for two numbers of runs."""
    inputs, targets = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    for num_runs in (256, 4096):
        num_steps = 200
        W = np.array([XOR.initial_weights(seed) for seed in range(num_runs)])
        lanes = lambda W=W: gf.descend_many(XOR, W, 0.1, 200, threads=1)  # noqa: E731
        runs = {"numpy lanes": with_kernels("numpy", lanes)}
        if HAS["numba"]:
            runs["compiled lanes"] = with_kernels("numba", lanes)
        if HAS["jax"]:
            runs["JAX vmap and scan"] = peers.jax_network(inputs, targets, layers_of(XOR, W), 0.1, num_steps)
        runs["loop over descend, 16 runs"] = with_kernels(
            "auto", lambda W=W: [gf.descend(XOR, w, 0.1, 200, record_every=200) for w in W[:16]]
        )
        found = seconds(runs, num_rounds)
        found = {name: value / num_runs for name, value in found.items()}
        found["loop over descend"] = found.pop("loop over descend, 16 runs") * num_runs / 16
        goals = [("loop over descend", "numpy lanes", 80)] if num_runs == 4096 else []
        goals += [("JAX vmap and scan", "compiled lanes", 1.4)]
        goals += [("JAX vmap and scan", "compiled lanes", 1.8)] if num_runs == 4096 else []
        table(f"2-4-1 on exclusive or, {num_runs} runs", found, num_steps * 1e-9, "ns a step", goals)


def digits(num_rounds: int) -> None:
    """Run 64-32-10 on 500 digits."""
    images, labels = datasets.digits()
    rows, digits = images[:500], labels[:500]
    problem = FeedForward(rows, digits, [32])
    targets = np.eye(10)[digits]
    for num_runs, num_steps in ((16, 12), (256, 2)):
        W = np.array([problem.initial_weights(seed) for seed in range(num_runs)])

        def single(num_steps: int = 12 * 16, w: Any = W[0]) -> Any:
            return gf.descend(problem, w, 0.1, num_steps, record_every=num_steps)

        runs = {
            "lanes": lambda W=W, s=num_steps: gf.descend_many(problem, W, 0.1, s, threads=1),
            "single run": single,
        }
        if HAS["torch"]:
            layers = layers_of(problem, W)
            runs["torch.func.vmap"] = peers.torch_network(rows, targets, layers, 0.1, num_steps)
        gf.kernels.use("auto")
        found = seconds(runs, num_rounds)
        # Lanes evaluate once more, where they end.
        found["lanes"] /= num_runs * (num_steps + 1)
        found["single run"] /= 12 * 16
        if "torch.func.vmap" in found:
            found["torch.func.vmap"] /= num_runs * num_steps
        goals = [("single run", "lanes", 1 / 1.15), ("torch.func.vmap", "lanes", 2.5)]
        table(f"64-32-10 on 500 digits, {num_runs} runs", found, 1e-6, "us a step", goals)


def basins(num_rounds: int) -> None:
    """Take a million starts of the product of two weights, 2,000 steps."""
    grid = np.linspace(-3.0, 3.0, 1000)
    W = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    lanes = lambda: gf.descend_many(ScalarProduct(2), W, 0.2, 2000, threads=1, repeats=1e-12)  # noqa: E731
    exact = lambda: gf.descend_many(ScalarProduct(2), W, 0.2, 2000, threads=1)  # noqa: E731
    runs = {"numpy lanes": with_kernels("numpy", lanes)}
    if HAS["numba"]:
        runs["compiled lanes"] = with_kernels("numba", lanes)
        runs["compiled lanes, to the last bit"] = with_kernels("numba", exact)
    if HAS["jax"]:
        runs["JAX, all steps"], runs["JAX, blocks that stop"] = peers.jax_basins(W, 0.2, 2000)
    goals = [("JAX, all steps", "numpy lanes", 25), ("JAX, all steps", "compiled lanes", 80)]
    goals += [("JAX, blocks that stop", "numpy lanes", 1), ("JAX, blocks that stop", "compiled lanes", 3)]
    table("Basins, 1000 x 1000 starts", seconds(runs, num_rounds), 1.0, "s", goals)


def flows(num_rounds: int) -> None:
    """Follow 10,000 flows: of starts that are alike, and of flat and steep ones beside each other."""
    rng = np.random.default_rng(0)
    _flows(num_rounds, "the neuron", SigmoidNeuron(), rng.uniform(-4.0, 4.0, (10_000, 1)), 50.0)
    _flows(num_rounds, "the product of two", ScalarProduct(2), rng.uniform(-4.0, 4.0, (10_000, 2)), 20.0)


def _flows(num_rounds: int, name: str, problem: Any, W: np.ndarray, end: float) -> None:
    rtol, flow = 1e-6, gf.GradientFlow(problem)
    lanes = lambda: gf.integrate_many(flow, W, end, rtol=rtol, threads=1)  # noqa: E731
    runs = {"numpy lanes": with_kernels("numpy", lanes)}
    if HAS["numba"]:
        runs["compiled lanes"] = with_kernels("numba", lanes)
    peer = "diffrax, vmap of Tsit5"
    if HAS["diffrax"]:
        runs[peer] = peers.diffrax_flows(name, W, end, rtol)
    runs["one stacked solve_ivp"] = peers.stacked_flows(name, W, end, rtol)
    runs["loop"] = with_kernels("auto", lambda: [gf.integrate(flow, w, end, rtol=rtol) for w in W[:10]])
    found = seconds(runs, num_rounds)
    found["loop over integrate"] = found.pop("loop") * 1000
    goals = [(peer, "numpy lanes", 1.8), (peer, "compiled lanes", 2.2)]
    goals += [("one stacked solve_ivp", "numpy lanes", 4), ("loop over integrate", "numpy lanes", 500)]
    table(f"10,000 flows of {name} at rtol 1e-6", found, 1e-2, "us a flow", goals)


def verdicts(num_rounds: int) -> None:
    """Judge 40 learning rates, 10 seeds, 500 steps of exclusive or, and what each did."""
    W = np.repeat([XOR.initial_weights(seed) for seed in range(10)], 40, axis=0)
    etas = np.tile(np.geomspace(0.02, 2.0, 40), 10)
    runs = {
        "numpy lanes": with_kernels("numpy", lambda: regimes_of_many(XOR, W, etas, 500)),
        "loop, 20 runs": with_kernels(
            "auto",
            lambda: [regime(gf.descend(XOR, W[k], etas[k], 500), XOR) for k in range(0, 400, 20)],
        ),
    }
    if HAS["numba"]:
        runs["compiled lanes"] = with_kernels("numba", lambda: regimes_of_many(XOR, W, etas, 500))
    found = seconds(runs, num_rounds)
    found["loop"] = found.pop("loop, 20 runs") * 20
    table("400 runs with regimes, 500 steps", found, 1.0, "s", [])
    for name in ("numpy lanes", "compiled lanes"):
        if name in found:
            print(f"  {name}: asked for 0.5 s: {'met' if found[name] <= 0.5 else 'missed'}")


def two_threads() -> None:
    """Print the wall time of one thread over that of two."""
    W = np.array([XOR.initial_weights(seed) for seed in range(4096)])
    gf.kernels.use("numba" if HAS["numba"] else "numpy")
    gf.descend_many(XOR, W, 0.1, 10, threads=1)

    def wall(threads: int) -> float:
        start = time.perf_counter()
        gf.descend_many(XOR, W, 0.1, 2000, threads=threads)
        return time.perf_counter() - start

    ratios = [wall(1) / wall(2) for _ in range(3)]
    load = os.getloadavg()[0]
    print(f"\nTwo threads: {np.median(ratios):.2f} times one, asked for 1.6; load of the machine {load:.1f}")


def million_runs() -> None:
    """Print the most memory that this process has had, of a million runs whose ends alone are kept."""
    W = np.random.default_rng(0).standard_normal((1_000_000, 17))
    runs = gf.descend_many(XOR, W, 0.1, 20)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{runs}: {most:.2f} GiB at most, asked for 1: {'met' if most < 1 else 'missed'}")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="which tables, by the names of their functions")
    parser.add_argument(_MEMORY, action="store_true", help="the memory of a million runs alone")
    arguments = parser.parse_args()
    if arguments.memory:
        million_runs()
        return
    gf.show_config()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if cores:
        os.sched_setaffinity(0, [max(cores)])
    for each in (exclusive_or, digits, basins, flows, verdicts):
        if not arguments.only or each.__name__ in arguments.only:
            each(arguments.rounds)
    if cores:
        os.sched_setaffinity(0, cores)
    if not arguments.only:
        two_threads()
        subprocess.run([sys.executable, __file__, _MEMORY], check=True)


if __name__ == "__main__":
    main()
