"""Who follows the flows of `flow_problems`, each at its best setting, and what every call costs them."""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from flow_peers import Peer, peers
from flow_problems import Task
from numpy.typing import NDArray
from scipy.integrate import OdeSolver

import gradflow as gf
from gradflow.numerics.krylov import spectral_radius
from gradflow.problems.problem import Linearization, RoughlyLinearized, SinglePasses
from gradflow.simulate.integrators import INTEGRATORS

Array = NDArray[np.float64]
Product = Callable[[Array], Array]

HALF_DECADES = tuple(10.0 ** -np.arange(2.0, 7.01, 0.5))
DECADES = (1e-3, 1e-4, 1e-5, 1e-6)
# An explicit method on a stiff flow costs nearly the same at every tolerance, and goes astray at loose ones.
STIFF = (3e-6, 1e-4)
LONG_REFERENCE = 4.0
MAX_DENSE = 1000
MAX_SECONDS = 100.0
COST_SECONDS = 2.0
IN_A_ROW = 5
LARGEST_MISMATCH = 1e-12
# Of what creeps at kinks, and the tolerance below which single precision is refused.
MOST_GRADIENTS, SINGLE_FROM = 50_000, 1e-6


class TooLong(Exception):
    """A run has taken longer than it is worth."""


class Counted:
    """The flow of a task that counts what it costs, in gradients."""

    def __init__(self, given: Task, costs: dict[str, float]) -> None:
        self._problem, self.costs = given.problem, costs
        self.spent = 0.0
        self._deadline = time.process_time() + MAX_SECONDS

    def __call__(self, _: float, w: Array) -> Array:
        """Return -dE/dw."""
        self._spend(1)
        return -self._problem.gradient(w)

    def jac(self, _: float, w: Array) -> Array:
        """Return the dense Jacobian."""
        self._spend(w.size * self.costs["exact"])
        return -self._problem.hvp(w, np.eye(w.size))

    def products(self, w: Array) -> Product:
        """Return the exact product with the Hessian at w."""
        self._spend(1)
        return self._counted(self._problem.linearize(w)[2], "exact")

    def _counted(self, product: Product, kind: str) -> Product:
        def counted(v: Array) -> Array:
            self._spend(self.costs[kind])
            return product(v)

        return counted

    def _spend(self, gradients: float) -> None:
        self.spent += gradients
        if time.process_time() > self._deadline:
            raise TooLong


def rough_kinds(problem: Any) -> dict[str, Linearization]:
    """Return a problem's rough linearizations by name, the cheapest first."""
    rough = problem.rough_linearizations() if isinstance(problem, RoughlyLinearized) else ()
    return dict(zip(("gauss-newton", "hessian"), rough, strict=False))


def measured_costs(problem: Any, w: Array) -> dict[str, float]:
    """Return seconds of products and of the passes before them, in gradients.

    Calls are timed in rows of five, as a solve makes them; the first rough product after a linearization
    costs more than the others, because it copies what they share.
    """
    v = np.random.default_rng(0).standard_normal(w.size)
    product = problem.linearize(w)[2]
    rows = {
        "gradient": partial(repeated, lambda _: problem.gradient(w)),
        "exact": partial(repeated, product, v),
    }
    kinds = rough_kinds(problem)
    for kind, roughly in kinds.items():
        for times in (0, 1, IN_A_ROW):
            rows[f"{kind}, {times}"] = partial(linearized, roughly, w, v, times)
    seconds = quickest(rows)
    unit = seconds["gradient"]
    costs = {"exact": seconds["exact"] / unit}
    for kind in kinds:
        none, one, many = (seconds[f"{kind}, {times}"] / unit for times in (0, 1, IN_A_ROW))
        costs |= {f"{kind}, passes": none, f"{kind}, first": one - none, kind: (many - one) / (IN_A_ROW - 1)}
    return costs


def repeated(call: Callable[[Any], Any], argument: Any = None) -> None:
    """Make the same call several times in a row."""
    for _ in range(IN_A_ROW):
        call(argument)


def linearized(linearize: Linearization, w: Array, v: Array, times: int) -> None:
    """Linearize and take so many rough products, several times in a row."""
    for _ in range(IN_A_ROW):
        product = linearize(w)[2]
        for _ in range(times):
            product(v)


