"""Figures for a paper: scales, starts, styles, studies, bands, planes, films and formats."""

import subprocess

import matplotlib as mpl
import matplotlib.animation
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import gradflow as gf
from gradflow import plots
from gradflow.analysis.stability import one_step_map
from gradflow.plots import legends, style
from gradflow.plots.limits import meeting_time
from tests.plots.boxes import faults

PROBLEM = gf.problems.Quadratic([1.0, 4.0])
START = [1.0, 1.0]
WELL = gf.problems.DoubleWell()


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


@pytest.fixture
def ax():
    return Figure().subplots()


def record():
    return {"sharpness": gf.records.sharpness()}


def flow(problem=PROBLEM, w0=START, end_time=3.0, **options):
    return gf.integrate(gf.GradientFlow(problem), w0, end_time, **options)


def descent(eta=0.1, num_steps=20, w0=START, **options):
    return gf.descend(PROBLEM, w0, eta, num_steps, **options)


def line_of(ax, label):
    return next(line for line in ax.get_lines() if line.get_label() == label)


def labels_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def drawn_points(ax, line):
    """The points of a line in the units of the figure, where there are any."""
    ax.figure.draw_without_rendering()
    points = line.get_transform().transform(line.get_xydata())
    return points[np.isfinite(points).all(axis=1)]


class TestLogarithmicTime:
    @pytest.mark.parametrize("when", ["before", "by the function", "after"])
    def test_the_row_at_the_start_makes_no_line_from_the_left_edge(self, when, ax):
        if when == "before":
            ax.set_xscale("log")
        plots.draw_losses({"flow": flow(), "a": descent()}, xscale="log" if "by" in when else None, ax=ax)
        if when == "after":
            ax.set_xscale("log")
        for label in ("flow", "a"):
            points = drawn_points(ax, line_of(ax, label))
            assert len(points) == len(line_of(ax, label).get_xdata()) - 1

    def test_the_row_comes_back_with_a_linear_axis(self, ax):
        run = descent()
        plots.draw_losses({"a": run}, xscale="log", ax=ax)
        ax.set_xscale("linear")
        ax.autoscale()
        ax.figure.draw_without_rendering()
        np.testing.assert_array_equal(line_of(ax, "a").get_xdata(), run.step_times)

    def test_all_runs_begin_at_the_dot_on_the_left_edge(self, ax):
        slow, fast = descent(0.1), descent(0.4)
        plots.draw_losses({"flow": flow(), "slow": slow, "fast": fast}, xscale="log", ax=ax)
        (x,), (y,) = line_of(ax, style.START_OF_TIME).get_data()
        assert (x, y) == (ax.get_xlim()[0], PROBLEM.loss(START))
        assert x == 0.5 * 0.1
        leads = [line.get_xydata().tolist() for line in ax.get_lines() if line.get_linestyle() == ":"]
        for run in (slow, fast):
            assert [[x, y], [run.step_times[1], run.step_losses[1]]] in leads

    def test_a_run_that_leaves_at_its_first_step_is_marked_on_its_way(self, ax):
        wild = descent(25.0, 50)
        plots.draw_losses({"wild": wild}, xscale="log", ax=ax)
        (x,), (y,) = line_of(ax, "diverged").get_data()
        assert y == ax.get_ylim()[1]
        assert ax.get_xlim()[0] < x < wild.step_times[1]

    def test_one_gray_cross_explains_the_marks_of_all_colors(self, ax):
        plots.draw_losses({"a": descent(0.6, 30), "b": descent(0.7, 30)}, ax=ax)
        marks = [line.get_color() for line in ax.get_lines() if line.get_marker() == "X"]
        assert marks == list(style.DESCENT_COLORS[:2])
        assert ax.get_legend().get_lines()[-1].get_color() == style.DARK

    def test_labels_of_ticks_never_touch_however_the_axis_is_changed_later(self):
        figure, (ax,) = plots.new_figure()
        plots.draw_losses({"flow": flow(), "a": descent()}, ax=ax)
        ax.set_xscale("log")
        for low, high in ((0.15, 0.9), (0.09, 0.31), (1e-4, 2.0), (0.2, 0.45), (0.21, 0.24)):
            ax.set_xlim(low, high)
            ax.set_ylim(low, high)
            assert faults(figure) == []
            for labels in (ax.get_xticklabels(which="both"), ax.get_yticklabels(which="both")):
                assert sum(bool(label.get_text()) for label in labels) >= 2

    def test_a_formatter_of_the_user_stays(self, ax):
        plots.draw_final_loss([0.1, 10.0], [1.0, 2.0], ax=ax)
        mine = mpl.ticker.StrMethodFormatter("{x} m")
        ax.xaxis.set_major_formatter(mine)
        ax.set_xlim(0.1, 3)
        assert ax.xaxis.get_major_formatter() is mine

    @pytest.mark.parametrize("draw", [plots.draw_losses, plots.draw_sharpness, plots.draw_spectrum])
    def test_an_unknown_scale_is_refused(self, draw):
        with pytest.raises(ValueError, match="`xscale` must be 'linear' or 'log', got 'symlog'"):
            draw(descent(record=record()), xscale="symlog")


