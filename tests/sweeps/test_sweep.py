import functools
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

import gradflow as gf
from gradflow.problems import FeedForward, Quadratic
from gradflow.sweeps import Processes, Store, Sweep, critical_rates, distances, ends, regimes

RATES = (0.1, 1.0, 1.9, 3.0)


def one(*_):
    return [1.0]


def well(curvature=1.0):
    return Quadratic(curvature)


def xor(width):
    return FeedForward(*gf.datasets.xor(), [width])


def small(**options):
    return Sweep(well, {"curvature": [1.0, 2.5], "learning_rate": RATES}, 2000, start=one, **options)


def test_both_sides_of_the_limit():
    result = small().run()
    stable = result.column("learning_rate") * result.column("curvature") < 2
    assert len(result) == 8
    np.testing.assert_array_equal(result.column("outcome") == "DIVERGED", ~stable)
    np.testing.assert_allclose(result.column("final_loss")[stable], 0, atol=1e-60)


def test_points_come_in_the_order_of_the_axes():
    result = small().run()
    assert list(result.axes) == ["curvature", "learning_rate"]
    assert result.column("learning_rate").tolist() == [*RATES, *RATES]
    assert result.grid("final_loss").shape == (2, 4)
    np.testing.assert_array_equal(result.grid("curvature")[1], 2.5)


def test_each_point_is_the_single_run():
    sweep = Sweep(xor, {"width": [2, 4], "seed": range(3), "learning_rate": [0.05, 0.1]}, 200)
    for row in sweep.run().rows:
        problem = xor(row.parameters["width"])
        start = problem.initial_weights(row.parameters["seed"])
        run = gf.descend(problem, start, row.parameters["learning_rate"], 200)
        assert row.numbers["final_loss"] == pytest.approx(run.final_loss, rel=1e-11)
        assert row.numbers["outcome"] == run.outcome.name


def test_regimes_critical_rates_and_distances():
    result = small(compute=(ends, regimes, critical_rates, distances)).run()
    limits = 2 / result.column("curvature")
    np.testing.assert_allclose(result.column("critical_rate"), limits, rtol=1e-3)
    diverged = result.column("regime") == "DIVERGED"
    np.testing.assert_array_equal(diverged, result.column("learning_rate") > limits)
    exact = (result.column("learning_rate") == 1.0) & (result.column("curvature") == 1.0)
    # One step to the minimum, where the flow still is at exp(-1).
    assert result.column("largest_distance")[exact] == pytest.approx(np.exp(-1), rel=1e-5)


def test_a_rule_and_one_learning_rate():
    rule = functools.partial(gf.rules.HeavyBall, momentum=0.9)
    sweep = Sweep(well, {"curvature": [1.0, 3.7, 3.9]}, 4000, 1.0, rule=rule, start=one)
    assert sweep.run().column("outcome").tolist() == ["FINISHED", "FINISHED", "DIVERGED"]


def test_a_measure_of_the_users_own_with_arrays():
    def norms(group):
        return {"norm": np.linalg.norm(group.starts, axis=1), "start": list(group.starts)}

    (row,) = Sweep(well, {"seed": [0]}, 10, 0.1, start=lambda *_: [3.0], compute=norms).run().rows
    assert row.numbers["norm"] == 3.0
    np.testing.assert_array_equal(row.arrays["start"], [3.0])


BAD_AXES = [
    ({}, "must map names to values"),
    ({"learning_rate": []}, "must have at least one value for learning_rate, got none"),
    ({"learning_rate": [0.1, 0.1]}, "must have every value of learning_rate once, got 0.1 twice"),
    ({"learning_rate": [float("nan")]}, "must have finite values for learning_rate, got nan"),
    ({"learning_rate": [-0.1]}, "must have learning rates above 0, got -0.1"),
    ({"learning_rate": "0.1"}, "must have a sequence of values for learning_rate"),
    ({"learning_rate": [0.1], "seed": [0.5]}, "must have seeds that are whole numbers"),
    ({"learning_rate": [0.1], "width": [object()]}, "must have numbers, text or flags for width"),
    (
        {"learning_rate": np.linspace(1, 2, 20000), "seed": range(20000)},
        "must span at most 100,000,000 points",
    ),
    ({"learning_rate": [0.1], "a b": [1]}, "must have names such as"),
]


@pytest.mark.parametrize(("axes", "sentence"), BAD_AXES, ids=[sentence for _, sentence in BAD_AXES])
def test_bad_axes_are_refused_in_one_sentence(axes, sentence):
    with pytest.raises(ValueError, match="`axes` " + sentence):
        Sweep(well, axes, 10)


