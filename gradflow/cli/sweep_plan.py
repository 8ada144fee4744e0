"""What `gradflow sweep` is asked: by a file of TOML, by options, or by options that overrule a file."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradflow.cli import arguments, learning_rates, update_rules
from gradflow.cli.arguments import Refused, one_of_them

MEASURES = ("ends", "regimes", "critical-rates", "distances")
KEYS = ("problem", "axes", "steps", "learning_rate", "rule", "momentum", "compute", "executor", "store")
# What a file calls the axes that the command line has options for.
RATES, SEEDS = "learning_rate", "seed"
NUM_STEPS = 500


def add_options(parser: arguments.Parser) -> None:
    """Add the options of ``gradflow sweep``."""
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE.toml", help="what to sweep; options overrule it")
    add("--problem", metavar="NAME", help="one of `gradflow list`, or FILE.py:function")
    add("--learning-rates", metavar="RATES", help="0.05,0.2 or 0.02:2:40log (of a case by default: its own)")
    add("--seeds", metavar="0:10", help="of the starting weights (default: 0)")
    axis_help = "a parameter of the problem, such as widths=4,8,16; may be given several times"
    add("--axis", action="append", default=[], metavar="NAME=VALUES", help=axis_help)
    add("--steps", type=arguments.count, metavar="K", help=f"steps of each run (default: {NUM_STEPS})")
    add("--rule", type=update_rules.rule_name, metavar="RULE", help=", ".join(update_rules.NAMES))
    add("--momentum", type=arguments.share, metavar="B", help="b of heavy-ball and nesterov")
    add("--compute", metavar="WHAT", help=f"{','.join(MEASURES)} (default: ends)")
    add("--executor", metavar="WHERE", help="processes:N or dask://HOST:PORT (default: this process)")
    add("--store", metavar="FILE.db", help="keeps what is finished (default: NAME.db in --output)")
    add("--output", default="gradflow-sweep", metavar="DIR", help="folder for table and figure")


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of a file, overruled by the options.

    Raises
    ------
    Refused
        If the file cannot be read, has an unknown key, or a value is of the wrong type.
    """
    given = {} if options.file is None else _read(Path(options.file))
    for key in given:
        if key not in KEYS:
            raise Refused(f"{options.file}: the key {one_of_them(KEYS, key)}")
    axes = dict(_table(given))
    own = {RATES: options.learning_rates, SEEDS: options.seeds}
    axes |= {name: text for name, text in own.items() if text is not None}
    axes |= dict(_axis(text) for text in options.axis)
    given["axes"] = {name: _values(name, value) for name, value in axes.items()}
    for key in ("problem", "steps", "rule", "momentum", "executor", "store"):
        if vars(options)[key] is not None:
            given[key] = vars(options)[key]
    if options.compute is not None:
        given["compute"] = options.compute.split(",")
    return _checked(given)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"`file` must be a file of TOML, got {str(path)!r:.100}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"`file` must be a file of TOML, got {str(path)!r:.100}: {error}") from None


def _table(given: dict[str, Any]) -> dict[str, Any]:
    axes = given.get("axes", {})
    if not isinstance(axes, dict):
        raise Refused(f"`axes` must be a table, [axes] with a line for each, got {axes!r:.60}")
    return axes


def _axis(text: str) -> tuple[str, Any]:
    name, sign, values = text.partition("=")
    if not sign or not name or not values:
        raise Refused(f"`axis` must be NAME=VALUES, such as widths=4,8, got {text!r:.60}")
    return name.strip(), [_number(part.strip()) for part in values.split(",")]


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def _values(name: str, value: Any) -> Any:
    """Return the values of an axis; those of learning rates and seeds may be text of the small grammar."""
    doors: dict[str, Callable[[str], Any]] = {RATES: _rates, SEEDS: arguments.seeds}
    if isinstance(value, str):
        if name not in doors:
            raise Refused(f"`axes` must have a list of values for {name}, got {value!r:.60}")
        try:
            return doors[name](value)
        except argparse.ArgumentTypeError as error:
            raise Refused(f"`{name}` {error}") from None
    return value if isinstance(value, list) else [value]


def _rates(text: str) -> tuple[float, ...]:
    values = learning_rates.learning_rates(text).times(None, None)
    if values is None:
        raise Refused(
            f"`learning_rate` must be numbers in a sweep, where every start has a limit, got {text!r:.60}"
        )
    return values


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(given.get("problem"), str):
        raise Refused("`problem` must be given: a name of `gradflow list`, or FILE.py:function")
    kinds = {"rule": update_rules.rule_name, "momentum": arguments.share, "steps": arguments.count}
    for key, door in kinds.items():
        if key in given:
            try:
                given[key] = door(str(given[key]))
            except argparse.ArgumentTypeError as error:
                raise Refused(f"`{key}` {error}") from None
    compute = given.get("compute", ["ends"])
    names = [compute] if isinstance(compute, str) else compute
    for name in names:
        if name not in MEASURES:
            raise Refused(f"`compute` {one_of_them(MEASURES, str(name))}")
    return given | {"compute": names, "steps": given.get("steps", NUM_STEPS)}
