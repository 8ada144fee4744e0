"""Verdicts as text for people, and as one JSON object for programs."""

from __future__ import annotations

import json
import math
from collections import Counter
from statistics import median
from typing import Any

import gradflow
from gradflow.cli.limits import limit_in_words
from gradflow.cli.numbers import finite
from gradflow.cli.stability_conclusion import conclusion
from gradflow.cli.tables import brief
from gradflow.cli.verdicts import QUESTIONS, Verdict, Verdicts
from gradflow.studies.table import aligned

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
SEEDS_HEAD = ("learning rate", "over limit", "final loss", "", "", "regimes")
SECOND_SEEDS_HEAD = ("", "", "median", "least", "most", "")


def as_text(verdicts: Verdicts) -> str:
    """Return the table with what it is about above; the conclusion and the figure's path end it."""
    single = f", {verdicts.precision} precision" * (verdicts.precision != "double")
    seeds = [verdict.seed for verdict in verdicts.grounds]
    weights = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}"
    lines = [
        f"{verdicts.subject.name}: {verdicts.subject.description}",
        f"{verdicts.subject.problem!r}",
        f"{verdicts.steps:,} steps of {verdicts.rule}, starting weights of {weights}{single}",
        _limit(verdicts),
        *_critical(verdicts),
        "",
        *_table(verdicts),
        "",
    ]
    if verdicts.interrupted:
        lines.append("interrupted from the keyboard")
    elif verdicts.partial is not None:
        lines.append(f"stopped at learning rate {verdicts.partial[0]:g}: {verdicts.partial[1].message}")
    lines.append(conclusion(verdicts))
    if verdicts.figures:
        lines.append(f"figure: {', '.join(map(str, verdicts.figures))}")
    return "\n".join([*lines, ""])


def _limit(verdicts: Verdicts) -> str:
    ground = verdicts.grounds[0]
    of_seed = "" if len(verdicts.grounds) == 1 else f" of seed {ground.seed}"
    if ground.sharpness is None:
        return f"the sharpness at the start{of_seed} was not found"
    start = f"sharpness at the start{of_seed} {ground.sharpness:.6g}"
    if ground.limit is None:
        return f"{start}, no linear stability limit"
    return f"{start}, linear {limit_in_words(verdicts.make(1.0), ground.limit)}"


def _critical(verdicts: Verdicts) -> list[str]:
    lines = []
    for question, what in QUESTIONS.items():
        found = [verdict.critical.get(question) for verdict in verdicts.found]
        rates = [rate for rate in found if rate is not None]
        answer = "not found in these steps"
        if len(rates) == 1:
            answer = f"{rates[0]:.4g}"
        elif rates:
            answer = f"{min(rates):.4g} to {max(rates):.4g}, median {median(rates):.4g}"
        lines.append(f"critical learning rate, up to which {what}: {answer}")
    return lines


def _table(verdicts: Verdicts) -> list[str]:
    if len(verdicts.grounds) == 1:
        rows = [_row(verdict, rate) for verdict in verdicts.found for rate in verdict.regimes]
        return aligned([HEAD, SECOND_HEAD, *rows])
    return aligned(
        [SEEDS_HEAD, SECOND_SEEDS_HEAD, *(_row_of_seeds(verdicts, rate) for rate in verdicts.learning_rates)]
    )


def _row(verdict: Verdict, rate: float) -> tuple[str, ...]:
    seen = verdict.regimes[rate].evidence
    period = seen.get("period", 0.0)
    names = ("first_effective_sharpness", "final_effective_sharpness", "final_loss", "highest_loss")
    return (
        f"{rate:g}",
        _over(rate, verdict.ground.limit),
        *(_known(seen.get(name)) for name in names),
        f"{seen['share_lowered']:.1%}",
        f"{period:.0f}" if period else "-",
        _known(seen.get("exponent")),
        verdict.regimes[rate].name,
    )


def _row_of_seeds(verdicts: Verdicts, rate: float) -> tuple[str, ...]:
    found = [verdict.regimes[rate] for verdict in verdicts.found if rate in verdict.regimes]
    losses = [each.evidence["final_loss"] for each in found] or [math.nan]
    counted = Counter(each.name for each in found)
    return (
        f"{rate:g}",
        _over(rate, verdicts.grounds[0].limit),
        *map(_known, (median(losses), min(losses), max(losses))),
        ", ".join(f"{number} {name}" for name, number in counted.most_common()) or "-",
    )


def _over(rate: float, limit: float | None) -> str:
    return brief(None if limit is None else rate / limit)


def _known(value: float | None) -> str:
    return brief(None if value is None or math.isnan(value) else value)


def as_json(verdicts: Verdicts) -> str:
    """Return one JSON object with every number of the table and its evidence; what is not finite is null."""
    first = verdicts.grounds[0]
    answer = {
        "gradflow": gradflow.__version__,
        "problem": verdicts.subject.name,
        "description": verdicts.subject.description,
        "num_weights": int(first.w0.size),
        "rule": verdicts.rule,
        "settings": {
            "seed": first.seed,
            "seeds": [ground.seed for ground in verdicts.grounds],
            "steps": verdicts.steps,
            "learning_rates": list(verdicts.learning_rates),
            "precision": verdicts.precision,
        },
        "sharpness": first.sharpness,
        "limit": first.limit,
        "critical": verdicts.found[0].critical if verdicts.found else {},
        "learning_rates": [each for verdict in verdicts.found for each in _of_seed(verdict)],
        "seeds": [
            {
                "seed": verdict.ground.seed,
                "sharpness": verdict.ground.sharpness,
                "limit": verdict.ground.limit,
                "critical": verdict.critical,
            }
            for verdict in verdicts.found
        ],
        "interrupted": verdicts.interrupted,
        "output": str(verdicts.output),
        "figures": [str(path) for path in verdicts.figures],
        "trajectories": [str(path) for path in verdicts.trajectories],
    }
    return json.dumps(finite(answer), indent=2, allow_nan=False) + "\n"


def _of_seed(verdict: Verdict) -> list[dict[str, Any]]:
    return [
        {
            "learning_rate": rate,
            "seed": verdict.ground.seed,
            "regime": each.name,
            "evidence": each.evidence,
        }
        for rate, each in verdict.regimes.items()
    ]
