"""Print, as JSON, numbers that gradflow computes and the page must find again."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import gradflow as gf
from gradflow import cases, rules
from gradflow.analysis import stability
from gradflow.curvature import sharpness
from gradflow.explorer import PROBLEMS
from gradflow.problems import DoubleWell, MinimalistEdge, Quadratic, ScalarProduct, SigmoidNeuron

LANDSCAPES: dict[str, Any] = {
    "quadratic": Quadratic([1.0, 10.0]),
    "identity-neuron": SigmoidNeuron(),
    "double-well": DoubleWell(),
    "two-weight-product": ScalarProduct(2),
    "minimalist-edge": MinimalistEdge(),
}
NETWORKS = ("xor", *(f"chebyshev-{degree}" for degree in (3, 4, 5, 6)))
RULES = {
    "descent": lambda rate: rules.GradientDescent(rate),
    "heavy-ball": lambda rate: rules.HeavyBall(rate, 0.7),
    "nesterov": lambda rate: rules.Nesterov(rate, 0.6),
    "sign": lambda rate: rules.SignDescent(rate),
}
MOMENTA = {"descent": 0.0, "heavy-ball": 0.7, "nesterov": 0.6, "sign": 0.0}
RANDOM = np.random.default_rng(15)


def problems() -> dict[str, Any]:
    """Return every problem of the page by its name there."""
    return LANDSCAPES | {name: cases.make(name).problem for name in NETWORKS}


def start_of(name: str) -> np.ndarray:
    """Return a start: of a network the drawn one, of a landscape one within its picture."""
    if name in NETWORKS:
        return cases.make(name, seed=int(RANDOM.integers(6))).w0
    return RANDOM.uniform(0.3, 2.0, LANDSCAPES[name].num_weights)


def descents() -> Iterator[dict[str, Any]]:
    """Yield runs of every problem and rule."""
    for name, problem in problems().items():
        for rule in RULES:
            if rule == "sign" and name in NETWORKS:
                continue  # By symmetry some slopes vanish there, and rounding alone gives their sign.
            w0 = start_of(name)
            rate = float(RANDOM.uniform(0.2, 0.9)) / sharpness_scale(problem, w0)
            run = gf.descend(problem, w0, RULES[rule](rate), 60)
            yield {
                "problem": name,
                "rule": rule,
                "momentum": MOMENTA[rule],
                "rate": rate,
                "w0": w0.tolist(),
                "weights": run.weights.tolist(),
                "losses": run.losses.tolist(),
                "times": run.times.tolist(),
            }


def sharpness_scale(problem: Any, w: np.ndarray) -> float:
    """Return the size of the curvature at w, at least 1."""
    return max(1.0, abs(sharpness(problem, w)))


def flows() -> Iterator[dict[str, Any]]:
    """Yield flows at a few times, integrated a thousand times tighter than the page's."""
    ends = {"quadratic": 5.0, "identity-neuron": 1000.0, "double-well": 10.0, "xor": 60.0}
    for name, problem in problems().items():
        w0 = start_of(name)
        times = np.linspace(0.0, ends.get(name, 20.0), 9)[1:]
        run = gf.integrate(
            gf.GradientFlow(problem), w0, times[-1], method="DOP853", rtol=1e-13, atol=1e-15, times=times
        )
        known = name in ("quadratic", "identity-neuron")
        # The start is kept too, which was not asked for.
        weights = problem.flow(w0, times) if known else run.weights[1:]
        yield {"problem": name, "w0": w0.tolist(), "times": times.tolist(), "weights": weights.tolist()}


def curvatures() -> Iterator[dict[str, Any]]:
    """Yield sharpness and limits of the rules at random points."""
    for name, problem in problems().items():
        for _ in range(6):
            w = start_of(name) + 0.1 * RANDOM.standard_normal(problem.num_weights)
            value = sharpness(problem, w, tol=1e-12)
            limits = {
                rule: stability.largest_stable_learning_rate(problem, w, RULES[rule](1.0))
                for rule in ("descent", "heavy-ball", "nesterov")
                if value > 0
            }
            yield {"problem": name, "w": w.tolist(), "sharpness": value, "limits": limits}


