"""Coefficients of ROCK2, computed from the orthogonal polynomials behind it.

With s stages the stability polynomial is R(z) = w(z) P_{s-2}(z), where w is a positive quadratic and the
P_j are orthogonal on -1 <= x <= 1 with respect to w(x)^2 / sqrt(1 - x^2), x = a + z/d. Being orthogonal
they have a three-term recurrence, which gives stages without growth of rounding errors; weighted by w they
oscillate evenly, which makes the interval on the negative axis where |R| <= 1 nearly as long as it can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq

from gradflow.types import Array

MIN_STAGES, MAX_STAGES = 3, 200
DAMPING = 0.95
# The interval of stability of s stages is INTERVAL s^2 for large s, and a little less for few.
INTERVAL = 0.8125
# Real part of w's roots is 1 + CENTER / s^2: there the interval is longest, for every s.
_CENTER = -1.0
_GRID_PER_STAGE = 32


@dataclass(frozen=True, eq=False)
class Coefficients:
    """The method with `stages` stages, stable for -interval <= z <= 0.

    g_1 = y + mu_1 h f(g_0), g_j = mu_j h f(g_{j-1}) + (1 + kappa_j) g_{j-1} - kappa_j g_{j-2} up to
    j = s - 2, where `times` are the c_j of g_0, g_1, ...; then w(z) = 1 + 2 sigma z + tau z^2.
    """

    stages: int
    interval: float
    mu: tuple[float, ...]
    kappa: tuple[float, ...]
    times: tuple[float, ...]
    sigma: float
    tau: float

    def stability(self, z: Array) -> Array:
        """Return R(z), the factor by which a step with y' = lambda y, z = h lambda, multiplies y."""
        before, now = np.ones_like(z), 1 + self.mu[0] * z
        for mu, kappa in zip(self.mu[1:], self.kappa[1:], strict=True):
            before, now = now, (mu * z + 1 + kappa) * now - kappa * before
        return (1 + 2 * self.sigma * z + self.tau * z**2) * now


@lru_cache(maxsize=MAX_STAGES)
def coefficients(stages: int) -> Coefficients:
    """Return the coefficients for a number of stages from 3 to 200.

    a and d follow from R'(0) = R''(0) = 1 (second order), the roots 1 - 1/s^2 +- i beta of w from the
    largest |R| behind the first zero being `DAMPING`.

    References
    ----------
    Abdulle and Medovikov, "Second order Chebyshev methods based on orthogonal polynomials", Numerische
    Mathematik 90 (2001), 1-18, sections 2 and 3.

    Examples
    --------
    >>> method = coefficients(10)
    >>> 0.80 < method.interval / 10**2 < 0.81
    True
    """
    center = 1 + _CENTER / stages**2

    def excess(beta: float) -> float:
        return _built(stages, center, beta / stages**2)[1] - DAMPING

    beta = brentq(excess, 3.2, 4.2, xtol=1e-9) / stages**2
    return _built(stages, center, beta)[0]


def _built(stages: int, center: float, width: float) -> tuple[Coefficients, float]:
    """Return the method whose w has the roots center +- i width, and |R| at its highest ripple."""
    alphas, betas = _recurrence(stages - 2, center, width)

    def curvature(a: float) -> float:
        _, first, second = _derivatives(a, alphas, betas, center, width)
        return second / first**2 - 1

    a = brentq(curvature, 1 + 1.5 / stages**2, 1 + 4.5 / stages**2, xtol=1e-15)
    ratios, d, _ = _derivatives(a, alphas, betas, center, width)
    mu = [1 / (d * ratio) for ratio in ratios]
    kappa = [0.0] + [b / (r * q) for b, r, q in zip(betas[1:], ratios[1:], ratios, strict=False)]
    times = [0.0, mu[0]]
    for m, k in zip(mu[1:], kappa[1:], strict=True):
        times.append(m + (1 + k) * times[-1] - k * times[-2])
    size = (a - center) ** 2 + width**2
    method = Coefficients(
        stages,
        d * (1 + a),
        tuple(mu),
        tuple(kappa),
        tuple(times),
        sigma=(a - center) / (size * d),
        tau=1 / (size * d**2),
    )
    first_zero = np.linalg.eigvalsh(_jacobi(alphas, betas))[-1]
    angles = np.linspace(np.arccos(first_zero), np.pi, _GRID_PER_STAGE * stages)
    ripples = method.stability(d * (np.cos(angles) - a))
    return method, float(np.abs(ripples).max())


def _recurrence(degree: int, center: float, width: float) -> tuple[list[float], list[float]]:
    """Return alpha_j, beta_j of the monic p_j = (x - alpha_j) p_{j-1} - beta_j p_{j-2}, beta_1 = 0.

    Stieltjes' procedure on the Chebyshev points, where the sums are exact.
    """
    num_points = degree + 4
    x = np.cos((np.arange(num_points) + 0.5) * np.pi / num_points)
    weight = ((x - center) ** 2 + width**2) ** 2
    before, now, last = np.zeros_like(x), np.ones_like(x), np.inf
    alphas, betas = [], []
    for _ in range(degree):
        weighted = weight * now
        norm = float(weighted @ now)
        alphas.append(float(weighted @ (x * now)) / norm)
        betas.append(norm / last)
        before, now, last = now, (x - alphas[-1]) * now - betas[-1] * before, norm
    return alphas, betas


def _derivatives(
    a: float, alphas: list[float], betas: list[float], center: float, width: float
) -> tuple[list[float], float, float]:
    """Return p_j(a) / p_{j-1}(a) for all j, and R'(a) / R(a), R''(a) / R(a)."""
    ratios: list[float] = []
    first, second, older_first, older_second, kappa = 0.0, 0.0, 0.0, 0.0, 0.0
    for alpha, beta in zip(alphas, betas, strict=True):
        ratio = a - alpha - (beta / ratios[-1] if ratios else 0.0)
        kappa = beta / (ratio * ratios[-1]) if ratios else 0.0
        older_first, first, older_second, second = (
            first,
            (1 + (a - alpha) * first) / ratio - kappa * older_first,
            second,
            (2 * first + (a - alpha) * second) / ratio - kappa * older_second,
        )
        ratios.append(ratio)
    size = (a - center) ** 2 + width**2
    slope = 2 * (a - center) / size
    return ratios, slope + first, 2 / size + 2 * slope * first + second


def _jacobi(alphas: list[float], betas: list[float]) -> Array:
    off = np.sqrt(betas[1:])
    return np.diag(alphas) + np.diag(off, 1) + np.diag(off, -1)
