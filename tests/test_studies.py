"""One flow, several descents, one clock."""

import csv
import json
import os

import numpy as np
import pytest

import gradflow as gf
from gradflow.studies import folder
from gradflow.studies.run import kept_steps

BOWL = gf.problems.Quadratic([1.0, 4.0])


@pytest.fixture(scope="module")
def result():
    return gf.study(BOWL, [1.0, 1.0], [0.1, 0.01, 0.6], 3.0)


def test_every_run_is_on_one_clock_and_ends_at_one_time(result):
    assert list(result.descents) == [0.01, 0.1, 0.6]
    assert result.flow.times[-1] == 3.0
    assert [len(run.step_times) - 1 for run in result.descents.values()] == [300, 30, 5]
    for rate, run in result.descents.items():
        np.testing.assert_allclose(run.times, run.steps * rate)


def test_distances_are_those_of_the_closed_forms(result):
    for rate in (0.01, 0.1):
        run, comparison = result.descents[rate], result.comparisons[rate]
        exact = np.abs(
            (1 - rate * np.array([1.0, 4.0])) ** run.steps[:, None] - np.exp(-np.outer(run.times, [1.0, 4.0]))
        )
        np.testing.assert_allclose(comparison.distance, np.linalg.norm(exact, axis=1), atol=3e-6)


def test_limit_sharpness_order_and_sentence(result):
    assert result.limit == pytest.approx(0.5)
    assert result.sharpness[0.0] == pytest.approx(4.0)
    assert result.order == pytest.approx(1.0, abs=0.1)
    assert "the stability limit at the start is 0.5" in repr(result)
    assert "descent stays within" in repr(result)
    assert len(repr(result)) < 300


def test_a_run_on_its_way_to_infinity_is_not_merely_finished():
    result = gf.study(BOWL, [1.0, 1.0], [0.1, 0.7], 50.0)
    assert result.descents[0.7].outcome is gf.Outcome.FINISHED
    assert result.descents[0.7].verdict == "DIVERGING"
    assert "DIVERGING" in result.table().splitlines()[-1]
    assert "from 0.7 on it diverges" in result.conclusion
    assert np.isnan(result.sharpness[0.7])


def test_learning_rates_and_time_follow_the_limit_by_default():
    result = gf.study(BOWL, [1.0, 1.0])
    assert list(result.descents) == [0.125, 0.45, 0.55, 1.0]
    assert result.flow.times[-1] == pytest.approx(100.0)


def test_another_rule_has_its_own_limit_and_clock():
    rule = gf.rules.HeavyBall(1.0, momentum=0.5)
    result = gf.study(BOWL, [1.0, 1.0], [0.01, 0.02], 2.0, rule=rule)
    assert result.limit == pytest.approx(0.75)
    assert result.descents[0.01].times[-1] == pytest.approx(2.0)
    assert len(result.descents[0.01].step_times) - 1 == 100


def test_a_record_is_kept_of_every_run():
    result = gf.study(BOWL, [1.0, 1.0], [0.1], 1.0, record={"sharpness": gf.records.sharpness()})
    for run in (result.flow, result.descents[0.1]):
        np.testing.assert_allclose(run.records["sharpness"], 4.0)


def test_a_study_comes_back_from_its_folder(result, tmp_path):
    files = result.save(tmp_path / "new" / "folder")
    assert {path.name for path in files} >= {"study.json", "flow.npz", "descent-0.1.npz"}
    back = gf.Study.load(tmp_path / "new" / "folder")
    assert repr(back) == repr(result)
    assert back.table() == result.table()
    assert back.settings == result.settings
    for rate, comparison in result.comparisons.items():
        np.testing.assert_array_equal(back.comparisons[rate].distance, comparison.distance)


