"""A run that will not fit says so, and is run all the same."""

import os
import warnings

import numpy as np
import pytest

import gradflow as gf
from gradflow.simulate import memory
from gradflow.simulate.memory import FOR_FLOW, LEAST, MemoryWatch, free_memory, size

N = 100_000
BOWL = gf.problems.from_callables(lambda w: 0.5 * float(w @ w), lambda w: w.copy(), num_weights=N)
W0 = np.ones(N)
FLOW = gf.GradientFlow(BOWL)


@pytest.fixture
def free(monkeypatch):
    """Set how much memory is free."""
    return lambda num_bytes: monkeypatch.setattr(memory, "free_memory", lambda: num_bytes)


# Of each run: how to make it with so many rows, the bytes of one row, those of a step besides.
RUNS = {
    "descent": (lambda rows, **options: gf.descend(BOWL, W0, 0.1, rows - 1, **options), 8 * (N + 4), 16),
    "flow": (
        lambda rows, **options: gf.integrate(FLOW, W0, 1.0, method="RK45", times=rows, **options),
        8 * (2 * N + 4),
        0,
    ),
}
CURES = {"descent": "`record_every=`", "flow": "`times=`"}


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_that_keeps_half_of_what_is_free_is_silent_and_one_that_keeps_more_says_what(free, kind):
    make, row, step = RUNS[kind]
    num_rows = 30
    needed = num_rows * row + (num_rows - 1) * step
    free(2 * needed)
    silent = make(num_rows)
    free(2 * needed - 1)
    with pytest.warns(gf.errors.CostWarning) as caught:
        run = make(num_rows)
    assert len(caught) == 1
    sentence = str(caught[0].message)
    assert f"will keep {num_rows} rows" in sentence
    assert f"{size(needed)}: more than half of the {size(2 * needed - 1)} of memory" in sentence
    assert CURES[kind] in sentence
    assert "Sketch" in sentence
    assert caught[0].filename == __file__
    assert run.outcome is gf.Outcome.FINISHED
    np.testing.assert_array_equal(run.weights, silent.weights)
    assert len(run.weights) == num_rows


@pytest.mark.parametrize("kind", RUNS)
def test_the_cures_cure(free, kind):
    make, row, _ = RUNS[kind]
    free(30 * row)
    make(30, sketch=gf.Sketch(N, 10))
    if kind == "descent":
        make(30, record_every=3)
    else:
        make(10)
    with pytest.warns(gf.errors.CostWarning):
        make(30)


def test_a_flow_of_a_million_weights_keeps_what_it_was_asked_for_and_says_so(free):
    many = 10**6
    line = gf.problems.from_callables(lambda w: -float(w[0]), lambda w: -np.ones(many), num_weights=many)
    free(10 * 8 * many)
    with pytest.warns(gf.errors.CostWarning, match="will keep 4 rows, 64 MB: more than half of the 80 MB"):
        run = gf.integrate(gf.GradientFlow(line), np.zeros(many), 1.0, method="RK45", times=4)
    assert run.weights.shape == (4, many)
    np.testing.assert_allclose(run.weights[:, -1], run.times, rtol=1e-6)


