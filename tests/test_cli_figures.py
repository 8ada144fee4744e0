"""The figures of the command line: no text too small, none on another, no legend over a curve."""

import pytest

from gradflow.cli import main
from tests.plots.boxes import faults


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """The figures that a command would have written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gradflow.cli.heartbeat.SECONDS", 1e9)
    figures = []
    monkeypatch.setattr("gradflow.plots.save_figure", lambda figure, _: figures.append(figure) or [])
    return figures


@pytest.mark.parametrize(
    "line",
    [
        "compare quadratic",
        "compare quadratic --rule nesterov --momentum 0.9",
        "compare quadratic --learning-rates 0.2",
        "compare quadratic --learning-rates 0.01:0.3:9log",
        "compare quadratic --seeds 0:3",
        "compare xor --batch 2 --end-time 30",
        "stability quadratic --steps 60",
        "stability quadratic --steps 60 --rule heavy-ball --momentum 0.9",
        "stability quadratic --steps 60 --learning-rates 0.01:0.5:14log",
        "stability quadratic --steps 60 --learning-rates 0.19,0.2,0.21",
        "stability quadratic --steps 60 --seeds 0:5",
    ],
)
def test_every_text_can_be_read(line, kept):
    assert main(line.split()) == 0
    assert faults(kept[0]) == []
