"""The options of `gradflow compare` and `gradflow stability`: what they share, and what each has alone."""

from __future__ import annotations

import argparse

from gradflow.cli import arguments, learning_rates, update_rules

ACTIVATIONS = ("tanh", "identity", "sigmoid", "relu", "softplus", "swish", "gelu")
LOSSES = ("squared", "cross-entropy")
PRECISIONS = ("double", "single")
LOSS_SYNONYMS = {"mse": "squared", "l2": "squared", "ce": "cross-entropy", "softmax": "cross-entropy"}
PRECISION_SYNONYMS = {"float32": "single", "float64": "double", "32": "single", "64": "double"}
METHODS = ("auto", "RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA", "krylov-bdf", "rock2", "cvode")
NOT_OF_STABILITY = {
    "--batch": "the verdicts of stability are of full batches, gradflow compare takes --batch",
    "--end-time": "stability counts steps, --steps K",
    "--rate": "stability has no clock, gradflow compare takes --rate",
    "--method": "stability follows no flow, gradflow compare takes --method",
}


def add_compare(parser: arguments.Parser) -> None:
    """Add the options of ``gradflow compare``."""
    add = parser.add_argument
    _add_problem(parser, "digits", "32,16")
    rates_help = "eta of each descent: 0.05,0.2 or 0.5*limit or 2/lambda or 0.02:2:20log"
    add("--learning-rates", type=learning_rates.learning_rates, metavar="RATES", help=rates_help)
    _add_rule(parser)
    add("--batch", type=arguments.count, metavar="B", help="samples a step of descent (default: all)")
    add("--end-time", type=arguments.positive, metavar="T", help="flow time at which the runs end")
    add(
        "--steps",
        type=arguments.count,
        metavar="K",
        help="end after K steps of the smallest learning rate instead",
    )
    add("--rate", type=arguments.positive, default=1.0, metavar="MU", help="mu of the flow (default: 1)")
    add(
        "--method",
        type=arguments.one_of(METHODS),
        default="auto",
        metavar="M",
        help="integrator of the flow (default: auto)",
    )
    _add_rest(parser, "gradflow-compare/NAME", "figure, trajectories and numbers")


def add_stability(parser: arguments.Parser) -> None:
    """Add the options of ``gradflow stability``."""
    add = parser.add_argument
    _add_problem(parser, "chebyshev-6", "30,20")
    rates_help = (
        "eta of each run: 0.05,0.2 or 0.5*limit or 0.02:2:20log, or auto for rates around the limit "
        "(default: auto)"
    )
    add("--learning-rates", type=learning_rates.learning_rates_or_auto, metavar="RATES", help=rates_help)
    _add_rule(parser)
    add("--steps", type=arguments.count, default=500, metavar="K", help="steps of each run (default: 500)")
    _add_rest(parser, "gradflow-stability/NAME", "the figure and the numbers")
    parser.elsewhere.update(NOT_OF_STABILITY)


def _add_problem(parser: argparse.ArgumentParser, default: str, widths: str) -> None:
    add = parser.add_argument
    add("word", nargs="?", metavar="NAME", help=f"of the problem (default: {default})")
    own = "the same: one of `gradflow list`, or FILE.py:function for one of your own"
    add("--problem", metavar="NAME", help=own)
    add("--data", metavar="FILE.csv", help="learn from a file of your own, by a network")
    add("--target", metavar="COLUMN", help="of that file: its name, or its number, -1 for the last")
    add("--columns", metavar="a,b", help="its inputs, by names or numbers (default: all but the target)")
    add("--widths", type=arguments.counts, metavar=widths, help="widths of the hidden layers")
    add("--activation", type=arguments.one_of(ACTIVATIONS), metavar="F", help=", ".join(ACTIVATIONS))
    loss_help = " or ".join(LOSSES)
    add("--loss", type=arguments.one_of(LOSSES, LOSS_SYNONYMS), metavar="LOSS", help=loss_help)
    parser.set_defaults(default_problem=default)


def _add_rule(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    names = ", ".join(update_rules.NAMES)
    add("--rule", type=update_rules.rule_name, default="descent", metavar="RULE", help=names)
    add("--momentum", type=arguments.share, metavar="B", help="b of heavy-ball and nesterov")


def _add_rest(parser: argparse.ArgumentParser, folder: str, what: str) -> None:
    add = parser.add_argument
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=arguments.seed, metavar="S", help="of weights and batches (default: 0)")
    seeds.add_argument(
        "--seeds", type=arguments.seeds, metavar="0:10", help="several of them, drawn as bands"
    )
    add(
        "--precision",
        type=arguments.one_of(PRECISIONS, PRECISION_SYNONYMS),
        default="double",
        metavar="P",
        help="of the passes: double or single",
    )
    add("--output", metavar="DIR", help=f"folder for {what} (default: a new one, {folder})")
    add("--json", action="store_true", help="print one JSON object instead of the table")
