"""The stability limit of each rule under its own name."""

from __future__ import annotations

from gradflow.analysis.stability.limits import stable_product
from gradflow.rules import GradientDescent, Preconditioned, UpdateRule


def limit_in_words(rule: UpdateRule, limit: float) -> str:
    """Return the limit with its formula.

    Examples
    --------
    >>> from gradflow.rules import Nesterov
    >>> limit_in_words(Nesterov(1.0, 0.9), 0.5774)
    'stability limit of Nesterov 1.357/sharpness 0.5774'
    """
    product = f"{stable_product(rule):.4g}"
    if isinstance(rule, Preconditioned):
        return f"stability limit of {type(rule).__name__} {product}/(preconditioned sharpness) {limit:.4g}"
    whose = "" if isinstance(rule, GradientDescent) else f" of {type(rule).__name__}"
    return f"stability limit{whose} {product}/sharpness {limit:.4g}"


def limit_in_mathtext(rule: UpdateRule) -> str:
    r"""Return the name of the limit in a figure.

    Examples
    --------
    >>> from gradflow.rules import HeavyBall
    >>> limit_in_mathtext(HeavyBall(1.0, 0.9))
    'limit of HeavyBall $3.8/\\lambda$'
    """
    over = r"/\lambda_P" if isinstance(rule, Preconditioned) else r"/\lambda"
    whose = "stability limit" if isinstance(rule, GradientDescent) else f"limit of {type(rule).__name__}"
    return f"{whose} ${stable_product(rule):.4g}{over}$"
