"""Data sets: known values, fresh arrays, and folders that are not what they should be."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from gradflow import datasets


def test_digits_are_the_uci_digits():
    inputs, labels = datasets.digits()
    assert inputs.shape == (1797, 64)
    assert inputs.dtype == np.float64
    assert labels.dtype == np.int64
    assert (inputs.min(), inputs.max()) == (0.0, 16.0)
    np.testing.assert_array_equal(inputs, inputs.round())
    # The numbers of each digit that the UCI page states for the test set.
    np.testing.assert_array_equal(np.bincount(labels), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])


def test_digits_are_those_of_scikit_learn():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    inputs, labels = datasets.digits()
    expected = sklearn_datasets.load_digits()
    np.testing.assert_array_equal(inputs, expected.data)
    np.testing.assert_array_equal(labels, expected.target)


def test_every_call_returns_fresh_arrays():
    for make in (datasets.digits, datasets.xor, lambda: datasets.chebyshev(3)):
        first, second = make(), make()
        for array, other in zip(first, second, strict=True):
            kept = other.copy()
            array[:] = 7
            np.testing.assert_array_equal(other, kept)


def test_xor_lists_its_patterns_in_counting_order():
    inputs, targets = datasets.xor()
    np.testing.assert_array_equal(inputs, [[0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_array_equal(targets, [[0], [1], [1], [0]])


@pytest.mark.parametrize("num_bits", [1, 2, 5])
def test_parity_is_the_oddness_of_the_binary_digits(num_bits):
    inputs, targets = datasets.parity(num_bits)
    assert inputs.dtype == targets.dtype == np.float64
    for p, (bits, target) in enumerate(zip(inputs, targets, strict=True)):
        assert "".join(str(int(bit)) for bit in bits) == f"{p:0{num_bits}b}"
        assert target == p.bit_count() % 2
    assert len(inputs) == 2**num_bits


@pytest.mark.parametrize("degree", [0, 1, 2, 5, 30])
def test_chebyshev_targets_are_cosines(degree):
    inputs, targets = datasets.chebyshev(degree)
    assert inputs.shape == targets.shape == (20, 1)
    np.testing.assert_array_equal(inputs[:, 0], np.linspace(-1, 1, 20))
    np.testing.assert_allclose(targets, np.cos(degree * np.arccos(inputs)), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: datasets.parity(0), "`num_bits` must be a whole number of at least 1, got 0"),
        (lambda: datasets.parity(2.0), "`num_bits` must be a whole number"),
        (lambda: datasets.parity(21), "`num_bits` must be at most 20, got 21"),
        (lambda: datasets.chebyshev(-1), "`degree` must be a whole number of at least 0, got -1"),
        (lambda: datasets.chebyshev(2, 0), "`num_samples` must be a whole number of at least 1, got 0"),
    ],
)
def test_bad_sizes_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([9, 5], dtype=np.uint8)


def idx(array, kind=8):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


def write(folder, images=None, labels=None, prefix="train"):
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(IMAGES) if images is None else images)
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(LABELS) if labels is None else labels)


@pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
def test_an_idx_folder_is_read(tmp_path, split, prefix):
    write(tmp_path, prefix=prefix)
    images, labels = datasets.idx_folder(str(tmp_path), split)
    np.testing.assert_array_equal(images, np.arange(24.0).reshape(2, 12))
    np.testing.assert_array_equal(labels, [9, 5])
    assert images.dtype == np.float64
    assert labels.dtype == np.int64


def test_compressed_files_are_read_too(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    images, labels = datasets.idx_folder(tmp_path)
    np.testing.assert_array_equal(images, IMAGES.reshape(2, 12))
    np.testing.assert_array_equal(labels, LABELS)


def test_a_missing_folder_or_file_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="`path` must be a folder with the file train-images-idx3-ubyte"
    ):
        datasets.idx_folder(tmp_path / "nowhere")
    write(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-labels-idx1-ubyte or train-labels-idx1-ubyte\.gz"):
        datasets.idx_folder(tmp_path)


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`split` must be 'train' or 'test', got 'valid'"):
        datasets.idx_folder(tmp_path, "valid")


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (b"", "must be an IDX file of bytes in 3 dimension"),
        (b"\x89PNG" + bytes(40), "must be an IDX file of bytes in 3 dimension"),
        (idx(LABELS), "must be an IDX file of bytes in 3 dimension"),
        (idx(IMAGES, kind=13), "must be an IDX file of bytes in 3 dimension"),
        (idx(IMAGES)[:10], "must be an IDX file of bytes in 3 dimension"),
        (idx(IMAGES)[:-1], "must hold 24 bytes as its header says, got 23"),
        (idx(IMAGES) + b"x", "must hold 24 bytes as its header says, got 25"),
        (idx(IMAGES[:1]), "`path` must hold a label for each image, got 1 and 2"),
    ],
    ids=["empty", "foreign", "labels", "floats", "cut header", "cut body", "too long", "fewer images"],
)
def test_damaged_files_are_refused(tmp_path, images, sentence):
    write(tmp_path, images=images)
    with pytest.raises(ValueError, match=sentence):
        datasets.idx_folder(tmp_path)


@pytest.mark.parametrize(
    "content", [gzip.compress(idx(IMAGES))[:-12], idx(IMAGES), b""], ids=["cut", "not gzip", "empty"]
)
def test_damaged_archives_are_refused(tmp_path, content):
    write(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"'train-images-idx3-ubyte.gz' must be"):
        datasets.idx_folder(tmp_path)


def test_no_more_is_unpacked_than_the_header_asks_for(tmp_path):
    """A gzip file of 32 kB that holds 32 MiB behind a header of one image of one pixel."""
    head = bytes([0, 0, 8, 3]) + np.array([1, 1, 1], ">u4").tobytes()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + bytes(2**25)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    tracemalloc.start()
    with pytest.raises(ValueError, match="must hold 1 bytes as its header says, got 2 or more"):
        datasets.idx_folder(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_header_that_asks_for_more_than_the_file_can_hold_is_refused(tmp_path):
    head = bytes([0, 0, 8, 3]) + np.array([2**31, 2**31, 2**31], ">u4").tobytes()
    for name in ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"):
        content = gzip.compress(head) if name.endswith(".gz") else head
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"must hold {2**93} bytes as its header says, got 0"):
            datasets.idx_folder(tmp_path)
        (tmp_path / name).unlink()