def test_the_files_of_a_study_are_replaced_together_or_not_at_all(result, tmp_path, monkeypatch):
    result.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = gf.study(BOWL, [2.0, 1.0], [0.1, 0.01, 0.6], 3.0)
    real, written = np.savez, []

    def full(*arguments, **arrays):
        if len(written) == 2:
            raise OSError("no space left on device")
        written.append(real(*arguments, **arrays))

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        again.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def damaged(**changes):
    return lambda found: found | changes


DAMAGES = {
    "another format": (damaged(format="else"), "another format"),
    "a list": (lambda found: [found], "another format"),
    "no files": (lambda found: {"format": found["format"]}, "'files'"),
    "files of another folder": (damaged(files=[[0.0, "../flow.npz"]]), "a file of another folder"),
    "a file that is missing": (damaged(files=[[0.0, "none.npz"]]), "No such file"),
    "a file that is no run": (damaged(files=[[0.0, "study.json.npz"]]), "No such file"),
    "a descent for a flow": (damaged(files=[[0.0, "descent-0.1.npz"]]), "of another kind of run"),
    "a flow for a descent": (damaged(files=[[0.1, "flow.npz"]]), "of another kind of run"),
    "no flow": (damaged(files=[[0.1, "descent-0.1.npz"]]), "other runs than a flow and descents"),
    "one rate twice": (damaged(files=[[0.0, "flow.npz"]] * 2), "other runs than a flow and descents"),
    "a rate below zero": (
        damaged(files=[[0.0, "flow.npz"], [-0.1, "descent-0.1.npz"]]),
        "other runs than a flow and descents",
    ),
    "a rate in words": (damaged(files=[["0.0", "flow.npz"]]), "a number that is '0.0'"),
    "a sharpness in words": (damaged(sharpness=[[0.0, "four"]]), "a number that is 'four'"),
    "a limit that is true": (damaged(limit=True), "a number that is True"),
    "a limit that is infinite": (damaged(limit=float("inf")), "a number that is inf"),
    "seconds that are none": (damaged(seconds=3), "not iterable"),
    "settings in words": (damaged(settings="all"), "'settings' of another type"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_without_a_study_is_one_sentence(result, tmp_path, damage):
    result.save(tmp_path)
    change, reason = DAMAGES[damage]
    path = tmp_path / "study.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(
        ValueError, match=r"^`folder` must hold a study, as Study\.save wrote it, got"
    ) as caught:
        gf.Study.load(tmp_path)
    assert reason in str(caught.value)
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize("text", ["", "no json", "[" * 100_000, '{"a": ' + "1" * 5000 + "}", "\udcff"])
def test_so_is_a_file_that_is_none(text, tmp_path):
    (tmp_path / "study.json").write_text(text, errors="surrogateescape")
    with pytest.raises(
        ValueError, match=r"^`folder` must hold a study, as Study\.save wrote it, got"
    ) as caught:
        gf.Study.load(tmp_path)
    assert len(str(caught.value)) <= 300


def test_so_is_what_would_take_much_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "HARMLESS_BYTES", 0)
    (tmp_path / "study.json").write_text("[" + "[]," * 1000 + "[]]")
    with pytest.raises(ValueError, match="needs more memory than is safe"):
        gf.Study.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(10)
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "study.json")
    with pytest.raises(ValueError, match="`folder` must hold a study"):
        gf.Study.load(tmp_path)