def test_a_learning_rate_must_come_from_somewhere_and_from_one_place():
    with pytest.raises(ValueError, match="`learning_rate` must be given, or be one of the axes"):
        Sweep(well, {"seed": [0]}, 10)
    with pytest.raises(ValueError, match="`learning_rate` must be given, or be one of the axes"):
        Sweep(well, {"learning_rate": [0.1]}, 10, 0.1)


def test_a_problem_takes_no_parameters():
    with pytest.raises(ValueError, match="`problem` must be a function of width"):
        Sweep(Quadratic(1.0), {"width": [1], "learning_rate": [0.1]}, 10)


CALLS = []


def counted(group):
    CALLS.append(len(group.starts))
    return ends(group)


def test_a_store_spares_what_is_finished(tmp_path):
    CALLS.clear()
    first = small(compute=counted).run(tmp_path / "s.db")
    done = sum(CALLS)
    again = small(compute=counted).run(tmp_path / "s.db")
    assert (done, sum(CALLS)) == (8, 8)
    assert [row.numbers for row in again.rows] == [row.numbers for row in first.rows]


def test_only_missing_points_are_computed_when_an_axis_grows(tmp_path):
    CALLS.clear()
    Sweep(well, {"learning_rate": [0.1, 0.2]}, 10, start=one, compute=counted).run(tmp_path / "s.db")
    grown = Sweep(well, {"learning_rate": [0.1, 0.2, 0.3]}, 10, start=one, compute=counted).run(
        tmp_path / "s.db"
    )
    assert sum(CALLS) == 3
    assert len(grown) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"num_steps": 11},
        {"rule": functools.partial(gf.rules.HeavyBall, momentum=0.5)},
        {"start": lambda *_: [2.0]},
        {"problem": functools.partial(well, 2.0)},
        {"compute": (ends, critical_rates)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_keys_change_with_whatever_the_answer_depends_on(other):
    usual = {"problem": well, "axes": {"learning_rate": [0.1]}, "num_steps": 10, "start": one}
    assert Sweep(**usual).keys == Sweep(**usual).keys
    assert Sweep(**usual).keys != Sweep(**usual | other).keys


def test_keys_of_problems_change_with_their_data():
    def sweep(curvature):
        return Sweep(Quadratic(curvature), {"learning_rate": [0.1]}, 10, start=one)

    assert sweep(1.0).keys == sweep(1.0).keys
    assert sweep(1.0).keys != sweep(2.0).keys


def test_an_error_fails_its_points_and_no_others(tmp_path):
    def fragile(curvature):
        if curvature == 2.0:
            raise RuntimeError("no such curvature")
        return Quadratic(curvature)

    sweep = Sweep(fragile, {"curvature": [1.0, 2.0, 3.0], "learning_rate": [0.1, 0.2]}, 10, start=one)
    result = sweep.run(tmp_path / "s.db")
    assert not result.is_whole
    assert result.missing == {"RuntimeError: no such curvature": 2}
    assert result.column("curvature").tolist() == [1.0, 1.0, 3.0, 3.0]
    assert np.isnan(result.grid("final_loss")[1]).all()
    assert len(Store(tmp_path / "s.db")) == 4


def test_a_column_of_another_length_is_refused():
    result = small(compute=lambda group: {"x": [1]}).run()
    assert list(result.missing) == [
        "ValueError: `compute` must return one value a point, got 1 of x for 4 points"
    ]


def test_a_full_disk_ends_the_sweep_with_what_there_is(tmp_path):
    def long(group):
        return {"path": [np.zeros(50_000)] * len(group.starts)}

    store = Store(tmp_path / "s.db")
    with sqlite3.connect(store.path) as base:
        pages = base.execute("pragma page_count").fetchone()[0]

    class Small(Store):
        """A store on a disk with room for some 1.2 MB."""

        @contextmanager
        def _open(self):
            with super()._open() as base:
                base.execute(f"pragma max_page_count = {pages + 300}")
                yield base

    axes = {"curvature": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "learning_rate": [0.1]}
    sweep = Sweep(well, axes, 10, start=one, compute=long)
    result = sweep.run(Small(store.path))
    (sentence,) = result.missing
    assert "could not be used: database or disk is full" in sentence
    # What could not be written is in hand all the same.
    assert len(result) == len(store) + 1 < 6
    assert sweep.run(store).is_whole


def test_an_interrupt_leaves_what_was_reached(tmp_path):
    def interrupted(group):
        if group.problem.hvp(np.zeros(1), np.ones(1))[0] == 2.5:
            raise KeyboardInterrupt
        return ends(group)

    result = small(compute=interrupted).run(tmp_path / "s.db")
    assert result.missing == {"interrupted": 4}
    assert result.is_interrupted
    assert len(Store(tmp_path / "s.db")) == 4
    assert small(compute=interrupted).run(tmp_path / "s.db").missing == {"interrupted": 4}


def test_threads_give_the_same_rows():
    with ThreadPoolExecutor(2) as pool:
        rows = [(row.key, row.numbers["final_loss"]) for row in small().run(executor=pool).rows]
    assert rows == [(row.key, row.numbers["final_loss"]) for row in small().run().rows]


def test_processes_give_the_same_rows():
    with Processes(2) as pool:
        rows = [(row.key, row.numbers["final_loss"]) for row in small().run(executor=pool).rows]
    assert rows == [(row.key, row.numbers["final_loss"]) for row in small().run().rows]


def test_dask_gives_the_same_rows():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        rows = [
            (row.key, row.numbers["final_loss"]) for row in small().run(executor=client.get_executor()).rows
        ]
    assert rows == [(row.key, row.numbers["final_loss"]) for row in small().run().rows]


def deadly(group, folder):
    """Kill the worker the first time that it meets a curvature of 2.5."""
    mark = folder / "killed"
    if group.problem.hvp(np.zeros(1), np.ones(1))[0] == 2.5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return ends(group)


def always_deadly(group):
    if group.problem.hvp(np.zeros(1), np.ones(1))[0] == 2.5:
        os.kill(os.getpid(), signal.SIGKILL)
    return ends(group)


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(tmp_path):
    with Processes(2) as pool:
        result = small(compute=functools.partial(deadly, folder=tmp_path)).run(executor=pool)
    assert (tmp_path / "killed").exists()
    assert result.is_whole


def test_points_that_kill_their_worker_each_time_fail_and_no_others():
    with Processes(2) as pool:
        result = small(compute=always_deadly).run(executor=pool)
    assert result.missing == {"the worker that ran it died": 4}
    assert set(result.column("curvature")) == {1.0}


PROGRAM = """
import time
from pathlib import Path
import gradflow as gf
from gradflow.sweeps import Sweep, ends

def slow(group):
    with open("calls", "a") as file:
        file.write("x" * len(group.starts))
    time.sleep(0.05)
    return ends(group)

def make(curvature):
    return gf.problems.Quadratic(curvature)

def start(problem, seed):
    return [1.0]

if __name__ == "__main__":
    axes = {"curvature": [1 + 0.01 * i for i in range(40)], "learning_rate": [0.1, 0.2]}
    result = Sweep(make, axes, 10, start=start, compute=slow).run("s.db")
    print(len(result), result.is_whole)
"""


def test_after_kill_9_only_the_missing_points_are_computed(tmp_path):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    command = [sys.executable, "program.py"]
    process = subprocess.Popen(command, cwd=tmp_path)
    calls = tmp_path / "calls"
    while not calls.exists() or len(calls.read_text()) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    finished = len(Store(tmp_path / "s.db"))
    begun = len(calls.read_text())
    assert 18 <= finished < 80
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "80 True\n"
    # What was under way when it was killed, two points, may be computed twice.
    assert len(calls.read_text()) - begun == 80 - finished
    assert begun - finished <= 2


def test_the_table_leaves_as_text_csv_frame_and_grid(tmp_path):
    pandas = pytest.importorskip("pandas")
    xarray = pytest.importorskip("xarray")
    result = small().run()
    path = result.to_csv(tmp_path / "t.csv")
    frame = pandas.read_csv(path)
    assert list(frame.columns) == result.names
    np.testing.assert_array_equal(frame["final_loss"], result.column("final_loss"))
    assert result.to_pandas()["outcome"].tolist() == result.column("outcome").tolist()
    grid = result.to_xarray()
    assert isinstance(grid, xarray.Dataset)
    assert grid.sizes == {"curvature": 2, "learning_rate": 4}
    np.testing.assert_array_equal(grid["final_loss"].values, result.grid("final_loss"))
    assert result.table(3).splitlines()[-1] == "... and 5 more rows"


def test_a_name_that_is_no_column_is_refused():
    with pytest.raises(ValueError, match="`name` must be one of curvature, learning_rate, outcome"):
        small().run().column("loss")


def test_reprs_are_short():
    assert repr(small()) == "Sweep(2 curvature x 4 learning_rate, 2,000 steps each)"
    assert repr(small().run()) == "SweepResult(2 curvature x 4 learning_rate: 4 finished, 4 diverged)"