class TestStyle:
    def test_what_the_user_has_set_stays_and_the_rest_is_ours(self):
        with mpl.rc_context({"font.size": 11, "axes.spines.top": True, "lines.linewidth": 3.0}):
            ax = plots.draw_losses({"flow": flow(), "a": descent()})
        assert ax.xaxis.label.get_fontsize() == 11
        assert line_of(ax, "a").get_linewidth() == pytest.approx(3.0 * 1.5)
        assert not ax.spines["right"].get_visible()

    def test_the_colors_of_the_user_are_those_of_the_descents(self):
        with mpl.rc_context({"axes.prop_cycle": mpl.cycler(color=["red", "lime"])}):
            ax = plots.draw_losses({"flow": flow(), "a": descent(), "b": descent(0.2), "c": descent(0.3)})
        assert [line_of(ax, label).get_color() for label in "abc"] == ["red", "lime", "red"]
        assert line_of(ax, "c").get_linestyle() == ":"

    def test_a_style_of_matplotlib_comes_on_top(self):
        ax = plots.draw_losses(
            {"flow": flow()}, style=["dark_background", {"axes.grid": False, "font.size": 9}]
        )
        assert ax.get_facecolor() == mpl.colors.to_rgba("black")
        assert line_of(ax, "flow").get_color() == "white"
        assert ax.xaxis.label.get_fontsize() == 9
        assert not ax.xaxis.get_gridlines()[0].get_visible()

    def test_the_style_of_a_study_holds_for_all_that_is_drawn_in_it(self):
        figure = plots.draw_study(
            gf.study(PROBLEM, START, [0.1], 5.0), style={"axes.grid": False, "font.size": 9.5}
        )
        assert {ax.xaxis.label.get_fontsize() for ax in figure.axes} == {9.5}
        assert not any(line.get_visible() for ax in figure.axes for line in ax.xaxis.get_gridlines())

    def test_colors_and_line_keywords_are_respected(self, ax):
        runs = {"flow": flow(), "a": descent(), "b": descent(0.2)}
        plots.draw_losses(runs, colors=["red", "blue"], linewidth=0.3, ax=ax)
        assert [line_of(ax, label).get_color() for label in "ab"] == ["red", "blue"]
        assert {line.get_linewidth() for line in ax.get_lines()} == {0.3}

    @pytest.mark.parametrize("draw", ["losses", "distance", "sharpness", "path"])
    def test_colors_by_label(self, draw, ax):
        runs = {"a": descent(record=record()), "b": descent(0.2, record=record())}
        compared = {label: gf.compare(run, flow()) for label, run in runs.items()}
        drawings = {
            "losses": lambda **looks: plots.draw_losses(runs, **looks),
            "distance": lambda **looks: plots.draw_distance(compared, **looks),
            "sharpness": lambda **looks: plots.draw_sharpness(runs, **looks),
            "path": lambda **looks: plots.draw_path(PROBLEM, runs, **looks),
        }
        drawings[draw](colors={"b": "red"}, alpha=0.4, ax=ax)
        assert line_of(ax, "a").get_color() == style.DESCENT_COLORS[0]
        assert line_of(ax, "b").get_color() == "red"
        assert line_of(ax, "b").get_alpha() == 0.4

    @pytest.mark.parametrize("colors", ["red", []])
    def test_what_is_no_sequence_of_colors_is_refused(self, colors, ax):
        with pytest.raises(ValueError, match="`colors` must be a sequence"):
            plots.draw_losses(descent(), colors=colors, ax=ax)

    def test_later_descents_are_thinner_so_that_equal_curves_show_all_their_colors(self):
        widths = [style.descent_line(index)["linewidth"] for index in range(6)]
        assert all(np.diff(widths) < 0)

    @pytest.mark.parametrize("width", ["page", 0, -1.0])
    def test_an_unknown_width_is_refused(self, width):
        with pytest.raises(ValueError, match="`width` must be"):
            plots.new_figure(width=width)