def test_a_flow_that_keeps_every_step_says_once_when_half_of_what_was_free_is_gone(free):
    held = []

    class Watched(MemoryWatch):
        def look(self, num_bytes):
            held.append(num_bytes)
            super().look(num_bytes)

    options = {"method": "RK45", "rtol": 1e-9}
    free(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gradflow.simulate.run_recorder.MemoryWatch", Watched)
        expected = gf.integrate(FLOW, W0, 6.0, **options)
    assert len(held) >= 2
    assert max(held) > LEAST
    # Weights and velocities set aside and little besides.
    assert held[0] == pytest.approx(16 * 16 * N, rel=1e-3)
    free(max(held) + 1)
    assert len(gf.integrate(FLOW, W0, 6.0, **options).times) == len(expected.times)
    free(held[0] - 1)
    with pytest.warns(gf.errors.CostWarning, match="the rows of this run have come to take") as caught:
        run = gf.integrate(FLOW, W0, 6.0, **options)
    assert len(caught) == 1
    assert size(held[0]) in str(caught[0].message)
    np.testing.assert_array_equal(run.weights, expected.weights)


ENDS = {
    "a tolerance": {"gradient_tolerance": 1e-300},
    "a callback": {"callback": lambda t, w: t > 0.15},
    "an event": {"events": {"low": gf.Event(lambda t, w: w[0], levels=0.9)}},
}


@pytest.mark.parametrize("end", ENDS)
def test_a_descent_that_may_end_before_says_nothing_of_rows_that_may_never_come(free, end):
    free(LEAST)
    gf.descend(BOWL, W0, 0.1, 30 if end == "a tolerance" else 10**6, **ENDS[end])
    never = {"never": gf.Event(lambda t, w: w[0], levels=-1.0, terminal=False)}
    with pytest.warns(gf.errors.CostWarning, match="will keep 31 rows"):
        gf.descend(BOWL, W0, 0.1, 30, events=never)


def test_a_descent_that_may_end_before_but_does_not_says_so_when_its_rows_grow(free, monkeypatch):
    monkeypatch.setattr("gradflow.simulate.rows.LARGEST_START", 24 * 8 * N)
    free(24 * 8 * N - 1)
    with pytest.warns(gf.errors.CostWarning, match="have come to take 19.2 MB.* `record_every=`") as caught:
        gf.descend(BOWL, W0, 0.1, 80, gradient_tolerance=1e-300)
    assert len(caught) == 1
    free(80 * 8 * N)
    gf.descend(BOWL, W0, 0.1, 40, gradient_tolerance=1e-300)


def test_nobody_asks_for_what_is_free_on_behalf_of_a_small_run(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 0.0)
    bowl = gf.problems.Quadratic([1.0, 4.0])
    gf.descend(bowl, [1.0, 1.0], 0.1, 100)
    gf.integrate(gf.GradientFlow(bowl), [1.0, 1.0], 1.0, times=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MemoryWatch(FOR_FLOW).announce(1, LEAST - 1)
        MemoryWatch(FOR_FLOW).look(LEAST - 1)
    with pytest.warns(gf.errors.CostWarning):
        MemoryWatch(FOR_FLOW).announce(1, LEAST)
    with pytest.warns(gf.errors.CostWarning):
        MemoryWatch(FOR_FLOW).look(LEAST)


def test_losses_of_very_many_steps_count_too(free):
    free(2 * 16 * 10**8)
    MemoryWatch(FOR_FLOW).announce(0, 8, num_losses=10**8)
    with pytest.warns(gf.errors.CostWarning, match="0 rows and the losses of 100,000,001 steps, 1.6 GB"):
        MemoryWatch(FOR_FLOW).announce(0, 8, num_losses=10**8 + 1)


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (999.6, "1 kB"),
        (1000, "1 kB"),
        (999_600, "1 MB"),
        (8.01e9, "8.01 GB"),
        (2.5e15, "2.5e+03 TB"),
    ],
)
def test_a_size_is_read_in_its_unit(num_bytes, text):
    assert size(num_bytes) == text


def system(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal: 4000 kB\nMemFree: 100 kB\nMemAvailable:    2000 kB\nBuffers: 0 kB\n"}
AVAILABLE = 2000 * 1024.0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, AVAILABLE),
        # Version 2, in a container whose own group is the root: of what is used 300,000 are idle.
        (
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "1000000\n",
                "sys/fs/cgroup/memory.current": "900000\n",
                "sys/fs/cgroup/memory.stat": "anon 5\nactive_file 7\ninactive_file 300000\nshmem 1\n",
            },
            400_000.0,
        ),
        # Its limit may be that of a group around it, such as the job around a step.
        (
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/step/memory.max": "max\n",
                "sys/fs/cgroup/job/step/memory.current": "10\n",
                "sys/fs/cgroup/job/step/memory.stat": "inactive_file 0\n",
                "sys/fs/cgroup/job/memory.max": "5000\n",
                "sys/fs/cgroup/job/memory.current": "2000\n",
                "sys/fs/cgroup/job/memory.stat": "inactive_file 0\n",
            },
            3000.0,
        ),
        # Version 1, whose path inside a container is not there but for its root.
        (
            {
                "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9000\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "10000\n",
                "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 500\n",
            },
            0.0,
        ),
    ],
)
def test_free_memory_is_what_the_kernel_has_within_the_limits_of_the_groups(tmp_path, files, expected):
    assert free_memory(system(tmp_path, {**MEMINFO, **files})) == expected


def test_without_proc_it_is_the_memory_of_the_machine_or_unknown(tmp_path, monkeypatch):
    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert free_memory(tmp_path) == 4_096_000.0
    monkeypatch.delattr(os, "sysconf")
    assert free_memory(tmp_path) is None


def test_where_nothing_is_known_nothing_is_said(free):
    free(None)
    MemoryWatch(FOR_FLOW).announce(10**6, 10**9)
    MemoryWatch(FOR_FLOW).look(10**18)


@pytest.mark.parametrize(
    ("record_every", "num_rows"), [(1, 8), (2, 5), (3, 4), (7, 2), (9, 2), ([3], 3), ([0, 2, 7], 3)]
)
def test_the_rows_of_a_descent_are_counted_beforehand(monkeypatch, record_every, num_rows):
    said = []
    monkeypatch.setattr(MemoryWatch, "announce", lambda _, rows, *__: said.append(rows))
    bowl = gf.problems.Quadratic([1.0, 4.0])
    run = gf.descend(bowl, [1.0, 1.0], 0.1, 7, record_every=record_every)
    assert said == [num_rows] == [len(run.times)]
    more = gf.resume(run, bowl, num_steps=5)
    assert said[1] == (more.times >= run.times[-1]).sum()
