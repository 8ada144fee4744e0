"""A network that learns from a file of the user's own."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradflow.cli import streams
from gradflow.cli.drawing import utf8
from gradflow.cli.subjects import Subject, start_of
from gradflow.datasets import Samples, from_csv
from gradflow.problems.layered.network import FeedForward

WIDTHS = (16,)
# What the reader calls its arguments, and what they are on the command line.
TYPED = {
    "`classes=True`": "--loss cross-entropy",
    "; `columns` says which are the inputs": "",
    "`encoding` says what it is in": "it is to be saved as UTF-8",
    "`header` says whether it is a header": "--target with a name says that it is a header",
}


def subject_of_data(options: argparse.Namespace, network: dict[str, str]) -> Subject:
    """Return the network on the columns of a CSV file, inputs of mean 0 and deviation 1.

    Text is classes, which are told apart by cross-entropy; numbers are amounts, squared loss, unless
    ``--loss cross-entropy`` makes classes of them.

    Raises
    ------
    ValueError
        If there is no such file or column, or a cell is neither.
    """
    path = Path(options.data)
    is_classes = network.get("loss") == "cross_entropy"
    columns = None if options.columns is None else [_column(each) for each in options.columns.split(",")]
    try:
        samples = from_csv(path, _column(options.target), columns=columns, classes=is_classes)
    except ValueError as error:
        raise ValueError(_as_typed(str(error), options.columns)) from None
    except OSError as error:
        known = {FileNotFoundError: "there is none", IsADirectoryError: "it is a folder"}
        reason = known.get(type(error), error.strerror or str(error))
        raise ValueError(
            f"`data` must be a file that can be read, got {options.data!r:.60}: {reason}"
        ) from None
    samples = _varying(samples).standardized()
    network = {"loss": "cross_entropy" if samples.classes else "squared"} | network
    targets: Any = samples.targets if samples.classes else samples.targets.reshape(-1, 1)
    problem = FeedForward(samples.inputs, targets, options.widths or WIDTHS, **network)  # type: ignore[arg-type]
    aim = f"{len(samples.classes)} classes" if samples.classes else "amounts"
    given = f"{len(samples.names)} input{'s' * (len(samples.names) > 1)} of mean 0 and deviation 1"
    described = f"{samples.target_names[0]} of {path.name} ({aim}) from {given}"
    return Subject(path.stem or "data", described, problem, start_of(problem))


def _as_typed(sentence: str, columns: str | None) -> str:
    """Return what the reader says in the words of the command line, with a cure for what is no number."""
    for said, typed in TYPED.items():
        sentence = sentence.replace(said, typed)
    is_cured = columns is None and "column" in sentence and "target" not in sentence
    return f"{sentence} (--columns a,b,c says which are the inputs)" if is_cured else sentence


def _column(text: str) -> str | int:
    """Return a whole number as the place of a column, everything else as its name."""
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 10 else utf8(text)


def _varying(samples: Samples) -> Samples:
    """Return the samples without inputs that are the same in every row, and say which these were."""
    varies = samples.inputs.max(axis=0) > samples.inputs.min(axis=0)
    if varies.all():
        return samples
    left_out = [name for name, each in zip(samples.names, varies, strict=True) if not each]
    if not varies.any():
        raise ValueError("`data` must have an input that is not the same in every row, got none")
    streams.complain("gradflow", f"left out, being the same in every row: {', '.join(left_out)}")
    return replace(
        samples,
        inputs=samples.inputs[:, varies],
        names=tuple(name for name, each in zip(samples.names, varies, strict=True) if each),
        means=samples.means[varies],
        scales=samples.scales[varies],
    )
