"""A comparison as text for people."""

from __future__ import annotations

from gradflow.cli.conclusion import conclusion
from gradflow.cli.limits import limit_in_words
from gradflow.cli.numbers import sketch
from gradflow.cli.results import Results
from gradflow.cli.tables import brief, table
from gradflow.cli.update_rules import OF_THE_FLOW


def head(results: Results) -> str:
    """Return the table with what it is about above."""
    return "\n".join([*_introduction(results), "", *table(results), "", ""])


def ending(results: Results) -> str:
    """Return where the files are, the conclusion and the picture's path."""
    return "\n".join([*_ending(results), ""])


def _introduction(results: Results) -> list[str]:
    plan = results.plan
    seeds = [str(ground.seed) for ground in plan.grounds]
    weights = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}"
    lines = [
        f"{plan.name}: {plan.subject.description}",
        f"{plan.subject.problem!r}",
        f"flow time 0 to {plan.end_time:g} at rate {plan.rate:g}, starting weights of {weights}",
    ]
    asked = [f"rule {plan.rule}" * (plan.rule != "descent")]
    asked += [f"batches of {plan.batch}" * (plan.batch is not None)]
    asked += [f"{plan.precision} precision" * (plan.precision != "double")]
    if any(asked):
        lines.append(", ".join(each for each in asked if each))
    return [*lines, _sharpness(results)]


def _sharpness(results: Results) -> str:
    plan, ground = results.plan, results.plan.grounds[0]
    where = "at the start" if len(plan.grounds) == 1 else f"at the start of seed {ground.seed}"
    if ground.sharpness is None:
        return f"the sharpness {where} was not found"
    if ground.limit is None:
        return f"sharpness {brief(ground.sharpness)} {where}: no learning rate is linearly unstable there"
    limit = limit_in_words(plan.make(1.0), ground.limit)
    return f"sharpness {brief(ground.sharpness)} {where}: {limit}"


def _ending(results: Results) -> list[str]:
    plan, lines = results.plan, []
    if found := sketch(results):
        lines.append(f"distances are estimates from sketches of {found['size']} numbers")
    if plan.rule.partition(" ")[0] not in OF_THE_FLOW:
        lines.append(
            f"{plan.rule} follows a flow of its own: its distance to the gradient flow does not vanish as "
            "its learning rate does"
        )
    if results.interrupted:
        missing = results.num_missing
        asked = missing + sum(len(part.descents) for part in results.parts)
        lines.append(
            "interrupted from the keyboard" + f", {missing} of {asked} descents not run" * (missing > 0)
        )
    if results.trajectories:
        names = ", ".join(path.name for path in results.trajectories[:6])
        more = len(results.trajectories) - 6
        lines.append(f"trajectories are in {plan.output}: {names}" + f" and {more} more" * (more > 0))
    lines.append(conclusion(results))
    if results.figures:
        lines.append(f"figure: {', '.join(map(str, results.figures))}")
    return lines