class TestLegends:
    def test_a_title_stands_above_a_legend_above_the_axes(self):
        figure, (ax,) = plots.new_figure()
        plots.draw_cobweb(one_step_map(WELL, 1.1), 0.9, 30, ax=ax)
        ax.set_title("A title")
        assert faults(figure) == []
        figure.canvas.draw()
        assert ax.title.get_window_extent().y0 >= ax.get_legend().get_window_extent().y1 - 1

    def test_panels_share_one_legend_with_each_label_once(self):
        figure, panels = plots.new_figure(2, width="text")
        for ax in panels:
            plots.draw_losses({"flow": flow(), "a": descent()}, ax=ax)
            legends.legend(ax, above=True)
        shared = plots.share_legend(figure)
        assert [text.get_text() for text in shared.get_texts()] == ["flow", "a"]
        assert all(ax.get_legend() is None for ax in panels)
        assert all(not ax.child_axes for ax in panels)
        assert faults(figure) == []

    def test_nothing_to_explain_is_no_legend(self):
        assert plots.share_legend(plots.new_figure(2)[0]) is None

    def test_letters_stand_before_titles(self):
        _, panels = plots.new_figure(2, width="text")
        panels[1].set_title("second")
        plots.letter_panels(panels)
        assert [ax.get_title(loc="left") for ax in panels] == ["(a)", "(b) second"]
        assert [ax.get_title() for ax in panels] == ["", ""]


