"""The command `gradflow sweep`: many runs, a store that survives, a table."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gradflow import cases, sweeps
from gradflow.cli import streams, sweep_plan, update_rules
from gradflow.cli.arguments import Refused
from gradflow.cli.folders import named_folder
from gradflow.cli.heartbeat import beating, on_terminal
from gradflow.cli.own_file import blamed
from gradflow.cli.problem_names import is_own_file
from gradflow.cli.sweep_problems import OfCase, problem_of
from gradflow.trajectory import Outcome

INTERRUPTED, FAILED = 130, 1
_FUNCTIONS = (sweeps.ends, sweeps.regimes, sweeps.critical_rates, sweeps.distances)
MEASURES = dict(zip(sweep_plan.MEASURES, _FUNCTIONS, strict=True))


def command(options: argparse.Namespace) -> int:
    """Compute what the store does not have, print the table and return the exit status.

    Status 130 is an interrupt and 1 a sweep with points missing; what is finished is in the store.

    Raises
    ------
    Refused
        If something asked for makes no sense; nothing has run then.
    """
    given = sweep_plan.settings(options)
    with blamed(given["problem"] if is_own_file(given["problem"]) else None):
        sweep = _sweep(given)
    folder = named_folder(options.output)
    name = Path(given["problem"].partition(".py")[0]).name
    try:
        store = sweeps.Store(given.get("store", folder / f"{name}.db"))
    except (ValueError, OSError) as error:
        raise Refused(error) from None
    with _executor(given.get("executor")) as executor, beating("gradflow sweep") as beat:
        beat.stage(f"{len(sweep.points):,} points")
        result = sweep.run(store, executor, progress=on_terminal())
    table = result.to_csv(folder / f"{name}.csv")
    streams.say(f"{result}\n\n{result.table()}\n\n")
    lines = [_conclusion(result), table, store.path, *_drawn(result, folder / name)]
    streams.say("".join(f"{line}\n" for line in lines))
    if result.is_interrupted:
        return INTERRUPTED
    return 0 if result.is_whole else FAILED


def _sweep(given: dict[str, Any]) -> sweeps.Sweep:
    axes = given["axes"]
    made = problem_of(given["problem"], list(axes))
    measures = [MEASURES[name] for name in given["compute"]]
    names = argparse.Namespace(rule=given.get("rule", "descent"), momentum=given.get("momentum"))
    try:
        if sweep_plan.RATES not in axes and given.get("learning_rate") is None:
            axes = {sweep_plan.RATES: _usual_rates(made)} | axes
        return sweeps.Sweep(
            made,
            axes,
            given["steps"],
            given.get("learning_rate"),
            start=made.start,
            rule=update_rules.rule_of(names),
            compute=measures,
        )
    except ValueError as error:
        raise Refused(error) from None


def _usual_rates(made: Any) -> list[float]:
    """Return the learning rates that suit a case."""
    if not isinstance(made, OfCase):
        raise Refused("`learning_rate` must be given: --learning-rates 0.02:2:40log")
    return list(cases.make(made.name).learning_rates)


@contextmanager
def _executor(text: str | None) -> Iterator[Executor | None]:
    """Lend what `--executor` names.

    Raises
    ------
    Refused
        If it names nothing, or dask is not installed or does not answer.
    """
    kind, _, number = (text or "").partition(":")
    if text is None:
        yield None
    elif kind == "processes" and number.isdecimal() and int(number) >= 1:
        with sweeps.Processes(int(number)) as pool:
            yield pool
    elif kind == "dask" and number.startswith("//") and ":" in number:
        with _dask(f"tcp:{number}") as pool:
            yield pool
    else:
        raise Refused(f"`executor` must be processes:N or dask://HOST:PORT, got {text!r:.60}")


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise Refused('`executor` needs dask: pip install "gradflow-sim[dask]"') from None
    try:
        client = Client(address, timeout="10s")
    except OSError as error:
        raise Refused(f"`executor` must be a scheduler that answers, got {address}: {error}") from None
    with client:
        yield client.get_executor()


def _drawn(result: sweeps.SweepResult, stem: Path) -> list[Path]:
    """Draw final losses where they can be drawn, and return the files."""
    if not result.is_whole or "final_loss" not in result.names:
        return []
    from gradflow import plots

    try:
        return plots.save_figure(plots.draw_sweep(result), stem)
    except ValueError:  # more axes than one picture has
        return []


def _conclusion(result: sweeps.SweepResult) -> str:
    """Return one sentence of what was found."""
    if not len(result):
        return "No point is finished; the same command goes on."
    lost = sum(result.missing.values())
    if lost:
        return f"{len(result):,} points are finished, {lost:,} are missing: the same command goes on."
    if "outcome" not in result.names or sweep_plan.RATES not in result.axes:
        return f"All {len(result):,} points are finished."
    rates, diverged = result.column(sweep_plan.RATES), result.column("outcome") == Outcome.DIVERGED.name
    if not diverged.any():
        return f"None of {len(result):,} runs diverged, up to a learning rate of {rates.max():.4g}."
    return (
        f"{int(diverged.sum()):,} of {len(result):,} runs diverged, the first at a learning rate of "
        f"{rates[diverged].min():.4g}."
    )
