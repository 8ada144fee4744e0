"""The command line where a computer is not as it should be: devices, pipes, homes, displays, locales."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.cli import main

QUICK = {
    "compare": "compare quadratic --end-time 1 --learning-rates 0.1 --output out",
    "stability": "stability quadratic --steps 40 --learning-rates 0.1 --output out",
}
PACKAGE = Path(gf.__file__).parents[1]
needs_a_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def in_a_shell(line, **environment):
    """Return what is left of a command in a place of its own."""
    where = {**os.environ, "PYTHONPATH": str(PACKAGE), **environment}
    return subprocess.run(
        ["sh", "-c", f"{sys.executable} -m gradflow {line}"],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        timeout=120,
        env=where,
    )


def complaints(done):
    """Return what was said on standard error, without the lines that say where a slow command is."""
    lines = done.stderr.splitlines(keepends=True)
    return "".join(line for line in lines if not re.fullmatch(r"gradflow \w+: .*, \d+ s\n", line))


@pytest.mark.parametrize("line", QUICK.values(), ids=QUICK)
class TestStreams:
    @needs_a_full_device
    def test_a_full_device_is_a_failure_in_one_sentence_with_the_files_kept(self, line):
        done = in_a_shell(f"{line} > /dev/full")
        assert done.returncode == 1
        assert "the output could not be written: " in complaints(done)
        assert complaints(done).count("\n") == 1
        assert json.loads(Path("out/run.json").read_text())["figures"]

    def test_a_reader_that_has_gone_costs_nothing(self, line):
        done = in_a_shell(f"{line} | true")
        assert complaints(done) == ""
        assert Path("out/run.json").exists()


class TestHomes:
    @pytest.mark.parametrize("line", QUICK.values(), ids=QUICK)
    def test_without_a_home_to_write_to_nothing_is_missing_and_nothing_complained_of(self, line):
        nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "XDG_CONFIG_HOME": "/dev/null"}
        done = in_a_shell(f"{line} --json", **nowhere)
        assert (done.returncode, complaints(done)) == (0, "")
        assert len(json.loads(done.stdout)["figures"]) == 2

    @pytest.mark.parametrize("line", ["compare quadratic", "stability quadratic"])
    def test_a_folder_that_cannot_be_written_is_one_sentence_that_names_the_cure(self, line):
        done = in_a_shell(f"{line} --output /dev/null/out")
        assert (done.returncode, done.stdout) == (2, "")
        assert complaints(done).endswith("--output names another\n")
        assert complaints(done).count("\n") == 1

    def test_so_is_a_file_where_the_new_folder_would_be(self, capsys):
        Path("gradflow-compare").write_text("in the way")
        assert main(["compare", "quadratic"]) == 2
        assert (
            "`output` must be a folder that can be written, got 'gradflow-compare" in capsys.readouterr().err
        )

    def test_from_another_folder_a_run_is_the_same(self, tmp_path, monkeypatch, capsys):
        found = []
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
            monkeypatch.chdir(tmp_path / name)
            assert main([*QUICK["compare"].split(), "--json"]) == 0
            found.append(json.loads(capsys.readouterr().out)["descents"][0]["final_loss"])
            assert (tmp_path / name / "out" / "quadratic-compare.png").is_file()
        assert found[0] == found[1]


class TestDisplays:
    @pytest.mark.parametrize("backend", ["", "TkAgg"])
    def test_no_display_is_needed(self, backend):
        done = in_a_shell(f"{QUICK['compare']} --json", DISPLAY="", WAYLAND_DISPLAY="", MPLBACKEND=backend)
        assert (done.returncode, complaints(done)) == (0, "")
        assert all(Path(path).is_file() for path in json.loads(done.stdout)["figures"])

    @pytest.mark.parametrize("line", QUICK.values(), ids=QUICK)
    def test_a_matplotlib_that_cannot_draw_costs_the_figure_and_not_the_table(self, line):
        done = in_a_shell(line, MPLBACKEND="nonsense")
        assert done.returncode == 1
        assert "the figure could not be drawn: ValueError: Key backend: 'nonsense'" in complaints(done)
        assert complaints(done).count("\n") == 1
        assert "sharpness" in done.stdout
        assert json.loads(Path("out/run.json").read_text())["figures"] == []


class TestLocales:
    @pytest.mark.parametrize(
        "locale",
        [
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
            {"LC_ALL": "tr_TR.UTF-8"},
            {"LC_ALL": "de_DE.UTF-8", "PYTHONUTF8": "1"},
        ],
        ids=["C", "ascii", "turkish", "german"],
    )
    def test_names_of_every_alphabet_are_read_drawn_and_said(self, locale):
        Path("größe$x$.csv").write_text("länge,größe\n1,2\n2,4\n3,7\n", encoding="utf-8")
        words = "--target größe --steps 20 --learning-rates 0.05 --output out"
        done = in_a_shell(f"compare --data 'größe$x$.csv' {words}", **locale)
        assert (done.returncode, complaints(done)) == (0, "")
        assert "1 input of mean 0 and deviation 1" in done.stdout
        assert len(json.loads(Path("out/run.json").read_text())["figures"]) == 2