class TestStudy:
    @pytest.fixture
    def study(self):
        # On the way to the minimum at 1 the sharpness 3 w^2 - 1 rises from below to 2.
        return gf.study(WELL, [0.7], [0.5, 1.25, 2.5], 8.0, record=record())

    def test_all_that_the_study_has_is_drawn_over_one_axis_of_time(self, study):
        figure = plots.draw_study(study)
        losses, sharpness, distances = figure.axes
        assert [ax.get_title(loc="left") for ax in figure.axes] == ["(a)", "(b)", "(c)"]
        assert len({ax.get_xlim() for ax in figure.axes}) == 1
        assert {ax.get_xscale() for ax in figure.axes} == {"log"}
        assert (losses.get_ylabel(), sharpness.get_ylabel()) == (style.LOSS, style.SHARPNESS)
        np.testing.assert_array_equal(
            line_of(distances, r"$\eta = 0.5$").get_ydata(), study.comparisons[0.5].distance[1:]
        )

    def test_the_crossing_is_where_the_flows_sharpness_is_two_over_eta(self, study):
        figure = plots.draw_study(study)
        # 2 / 0.5 = 4 is never met, 2 / 2.5 = 0.8 not on the way up from 3 * 0.7^2 - 1 = 0.47.
        met = {1.25: 1.6, 2.5: 0.8}
        for ax in figure.axes:
            marks = [
                line for line in ax.get_lines() if len(set(line.get_xdata())) == 1 < len(line.get_xdata())
            ]
            assert len(marks) == 2
            for line, (rate, level) in zip(marks, met.items(), strict=True):
                (w,) = study.flow.at(line.get_xdata()[0])
                assert 3 * w**2 - 1 == pytest.approx(level, abs=0.02), rate

    def test_panels_are_drawn_as_asked_for(self, study):
        figure = plots.draw_study(study, ("distance", "loss"), width="column", xscale="linear")
        assert [ax.get_ylabel() for ax in figure.axes] == [style.DISTANCE, style.LOSS]
        assert figure.get_size_inches()[0] == style.COLUMN_WIDTH
        assert [bool(ax.get_xlabel()) for ax in figure.axes] == [False, True]
        assert {ax.get_xscale() for ax in figure.axes} == {"linear"}

    def test_a_study_without_the_sharpness_leaves_its_panel_out_and_says_so_when_asked(self):
        plain = gf.study(PROBLEM, START, [0.1], 3.0)
        assert len(plots.draw_study(plain).axes) == 2
        with pytest.raises(ValueError, match=r"recorded the sharpness.*gradflow\.records\.sharpness"):
            plots.draw_study(plain, panels=("loss", "sharpness"))

    def test_unknown_panels_and_unequal_studies_are_refused(self, study):
        with pytest.raises(ValueError, match="`panels` must be of loss, sharpness, distance"):
            plots.draw_study(study, panels=("energy",))
        with pytest.raises(ValueError, match="`study` must be one or several with equal learning rates"):
            plots.draw_study([study, gf.study(PROBLEM, START, [0.1], 3.0)])

    def test_several_studies_are_bands(self):
        studies = [gf.study(PROBLEM, [1.0, w], [0.1, 0.4], 5.0, record=record()) for w in (0.5, 1.0, 2.0)]
        for width in ("column", "text"):
            figure = plots.draw_study(studies, width=width)
            assert faults(figure) == []
            assert [len(ax.collections) for ax in figure.axes] == [3, 3, 2]

    def test_the_meeting_time_is_that_of_the_located_event(self):
        event = {"edge": gf.events.sharpness_reaches(WELL, 1.5)}
        located = flow(WELL, [0.6], 9.0, events=event).crossings["edge"].times
        found = flow(WELL, [0.6], 9.0, record=record(), times=2001)
        assert meeting_time(found, gf.descend(WELL, [0.6], 2 / 1.5, 5)) == pytest.approx(located[0], abs=1e-4)
        # The sharpness of the minimum is 2, that of the start 0.08.
        for level in (2.01, 0.07):
            assert meeting_time(found, gf.descend(WELL, [0.6], 2 / level, 5)) is None


