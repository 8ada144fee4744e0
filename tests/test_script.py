"""Scripts that are interrupted: they end at once, say so, and leave the figures that were there."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gradflow import script
from gradflow.solvers import lsoda

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted(path for path in (ROOT / "experiments").glob("*.py") if path.stem != "__init__")

# The signal comes from within the run, after so many gradients.
STUDY = """
import os, signal, sys
from pathlib import Path
import gradflow as gf
from gradflow import plots, script

Q = gf.problems.Quadratic([1.0, 4.0])
left = 5

def gradient(w):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGINT)
    return Q.gradient(w)

def main():
    problem = gf.problems.from_callables(Q.loss, gradient, hvp=Q.hvp)
    if {flow}:
        run = gf.integrate(gf.GradientFlow(problem), [1.0, 1.0], 1.0, method="{flow}")
    else:
        run = gf.descend(problem, [1.0, 1.0], 0.1, 100)
    plots.save_figure(plots.draw_losses({{"run": run}}), Path("figure"))

if __name__ == "__main__":
    {start}
"""


def study(folder, flow="", start="script.run(main)"):
    text = textwrap.dedent(STUDY).replace("if {flow}:", f"if {bool(flow)}:")
    (folder / "study.py").write_text(text.format(flow=flow, start=start))
    for suffix in ("png", "svg"):
        (folder / f"figure.{suffix}").write_text("old")


def ended(folder, *words):
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def is_untouched(folder):
    names = {path.name for path in folder.iterdir() if path.name != "__pycache__"}
    same = all((folder / name).read_text() == "old" for name in ("figure.png", "figure.svg"))
    return same and names == {"study.py", "figure.png", "figure.svg"}


@pytest.mark.parametrize("flow", ["", "RK45", "LSODA", "BDF", "krylov-bdf"])
def test_a_script_ends_where_it_is_interrupted_and_draws_nothing(flow, tmp_path):
    study(tmp_path, flow)
    done = ended(tmp_path, "study.py")
    said = done.stderr.splitlines()
    if flow == "LSODA" and not lsoda.is_free():
        # scipy's Fortran of that time prints two lines of its own where its callback raises.
        said = said[-1:]
    assert (done.returncode, done.stdout, said) == (130, "", ["study: interrupted"])
    assert is_untouched(tmp_path)


@pytest.mark.parametrize("start", ["script.run(main)", "main()"])
@pytest.mark.parametrize("flow", ["", "RK45"])
def test_so_does_gradflow_run_whatever_the_script(start, flow, tmp_path):
    study(tmp_path, flow, start)
    done = ended(tmp_path, "-m", "gradflow", "run", "study.py", "study.py")
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.endswith(": interrupted\n")
    assert done.stderr.count("\n") == 1
    assert is_untouched(tmp_path)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_is_run_as_such_a_script(path):
    assert path.read_text().endswith('if __name__ == "__main__":\n    script.run(main)\n')


def test_python_s_answer_to_ctrl_c_is_put_back():
    with script.ended_by_interrupt():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_the_process_ignores_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with script.ended_by_interrupt():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
