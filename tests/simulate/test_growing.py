"""Columns grow without a copy of all they hold, and leave alone what was handed out."""

import tracemalloc

import numpy as np
import pytest

from gradflow.simulate.rows import LARGE, Rows


def filled(rows, num_rows, width, start=0):
    for k in range(start, num_rows):
        rows.put(k, np.full(width, float(k)))


def test_growing_keeps_every_row_one_by_one_and_in_blocks():
    single, block = Rows(1), Rows(1)
    filled(single, 1000, 3)
    for k in range(0, 1000, 40):
        block.put_block(k, np.repeat(np.arange(k, k + 40.0), 3).reshape(40, 3))
    expected = np.repeat(np.arange(1000.0), 3).reshape(1000, 3)
    np.testing.assert_array_equal(single.array(1000), expected)
    np.testing.assert_array_equal(block.array(1000), expected)


@pytest.mark.parametrize("width", [LARGE // 1024, LARGE // 128])
def test_a_view_that_was_handed_out_stays_as_it_is_while_the_rows_grow(width):
    """Rows of 128 kB and 1 MB, where memory moves as it grows."""
    rows = Rows(1)
    filled(rows, 3, width)
    view = rows.array(3)
    part = view[1]
    filled(rows, 40, width, start=3)
    for k in range(3):
        assert (view[k] == k).all()
    assert (part == 1).all()
    # Memory that was moved from under a view may look well for a while: ask whose it is.
    assert view.base is not rows.array(40).base
    del view, part
    filled(rows, 80, width, start=40)
    assert (rows.array(80)[:, -1] == np.arange(80)).all()


@pytest.mark.parametrize("num_rows", [129, 300])
def test_the_peak_of_rows_nobody_expected_is_an_eighth_above_what_they_hold(num_rows):
    """Just beyond a power of two, where doubling by a copy would take three times as much."""
    width = LARGE // 512
    row = np.zeros(width)
    tracemalloc.start()
    try:
        rows = Rows(16)
        for k in range(num_rows):
            rows.put(k, row)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    held = num_rows * width * 8
    assert held <= peak <= 1.15 * held
    assert rows.nbytes <= 1.15 * held


def test_expected_rows_are_set_aside_at_once_up_to_a_limit():
    exact = Rows(1000)
    exact.put(0, np.zeros(4))
    assert exact.nbytes == 1000 * 32
    vast = Rows(10**12)
    vast.put(0, np.zeros(4))
    assert vast.nbytes == 2**30
