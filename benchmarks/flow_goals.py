"""What the costs of `work_precision` say: ratios to the peers, and the goals that were set beforehand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# name of a contender: {"gradients" or "seconds": costs, shape (3 errors, seeds)}
Summary = dict[str, dict[str, Array]]

AT = ("1e-3", "1e-4", "1e-6")
# Gradients to 1e-3 and 1e-4, to be kept within a tenth.
MOST_GRADIENTS = {
    "500 digits 64-8-10": (320, 470),
    "64-32-32-10": (420, 560),
    "64-32-32-10 uncentered": (650, 880),
    "64-32-32-10 cross-entropy": (135, 210),
    "64-128-128-10": (230, 305),
    "64-200-200-200-10": (230, 300),
}
ALLOWED = 1.1
# With rough products: a share of the numbers above.
SHARE = {
    "64-32-32-10": 0.75,
    "64-32-32-10 uncentered": 0.75,
    "64-32-32-10 cross-entropy": 0.75,
    "64-128-128-10": 0.65,
    "64-200-200-200-10": 0.65,
}
# From so many weights on: whose seconds, and the most of them over those of CVODE at its best.
SECONDS = {
    0: (("integrate", 1.1),),
    200: (("integrate", 0.9),),
    1000: (("integrate", 0.55),),
    3000: (("integrate", 0.55), ("integrate, single", 0.35)),
}
# RK45 and DOP853 need at least so many times our gradients, at 1e-3 and 1e-4.
LEAST_SAVED = {
    "XOR 2-4-1": (3, 3),
    "500 digits 64-8-10": (6, 6),
    "64-32-32-10": (6, 6),
    "64-32-32-10 uncentered": (6, 6),
    "64-128-128-10": (6, 6),
    "64-200-200-200-10": (6, 6),
    "deep linear": (5,),
}
OURS = ("integrate, krylov-bdf", "integrate, differences")


def verdicts(name: str, size: int, costs: Summary) -> tuple[list[str], list[str]]:
    """Return a line of ratios for each error, and a line for every goal that was set for a problem."""
    lines, goals = [], []
    for n, at in enumerate(AT):
        what = f"{name} to {at}"
        cvode = quickest(costs, "CVODE", "seconds", n)
        shares = {
            ours: 1 / times(costs, cvode, ours, "seconds", n)
            for ours in costs
            if cvode and ours.startswith("integrate") and np.isfinite(costs[ours]["seconds"][n]).all()
        }
        fewest = quickest(costs, "integrate", "gradients", n)
        ratios = {
            peer: times(costs, peer, fewest, "gradients", n)
            for peer in ("RK45", "DOP853")
            if fewest and peer in costs
        }
        line = [f"{ratio:.1f} times fewer gradients in {fewest} than {p}" for p, ratio in ratios.items()]
        listed = ", ".join(f"{share:.2f} in {ours}" for ours, share in shares.items())
        lines.append("; ".join([f"to {at}: of the seconds of {cvode} {listed}", *line]))
        goals += gradient_goals(what, name, costs, n)
        wanted = SECONDS[max(least for least in SECONDS if least <= size)]
        goals += [
            judged(f"{what}: seconds of {ours} over {cvode}", shares.get(ours, np.inf), most)
            for ours, most in wanted
            if cvode and ours in costs
        ]
        if n < len(LEAST_SAVED.get(name, ())):
            goals += [
                judged(f"{what}: gradients of {peer} over {fewest}", ratio, LEAST_SAVED[name][n], least=True)
                for peer, ratio in ratios.items()
            ]
    return lines, goals


def gradient_goals(what: str, name: str, costs: Summary, n: int) -> list[str]:
    """Return the lines on our own gradients to error number n."""
    if n >= len(MOST_GRADIENTS.get(name, ())):
        return []
    most = MOST_GRADIENTS[name][n]
    own = {ours: costs[ours]["gradients"][n].mean() for ours in OURS if ours in costs}
    fewest = min(own, key=lambda ours: own[ours])
    goals = [judged(f"{what}: gradients of {fewest}", own[fewest], ALLOWED * most)]
    if name in SHARE:
        goals.append(judged(f"{what}: gradients of {OURS[0]}", own[OURS[0]], SHARE[name] * most))
    return goals


def quickest(costs: Summary, family: str, cost: str, n: int) -> str:
    """Return whose name begins with `family` and who reaches error number n most cheaply; "" if none."""
    means = {name: each[cost][n].mean() for name, each in costs.items() if name.startswith(family)}
    means = {name: mean for name, mean in means.items() if np.isfinite(mean)}
    return min(means, key=lambda name: means[name], default="")


def times(costs: Summary, peer: str, ours: str, cost: str, n: int) -> float:
    """Return a peer's cost over ours, from the seeds that both started from."""
    theirs = costs[peer][cost][n]
    return float(theirs.mean() / costs[ours][cost][n, : len(theirs)].mean())


def judged(what: str, value: float, limit: float, *, least: bool = False) -> str:
    """Return a line that says whether a value keeps its limit, and by how much."""
    met = value >= limit if least else value <= limit
    wanted = f"{'at least' if least else 'at most'} {limit:.3g}"
    return f"{'met   ' if met else 'MISSED'} {what}: {value:.3g}, wanted {wanted} ({value / limit:.2f} of it)"
