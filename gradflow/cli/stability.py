"""``gradflow stability``: what each learning rate does to one problem, and why."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

import gradflow
from gradflow import cases, plots
from gradflow.analysis.stability import (
    Regime,
    critical_learning_rate,
    largest_stable_learning_rate,
    regime,
)
from gradflow.cli import streams
from gradflow.cli.arguments import Refused
from gradflow.cli.plan import MOST_STEPS, case_of, check_folder
from gradflow.cli.report import brief, finite
from gradflow.curvature import sharpness
from gradflow.rules import GradientDescent, HeavyBall, Nesterov, UpdateRule
from gradflow.simulate import descend
from gradflow.studies.table import aligned
from gradflow.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RULES: dict[str, Callable[[float, float], UpdateRule]] = {
    "descent": lambda rate, _: GradientDescent(rate),
    "heavy-ball": HeavyBall,
    "nesterov": Nesterov,
}
# In units of the limit, where there is one.
AUTO = (0.3, 0.6, 0.95, 1.05, 1.5, 2.0, 3.0)
WITHOUT_LIMIT = (0.01, 0.1, 1.0, 10.0, 100.0)
QUESTIONS = ("monotone", "converges")
TOLERANCE = 1e-3
FAILED = 1
HEAD = (
    "learning rate",
    "over limit",
    "effective sharpness",
    "",
    "loss",
    "",
    "steps lowering",
    "period",
    "exponent",
    "regime",
)
SECOND_HEAD = ("", "", "start", "end", "final", "highest", "the loss", "", "per step", "")


@dataclass(eq=False)
class Verdicts:
    """What was found, and whatever could not be written."""

    name: str
    case: cases.Case
    rule: str
    sharpness: float
    limit: float | None
    critical: dict[str, float | None]
    runs: dict[float, Trajectory]
    regimes: dict[float, Regime]
    options: dict[str, Any]
    figures: list[Path] = field(default_factory=list)
    trouble: str | None = None


def command(options: argparse.Namespace) -> int:
    """Judge every learning rate, write the figure, report, and return the exit status."""
    make = _rule(options)
    if options.steps > MOST_STEPS:
        raise Refused(f"`steps` must be at most {MOST_STEPS:,}, got {options.steps:.6g}")
    with threadpool_limits(1, user_api="blas"):
        name, case = case_of(options)
        folder = check_folder(options.output)
        found = _judged(options, name, case, make)
    try:
        found.figures = plots.save_figure(_figure(found), folder / f"{name}-stability")
    except OSError as error:
        found.trouble = f"the figure could not be written: {error}"
        streams.complain("gradflow stability", found.trouble)
    streams.say(_as_json(found) if options.json else _as_text(found))
    return FAILED if found.trouble else 0


def _rule(options: argparse.Namespace) -> Callable[[float], UpdateRule]:
    """Return the rule as a function of its learning rate."""
    if options.rule not in RULES:
        raise Refused(f"`rule` must be one of {', '.join(RULES)}, got {options.rule!r}")
    if (options.momentum is not None) != (options.rule != "descent"):
        raise Refused("`momentum` must be given with heavy-ball and nesterov, and only with them")
    momentum = 0.0 if options.momentum is None else options.momentum
    try:
        RULES[options.rule](1.0, momentum)
    except ValueError as error:
        raise Refused(error) from None
    return lambda rate: RULES[options.rule](rate, momentum)


def _judged(
    options: argparse.Namespace, name: str, case: cases.Case, make: Callable[[float], UpdateRule]
) -> Verdicts:
    steepness = sharpness(case.problem, case.w0)
    limit = largest_stable_learning_rate(case.problem, case.w0, make(1.0)) if steepness > 0 else None
    rates = options.learning_rates
    if rates is None:
        rates = WITHOUT_LIMIT if limit is None else [float(f"{share * limit:.3g}") for share in AUTO]
    rates = sorted(rates)
    critical = {question: _critical(case, make(1.0), question, options.steps) for question in QUESTIONS}
    if critical["converges"] is not None and critical["converges"] < (critical["monotone"] or 0.0):
        # Too few steps to tell: the loss still falls, and the steps do not die away at any learning rate.
        critical["converges"] = None
    stride = max(1, options.steps // 100)
    runs = {
        rate: descend(case.problem, case.w0, make(rate), options.steps, record_every=stride) for rate in rates
    }
    return Verdicts(
        name=name,
        case=case,
        rule=options.rule if options.momentum is None else f"{options.rule} {options.momentum:g}",
        sharpness=steepness,
        limit=limit,
        critical=critical,
        runs=runs,
        regimes={rate: regime(run, case.problem) for rate, run in runs.items()},
        options={"seed": options.seed, "steps": options.steps, "learning_rates": rates},
    )


def _critical(case: cases.Case, rule: UpdateRule, question: str, num_steps: int) -> float | None:
    try:
        return critical_learning_rate(
            case.problem, case.w0, question=question, rule=rule, num_steps=num_steps, tol=TOLERANCE
        )
    except ValueError:
        return None


def _as_text(found: Verdicts) -> str:
    lines = [
        f"{found.name}: {found.case.description}",
        f"{found.case.problem!r}",
        f"{found.options['steps']:,} steps of {found.rule}, starting weights of seed {found.options['seed']}",
        f"sharpness at the start {found.sharpness:.6g}, linear stability limit {brief(found.limit)}",
        *(_sentence(question, rate) for question, rate in found.critical.items()),
        "",
        *aligned([HEAD, SECOND_HEAD, *(_row(found, rate) for rate in found.runs)]),
        "",
    ]
    if found.figures:
        lines.append(f"figure: {', '.join(map(str, found.figures))}")
    return "\n".join([*lines, ""])


def _sentence(question: str, rate: float | None) -> str:
    what = {"monotone": "the loss never rises", "converges": "the steps die away"}[question]
    answer = "not found in these steps" if rate is None else f"{rate:.4g}"
    return f"critical learning rate, up to which {what}: {answer}"


def _row(found: Verdicts, rate: float) -> tuple[str, ...]:
    seen = found.regimes[rate].evidence
    period = seen.get("period", 0.0)
    return (
        f"{rate:g}",
        brief(None if found.limit is None else rate / found.limit),
        *(
            _known(seen.get(name))
            for name in (
                "first_effective_sharpness",
                "final_effective_sharpness",
                "final_loss",
                "highest_loss",
            )
        ),
        f"{seen['share_lowered']:.1%}",
        f"{period:.0f}" if period else "-",
        _known(seen.get("exponent")),
        found.regimes[rate].name,
    )


def _known(value: float | None) -> str:
    return brief(None if value is None or math.isnan(value) else value)


def _as_json(found: Verdicts) -> str:
    answer = {
        "gradflow": gradflow.__version__,
        "problem": found.name,
        "description": found.case.description,
        "num_weights": int(found.case.w0.size),
        "rule": found.rule,
        "settings": found.options,
        "sharpness": found.sharpness,
        "limit": found.limit,
        "critical": found.critical,
        "learning_rates": [
            {"learning_rate": rate, "regime": each.name, "evidence": each.evidence}
            for rate, each in found.regimes.items()
        ],
        "figures": [str(path) for path in found.figures],
    }
    return json.dumps(finite(answer), indent=2, allow_nan=False) + "\n"


def _figure(found: Verdicts) -> Figure:
    """Return the losses of every learning rate, and the regimes as a strip."""
    figure, (losses, strip) = plots.new_figure(2, width=7.2, height=3.0)
    runs = {rf"$\eta = {rate:g}$": run for rate, run in found.runs.items()}
    names = [each.name for each in found.regimes.values()]
    with plots.in_style():
        plots.draw_losses(runs, axis="step", ax=losses).set_title(f"{found.name}, {found.rule}")
        plots.draw_regimes(list(found.runs), names, limit=found.limit, ax=strip)
    return figure
