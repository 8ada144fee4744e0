"""What is put into the page, and the page itself."""

import base64
import hashlib
import json
import re

import numpy as np
import pytest

import gradflow as gf
from gradflow.explorer.page import Page, built
from gradflow.explorer.subjects import explore, saved_page
from gradflow.explorer.views import GROWN, MOST_POINTS, paths_of, study_view, trajectories_view
from gradflow.explorer.workbench import MOST_STEPS, Workbench

BOWL = gf.problems.Quadratic([1.0, 4.0])
XOR = gf.cases.make("xor").problem
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def at_ones(seed):
    """Start there whatever the seed."""
    return [1.0, 1.0]


def given_in(page):
    """Return what a page was given."""
    return json.loads(re.search(r'type="application/json">(.*?)</script>', page.html, re.DOTALL)[1])


@pytest.fixture(scope="module")
def bowl_study():
    return gf.study(BOWL, [1.0, 1.0], [0.1, 0.4, 0.6], 5.0)


def test_the_page_is_small_and_names_no_other_place():
    assert len(built().encode()) <= 150_000
    assert not re.findall(r"https?://|@import|url\(", built())
    markup = SCRIPT.sub("", built())
    assert re.findall(r"(?:src|href)=(\S+)", markup) == ['"data:,">']


def test_its_policy_lets_its_own_script_run_and_nothing_else():
    script = SCRIPT.search(built())[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', built())[1]
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe-eval" not in policy


def test_what_is_given_cannot_end_its_script():
    page = Page({"kind": "runs", "title": "</script><script>alert(1)</script><!--"}, "x")
    assert page.html.count("</script>") == built().count("</script>")
    assert given_in(page)["title"] == "</script><script>alert(1)</script><!--"


def test_a_page_is_written_whole_or_shown_in_a_frame(tmp_path):
    page = explore("double-well")
    assert page.write(tmp_path / "page.html").read_text(encoding="utf-8") == page.html
    assert given_in(page) == {"kind": "problem", "name": "double-well"}
    frame = page._repr_html_()
    assert frame.count("<iframe") == 1
    assert "<script" not in frame
    assert given_in(explore()) is None


def test_a_study_is_put_into_the_page(bowl_study):
    page = gf.explore(bowl_study)
    given = given_in(page)
    assert [run["label"] for run in given["descents"]] == ["η = 0.1", "η = 0.4", "η = 0.6"]
    assert [run["ceiling"] for run in given["descents"]] == pytest.approx([20.0, 5.0, 2 / 0.6])
    assert given["flow"]["isFlow"]
    assert given["axes"] == ["weight x", "weight y"]
    flow = given["flow"]
    np.testing.assert_allclose(flow["losses"]["values"][-1], bowl_study.flow.final_loss, rtol=1e-6)
    assert flow["losses"]["times"][-1] == 5.0
    distance = given["descents"][0]["distance"]
    assert max(distance["values"]) == pytest.approx(bowl_study.comparisons[0.1].largest_distance, rel=1e-6)


def test_a_run_is_drawn_until_it_has_left(bowl_study):
    view = study_view(gf.study(BOWL, [1.0, 1.0], [0.1, 0.9], 200.0))
    left, stays = view["descents"][1]["losses"], view["descents"][0]["losses"]
    first = left["values"][0]
    assert GROWN * first < left["values"][-1] < 100 * GROWN * first
    assert stays["times"][-1] == pytest.approx(200.0)
    path = np.array(view["descents"][1]["path"]).reshape(-1, 2)
    assert np.abs(path).max() < 1e4


def test_lines_are_thinned_with_both_ends():
    run = gf.descend(BOWL, [1.0, 1.0], 0.01, 5000)
    losses = trajectories_view([run], ["a run"])["descents"][0]["losses"]
    assert len(losses["times"]) == MOST_POINTS
    assert (losses["times"][0], losses["times"][-1]) == (0.0, 50.0)


def test_one_weight_is_drawn_against_the_loss_and_many_in_their_plane():
    one = gf.descend(gf.problems.DoubleWell(), [0.5], 0.1, 20)
    (path,), axes = paths_of([one])
    assert axes == ["weight w", "loss E"]
    np.testing.assert_array_equal(path, np.column_stack([one.weights[:, 0], one.losses]))
    # A run within a plane of ten dimensions keeps its lengths there.
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((10, 2)))[0]
    problem = gf.problems.Quadratic(basis @ np.diag([1.0, 3.0]) @ basis.T)
    many = gf.descend(problem, basis @ [1.0, 1.0], 0.2, 30)
    (path,), _ = paths_of([many])
    steps = np.linalg.norm(np.diff(many.weights, axis=0), axis=1)
    np.testing.assert_allclose(np.linalg.norm(np.diff(path, axis=0), axis=1), steps, atol=1e-12)