@pytest.mark.parametrize("name", [b"folder", "", "fol\0der", 3])
def test_what_is_no_folder_is_one_sentence(result, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for use in (result.save, gf.Study.load):
        with pytest.raises(ValueError, match=r"^`folder` must be "):
            use(name)
    assert not os.listdir(tmp_path)


def test_the_table_is_a_frame_with_a_row_for_each_run(result):
    frame = result.to_pandas()
    assert frame["run"].tolist() == ["flow", "descent", "descent", "descent"]
    np.testing.assert_array_equal(frame["learning_rate"], [np.nan, 0.01, 0.1, 0.6])
    assert frame["steps"].tolist()[1:] == [300, 30, 5]
    np.testing.assert_allclose(frame["eta_sharpness_start"][1:], [0.04, 0.4, 2.4])
    exact = [
        ((1 - rate) ** (2 * k) + 4 * (1 - 4 * rate) ** (2 * k)) / 2 for rate, k in ((0.01, 300), (0.1, 30))
    ]
    np.testing.assert_allclose(frame["final_loss"][1:3], exact)
    distances = [each.largest_distance for each in result.comparisons.values()]
    np.testing.assert_array_equal(frame["largest_distance"][1:], distances)
    assert frame["outcome"].tolist() == [run.verdict for run in (result.flow, *result.descents.values())]
    assert (frame["seconds"] > 0).all()


def test_the_table_is_written_as_text_with_all_digits(result, tmp_path):
    path = result.to_csv(tmp_path / "table")
    assert path == tmp_path / "table.csv"
    with open(path, newline="") as file:
        head, *rows = csv.reader(file)
    frame = result.to_pandas()
    assert head == list(frame.columns)
    for name, cells in zip(head, zip(*rows, strict=True), strict=True):
        numbers = name not in ("run", "outcome", "method")
        np.testing.assert_array_equal(frame[name], [float(cell) for cell in cells] if numbers else cells)


def test_the_figure_has_the_losses_of_all_and_the_distance_of_each_descent(result):
    losses, distances = result.plot().axes
    labels = [line.get_label() for line in losses.get_lines()]
    assert "flow" in labels
    assert len([label for label in labels if "eta" in label]) == 3
    assert "0.5" in distances.get_title()


def test_an_interrupt_leaves_what_was_finished():
    class Slow(gf.problems.Quadratic):
        left = 400

        def loss_and_gradient(self, w):
            type(self).left -= 1
            if type(self).left == 0:
                raise KeyboardInterrupt
            return super().loss_and_gradient(w)

    result = gf.study(Slow([1.0, 4.0]), [1.0, 1.0], [0.01, 0.02], 3.0)
    assert result.is_interrupted
    assert list(result.descents) == [0.01]
    assert result.descents[0.01].outcome is gf.Outcome.INTERRUPTED
    assert result.shortfall == f"the descent at learning rate 0.01 is a part: {gf.Outcome.INTERRUPTED.value}"


class Walled(gf.problems.Quadratic):
    """Undefined beyond a wall, which steep steps jump over."""

    def loss_and_gradient(self, w):
        if abs(w).max() > 1.1:
            raise gf.Undefined("beyond the wall")
        return super().loss_and_gradient(w)


def test_a_descent_that_failed_is_said_and_does_not_count(tmp_path):
    whole = gf.study(Walled([1.0, 4.0]), [1.0, 1.0], [0.1, 0.2], 3.0)
    result = gf.study(Walled([1.0, 4.0]), [1.0, 1.0], [0.1, 0.2, 0.7], 3.0)
    assert whole.shortfall is None
    assert result.descents[0.7].outcome is gf.Outcome.FAILED
    assert result.order == whole.order
    assert "the descent at learning rate 0.7 is a part: beyond the wall" in repr(result)
    assert "FAILED" in result.table().splitlines()[-1]
    assert (tmp_path / "descent-0.7-partial.npz") in result.save(tmp_path)
    assert gf.Study.load(tmp_path).shortfall == result.shortfall


def test_beside_a_part_of_a_flow_no_distance_counts(tmp_path):
    class Left(gf.problems.Quadratic):
        def loss_and_gradient(self, w):
            if w[0] > 1.5:
                raise gf.Undefined("beyond the wall")
            return super().loss_and_gradient(w)

    result = gf.study(Left([-1.0]), [1.0], [0.1, 0.2], 3.0)
    assert result.flow.outcome is gf.Outcome.FAILED
    assert np.isnan(result.order)
    assert result.conclusion == result.shortfall
    assert result.shortfall.startswith("the flow is a part: ")
    assert tmp_path / "flow-partial.npz" in result.save(tmp_path)
    assert gf.Study.load(tmp_path).conclusion == result.conclusion


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([0.1, -1.0], 1.0), "`learning_rates` must be positive"),
        (([2.0], 1.0), "`learning_rates` must leave room for a step before the end time 1"),
        (([0.1], -1.0), "`end_time` must be a positive number"),
        (("adam", 1.0), "`learning_rates` must be numbers"),
    ],
)
def test_wrong_arguments_are_one_sentence(arguments, match):
    with pytest.raises(ValueError, match=match):
        gf.study(BOWL, [1.0, 1.0], *arguments)