def quickest(calls: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the least seconds of calls that take turns for a while, at least three times."""
    seconds: dict[str, list[float]] = defaultdict(list)
    end, rounds = time.process_time() + COST_SECONDS, 0
    while rounds < 3 or time.process_time() < end:
        for name, call in calls.items():
            begin = time.process_time()
            call()
            seconds[name].append(time.process_time() - begin)
        rounds += 1
    return {name: min(each) for name, each in seconds.items()}


Run = Callable[[Counted, Task, float], Array | None]


@dataclass(frozen=True)
class Contender:
    """``run(flow, task, tolerance)`` returns the weights at the end, or None where it gave up.

    No run begins once `budget` seconds are spent, and none tighter than one with an error below `enough`.
    """

    name: str
    run: Run
    tolerances: tuple[float, ...] = HALF_DECADES
    budget: float = 60.0
    enough: float = 1e-6


def contenders(given: Task, place: int, quick: bool) -> Iterator[Contender]:
    """Yield who starts from the seed at a place: peers from the first two, slow ones from the first alone.

    Ours are what a user calls, `integrate` with the loss of every step kept.
    """
    yield Contender("integrate", called("auto"))
    yield Contender("integrate, krylov-bdf", called("krylov-bdf"))
    if isinstance(given.problem, SinglePasses):
        yield Contender("integrate, single", called("auto", precision="single"))
    yield Contender("integrate, differences", called("krylov-bdf", alone=True))
    if place < 2:
        yield Contender("integrate, rock2", called("rock2"), enough=1e-4)
        yield from matrix_free_peers()
    if not quick:
        yield from slow_ones(given, place == 0)


def slow_ones(given: Task, first: bool) -> Iterator[Contender]:
    """Yield what people use: explicit methods, other frameworks, dense implicit ones."""
    long = given.network is None or given.seconds > LONG_REFERENCE
    tolerances, budget = (STIFF, 20.0) if long else (DECADES, 60.0)
    if first or not long:
        for name in ("RK45", "DOP853", "RK23"):
            yield Contender(name, solver(INTEGRATORS[name].make), tolerances, budget)
    if first:
        yield from other_frameworks(given, tolerances, budget)
        yield Contender("RK4 at 1/sharpness", stepped(FixedRK4), (1.0,))
        if given.start.size <= MAX_DENSE:
            for name in ("LSODA", "BDF", "Radau"):
                yield Contender(name, dense(INTEGRATORS[name].make), HALF_DECADES[::2])


def matrix_free_peers() -> Iterator[Contender]:
    """Yield CVODE in four settings, and RKC."""
    try:
        import sksundae  # noqa: F401
    except ImportError:
        print("scikit-sundae is not installed: no CVODE")
    else:
        for size, share in ((5, 1.0), (30, 1.0), (10, 0.1), (30, 0.1)):
            suffix = "" if share == 1 else f", atol x {share:g}"
            yield Contender(f"CVODE-GMRES({size}){suffix}", sundials(size, share), HALF_DECADES[1:])
    try:
        from extensisq import SSV2stab
    except ImportError:
        print("extensisq is not installed: no RKC")
    else:
        yield Contender("extensisq RKC", solver(SSV2stab, 0.1), enough=1e-4)


def other_frameworks(given: Task, tolerances: tuple[float, ...], budget: float) -> Iterator[Contender]:
    """Yield the peers whose gradient is ours."""
    ours = given.problem.gradient(given.start)
    for peer in peers(given):
        mismatch = np.linalg.norm(peer.gradient(given.start) - ours) / np.linalg.norm(ours)
        if mismatch <= LARGEST_MISMATCH:
            yield Contender(peer.name, counting_itself(peer), tolerances, budget)
        else:
            print(f"{peer.name} does not take part: its gradient is off by {mismatch:.1e}")


def counting_itself(peer: Peer) -> Run:
    """Return the run of a peer."""

    def run(flow: Counted, given: Task, tolerance: float) -> Array | None:
        w, flow.spent = peer.run(tolerance, tolerance * unit(given))
        return w

    return run


def unit(given: Task) -> float:
    """Return the root mean square starting weight: absolute tolerances are that times rtol."""
    return float(np.linalg.norm(given.start)) / given.start.size**0.5


def stepped(make: Callable[[Counted, Task, float], Any]) -> Run:
    """Return the run of a solver that `make` makes."""

    def run(flow: Counted, given: Task, tolerance: float) -> Array | None:
        stepper = make(flow, given, tolerance)
        while stepper.status == "running":
            stepper.step()
        return stepper.y if stepper.status == "finished" else None

    return run


def solver(cls: Callable[..., OdeSolver], share: float = 1.0, **options: Any) -> Run:
    """Return the run of a solver with options; the absolute tolerance is `share` of rtol times the unit."""

    def make(flow: Counted, given: Task, tolerance: float) -> Any:
        atol = share * tolerance * unit(given)
        return cls(flow, 0.0, given.start, given.end_time, rtol=tolerance, atol=atol, **options)

    return stepped(make)


def called(method: str, *, alone: bool = False, **options: Any) -> Run:
    """Return the run of `gf.integrate`, on the problem or on its loss and gradient alone."""

    def run(flow: Counted, given: Task, tolerance: float) -> Array | None:
        problem = LossAndGradient(given.problem) if alone else given.problem
        if tolerance < SINGLE_FROM and "precision" in options:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = gf.integrate(
                gf.GradientFlow(problem),
                given.start,
                given.end_time,
                method=method,
                rtol=tolerance,
                max_evaluations=MOST_GRADIENTS,
                **options,
            )
        kind = next(iter(rough_kinds(problem)), "exact")
        passes = flow.costs.get(f"{kind}, passes", 1.0)
        flow.spent = passes * result.num_gradients + flow.costs[kind] * result.num_hvps
        return result.final_weights if result.outcome is gf.Outcome.FINISHED else None

    return run


class LossAndGradient:
    """A problem by its loss and gradient alone."""

    def __init__(self, problem: Any) -> None:
        self.num_weights, self.loss_and_gradient = problem.num_weights, problem.loss_and_gradient


def sundials(size: int, share: float) -> Run:
    """Return the run of CVODE with GMRES as scikit-sundae calls it, without us."""

    def run(flow: Counted, given: Task, tolerance: float) -> Array | None:
        from sksundae.cvode import CVODE

        def velocity(t: float, w: Array, out: Array) -> None:
            out[:] = flow(t, w)

        solver = CVODE(
            velocity,
            rtol=tolerance,
            atol=share * tolerance * unit(given),
            linsolver="gmres",
            krylov_dim=min(size, given.start.size),
            max_num_steps=1_000_000,
        )
        result = solver.solve([0.0, given.end_time], given.start)
        return result.y[-1] if result.success else None

    return run


def dense(cls: Callable[..., OdeSolver]) -> Run:
    """Return the run of one of scipy's implicit solvers with the exact Hessian."""
    return lambda flow, given, tolerance: solver(cls, jac=flow.jac)(flow, given, tolerance)


class FixedRK4:
    """Classical Runge-Kutta at a step of 1 / sharpness, tracked every 50 steps from the last eigenvector."""

    def __init__(self, flow: Counted, given: Task, _: float) -> None:
        self._flow, self._task = flow, given
        self.t, self.y, self.status, self._num_steps = 0.0, given.start, "running", 0
        self._eigenvector = np.random.default_rng(0).standard_normal(given.start.size)
        self._basis = np.empty((20, given.start.size))

    def step(self) -> None:
        """Take one step."""
        if self._num_steps % 50 == 0:
            radius, self._eigenvector = spectral_radius(
                self._flow.products(self.y), self._eigenvector, self._basis, 0.02
            )
            self._h = 1 / radius
        self._num_steps += 1
        h, y, f = min(self._h, self._task.end_time - self.t), self.y, self._flow
        a = f(self.t, y)
        b = f(self.t, y + h / 2 * a)
        c = f(self.t, y + h / 2 * b)
        d = f(self.t, y + h * c)
        self.y = y + h / 6 * (a + 2 * b + 2 * c + d)
        self.t += h
        self.status = "finished" if self.t >= self._task.end_time else "running"