def test_runs_of_other_problems_and_other_things_are_refused():
    one, two = gf.descend(gf.problems.DoubleWell(), [0.5], 0.1, 5), gf.descend(BOWL, [1.0, 1.0], 0.1, 5)
    with pytest.raises(ValueError, match="`runs` must have equally many weights"):
        explore([one, two])
    for subject in ("no-such-problem", 3, [], [1]):
        with pytest.raises(ValueError, match="`subject` must be"):
            explore(subject)


def test_saved_files_and_folders_are_looked_at(tmp_path, bowl_study):
    bowl_study.save(tmp_path / "study")
    assert len(given_in(saved_page([tmp_path / "study"]))["descents"]) == 3
    files = sorted((tmp_path / "study").glob("*.npz"))
    given = given_in(saved_page(files))
    assert given["flow"]["label"] == "flow"
    assert sorted(run["label"] for run in given["descents"]) == [path.stem for path in files[:-1]]
    assert all(run["distance"] for run in given["descents"])
    with pytest.raises(OSError, match="No such file"):
        saved_page([tmp_path / "none.npz"])


def test_a_workbench_answers_with_the_runs_that_python_makes():
    bench = Workbench(BOWL, "a bowl", at_ones, end_time=4.0)
    answer = bench.answer({"rate": 0.3, "rule": "heavy-ball", "momentum": 0.5, "seed": 0, "judge": True})
    run = gf.descend(BOWL, [1.0, 1.0], gf.rules.HeavyBall(0.3, 0.5), end_time=4.0)
    assert answer["numSteps"] == len(run.step_times) - 1 == 6
    assert answer["descents"][0]["losses"]["values"] == pytest.approx(run.losses, rel=1e-6)
    assert answer["limit"] == pytest.approx(3.0 / 4.0)
    assert answer["unit"] == pytest.approx(2.0 / 4.0)
    assert answer["verdict"] == gf.analysis.stability.regime(run, BOWL).name
    assert answer["descents"][0]["sharpness"]["values"] == pytest.approx([4.0] * 7)
    json.dumps(answer, allow_nan=False)


def test_a_workbench_begins_with_a_rate_and_a_time_of_its_own():
    bench = Workbench(XOR, "xor", XOR.initial_weights)
    answer = bench.answer({})
    assert answer["rate"] == pytest.approx(0.5 * answer["limit"], rel=1e-2)
    assert bench.end_time == pytest.approx(200 * answer["limit"], rel=1e-2)
    assert bench.view["hasSeeds"]
    assert not Workbench(BOWL, "a bowl", at_ones).view["hasSeeds"]
    one, two = (bench.answer({"seed": seed})["flow"]["losses"]["values"][0] for seed in (0, 1))
    assert one != two


def test_a_workbench_survives_divergence_and_takes_no_endless_run():
    bench = Workbench(BOWL, "a bowl", at_ones, end_time=100.0)
    assert bench.answer({"rate": 0.9, "judge": True})["verdict"] == "DIVERGED"
    assert bench.answer({"rate": 0.9})["verdict"] is None
    assert bench.answer({"rate": 1e-6})["numSteps"] <= MOST_STEPS


@pytest.mark.parametrize(
    "question",
    [
        {"rate": -1},
        {"rate": "1"},
        {"rate": float("inf")},
        {"rule": "adam"},
        {"rule": ["descent"]},
        {"rule": "heavy-ball", "momentum": 1},
        {"momentum": True},
        {"endTime": 0},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": 10**30},
    ],
)
def test_a_malformed_question_is_refused_in_one_sentence(question):
    bench = Workbench(BOWL, "a bowl", at_ones, end_time=4.0)
    with pytest.raises(ValueError, match=r"^`[a-zA-Z]+` must"):
        bench.answer(question)


def test_a_start_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="`start` must"):
        Workbench(BOWL, "a bowl", lambda seed: [1.0, 2.0, 3.0])