def criticals() -> Iterator[dict[str, Any]]:
    """Yield critical learning rates."""
    for name, rule in (
        ("quadratic", "descent"),
        ("quadratic", "heavy-ball"),
        ("double-well", "descent"),
        ("double-well", "nesterov"),
        ("two-weight-product", "descent"),
        ("minimalist-edge", "descent"),
    ):
        w0 = start_of(name)
        value = stability.critical_learning_rate(LANDSCAPES[name], w0, rule=RULES[rule](1.0))
        yield {
            "problem": name,
            "rule": rule,
            "momentum": MOMENTA[rule],
            "w0": w0.tolist(),
            "critical": value,
        }


def regimes() -> Iterator[dict[str, Any]]:
    """Yield the regimes of 100 random points of the landscapes, and of some networks."""
    names = list(LANDSCAPES)
    for index in range(100):
        name = names[index % len(names)]
        rule = ("descent", "descent", "heavy-ball", "nesterov", "sign")[index // 5 % 5]
        problem, w0 = LANDSCAPES[name], start_of(name)
        rate = float(RANDOM.uniform(0.1, 3.0)) / sharpness_scale(problem, w0)
        yield verdict(name, problem, rule, rate, w0, 200)
    for name in ("xor", "chebyshev-3"):
        for share in (0.02, 0.1, 0.5, 1.5, 2.2, 4.0):
            problem, w0 = cases.make(name).problem, start_of(name)
            rate = share / sharpness_scale(problem, w0)
            moved = (w0 * (1 + part) for part in (0.0, 1e-13, -1e-13))
            seen = [verdict(name, problem, "descent", rate, w, 200) for w in moved]
            # Where rounding decides, as at the edge of stability, there is no verdict to find again.
            if len({each["regime"] for each in seen}) == 1:
                yield seen[0]


def verdict(
    name: str, problem: Any, rule: str, rate: float, w0: np.ndarray, num_steps: int
) -> dict[str, Any]:
    """Return the regime of one run."""
    found = stability.regime(gf.descend(problem, w0, RULES[rule](rate), num_steps), problem)
    return {
        "problem": name,
        "rule": rule,
        "momentum": MOMENTA[rule],
        "rate": rate,
        "w0": w0.tolist(),
        "steps": num_steps,
        "regime": found.name,
    }


def attractors() -> dict[str, Any]:
    """Return the bifurcation diagram of the double well."""
    rates = np.linspace(0.5, 2.2, 60)
    found = stability.bifurcation_diagram(DoubleWell(), rates, [0.9])
    return {
        "rates": rates.tolist(),
        "periods": found.periods.tolist(),
        "points": [
            None if lost else p[:, 0].tolist() for p, lost in zip(found.points, found.diverged, strict=True)
        ],
    }


def exponents() -> Iterator[dict[str, Any]]:
    """Yield Lyapunov exponents, of chaos and of rest."""
    for name, rate, w0 in (
        ("double-well", 1.5, [0.4]),
        ("double-well", 0.3, [0.4]),
        ("quadratic", 0.15, [1.0, 1.0]),
        ("two-weight-product", 0.3, [1.5, 0.4]),
    ):
        value = stability.lyapunov_exponents(LANDSCAPES[name], w0, rate, 300)[0]
        yield {"problem": name, "rate": rate, "w0": w0, "exponent": float(value)}


if __name__ == "__main__":
    found = {
        "names": list(PROBLEMS),
        "descents": list(descents()),
        "flows": list(flows()),
        "curvatures": list(curvatures()),
        "criticals": list(criticals()),
        "regimes": list(regimes()),
        "attractors": attractors(),
        "exponents": list(exponents()),
    }
    json.dump(found, sys.stdout)
