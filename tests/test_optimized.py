"""With `python -OO`, which forgets docstrings and leaves out assertions, nothing is lost."""

import ast
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import gradflow
from gradflow import words

ROOT = Path(__file__).parents[1]
PACKAGE = Path(gradflow.__file__).parent
# How docstrings are asked for.
ASKING = re.compile(r"__doc__|\bgetdoc\b")
# What a run measures of the machine, not of the problem.
MEASURED = {"seconds", "total_seconds"}


def printed(*words, optimized):
    flags = ["-OO"] if optimized else []
    command = [sys.executable, *flags, "-m", "gradflow", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, cwd=ROOT).stdout


def unmeasured(value):
    if isinstance(value, dict):
        return {name: unmeasured(each) for name, each in value.items() if name not in MEASURED}
    return [unmeasured(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("words", ["list", "--help", "compare --help", "run", "run identity_neuron --help"])
def test_what_is_said_is_the_same(words):
    assert printed(*words.split(), optimized=True) == printed(*words.split(), optimized=False)


def test_no_room_asks_for_docstrings_but_the_one_that_finds_them_again():
    asking = [path.name for path in PACKAGE.rglob("*.py") if ASKING.search(path.read_text(encoding="utf-8"))]
    assert asking == ["words.py"]


@pytest.mark.parametrize("thing", [gradflow.descend, gradflow.rules.HeavyBall, gradflow.words])
def test_the_words_in_the_source_are_the_docstring(thing, monkeypatch):
    said = words.own_words(thing)
    assert said == inspect.getdoc(thing)
    monkeypatch.setattr(words.sys, "flags", SimpleNamespace(optimize=2))
    assert words.own_words(thing) == said


@pytest.mark.parametrize("thing", [len, int, lambda: 0, words])
def test_what_has_no_source_says_nothing(thing, monkeypatch):
    def none(_):
        raise OSError("could not get source code")

    monkeypatch.setattr(words.sys, "flags", SimpleNamespace(optimize=2))
    monkeypatch.setattr(words.inspect, "getsource", none)
    assert words.own_words(thing) == ""


def test_what_is_found_is_the_same(tmp_path):
    words = ("compare", "quadratic", "--learning-rates", "0.1", "--json", "--output", str(tmp_path))
    found = [unmeasured(json.loads(printed(*words, optimized=each))) for each in (True, False)]
    assert found[0] == found[1]


def test_an_assertion_only_tells_what_a_type_is():
    """No check of what a user gives, and nothing that does something, is left to assertions."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in [each for each in ast.walk(tree) if isinstance(each, ast.Assert)]:
            text = ast.unparse(node.test)
            assert text.endswith(" is not None") or text.startswith("isinstance("), f"{path}: {text}"
            assert node.msg is None