class TestBands:
    def test_the_line_is_the_median_and_the_band_holds_all(self, ax):
        # Losses of three starts are 1, 4 and 9 times that of the first at every time.
        runs = [descent(0.1, 20, w0=[scale, scale]) for scale in (1.0, 2.0, 3.0)]
        plots.draw_bands({"a": runs}, ax=ax)
        x, y = line_of(ax, "a").get_data()
        np.testing.assert_allclose(y, np.interp(x, runs[1].step_times, runs[1].step_losses))
        heights = ax.collections[0].get_paths()[0].vertices[:, 1]
        low, high = heights.min(), heights.max()
        assert (low, high) == pytest.approx((runs[0].final_loss, runs[2].losses[0]))

    def test_a_share_leaves_out_the_extremes(self, ax):
        runs = [descent(0.1, 20, w0=[scale, scale]) for scale in range(1, 12)]
        plots.draw_bands({"a": runs}, share=0.6, ax=ax)
        heights = ax.collections[0].get_paths()[0].vertices[:, 1]
        low, high = heights.min(), heights.max()
        assert low == pytest.approx(runs[2].final_loss)
        assert high == pytest.approx(runs[8].losses[0])

    def test_runs_that_left_count_as_larger_than_all_others(self, ax):
        calm = [descent(0.1, 300, w0=[scale, scale]) for scale in (1.0, 2.0)]
        wild = gf.descend(gf.problems.Quadratic([1.0, 30.0]), START, 0.1, 2000)
        assert wild.outcome is gf.Outcome.DIVERGED
        plots.draw_bands({"a": [*calm, wild]}, ax=ax)
        x, y = line_of(ax, "a").get_data()
        late = x > 1.0
        np.testing.assert_allclose(y[late], np.interp(x[late], calm[1].step_times, calm[1].step_losses))
        assert ax.get_ylim()[1] <= 30 * wild.losses[0] * (1 + 1e-9)

    def test_steps_are_counted_on_the_axis_of_steps(self, ax):
        runs = [descent(0.1, 20, w0=[scale, scale]) for scale in (1.0, 2.0, 3.0)]
        plots.draw_bands({"a": runs}, axis="step", ax=ax)
        x, y = line_of(ax, "a").get_data()
        assert (x[0], x[-1], ax.get_xlabel()) == (0, 20, style.STEP)
        np.testing.assert_allclose(y, np.interp(x, runs[1].steps, runs[1].losses))

    def test_comparisons_are_distances_and_records_are_records(self, ax):
        runs = [descent(0.1, 20, record=record()) for _ in range(2)]
        plots.draw_bands({"a": runs}, record="sharpness", ax=ax)
        np.testing.assert_allclose(line_of(ax, "a").get_ydata(), 4.0)
        other = Figure().subplots()
        plots.draw_bands({"a": [gf.compare(run, flow()) for run in runs]}, ax=other)
        assert other.get_ylabel() == style.DISTANCE
        assert other.get_yscale() == "log"

    @pytest.mark.parametrize(
        ("groups", "options", "match"),
        [
            ({}, {}, "`groups` must map labels"),
            ({"a": []}, {}, "`groups` must hold a sequence of runs for 'a'"),
            ({"a": [1.0]}, {}, "`groups` must hold trajectories or comparisons"),
            (
                {"a": [descent()]},
                {"record": "sharpness"},
                "`groups` must have recorded 'sharpness', got none",
            ),
            ({"a": [descent()]}, {"share": 1.5}, "`share` must be at most 1"),
            ({"a": [descent()]}, {"axis": "epoch"}, "`axis` must be 'time', or 'step'"),
            ({"a": [gf.compare(descent(), flow())]}, {"axis": "step"}, "`axis` must be 'time', or 'step'"),
        ],
    )
    def test_bad_arguments_are_named(self, groups, options, match):
        with pytest.raises(ValueError, match=match):
            plots.draw_bands(groups, **options)


class TestOneWeight:
    def test_runs_lie_on_the_graph_of_the_loss(self, ax):
        runs = {"flow": flow(WELL, [0.3], 9.0), "a": gf.descend(WELL, [0.3], 0.4, 9)}
        plots.draw_path(WELL, runs, ax=ax)
        for label, run in runs.items():
            x, y = line_of(ax, label).get_data()
            np.testing.assert_array_equal(x, run.weights[:, 0])
            np.testing.assert_allclose(y, [WELL.loss(w) for w in run.weights])
        x, y = line_of(ax, "loss").get_data()
        np.testing.assert_allclose(y, [WELL.loss(np.array([w])) for w in x])
        assert line_of(ax, "start").get_xydata().tolist() == [[0.3, WELL.loss(np.array([0.3]))]]

    def test_a_plane_is_refused(self):
        with pytest.raises(ValueError, match="`plane` must be left out for a loss of one weight"):
            plots.draw_path(WELL, gf.descend(WELL, [0.3], 0.4, 9), plane="runs")


