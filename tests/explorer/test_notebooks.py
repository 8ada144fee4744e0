"""What notebooks show of results: a picture and numbers, as HTML that is whole and asks for nothing."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import gradflow as gf
from gradflow import pictures

BOWL = gf.problems.Quadratic([1.0, 4.0])


class Balance(HTMLParser):
    """Counts what is open."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def text_of(html):
    """Return the words, having checked that every element is closed and nothing is asked for."""
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    assert not re.search(r"https?:|<script|<img|url\(", html)
    return parser.text


def points_of(html):
    """Return the points of every line of the picture."""
    found = re.findall(r'<polyline points="([^"]*)"', html)
    return [np.array([pair.split(",") for pair in each.split()], dtype=float) for each in found]


def test_a_trajectory_shows_its_losses_and_numbers():
    run = gf.descend(BOWL, [1.0, 1.0], 0.1, 40)
    html = run._repr_html_()
    text = text_of(html)
    assert f"{run.losses[0]:.6g} to {run.losses[-1]:.6g}" in text
    assert "Trajectory of a descent by GradientDescent" in text
    (line,) = points_of(html)
    assert len(line) == 41
    # The loss falls at every step, and pixels count downwards.
    assert (np.diff(line[:, 1]) > 0).all()
    assert (np.diff(line[:, 0]) > 0).all()


def test_a_study_shows_a_line_for_each_run():
    study = gf.study(BOWL, [1.0, 1.0], [0.1, 0.4, 0.6], 5.0)
    html = study._repr_html_()
    assert len(points_of(html)) == 4
    text = text_of(html)
    assert "limit0.5" in text
    assert all(f"learning rate {rate:g}" in text for rate in study.descents)


def test_a_comparison_shows_its_distances():
    flow = gf.integrate(gf.GradientFlow(BOWL), [1.0, 1.0], 4.0)
    found = gf.compare(gf.descend(BOWL, [1.0, 1.0], 0.1, 40), flow)
    html = found._repr_html_()
    assert f"largest distance{found.largest_distance:.6g}" in text_of(html)
    assert len(points_of(html)) == 1


def test_a_regime_shows_its_evidence():
    found = gf.analysis.stability.regime(gf.descend(BOWL, [1.0, 1.0], 0.1, 40), BOWL)
    text = text_of(found._repr_html_())
    assert "monotone" in text
    assert "final effective sharpness0.4" in text
    assert "exponent–" in text


def test_names_are_text_and_nothing_else():
    html = pictures.block("<script>", {"<b>": "&"}, "")
    assert text_of(html) == "<script><b>&"


@pytest.mark.parametrize(
    "values", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [1.0, 1.0], [1e-300, 1e300], [-1.0, 2.0]]
)
def test_a_picture_survives_any_values(values):
    html = pictures.lines("loss", [(np.array([0.0, 1.0]), np.array(values))])
    text_of(html)
    for line in points_of(html):
        assert np.isfinite(line).all()
        assert (line >= 0).all()
        assert (line <= pictures.WIDTH).all()


def test_a_line_is_thinned_and_keeps_its_ends():
    times = np.arange(10_000.0)
    (line,) = points_of(pictures.lines("loss", [(times, np.exp(-times / 1000))]))
    assert len(line) == pictures.MOST_POINTS
    assert line[0, 0] == pictures.ROOM
    assert line[-1, 0] == pictures.WIDTH - pictures.ROOM
