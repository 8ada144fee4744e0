"""What the verdicts came to, in one sentence."""

from __future__ import annotations

from gradflow.cli.verdicts import Verdicts

CALM = ("MONOTONE", "OVERSHOOTING")


def conclusion(verdicts: Verdicts) -> str:
    """Return one sentence: how large a learning rate may be by the runs, and what the limit says."""
    judged = [rate for rate in verdicts.learning_rates if names_at(verdicts, rate)]
    if not judged:
        return "No learning rate was judged."
    calm = [rate for rate in judged if all(name in CALM for name in names_at(verdicts, rate))]
    lost = [rate for rate in judged if "DIVERGED" in names_at(verdicts, rate)]
    parts = [_calm(verdicts, calm, judged), _lost(verdicts, lost, judged)]
    over = f"over {len(verdicts.found)} seeds " if len(verdicts.grounds) > 1 else ""
    sentence = over + "; ".join(parts)
    return sentence[0].upper() + sentence[1:] + "."


def names_at(verdicts: Verdicts, rate: float) -> list[str]:
    """Return the regimes that all seeds had at one learning rate."""
    return [verdict.regimes[rate].name for verdict in verdicts.found if rate in verdict.regimes]


def _calm(verdicts: Verdicts, calm: list[float], judged: list[float]) -> str:
    whose = f"{verdicts.rule} of {verdicts.subject.name}"
    settles = [each.critical.get("converges") for each in verdicts.found]
    if len(settles) == 1 and settles[0] is not None:
        return (
            f"the steps of {whose} die away up to learning rate {settles[0]:.4g}{_over(verdicts, settles[0])}"
        )
    largest = max(calm) if calm else min(judged)
    return f"{whose} is {_regimes(verdicts, largest)} at {largest:g}{_over(verdicts, largest)}"


def _lost(verdicts: Verdicts, lost: list[float], judged: list[float]) -> str:
    if not lost:
        return f"it diverges at none of the {len(judged)} learning rates tried"
    return f"the smallest learning rate tried that diverges is {min(lost):g}{_over(verdicts, min(lost))}"


def _regimes(verdicts: Verdicts, rate: float) -> str:
    names = sorted({name.lower().replace("_", " ") for name in names_at(verdicts, rate)})
    return " or ".join(names)


def _over(verdicts: Verdicts, rate: float) -> str:
    limit = verdicts.grounds[0].limit
    return "" if limit is None else f" ({rate / limit:.2f} times the linear limit)"
