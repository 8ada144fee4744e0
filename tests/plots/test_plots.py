"""What the figures show: their artists' data, labels, scales and limits."""

import subprocess
import sys
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

import gradflow as gf
from gradflow import plots
from gradflow.plots import style

PROBLEM = gf.problems.Quadratic([1.0, 4.0])
START = [1.0, 1.0]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


@pytest.fixture
def ax():
    return Figure().subplots()


def flow(problem=PROBLEM, end_time=3.0, **options):
    return gf.integrate(gf.GradientFlow(problem), START, end_time, **options)


def descent(eta, num_steps=20, **options):
    return gf.descend(PROBLEM, START, eta, num_steps, **options)


def blown_up():
    """A descent that overflows: the factor is 1 - 4 * 25 = -99 a step."""
    run = descent(25.0, 200)
    assert run.outcome is gf.Outcome.DIVERGED
    return run


def line_of(ax, label):
    return next(line for line in ax.get_lines() if line.get_label() == label)


def labels_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def compared(*etas):
    return {f"{eta}": gf.compare(descent(eta, 5), flow()) for eta in etas}


DRAWINGS = {
    "losses": lambda ax: plots.draw_losses({"flow": flow(), "a": descent(0.1)}, ax=ax),
    "distance": lambda ax: plots.draw_distance(compared(0.1, 0.2), ax=ax),
    "final_loss": lambda ax: plots.draw_final_loss([0.1, 0.2], [1.0, 0.5], ax=ax),
    "path": lambda ax: plots.draw_path(PROBLEM, {"flow": flow(), "a": descent(0.1)}, ax=ax),
    "sharpness": lambda ax: plots.draw_sharpness(
        {"a": descent(0.1, record={"sharpness": lambda t, w: 4.0})}, ax=ax
    ),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
class TestEveryDrawing:
    def test_it_draws_on_the_axes_it_is_given_and_returns_them(self, draw, ax):
        assert draw(ax) is ax
        assert ax.get_lines()

    def test_without_axes_it_makes_a_figure_of_one_column(self, draw, ax):
        made = draw(None)
        assert made.figure.get_size_inches()[0] == style.COLUMN_WIDTH
        assert made.figure.get_layout_engine() is not None

    def test_global_settings_stay_as_they_are(self, draw, ax):
        before = dict(mpl.rcParams)
        draw(None)
        assert dict(mpl.rcParams) == before

    def test_both_axes_say_what_they_show(self, draw, ax):
        draw(ax)
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert labels_of(ax)

    def test_nothing_is_cut_off_or_overlaps_the_edge_at_column_width(self, draw, ax):
        figure = draw(None).figure
        figure.canvas.draw()
        box = figure.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.get_size_inches()[0]
        assert box.y1 <= figure.get_size_inches()[1]


class TestLosses:
    def test_every_step_is_drawn_on_the_time_axis(self, ax):
        runs = {"flow": flow(), "a": descent(0.1, record_every=7)}
        plots.draw_losses(runs, ax=ax)
        for label, run in runs.items():
            x, y = line_of(ax, label).get_data()
            np.testing.assert_array_equal(x, run.step_times)
            np.testing.assert_array_equal(y, run.step_losses)

    def test_the_step_axis_counts_steps(self, ax):
        plots.draw_losses({"a": descent(0.1, 20)}, axis="step", ax=ax)
        np.testing.assert_array_equal(line_of(ax, "a").get_xdata(), np.arange(21))
        assert ax.get_xlabel() != style.TIME

    @pytest.mark.parametrize("axis", ["time", "step"])
    def test_losses_of_batches_do_not_pass_for_those_of_the_problem(self, ax, axis):
        problem = gf.problems.LinearRegression(np.arange(1.0, 7.0)[:, np.newaxis], np.arange(6.0))
        run = gf.descend(problem, [1.0, 1.0], 0.01, 12, batch=2, record_every=4)
        plots.draw_losses({"a": run}, axis=axis, ax=ax)
        x, y = line_of(ax, "a").get_data()
        np.testing.assert_array_equal(x, run.times if axis == "time" else [0, 4, 8, 12])
        np.testing.assert_allclose(y, [problem.loss(w) for w in run.weights], rtol=1e-14)
        x, y = line_of(ax, "a, its batches").get_data()
        np.testing.assert_array_equal(x, run.step_times if axis == "time" else np.arange(13))
        np.testing.assert_array_equal(y, run.step_losses)

    def test_whole_losses_of_a_batch_run_are_one_line(self, ax):
        problem = gf.problems.LinearRegression(np.arange(1.0, 7.0)[:, np.newaxis], np.arange(6.0))
        run = gf.descend(problem, [1.0, 1.0], 0.01, 12, batch=2, record_every=4, losses="every")
        plots.draw_losses({"a": run}, ax=ax)
        assert [line.get_label() for line in ax.get_lines()] == ["a"]
        np.testing.assert_array_equal(line_of(ax, "a").get_ydata(), run.step_losses)

    def test_positive_losses_get_a_logarithmic_axis(self, ax):
        assert plots.draw_losses({"a": descent(0.1)}, ax=ax).get_yscale() == "log"

    def test_losses_that_are_not_positive_do_not(self, ax):
        saddle = gf.problems.Quadratic([1.0, -1.0])
        run = gf.descend(saddle, [0.1, 1.0], 0.1, 5)
        plots.draw_losses({"saddle": run}, ax=ax)
        assert ax.get_yscale() == "linear"
        assert ax.get_ylim()[0] < run.losses.min() < 0

    def test_a_diverged_run_is_drawn_to_its_last_finite_loss_and_marked_at_the_edge(self, ax):
        run = blown_up()
        plots.draw_losses({"flow": flow(), "wild": run}, ax=ax)
        assert line_of(ax, "wild").get_ydata()[-1] == run.step_losses[-1]
        (t,), (loss,) = line_of(ax, "diverged").get_data()
        assert loss == ax.get_ylim()[1]
        assert run.step_times[0] < t < run.step_times[1]

    def test_a_diverged_run_does_not_stretch_the_axis(self, ax):
        plots.draw_losses({"flow": flow(), "wild": blown_up()}, ax=ax)
        low, high = ax.get_ylim()
        assert high <= 100 * PROBLEM.loss(START)
        assert low < flow().final_loss

    def test_a_diverged_run_beside_a_loss_of_zero_does_not_stretch_the_linear_axis(self, ax):
        exact = gf.descend(gf.problems.Quadratic([1.0, 1.0]), START, 1.0, 3)
        assert exact.final_loss == 0.0
        plots.draw_losses({"exact": exact, "wild": blown_up()}, ax=ax)
        assert ax.get_yscale() == "linear"
        assert ax.get_ylim()[1] <= 100 * PROBLEM.loss(START)
        assert line_of(ax, "diverged").get_ydata()[0] == ax.get_ylim()[1]

    def test_a_run_that_stays_is_not_marked(self, ax):
        plots.draw_losses({"flow": flow(), "a": descent(0.49)}, ax=ax)
        assert "diverged" not in labels_of(ax)

    def test_a_run_that_grew_without_overflow_counts_as_diverged(self, ax):
        run = descent(0.6, 20)
        assert run.outcome is gf.Outcome.FINISHED
        plots.draw_losses({"a": run}, ax=ax)
        assert "diverged" in labels_of(ax)

    def test_a_run_that_diverged_at_once_is_marked_at_its_only_point(self, ax):
        run = blown_up()
        first = replace(run, step_times=run.step_times[:1], step_losses=run.step_losses[:1])
        plots.draw_losses({"a": first}, ax=ax)
        assert line_of(ax, "diverged").get_xydata().tolist() == [[0.0, run.losses[0]]]

    def test_the_mark_is_explained_once_and_last(self, ax):
        plots.draw_losses({"a": blown_up(), "b": blown_up(), "c": descent(0.1)}, ax=ax)
        assert labels_of(ax) == ["a", "b", "c", "diverged"]

    @pytest.mark.parametrize("axis", ["epoch", None])
    def test_an_unknown_axis_is_refused(self, axis):
        with pytest.raises(ValueError, match="`axis` must be 'time' or 'step'"):
            plots.draw_losses({"a": descent(0.1)}, axis=axis)

    def test_no_run_is_refused(self):
        with pytest.raises(ValueError, match="`runs` must hold at least one"):
            plots.draw_losses({})


class TestColors:
    def test_the_flow_is_dark_and_solid_wherever_it_stands(self, ax):
        plots.draw_losses({"a": descent(0.1), "flow": flow(), "b": descent(0.2)}, ax=ax)
        line = line_of(ax, "flow")
        assert (line.get_color(), line.get_linestyle()) == (style.FLOW_LINE["color"], "-")

    def test_descents_have_the_colors_of_their_place_among_descents(self, ax):
        plots.draw_losses({"flow": flow(), "a": descent(0.1), "b": descent(0.2)}, ax=ax)
        colors = [line_of(ax, label).get_color() for label in "ab"]
        assert colors == list(style.DESCENT_COLORS[:2])

    def test_the_distance_of_a_descent_has_the_color_of_its_loss(self):
        left, right = Figure().subplots(1, 2)
        plots.draw_losses({"flow": flow(), "0.1": descent(0.1), "0.2": descent(0.2)}, ax=left)
        plots.draw_distance(compared(0.1, 0.2), ax=right)
        for label in ("0.1", "0.2"):
            assert line_of(left, label).get_color() == line_of(right, label).get_color()

    def test_no_two_of_twelve_descents_look_alike(self):
        looks = {tuple(style.descent_line(index).values()) for index in range(12)}
        assert len(looks) == 12


class TestDistance:
    def test_the_common_start_is_left_out_of_the_logarithmic_axis(self, ax):
        comparison = gf.compare(descent(0.1, 5), flow())
        plots.draw_distance({"a": comparison}, ax=ax)
        x, y = line_of(ax, "a").get_data()
        assert ax.get_yscale() == "log"
        np.testing.assert_array_equal(x, comparison.times[1:])
        np.testing.assert_array_equal(y, comparison.distance[1:])

    def test_runs_that_never_part_are_drawn_on_a_linear_axis(self, ax):
        plots.draw_distance({"same": gf.compare(flow(), flow())}, ax=ax)
        assert ax.get_yscale() == "linear"

    def test_a_run_that_leaves_is_marked_at_the_edge(self, ax):
        comparison = gf.compare(descent(1.5, 2), flow())
        assert comparison.final_distance > 10 * comparison.travelled.max()
        plots.draw_distance({"wild": comparison}, ax=ax)
        assert line_of(ax, "diverged").get_ydata()[0] == ax.get_ylim()[1]

    def test_no_comparison_is_refused(self):
        with pytest.raises(ValueError, match="`comparisons` must hold at least one"):
            plots.draw_distance({})


class TestFinalLoss:
    def test_runs_are_drawn_in_the_order_of_their_learning_rates(self, ax):
        plots.draw_final_loss([0.4, 0.1, 0.2], [3.0, 1.0, 2.0], ax=ax)
        assert line_of(ax, "descent").get_xydata().tolist() == [[0.1, 1.0], [0.2, 2.0], [0.4, 3.0]]
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")

    def test_the_limit_is_a_labelled_dashed_line_at_its_place(self, ax):
        plots.draw_final_loss([0.1, 1.0], [1.0, 1.0], limit=0.5, ax=ax)
        line = line_of(ax, style.LIMIT)
        assert list(line.get_xdata()) == [0.5, 0.5]
        assert (line.get_linestyle(), line.get_color()) == ("--", style.LIMIT_LINE["color"])

    def test_diverged_runs_are_marked_at_the_top_and_not_dropped(self, ax):
        plots.draw_final_loss([0.1, 0.6, 0.7], [1.0, np.nan, np.inf], ax=ax)
        mark = line_of(ax, "diverged")
        assert list(mark.get_xdata()) == [0.6, 0.7]
        top = ax.transAxes.transform([0.0, 1.0])[1]
        assert mark.get_transform().transform([0.6, 1.0])[1] == pytest.approx(top)
        assert list(line_of(ax, "descent").get_xdata()) == [0.1]

    def test_runs_can_be_called_diverged_at_a_finite_loss(self, ax):
        plots.draw_final_loss([0.1, 0.6], [1.0, 1e300], diverged=[False, True], ax=ax)
        assert list(line_of(ax, "diverged").get_xdata()) == [0.6]
        assert ax.get_ylim()[1] < 1e3

    def test_the_flow_is_a_level_line(self, ax):
        plots.draw_final_loss([0.1, 0.2], [1.0, 1.1], flow_loss=0.9, ax=ax)
        assert list(line_of(ax, "flow").get_ydata()) == [0.9, 0.9]

    def test_losses_that_are_not_positive_get_a_linear_axis(self, ax):
        assert plots.draw_final_loss([0.1, 0.2], [0.0, 1.0], ax=ax).get_yscale() == "linear"

    def test_only_diverged_runs_can_be_drawn(self, ax):
        plots.draw_final_loss([0.1, 0.2], [np.nan, np.nan], limit=0.05, ax=ax).figure.canvas.draw()
        assert list(line_of(ax, "diverged").get_xdata()) == [0.1, 0.2]

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (([0.1, 0.2], [1.0]), "`final_losses` and `diverged` must have 2 entries"),
            (([0.1, -0.2], [1.0, 1.0]), "`learning_rates` must be positive"),
        ],
    )
    def test_numbers_that_do_not_fit_are_refused(self, arguments, sentence):
        with pytest.raises(ValueError, match=sentence):
            plots.draw_final_loss(*arguments)

    def test_a_limit_that_is_not_positive_is_refused(self, ax):
        with pytest.raises(ValueError, match="`limit` must be a positive number"):
            plots.draw_final_loss([0.1], [1.0], limit=0.0, ax=ax)


