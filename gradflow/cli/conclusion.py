"""What a comparison came to, in one sentence."""

from __future__ import annotations

from statistics import median

import numpy as np

from gradflow.cli.results import Finished, Results


def conclusion(results: Results) -> str:
    """Return one sentence: how near descent stays, and from where on it leaves."""
    rates = [rate for rate in results.plan.learning_rates if results.descents_at(rate)]
    if not rates:
        return "No descent was finished, so there is nothing to compare."
    lost = [rate for rate in rates if any(run.diverged for run in results.descents_at(rate))]
    kept = [rate for rate in rates if rate not in lost]
    parts = [_nearest(results, kept)] if kept else []
    parts.append(_leaving(results, lost, kept))
    over = f"over {len(results.parts)} seeds " if len(results.plan.grounds) > 1 else ""
    sentence = _partial(results) + over + "; ".join(parts)
    return sentence[0].upper() + sentence[1:] + "."


def _partial(results: Results) -> str:
    """Return a clause on a flow that stopped before its end."""
    for part in results.parts:
        if part.flow.is_partial:
            return f"as far as the flow came, to t = {part.flow.run.times[-1]:.4g}, "
    return ""


def _nearest(results: Results, kept: list[float]) -> str:
    near, far = _nearest_rate(results, kept)
    way = _way(results.descents_at(near))
    share = f" ({_in_words(far / way)} the way it goes)" if way > 0 else ""
    return f"{results.plan.rule} at learning rate {near:g} stays within {far:.3g} of the flow{share}"


def _nearest_rate(results: Results, kept: list[float]) -> tuple[float, float]:
    far = {rate: _distance(results.descents_at(rate)) for rate in kept}
    near = min(far, key=lambda each: far[each])
    return near, far[near]


def _in_words(share: float) -> str:
    return f"{100 * share:.2g} % of" if share < 1 else f"{share:.2g} times"


def _leaving(results: Results, lost: list[float], kept: list[float]) -> str:
    if lost and not kept:
        every = "every learning rate tried, the least" if len(lost) > 1 else "learning rate"
        return f"{results.plan.rule} diverges at {every} {min(lost):g}{_over(results, min(lost))}"
    if lost:
        several = f"{len(lost)} of {len(lost + kept)} learning rates, the least "
        return f"it diverges at {several * (len(lost) > 1)}{min(lost):g}{_over(results, min(lost))}"
    largest = max(kept)
    if len(kept) == 1:
        return f"it does not diverge there{_over(results, largest)}"
    if largest == _nearest_rate(results, kept)[0]:
        return f"it diverges at none of the {len(kept)} learning rates tried"
    away = f"{_distance(results.descents_at(largest)):.3g}"
    return f"even at {largest:g}{_over(results, largest)} it does not diverge, but comes {away} away"


def _over(results: Results, rate: float) -> str:
    limit = results.plan.grounds[0].limit
    return "" if limit is None else f" ({rate / limit:.2f} times the stability limit)"


def _distance(runs: list[Finished]) -> float:
    """Return the largest distance to the flow, of several seeds the median."""
    return median(run.comparison.largest_distance for run in runs if run.comparison is not None)


def _way(runs: list[Finished]) -> float:
    return median(float(np.max(run.comparison.travelled)) for run in runs if run.comparison is not None)
