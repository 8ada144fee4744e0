"""With `python -OO`, which forgets docstrings and leaves out assertions, nothing is lost."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import gradflow

ROOT = Path(__file__).parents[1]
PACKAGE = Path(gradflow.__file__).parent
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


@pytest.mark.parametrize("words", [("list",), ("list", "--json"), ("--help",), ("compare", "--help")])
def test_what_is_said_is_the_same(words):
    assert printed(*words, optimized=True) == printed(*words, optimized=False)


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
