"""Wrong command lines: exit status 2, one sentence that names the cure, no traceback, nothing left behind."""

import sys

import pytest

from gradflow.cli import main

OWN = """
import numpy as np

import gradflow as gf


def well():
    return gf.problems.DoubleWell(), np.array([0.5])


def takes_weights(w):
    return w @ w


def makes_nothing():
    return 3


def divides():
    return 1 / 0


def startless():
    return gf.problems.from_callables(lambda w: 0.5 * w @ w, lambda w: w)


def uphill():
    return gf.problems.from_callables(lambda w: 0.5 * w @ w, lambda w: -w), np.ones(2)


def hilltop():
    return gf.problems.DoubleWell(), np.array([0.1])


def crooked():
    def loss(w):
        return [][3]

    return gf.problems.from_callables(loss, lambda w: w), np.ones(2)
"""
CSV = "size,weight,color,kind\n1,4,red,plum\n3,8,green,apple\n5,9,red,plum\n"
LEARN = ("compare", "--data", "fruit.csv", "--target")
MISSING = ("compare", "--data", "nut.csv", "--target", "kind")

# The command, and what it must answer with: the cure.
WRONG = [
    ("comapre", "did you mean compare?"),
    ("stabilty xor", "did you mean stability?"),
    ("lst", "did you mean list?"),
    ("xor", "the command must be one of compare, explore, list"),
    ("compare digit", "did you mean digits?"),
    ("compare quadratik", "did you mean quadratic?"),
    ("compare XOR2", "must be one of digits"),
    ("compare chebyshev", "did you mean chebyshev-"),
    ("compare --problem parity", "did you mean parity-"),
    ("stability neuron", "did you mean identity-neuron?"),
    ("compare fruit.csv", "--data fruit.csv --target COLUMN"),
    ("compare my_loss.py", "FILE.py:function"),
    ("compare my_loss.py:make", "there is no such file"),
    ("compare own.py", "must name one of the functions well"),
    ("compare own.py:wel", "did you mean well?"),
    ("compare own.py:takes_weights", "it is called without arguments"),
    ("compare own.py:makes_nothing", "returns a problem"),
    ("compare own.py:divides", "own.py failed in line 20: ZeroDivisionError: division by zero"),
    ("compare own.py:startless", "let startless return problem, w0"),
    ("compare own.py:uphill", "is its sign right"),
    ("compare own.py:hilltop", "`learning-rates` must be given, such as 0.001:0.1:3log"),
    ("compare own.py:hilltop --learning-rates 0.5*limit", "`learning-rates` must be numbers here"),
    ("compare own.py:crooked", "IndexError"),
    ("stability own.py:crooked", "IndexError"),
    ("compare empty.py:make", "and the file has none"),
    ("compare broken.py:make", "broken.py failed in line 1: SyntaxError"),
    ("compare own.py:well --widths 3", "`widths` must be left out for own.py:well"),
    ("compare own.py:well --loss squared", "`loss` must be left out for own.py:well"),
    ("compare own.py:well --batch 2", "`batch` must be left out for own, a problem without samples"),
    ("compare own.py:well --precision single", "`precision` must be double for own"),
    ("compare xor own.py:well", "unrecognized arguments: own.py:well"),
    ("compare quadratic --loss squared", "`loss` must be left out for quadratic"),
    ("compare quadratic --activation relu", "`activation` must be left out for quadratic"),
    ("compare chebyshev-4 --loss cross-entropy", "`loss` must be squared for chebyshev-4"),
    ("compare --loss mse", "did you mean squared?"),
    ("compare --loss crossentropy", "did you mean cross-entropy?"),
    ("compare --activation tahn", "did you mean tanh?"),
    ("compare --precision float32", "did you mean single?"),
    ("compare --rule momentum", "did you mean heavy-ball?"),
    ("compare --rule sgd", "did you mean descent?"),
    ("stability --rule nestrov", "did you mean nesterov?"),
    ("compare xor --rule heavy-ball", "such as --momentum 0.9"),
    ("compare xor --momentum 0.9", "--rule heavy-ball --momentum 0.9"),
    ("compare xor --rule heavy-ball --momentum 1", "must be at least 0 and below 1"),
    ("compare xor --rule sign", "sign has none"),
    ("compare xor --batch 5", "`batch` must be at most the 4 samples, got 5"),
    ("compare xor --batch 0", "--batch: must be a whole number of at least 1"),
    ("stability --batch 2", "gradflow compare takes --batch"),
    ("stability --end-time 5", "stability counts steps, --steps K"),
    ("stability --method BDF", "gradflow compare takes --method"),
    ("compare xor --steps 10 --end-time 3", "give either --end-time or --steps"),
    ("compare --steps 1.5", "--steps: must be a whole number"),
    ("compare xor --steps 1e30", "must need at most 100,000,000 steps"),
    ("compare --seeds 5:2", "such as 0:10"),
    ("compare --seeds 0:100000", "at most 1000 seeds"),
    ("compare --seeds 1:2:3", "must be FIRST:END"),
    ("compare --seeds a", "or numbers separated by commas"),
    ("compare --seed 1 --seeds 0:3", "--seeds: not allowed with argument --seed"),
    ("compare --learning-rates 0.5*lambda", "such as 0.5*limit or 2/lambda"),
    ("compare --learning-rates __import__('os')", "must be positive numbers separated by commas"),
    ("compare --learning-rates 2**3", "must be positive numbers separated by commas"),
    ("compare --learning-rates 0.1:1", "a range such as 0.02:2:20log"),
    ("compare --learning-rates 0.1:1:0log", "a range such as 0.02:2:20log"),
    ("compare --learning-rates 0.1:1:9999", "must be at most 1000 learning rates"),
    ("compare --learning-rates 0:1:5log", "a range such as 0.02:2:20log"),
    ("compare --learning-rates auto", "must be positive numbers separated by commas"),
    ("stability --learning-rates lots", "must be positive numbers separated by commas"),
    ("compare --epochs 5", "did you mean --steps?"),
    ("compare --optimizer adam", "did you mean --rule?"),
    ("compare --batchsize 4", "did you mean --batch?"),
    ("compare --eta 0.1", "did you mean --learning-rates?"),
    ("stability --lr 0.1", "did you mean --learning-rates? (see gradflow stability --help)"),
    ("compare --method rk54", "did you mean RK45?"),
    ("compare --target kind", "`data` must be given with --target"),
    ("compare --columns size", "`data` must be given with --columns"),
    ("compare --data fruit.csv", "`target` must be given with --data"),
    ("compare xor --data fruit.csv --target kind", "give either a problem or --data"),
    ("compare --data . --target kind", "`data` must be a file that can be read"),
    ("compare --output in_the_way/out xor", "--output names another"),
    ("list --jsn", "did you mean --json?"),
    ("--versoin", "did you mean --version?"),
    (MISSING, "`data` must be a file that can be read, got 'nut.csv'"),
    ((*LEARN, "kin"), "nearest is 'kind'"),
    ((*LEARN, "9"), "must be a column from 0 to 3, got 9"),
    ((*LEARN, "kind"), "got 'red' in line 2, column 'color' (--columns a,b,c says which are the inputs)"),
    ((*LEARN, "kind", "--columns", "size,wieght"), "nearest is 'weight'"),
    ((*LEARN, "weight", "--columns", "size", "--loss", "squared", "--batch", "4"), "at most the 3 samples"),
]


def words_of(line):
    return line.split() if isinstance(line, str) else line


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with files of the user's own, and a path of modules that is put back."""
    monkeypatch.chdir(tmp_path)
    # No line says where a slow machine is.
    monkeypatch.setattr("gradflow.cli.heartbeat.SECONDS", 1e9)
    monkeypatch.setattr(sys, "path", list(sys.path))
    files = {"own.py": OWN, "fruit.csv": CSV, "empty.py": "", "broken.py": "def make(:\n", "in_the_way": ""}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("line", "cure"), WRONG, ids=lambda each: "-".join(words_of(each))[:50])
def test_a_wrong_command_line_gets_status_two_and_one_sentence_with_the_cure(line, cure, capsys, folder):
    before = sorted(folder.iterdir())
    try:
        status = main(words_of(line))
    except SystemExit as leaving:
        status = leaving.code
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert cure in printed.err
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("gradflow")
    assert "Traceback" not in printed.err
    assert sorted(folder.iterdir()) == before


def test_there_are_more_than_sixty_of_them():
    assert len({words_of(line) if isinstance(line, tuple) else line for line, _ in WRONG}) > 60