class TestPlanes:
    NET = gf.problems.FeedForward(*gf.datasets.xor(), [3])

    @pytest.fixture
    def runs(self):
        w0 = self.NET.initial_weights(0)
        return {"flow": flow(self.NET, w0, 20.0), "a": gf.descend(self.NET, w0, 0.8, end_time=20.0)}

    def test_start_and_both_ends_lie_in_the_plane_of_the_runs(self, runs):
        plane = plots.plane_of_runs(runs)
        np.testing.assert_allclose(plane.axes.T @ plane.axes, np.eye(2), atol=1e-12)
        for point in (runs["flow"].weights[0], runs["flow"].final_weights, runs["a"].final_weights):
            np.testing.assert_allclose(plane.weights(plane.coordinates(point)), point, atol=1e-12)
        x, y = plane.coordinates(runs["flow"].final_weights)
        assert x == pytest.approx(np.linalg.norm(runs["flow"].final_weights - runs["flow"].weights[0]))
        assert y == pytest.approx(0.0, abs=1e-12)

    def test_paths_are_drawn_where_they_project_to(self, runs, ax):
        plane = plots.plane_of_runs(runs)
        plots.draw_path(self.NET, runs, num_points=5, ax=ax)
        for label, run in runs.items():
            np.testing.assert_array_equal(line_of(ax, label).get_xydata(), plane.coordinates(run.weights))
        assert ax.get_xlabel() == "from the start to the flow's end"

    def test_the_plane_of_eigenvectors_is_the_hessians_own(self):
        problem = gf.problems.Quadratic([1.0, 9.0, 4.0])
        plane = plots.plane_of_eigenvectors(problem, np.zeros(3))
        np.testing.assert_allclose(np.abs(plane.axes), [[0, 0], [1, 0], [0, 1]], atol=1e-8)
        assert plane.names == (r"eigenvector, $\lambda_1 = 9$", r"eigenvector, $\lambda_2 = 4$")

    def test_directions_that_are_not_orthogonal_span_their_plane(self):
        plane = plots.plane_along([0.0, 0.0, 1.0], [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
        assert plane.coordinates(np.array([2.0, 3.0, 5.0])).tolist() == [2.0, 3.0]

    @pytest.mark.parametrize("second", [[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    def test_points_on_a_line_leave_the_second_axis_to_chance(self, second):
        plane = plots.plane_through(np.zeros(3), [1.0, 0.0, 0.0], second)
        np.testing.assert_allclose(plane.axes.T @ plane.axes, np.eye(2), atol=1e-12)
        assert plane.axes[:, 0].tolist() == [1.0, 0.0, 0.0]

    def test_a_run_alone_and_one_that_rests_can_be_drawn(self, ax):
        problem = gf.problems.Quadratic([1.0, 2.0, 3.0])
        plots.draw_path(problem, gf.descend(problem, np.ones(3), 0.1, 5), num_points=5, ax=ax)
        plots.draw_path(problem, gf.descend(problem, np.zeros(3), 0.1, 5), num_points=5, ax=ax)

    @pytest.mark.parametrize(
        ("plane", "match"),
        [
            ("weights", "`plane` must be a Plane, 'runs' or 'eigenvectors', got 'weights'"),
            (
                plots.plane_along(np.zeros(3), np.eye(3)[:, :2]),
                "`plane` must lie among 2 weights, got one among 3",
            ),
        ],
    )
    def test_an_unknown_plane_is_refused(self, plane, match):
        with pytest.raises(ValueError, match=match):
            plots.draw_path(PROBLEM, descent(), plane=plane)

    def test_directions_of_another_shape_are_refused(self):
        with pytest.raises(ValueError, match=r"`directions` must have shape \(3, 2\), got \(2, 2\)"):
            plots.plane_along(np.zeros(3), np.eye(2))
        with pytest.raises(ValueError, match="`origin` must have at least two weights for a plane, got 1"):
            plots.plane_through([0.0], [1.0], [2.0])

    def test_sketches_are_refused(self):
        run = gf.descend(PROBLEM, START, 0.1, 3, sketch=gf.Sketch(2, size=2))
        with pytest.raises(ValueError, match="`runs` must keep their weights, got sketches"):
            plots.draw_path(PROBLEM, run)


class TestFilms:
    RUNS = {"flow": flow(), "a": descent(0.4, 7)}  # noqa: RUF012

    def test_each_frame_shows_the_runs_up_to_its_time(self, tmp_path, monkeypatch):
        seen = []
        writer = mpl.animation.PillowWriter
        grab = writer.grab_frame

        def noted(self, **options):
            ax = self.fig.axes[0]
            seen.append({label: line_of(ax, label).get_xydata().copy() for label in ("flow", "a")})
            grab(self, **options)

        monkeypatch.setattr(writer, "grab_frame", noted)
        path = plots.animate_path(PROBLEM, self.RUNS, tmp_path / "film.gif", times=[0.0, 1.0, 2.9])
        assert path.read_bytes().startswith(b"GIF8")
        assert list(tmp_path.iterdir()) == [path]
        assert [len(frame["a"]) for frame in seen] == [1, 3, 8]
        for frame, time in zip(seen, (0.0, 1.0, 2.9), strict=True):
            np.testing.assert_allclose(frame["flow"][-1], self.RUNS["flow"].at(time), atol=5e-3)

    def test_one_weight_moves_too(self, tmp_path):
        run = gf.descend(WELL, [0.3], 0.4, 9)
        assert plots.animate_path(WELL, run, tmp_path / "film.GIF", num_frames=2).is_file()

    def test_formats_without_a_writer_are_refused(self, tmp_path, monkeypatch):
        with pytest.raises(ValueError, match=r"`path` must end in \.gif, \.mp4 or \.webm"):
            plots.animate_path(PROBLEM, self.RUNS, tmp_path / "film.png")
        monkeypatch.setattr(mpl.animation.writers, "is_available", lambda name: False)
        with pytest.raises(ValueError, match=r"`path` must end in \.gif where ffmpeg is not installed"):
            plots.animate_path(PROBLEM, self.RUNS, tmp_path / "film.mp4")
        assert list(tmp_path.iterdir()) == []


class TestFormats:
    def figure(self):
        figure, (ax,) = plots.new_figure()
        plots.draw_losses({"flow": flow()}, ax=ax)
        return figure

    def test_a_list_gives_each_file_once(self, tmp_path):
        names = ["a.pdf", "a.svg", "b.png", "a.pdf"]
        paths = plots.save_figure(self.figure(), [tmp_path / name for name in names])
        assert [path.name for path in paths] == names[:3]
        assert sorted(tmp_path.iterdir()) == sorted(paths)

    def test_the_letters_of_a_pdf_are_letters(self, tmp_path):
        (path,) = plots.save_figure(self.figure(), tmp_path / "a.pdf")
        assert b"/CIDFontType2" in path.read_bytes()
        assert b"/Type3" not in path.read_bytes()

    def test_equal_figures_give_equal_pdf_files(self, tmp_path):
        one, other = (plots.save_figure(self.figure(), tmp_path / name)[0] for name in ("a.pdf", "b.pdf"))
        assert one.read_bytes() == other.read_bytes()

    def test_the_resolution_of_the_user_stays(self, tmp_path):
        with mpl.rc_context({"savefig.dpi": 100}):
            (png,) = plots.save_figure(self.figure(), tmp_path / "a.png")
        (other,) = plots.save_figure(self.figure(), tmp_path / "b.png", dpi=50)
        assert pyplot.imread(png).shape[1] == 100 * style.COLUMN_WIDTH
        assert pyplot.imread(other).shape[1] == int(50 * style.COLUMN_WIDTH)

    def test_pgf_is_written_or_says_what_is_missing(self, tmp_path, monkeypatch):
        def nothing(*_, **__):
            raise FileNotFoundError("xelatex")

        monkeypatch.setattr(subprocess, "Popen", nothing)
        with pytest.raises(ValueError, match=r"`path` must end in .* where no TeX system is installed"):
            plots.save_figure(self.figure(), tmp_path / "a.pgf")
        assert list(tmp_path.iterdir()) == []

    def test_no_path_is_refused(self):
        with pytest.raises(ValueError, match="`path` must name at least one file"):
            plots.save_figure(self.figure(), [])
