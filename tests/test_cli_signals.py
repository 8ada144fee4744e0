"""SIGTERM on the command line ends it as Ctrl-C does, with what was reached."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.cli import entry, main
from gradflow.cli.signals import terminated_like_interrupted

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
ROOT = Path(__file__).parents[1]
# A descent that gets SIGTERM at its tenth step.
TERMINATED = """
import os, signal, sys
import gradflow as gf
from gradflow.cli import main
from gradflow.studies import run as studies

def descend(problem, *arguments, **options):
    def callback(t, w):
        if t > 0.9:
            os.kill(os.getpid(), signal.SIGTERM)
    return gf.descend(problem, *arguments, **options, callback=callback)

studies.descend = descend
sys.exit(main(["compare", "quadratic", "--learning-rates", "0.1,0.2", "--json", *sys.argv[1:]]))
"""


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("ignores_the_keyboard", [False, True])
def test_what_was_reached_is_written_and_printed(ignores_the_keyboard, tmp_path):
    """In the background of a shell SIGINT is ignored, SIGTERM is not."""
    command = [sys.executable, "-c", TERMINATED, "--output", str(tmp_path)]
    if ignores_the_keyboard:
        command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)
    assert done.returncode == entry.INTERRUPTED
    found = json.loads(done.stdout)
    assert [row["outcome"] for row in found["descents"]] == ["INTERRUPTED"]
    assert "Traceback" not in done.stderr
    runs = [gf.Trajectory.load(path) for path in found["trajectories"]]
    assert runs[-1].outcome is gf.Outcome.INTERRUPTED
    assert 0.9 < runs[-1].times[-1] < 1.2


def test_elsewhere_it_ends_the_command_without_a_traceback(capsys, monkeypatch):
    monkeypatch.setattr(entry, "_parser", terminate)
    assert main([]) == entry.INTERRUPTED
    assert capsys.readouterr().err == "gradflow: interrupted\n"


def test_a_script_is_ended_and_draws_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = ["import os, signal", "os.kill(os.getpid(), signal.SIGTERM)", "open('figure', 'w')"]
    (tmp_path / "drawing.py").write_text("\n".join(lines))
    assert main(["run", "drawing.py"]) == entry.INTERRUPTED
    assert "interrupted" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["drawing.py"]


def test_what_was_there_before_is_there_again():
    with terminated_like_interrupted():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_answer_of_the_process_itself_stays():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with terminated_like_interrupted():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_nothing_is_changed():
    found = []

    def inside():
        with terminated_like_interrupted():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
