"""``gradflow explore``: what the words ask for, and the page that is written or served."""

import http.client
import re
import signal
import subprocess
import sys

import pytest

import gradflow as gf
from gradflow.cli import main
from gradflow.explorer.page import built

OWN = """import gradflow as gf
def bowl():
    return gf.problems.Quadratic([1.0, 4.0]), [1.0, 1.0]
def broken():
    return 1 / 0
"""


def test_a_problem_is_written_to_one_file(tmp_path, capsys):
    assert main(["explore", "xor", "--write", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"
    assert '"name": "xor"' in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert main(["explore", "--write", str(tmp_path / "plain.html")]) == 0
    assert (tmp_path / "plain.html").read_text(encoding="utf-8") == built()


def test_files_and_folders_are_written_too(tmp_path):
    study = gf.study(gf.problems.Quadratic([1.0, 4.0]), [1.0, 1.0], [0.1], 2.0)
    study.save(tmp_path)
    target = tmp_path / "page.html"
    assert main(["explore", str(tmp_path), "--write", str(target)]) == 0
    assert '"kind": "runs"' in target.read_text(encoding="utf-8")
    names = [str(tmp_path / "flow"), str(tmp_path / "descent-0.1.npz")]
    assert main(["explore", *names, "--write", str(target)]) == 0
    assert "descent-0.1" in target.read_text(encoding="utf-8")


def test_so_is_the_folder_that_gradflow_compare_leaves(tmp_path, capsys):
    words = ("compare", "quadratic", "--learning-rates", "0.1", "--end-time", "1", "--output")
    assert main([*words, str(tmp_path / "runs")]) == 0
    assert main(["explore", str(tmp_path / "runs"), "--write", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "quadratic-descent-0.1" in text
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["no-such-thing"], "PROBLEM must be one of quadratic, "),
        (["a.npz", "b.npz"], "of several files each must be there"),
        (["xor", "own.py:bowl"], "a problem stands alone, got 'xor'"),
        (["quadratc"], "did you mean quadratic?"),
        ([""], "must be the name of a file, got an empty one"),
        (["none.py:make"], "there is no such file"),
        (["own.py"], "`problem` must name one of the functions bowl"),
        (["own.py:broken"], "own.py failed in line 5: ZeroDivisionError"),
        (["own.py:bowl", "--write", "x.html"], "own is computed in Python"),
        (["digits", "--write", "x.html"], "digits is computed in Python"),
        (["xor", "--write", "no/such/x.html"], "a file that can be written, got 'no/such/x.html': No such"),
        (["xor", "--write", ""], "`write` must be a file that can be written, got ''"),
        (["xor", "--write", "."], "`write` must be a file that can be written, got '.'"),
        (["xor", "--write", "own.py/x.html"], "Not a directory"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_one_sentence(words, sentence, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    assert main(["explore", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_it_serves_until_it_is_interrupted():
    process = subprocess.Popen(
        [sys.executable, "-m", "gradflow", "explore", "quadratic", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = process.stdout.readline().strip()
    host, path = re.fullmatch(r"http://(127\.0\.0\.1:\d+)(/\S+/)", url).groups()
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    assert (response.status, b'"name": "quadratic"' in response.read()) == (200, True)
    connection.close()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (0, "")
