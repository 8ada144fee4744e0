import multiprocessing
import sqlite3

import numpy as np
import pytest

from gradflow.sweeps import Row, Store
from gradflow.sweeps.store import VERSION


def row(key, **numbers):
    return Row(key, {"seed": 1}, numbers)


def test_what_was_added_comes_back_with_its_arrays(tmp_path):
    losses = np.linspace(0, 1, 7)
    store = Store(tmp_path / "s.db")
    store.add(
        [Row("a", {"rate": 0.1, "kind": "x"}, {"loss": 2.5, "none": None}, {"losses": losses}), row("b")]
    )
    found = list(Store(tmp_path / "s.db").rows(["b", "missing", "a"]))
    assert [each.key for each in found] == ["b", "a"]
    assert found[1].parameters == {"rate": 0.1, "kind": "x"}
    assert found[1].numbers == {"loss": 2.5, "none": None}
    np.testing.assert_array_equal(found[1].arrays["losses"], losses)


def test_numbers_that_are_none_of_the_real_ones_come_back(tmp_path):
    store = Store(tmp_path / "s.db")
    store.add([row("a", loss=float("inf"), rate=float("nan"))])
    (found,) = store.rows()
    assert found.numbers["loss"] == float("inf")
    assert np.isnan(found.numbers["rate"])


def test_a_point_that_is_there_stays_as_it_is(tmp_path):
    store = Store(tmp_path / "s.db")
    store.add([row("a", loss=1.0)])
    store.add([row("a", loss=2.0)])
    assert [each.numbers["loss"] for each in store.rows()] == [1.0]
    assert len(store) == 1


def test_rows_are_written_all_or_none(tmp_path):
    store = Store(tmp_path / "s.db")
    with pytest.raises(TypeError):
        store.add([row("a", loss=1.0), row("b", loss=object())])
    assert len(store) == 0


def test_more_keys_than_one_question_takes(tmp_path):
    store = Store(tmp_path / "s.db")
    keys = [f"k{i}" for i in range(1203)]
    store.add(row(key, place=i) for i, key in enumerate(keys))
    assert [each.numbers["place"] for each in store.rows(keys[::-1])] == list(range(1203))[::-1]


def write(path, first):
    store = Store(path)
    for i in range(first, first + 100):
        store.add([row(f"k{i}", place=i)])


def test_two_processes_write_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=write, args=(tmp_path / "s.db", first)) for first in (0, 60)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert sorted(each.numbers["place"] for each in Store(tmp_path / "s.db").rows()) == list(range(160))


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be looked at", b"\0" * 5000])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    (tmp_path / "s.db").write_bytes(content)
    with pytest.raises(ValueError, match="`path` must be a store of sweeps"):
        Store(tmp_path / "s.db")


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "s.db") as base:
        base.execute("create table cats (name text)")
    base.close()
    before = (tmp_path / "s.db").read_bytes()
    with pytest.raises(ValueError, match="got a database of something else"):
        Store(tmp_path / "s.db")
    assert (tmp_path / "s.db").read_bytes() == before


def test_a_store_of_another_version_is_refused(tmp_path):
    Store(tmp_path / "s.db")
    with sqlite3.connect(tmp_path / "s.db") as base:
        base.execute(f"pragma user_version = {VERSION + 1}")
    base.close()
    with pytest.raises(ValueError, match=f"version {VERSION}, got version {VERSION + 1}"):
        Store(tmp_path / "s.db")


def test_a_damaged_store_is_refused_by_a_sentence(tmp_path):
    store = Store(tmp_path / "s.db")
    store.add(row(f"k{i}", text="x" * 200) for i in range(500))
    with sqlite3.connect(tmp_path / "s.db") as base:
        base.execute("pragma wal_checkpoint(truncate)")
    base.close()
    content = bytearray((tmp_path / "s.db").read_bytes())
    content[4096 : len(content)] = b"\xa7" * (len(content) - 4096)
    (tmp_path / "s.db").write_bytes(content)
    with pytest.raises(ValueError, match="`path` must be a store of sweeps"):
        list(Store(tmp_path / "s.db").rows())


def test_a_folder_cannot_be_a_store(tmp_path):
    with pytest.raises(OSError, match="could not be used"):
        Store(tmp_path)


def test_an_object_in_an_array_is_never_pickled(tmp_path):
    store = Store(tmp_path / "s.db")
    with pytest.raises(ValueError, match="Object arrays"):
        store.add([Row("a", {}, {}, {"things": np.array([object()])})])
    assert len(store) == 0
