"""Every experiment in its quick form: what it writes is read back, and is what its figure shows."""

import json
import shutil

import numpy as np
import pytest

from gradflow import experiments
from gradflow.cli import main
from gradflow.experiments.answers import plain
from gradflow.experiments.finding import FIGURES
from gradflow.experiments.leaving import header
from gradflow.experiments.table import read_table
from gradflow.plots.series import shown_series
from gradflow.plots.style import COLUMN_WIDTH, TEXT_WIDTH
from tests.plots.boxes import faults


def contents(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.fixture(scope="module", params=experiments.names())
def ran(request, tmp_path_factory):
    """Run an experiment by the command line: its declaration and the folder."""
    folder, before = tmp_path_factory.mktemp(request.param), contents(FIGURES)
    assert main(["run", request.param, "--quick", "--output", str(folder)]) == 0
    assert contents(FIGURES) == before
    return experiments.load(request.param), folder


def test_there_are_five_files_and_a_figure_from_them_shows_the_same(ran):
    found, folder = ran
    assert {path.suffix for path in folder.iterdir()} == {".csv", ".json", ".npz", ".png", ".svg"}
    series = read_table(folder / f"{found.name}.csv")
    drawn = shown_series(found.plot(experiments.read(folder / f"{found.name}.npz", found)))
    assert len(series) == len(drawn) > 0
    for written, each in zip(series, drawn, strict=True):
        assert (written.panel, written.title, written.label) == (each.panel, each.title, each.label)
        np.testing.assert_array_equal(written.x, each.x)
        np.testing.assert_array_equal(written.y, each.y)
        assert (written.value is None) == (each.value is None)
        if each.value is not None:
            np.testing.assert_array_equal(written.value, each.value)


def test_the_answers_in_the_file_are_those_of_the_results(ran):
    found, folder = ran
    told = header(folder / f"{found.name}.json")
    results = experiments.read(folder / f"{found.name}.npz", found)
    assert told["answers"] == json.loads(json.dumps(plain(found.answers(results))))
    assert told["question"] == found.question
    assert told["made_with"]["numpy"] == np.__version__
    assert {name: told["parameters"][name] for name in found.quick} == plain(found.quick)


def test_the_figure_can_be_read_at_the_width_of_a_page(ran):
    found, folder = ran
    figure = found.plot(experiments.read(folder / f"{found.name}.npz", found))
    assert figure.get_size_inches()[0] in (COLUMN_WIDTH, TEXT_WIDTH)
    assert faults(figure) == []


def test_gradflow_plot_draws_the_same_svg_again(ran, tmp_path):
    found, folder = ran
    for suffix in ("json", "npz"):
        shutil.copy(folder / f"{found.name}.{suffix}", tmp_path)
    assert main(["plot", str(tmp_path)]) == 0
    assert (tmp_path / f"{found.name}.svg").read_bytes() == (folder / f"{found.name}.svg").read_bytes()