class TestPath:
    def test_paths_are_the_weights_over_contours(self, ax):
        runs = {"flow": flow(), "a": descent(0.1)}
        plots.draw_path(PROBLEM, runs, ax=ax)
        for label, run in runs.items():
            np.testing.assert_array_equal(line_of(ax, label).get_xydata(), run.weights)
        assert line_of(ax, "start").get_xydata().tolist() == [START]
        assert ax.collections

    def test_the_frame_holds_every_run_that_stays(self, ax):
        run = descent(0.45)
        plots.draw_path(PROBLEM, {"flow": flow(), "a": run}, ax=ax)
        (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
        assert left < run.weights[:, 0].min() < run.weights[:, 0].max() < right
        assert low < run.weights[:, 1].min() < run.weights[:, 1].max() < high

    def test_a_run_that_strays_leaves_the_frame_and_ends_there(self, ax):
        run = descent(25.0, 50)
        plots.draw_path(PROBLEM, {"flow": flow(), "wild": run}, ax=ax)
        np.testing.assert_array_equal(line_of(ax, "wild").get_xydata(), run.weights[:2])
        assert ax.get_ylim()[0] > run.weights[1, 1]

    def test_a_run_that_does_not_move_can_be_drawn(self, ax):
        run = gf.descend(PROBLEM, [0.0, 0.0], 0.1, 3)
        plots.draw_path(PROBLEM, {"rest": run}, ax=ax).figure.canvas.draw()
        assert ax.get_xlim()[0] < 0 < ax.get_xlim()[1]

    def test_where_the_loss_is_undefined_the_picture_stays_empty(self, ax):
        class HalfPlane(gf.problems.Quadratic):
            def loss(self, w):
                if w[0] < 0:
                    raise gf.Undefined("no loss left of the axis")
                return super().loss(w)

        plots.draw_path(HalfPlane([1.0, 4.0]), {"a": descent(0.1)}, ax=ax).figure.canvas.draw()
        assert ax.collections

    def test_runs_of_other_weights_than_the_problem_are_refused(self):
        run = gf.descend(gf.problems.Quadratic([1.0, 2.0, 3.0]), np.ones(3), 0.1, 3)
        with pytest.raises(ValueError, match="`runs` must have 2 weights like the problem, got 3 in 'a'"):
            plots.draw_path(PROBLEM, {"a": run})

    def test_no_run_is_refused(self):
        with pytest.raises(ValueError, match="`runs` must hold at least one"):
            plots.draw_path(PROBLEM, {})


class TestSharpness:
    RECORD = {"record": {"sharpness": lambda t, w: 4.0 + t}}  # noqa: RUF012

    def test_the_record_is_drawn_over_flow_time_with_the_limit_of_its_learning_rate(self, ax):
        run = descent(0.4, **self.RECORD)
        plots.draw_sharpness({"a": run}, ax=ax)
        np.testing.assert_array_equal(line_of(ax, "a").get_ydata(), 4.0 + run.times)
        limits = [line for line in ax.get_lines() if line.get_linestyle() == "--" and len(line.get_xdata())]
        assert [line.get_color() for line in limits] == [line_of(ax, "a").get_color()]
        np.testing.assert_allclose(limits[0].get_ydata(), 2 / 0.4)
        assert r"limit $2/\eta$" in labels_of(ax)

    def test_momentum_has_the_limit_of_its_own_rule_and_a_flow_has_none(self, ax):
        momentum = gf.descend(PROBLEM, START, gf.rules.HeavyBall(0.5, 0.5), 5, **self.RECORD)
        plots.draw_sharpness({"flow": flow(**self.RECORD), "ball": momentum}, ax=ax)
        assert labels_of(ax) == ["flow", "ball", r"limit $3/\eta$"]
        (limit,) = (line for line in ax.get_lines() if line.get_linestyle() == "--" and len(line.get_xdata()))
        np.testing.assert_allclose(limit.get_ydata(), 2 * (1 + 0.5) / 0.5)

    def test_rules_without_a_limit_of_the_sharpness_itself_have_none(self, ax):
        rules = {"adam": gf.rules.Adam(0.1), "sign": gf.rules.SignDescent(0.1)}
        runs = {name: gf.descend(PROBLEM, START, rule, 5, **self.RECORD) for name, rule in rules.items()}
        plots.draw_sharpness(runs, ax=ax)
        assert labels_of(ax) == ["adam", "sign"]

    def test_a_rule_that_only_has_the_name_has_no_such_limit(self, ax):
        class GradientDescent(gf.rules.GradientDescent):
            def update(self, w, gradient, state, step):
                return super().update(w, np.clip(gradient, -1.0, 1.0), state, step)

        clipped = gf.descend(PROBLEM, START, GradientDescent(0.4), 5, **self.RECORD)
        plots.draw_sharpness({"clipped": clipped}, ax=ax)
        assert labels_of(ax) == ["clipped"]

    def test_values_in_a_rhythm_of_their_own_stand_at_their_own_times(self, ax):
        run = descent(0.4, record={"sharpness": gf.every(2, lambda t, w: 4.0 + t)})
        plots.draw_sharpness({"a": run}, ax=ax)
        assert len(line_of(ax, "a").get_xdata()) < len(run.times)
        np.testing.assert_array_equal(line_of(ax, "a").get_xdata(), run.times[::2])

    def test_far_limits_and_diverged_runs_do_not_stretch_the_axis(self, ax):
        calm = descent(0.01, 10, record={"sharpness": lambda t, w: 4.0})
        wild = gf.descend(PROBLEM, START, 25.0, 50, record={"sharpness": lambda t, w: np.abs(w).max()})
        plots.draw_sharpness({"calm": calm, "wild": wild}, ax=ax)
        assert 4.0 < ax.get_ylim()[1] < 8.0

    def test_a_run_without_the_record_is_refused(self):
        with pytest.raises(ValueError, match="`runs` must have recorded 'sharpness', got none in 'a'"):
            plots.draw_sharpness({"a": descent(0.1)})

    def test_no_run_is_refused(self):
        with pytest.raises(ValueError, match="`runs` must hold at least one"):
            plots.draw_sharpness({})


class TestSaving:
    def figure(self):
        figure, (ax,) = plots.new_figure()
        plots.draw_losses({"flow": flow()}, ax=ax)
        return figure

    def test_both_files_are_written_and_nothing_else(self, tmp_path):
        paths = plots.save_figure(self.figure(), tmp_path / "a-0.05")
        assert [path.name for path in paths] == ["a-0.05.png", "a-0.05.svg"]
        assert sorted(tmp_path.iterdir()) == sorted(paths)

    def test_a_png_has_200_dots_an_inch(self, tmp_path):
        png, _ = plots.save_figure(self.figure(), tmp_path / "a")
        height, width = pyplot.imread(png).shape[:2]
        assert (width, height) == (200 * style.COLUMN_WIDTH, 200 * style.COLUMN_HEIGHT)

    def test_both_files_share_one_layout_which_is_that_of_the_png(self, tmp_path, monkeypatch):
        laid_out, execute = [], ConstrainedLayoutEngine.execute

        def counted(self, figure):
            laid_out.append(figure.dpi)
            execute(self, figure)

        with plots.in_style():
            self.figure().savefig(tmp_path / "by_itself.png", dpi=200)
        monkeypatch.setattr(ConstrainedLayoutEngine, "execute", counted)
        png, _ = plots.save_figure(self.figure(), tmp_path / "a")
        assert laid_out == [200]
        assert png.read_bytes() == (tmp_path / "by_itself.png").read_bytes()

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_figure_keeps_its_layout_its_resolution_and_its_window(self, fails, tmp_path, monkeypatch):
        ax = plots.draw_losses({"flow": flow()})
        figure = ax.figure
        engine, dots, canvas = figure.get_layout_engine(), figure.dpi, figure.canvas
        resized = []
        monkeypatch.setattr(canvas.manager, "resize", lambda *size: resized.append(size))
        if fails:
            monkeypatch.setattr(Figure, "savefig", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                plots.save_figure(figure, tmp_path / "a")
        else:
            plots.save_figure(figure, tmp_path / "a")
        assert figure.get_layout_engine() is engine
        assert figure.dpi == dots
        assert figure.canvas is canvas
        assert resized == []

    def test_a_figure_without_a_layout_stays_where_it_was_put(self, tmp_path):
        figure = Figure()
        place = figure.add_axes((0.3, 0.3, 0.5, 0.5)).get_position().bounds
        plots.save_figure(figure, tmp_path / "a")
        assert figure.axes[0].get_position().bounds == place
        assert figure.get_layout_engine() is None

    def test_equal_figures_give_equal_svg_files(self, tmp_path):
        files = [plots.save_figure(self.figure(), tmp_path / name)[1].read_bytes() for name in "ab"]
        assert files[0] == files[1]

    def test_a_failure_leaves_the_old_file_and_no_half_one(self, tmp_path, monkeypatch):
        paths = plots.save_figure(self.figure(), tmp_path / "a")
        before = [path.read_bytes() for path in paths]

        def fails(self, path, **_):
            path.write_bytes(b"half")
            raise OSError("disk full")

        monkeypatch.setattr(Figure, "savefig", fails)
        with pytest.raises(OSError, match="disk full"):
            plots.save_figure(self.figure(), tmp_path / "a")
        assert [path.read_bytes() for path in paths] == before
        assert len(list(tmp_path.iterdir())) == 2

    @pytest.mark.parametrize(
        ("suffix", "start"),
        [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("PDF", b"%PDF")],
    )
    def test_a_suffix_asks_for_that_file_alone(self, suffix, start, tmp_path):
        (path,) = plots.save_figure(self.figure(), tmp_path / f"a.{suffix}")
        assert list(tmp_path.iterdir()) == [path]
        assert path.name == f"a.{suffix}"
        assert path.read_bytes().startswith(start)

    def test_axes_stand_for_their_figure(self, tmp_path):
        figure = self.figure()
        (whole,), (same,) = (
            plots.save_figure(each, tmp_path / name)
            for each, name in ((figure, "a.png"), (figure.axes[0], "b.png"))
        )
        assert whole.read_bytes() == same.read_bytes()

    @pytest.mark.parametrize("name", ["a.jpg", "a.b", "a.eps"])
    def test_another_suffix_is_refused(self, name, tmp_path):
        with pytest.raises(ValueError, match=r"must end in \.png, \.svg, \.pdf or \.pgf, or have no suffix"):
            plots.save_figure(self.figure(), tmp_path / name)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("figure", [None, "figure", np.zeros(3)])
    def test_what_is_no_figure_is_refused(self, figure, tmp_path):
        with pytest.raises(ValueError, match="`figure` must be a figure or axes, got"):
            plots.save_figure(figure, tmp_path / "a")

    def test_when_the_second_file_fails_the_first_is_the_old_one_too(self, tmp_path, monkeypatch):
        paths = plots.save_figure(self.figure(), tmp_path / "a")
        before = [path.read_bytes() for path in paths]
        savefig = Figure.savefig

        def fails_at_svg(self, path, *, format, **options):
            if format == "svg":
                raise KeyboardInterrupt
            savefig(self, path, format=format, **options)

        monkeypatch.setattr(Figure, "savefig", fails_at_svg)
        other = self.figure()
        other.suptitle("another figure")
        with pytest.raises(KeyboardInterrupt):
            plots.save_figure(other, tmp_path / "a")
        assert [path.read_bytes() for path in paths] == before
        assert sorted(tmp_path.iterdir()) == sorted(paths)

    def test_a_missing_folder_is_an_error(self, tmp_path):
        with pytest.raises(OSError, match="No such file"):
            plots.save_figure(self.figure(), tmp_path / "missing" / "a")

    def test_a_new_figure_is_unknown_to_pyplot(self):
        plots.new_figure(3)
        assert pyplot.get_fignums() == []


def test_importing_the_package_and_its_plots_leaves_matplotlib_alone():
    code = "import sys, gradflow, gradflow.plots, gradflow.cli; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_axis_within_a_decade_is_labelled_with_plain_numbers(ax):
    plots.draw_final_loss([0.1, 0.3], [1.0, 1.5], ax=ax)
    ax.figure.canvas.draw()
    texts = [text.get_text() for text in ax.get_yticklabels(which="both") if text.get_text()]
    assert texts
    assert all("^" not in text for text in texts)


def test_runs_without_labels_are_named_after_what_they_are():
    problem = gf.problems.Quadratic([1.0, 4.0])
    flow = gf.integrate(gf.GradientFlow(problem), [1.0, 1.0], 2.0)
    descents = [
        gf.descend(problem, [1.0, 1.0], rule, 5) for rule in (0.1, 0.1, gf.rules.SignDescent([0.1, 0.1]))
    ]

    def labels(ax):
        return [text.get_text() for text in ax.get_legend().get_texts()]

    names = ["flow", r"$\eta = 0.1$", r"$\eta = 0.1$ (2)", "SignDescent"]
    assert labels(gf.plots.draw_losses([flow, *descents])) == names
    assert labels(gf.plots.draw_losses(flow)) == ["flow"]
    assert labels(gf.plots.draw_path(problem, [flow, *descents]))[:4] == names
    assert len(gf.plots.draw_distance(gf.compare(descents[0], flow)).lines) == 1


@pytest.mark.parametrize("runs", [{}, [], {"a": 3}, [1, 2], "flow", None])
def test_what_is_no_run_is_refused(runs):
    with pytest.raises(ValueError, match="`runs` must"):
        gf.plots.draw_losses(runs)
    with pytest.raises(ValueError, match="`comparisons` must"):
        gf.plots.draw_distance(runs)
