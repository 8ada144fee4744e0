"""Files that are not what they seem: refused in one sentence, and before they are unpacked."""

import io
import json
import lzma
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

import gradflow as gf
from gradflow.trajectory import members

MIB = 2**20


@pytest.fixture
def contents(tmp_path):
    """Members of a good file of a flow with an event and a record."""
    run = gf.integrate(
        gf.GradientFlow(gf.problems.Quadratic([1.0, 4.0])),
        [1.0, 1.0],
        1.0,
        record={"t": lambda t, w: t},
        events={"e": gf.Event(lambda t, w: w[0], levels=(0.9, 0.6), terminal=False)},
    )
    run.save(tmp_path / "good.npz")
    with zipfile.ZipFile(tmp_path / "good.npz") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, contents, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def npy_header(shape, descr="<f8"):
    stream = io.BytesIO()
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, fields)
    return stream.getvalue()


def npy(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def zeros(*shape):
    return npy(np.zeros(shape))


def unlisted(contents):
    """Return the members without the list of their forms, as earlier versions wrote them."""
    header = json.loads(str(np.load(io.BytesIO(contents["header.npy"]))))
    del header["arrays"]
    return contents | {"header.npy": npy(np.array(json.dumps(header)))}


def refused(path):
    """Return the sentence and the MiB that it took to get there."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"^`path` must be a gradflow trajectory, got") as caught:
            gf.Trajectory.load(path)
        return str(caught.value), tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


COLUMNS = ("times", "steps", "weights", "losses", "velocities", "loss_slopes", "step_times", "step_losses")


@pytest.mark.parametrize("name", [*COLUMNS, "record 0", "crossing 0 1", "crossing 0 2"])
def test_a_column_longer_than_the_others_is_refused_before_it_is_unpacked(name, contents, tmp_path):
    length = 32 * MIB // 8
    many = (length, 1) if name in ("weights", "velocities", "crossing 0 2") else (length,)
    descr = "<i8" if name == "steps" else "<f8"
    bomb = contents | {f"{name}.npy": npy_header(many, descr) + bytes(8 * length)}
    sentence, used = refused(packed(tmp_path / "bomb.npz", bomb))
    assert "unequal" in sentence
    assert used < 2


def test_a_header_without_end_is_not_read_to_its_end(contents, tmp_path):
    length = 32 * MIB
    bomb = contents | {"losses.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", length) + b" " * length}
    _, used = refused(packed(tmp_path / "bomb.npz", bomb))
    assert used < 2


def test_wide_rows_of_nothing_are_refused_before_they_are_unpacked(contents, tmp_path, monkeypatch):
    """All columns agree: a run of 4 million weights that are all zero, in a thousandth of their size."""
    monkeypatch.setattr(members, "HARMLESS_BYTES", 8 * MIB)
    rows = np.load(io.BytesIO(contents["times.npy"])).size
    width = 32 * MIB // 8 // rows
    bomb = unlisted(contents) | {name: zeros(rows, width) for name in ("weights.npy", "velocities.npy")}
    bomb |= {name: zeros(width) for name in ("final_weights.npy", "final_state.npy")}
    bomb |= {"crossing 0 2.npy": zeros(2, width)}
    sentence, used = refused(packed(tmp_path / "bomb.npz", bomb))
    assert "more than is safe (packed again without compression it is read" in sentence
    assert used < 2
    stored = gf.Trajectory.load(packed(tmp_path / "stored.npz", bomb, zipfile.ZIP_STORED))
    assert stored.weights.shape == (rows, width)


@pytest.mark.parametrize("ratio", [0.9, 3.0])
def test_a_compressed_run_is_read_up_to_what_its_own_size_allows(ratio, contents, tmp_path, monkeypatch):
    path = packed(tmp_path / "run.npz", contents)
    size = sum(map(len, contents.values()))
    monkeypatch.setattr(members, "HARMLESS_BYTES", ratio * size)
    monkeypatch.setattr(members, "HARMLESS_RATIO", 0)
    if ratio < 1:
        assert "more than is safe" in refused(path)[0]
    else:
        assert gf.Trajectory.load(path).is_continuous


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_ways_of_packing_that_numpy_does_not_write_are_refused(kind, contents, tmp_path):
    """Their blocks unpack without a bound: 4 kB of bzip2 may hold 180 MB."""
    assert (
        "packed in a way that numpy does not write"
        in refused(packed(tmp_path / "run.npz", contents, kind))[0]
    )


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_changed_byte_anywhere_is_harmless_or_refused(kind, contents, tmp_path):
    path = packed(tmp_path / "run.npz", contents, kind)
    whole = path.read_bytes()
    outcomes = set()
    for place in range(0, len(whole), 23):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        path.write_bytes(bytes(changed))
        try:
            gf.Trajectory.load(path)
            outcomes.add("read")
        except ValueError as error:
            assert str(error).startswith("`path` must be a gradflow trajectory")  # noqa: PT017
            outcomes.add("refused")
    assert "refused" in outcomes


HEADS = {
    "no npy": b"no npy at all",
    "empty": b"",
    "a shape of 26 digits": npy_header((10**25,)),
    "a shape below zero": npy_header((-1,)),
    "a shape of nothing times much": npy_header((2**40,), "<U0"),
    "objects": npy_header((2,), "|O"),
    "text for times": npy_header((1,), "<U2") + bytes(8),
    "another version": b"\x93NUMPY\x09\x00" + bytes(100),
    "a header that is no dictionary": b"\x93NUMPY\x01\x00\x05\x00[[[[\n",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("name", ["header", "times", "losses", "record 0", "crossing 0 0"])
def test_a_member_that_is_no_column_is_refused(name, head, contents, tmp_path):
    refused(packed(tmp_path / "run.npz", contents | {f"{name}.npy": head}))


@pytest.mark.parametrize(
    "error", [lzma.LZMAError, OverflowError, AttributeError, RecursionError, struct.error, AssertionError]
)
def test_whatever_a_parser_raises_becomes_the_same_sentence(error, contents, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise error("two\nlines")

    monkeypatch.setattr(members, "read", fails)
    sentence, _ = refused(packed(tmp_path / "run.npz", contents))
    assert sentence.endswith("two lines")


def test_too_little_memory_is_not_the_fault_of_the_file(contents, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise MemoryError

    monkeypatch.setattr(members, "read", fails)
    with pytest.raises(MemoryError):
        gf.Trajectory.load(packed(tmp_path / "run.npz", contents))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(10)
def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo.npz")
    for path in (tmp_path / "fifo.npz", "/dev/null"):
        with pytest.raises(ValueError, match="`path` must be a regular file, got"):
            gf.Trajectory.load(path)
    with pytest.raises(IsADirectoryError, match="`path` must be a file, got the folder"):
        gf.Trajectory.load(tmp_path)
