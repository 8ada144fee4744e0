"""What is imported, and when."""

import pickle
import pydoc
import subprocess
import sys

import pytest

import gradflow as gf

HEAVY = ("scipy", "matplotlib", "gradflow.problems", "gradflow.simulate")


def imported(code, heavy=HEAVY):
    """Return which of the heavy modules a new interpreter has loaded after `code`."""
    code += f"\nimport sys\nsys.stderr.write(' '.join(n for n in {heavy} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1].split() if done.stderr else []


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        [],
        ["compare", "--help"],
        ["stability", "--help"],
        ["train"],
        ["compare", "--seed", "x"],
        ["compare", "--nothing"],
        ["compare", "mnist"],
        ["stability", "mnist"],
        ["run"],
    ],
    ids=" ".join,
)
def test_help_and_wrong_arguments_wait_for_nothing(words):
    code = f"from gradflow.cli import main\ntry: main({words})\nexcept SystemExit: pass"
    code += "\nimport sys; sys.stderr.write(chr(10))"
    assert imported(code) == []


@pytest.mark.parametrize("words", [["list"], ["list", "--json"]], ids=" ".join)
def test_a_list_builds_nothing_that_it_names(words):
    code = f"from gradflow.cli import main\nassert main({words}) == 0"
    code += "\nimport sys; sys.stderr.write(chr(10))"
    assert imported(code) == []


@pytest.mark.parametrize("name", ["integrate", "descend", "study"])
def test_a_run_waits_for_no_interpolation_no_bar_no_figure_and_no_compiler(name):
    aside = ("scipy.interpolate", "tqdm", "asyncio", "matplotlib", "numba")
    assert imported(f"import gradflow; gradflow.{name}", aside) == []


def test_what_is_asked_for_is_imported_then():
    assert imported("import gradflow") == []
    assert "gradflow.problems" in imported("import gradflow; gradflow.problems.Quadratic")
    assert "gradflow.simulate" in imported("from gradflow import descend")


def test_names_of_cases_are_known_without_their_problems():
    assert imported("from gradflow import cases; cases.CASES['digits'].description") == []


@pytest.mark.parametrize("name", gf.__all__)
def test_every_public_name_is_there(name):
    assert getattr(gf, name) is getattr(gf, name)
    assert name in dir(gf)


def test_a_star_brings_all_of_them():
    found = {}
    exec("from gradflow import *", found)
    assert set(gf.__all__) <= set(found)
    assert found["descend"] is gf.descend


def test_help_knows_all_of_them():
    text = pydoc.render_doc(gf, renderer=pydoc.plaintext)
    assert all(name in text for name in gf.__all__)
    assert "Follow a flow from the weights `w0` to `end_time`" in text


@pytest.mark.parametrize("name", ["descend", "Outcome", "GradientFlow"])
def test_what_was_asked_for_is_pickled_by_its_own_place(name):
    assert pickle.loads(pickle.dumps(getattr(gf, name))) is getattr(gf, name)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'gradflow' has no attribute 'integrat'"):
        gf.integrat  # noqa: B018
    assert not hasattr(gf, "nothing")