def test_without_a_limit_learning_rates_and_time_are_asked_for():
    concave = gf.problems.Quadratic([-1.0])
    with pytest.raises(ValueError, match="`learning_rates` must be given where there is no stability limit"):
        gf.study(concave, [1.0], end_time=1.0)
    with pytest.raises(ValueError, match="`end_time` must be given where there is no stability limit"):
        gf.study(concave, [1.0], [0.1])


def test_kept_steps_hold_the_first_ones_and_the_last_one():
    kept = kept_steps(100_000, 2)
    assert kept[:4].tolist() == [0, 1, 2, 3]
    assert kept[-1] == 100_000
    assert len(kept) <= 300
    assert kept_steps(20, 2).tolist() == list(range(21))
    assert 2410 * len(kept_steps(50_000, 2410)) <= 120_000


def test_batches_are_those_of_descend_and_last_as_long_as_they_do_there():
    case = gf.cases.make("xor")
    found = gf.study(case.problem, case.w0, [0.1], 2.0, batch=2, seed=3)
    alone = gf.descend(case.problem, case.w0, 0.1, 20, batch=2, seed=3)
    assert found.descents[0.1].final_loss == alone.final_loss
    # A loss that is a sum over two samples: a step on one of them lasts half as long.
    neuron = gf.problems.SigmoidNeuron()
    assert not neuron.averaged
    assert gf.study(neuron, [0.0], [0.1], 2.0, batch=1).descents[0.1].steps[-1] == 40


def test_single_precision_is_that_of_every_run():
    case = gf.cases.make("xor")
    double, single = (
        gf.study(case.problem, case.w0, [0.1], 2.0, precision=each) for each in ("double", "single")
    )
    for run, other in ((double.flow, single.flow), (double.descents[0.1], single.descents[0.1])):
        assert run.final_loss != other.final_loss
        assert run.final_loss == pytest.approx(other.final_loss, rel=1e-4)
    with pytest.raises(ValueError, match="`precision` must be 'double' or 'single', got 'half'"):
        gf.study(case.problem, case.w0, [0.1], 2.0, precision="half")


def test_the_limit_of_a_rule_with_a_preconditioner_is_that_of_the_preconditioned_hessian():
    rule = gf.rules.Adam(1.0)
    exact = gf.analysis.stability.largest_stable_learning_rate(BOWL, [1.0, 1.0], rule)
    assert gf.study(BOWL, [1.0, 1.0], [0.01], 0.1, rule=rule).limit == exact


def test_a_function_is_told_of_every_step_of_every_run():
    told = {}
    gf.study(
        BOWL, [1.0, 1.0], [0.1, 0.2], 3.0, progress=lambda what, *at: told.setdefault(what, []).append(at)
    )
    assert list(told) == ["flow", "descent at learning rate 0.1", "descent at learning rate 0.2"]
    shares = {what: [share for share, _ in places] for what, places in told.items()}
    assert all(places == sorted(places) and places[0] == 0.0 for places in shares.values())
    assert all(places[-1] == pytest.approx(1.0) for places in shares.values())
    assert len(shares["descent at learning rate 0.1"]) >= 30
