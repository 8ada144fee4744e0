"""CSV files: what is read is what was written, and what cannot be read is named with its place."""

import csv
import os
import tracemalloc

import numpy as np
import pandas as pd
import pytest

import gradflow as gf
from gradflow.datasets import from_csv, text_rows

NUMBERS = np.random.default_rng(5).normal(size=(7, 3)) * [1e-9, 1.0, 1e12]


@pytest.fixture
def write(tmp_path):
    def written(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def table(rows, delimiter=","):
    return "".join(delimiter.join(map(str, row)) + "\n" for row in rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("header", [True, False])
def test_numbers_come_back_to_the_last_bit(write, delimiter, header):
    head = [["a", "b", "c"]] if header else []
    path = write(table(head + NUMBERS.tolist(), delimiter))
    inputs, targets = from_csv(path, -1)
    np.testing.assert_array_equal(inputs, NUMBERS[:, :2])
    np.testing.assert_array_equal(targets, NUMBERS[:, 2])
    assert targets.dtype == np.float64


def test_what_numpy_and_pandas_write_is_read(tmp_path):
    np.savetxt(tmp_path / "numpy.txt", NUMBERS, fmt="%25.17g")
    pd.DataFrame(NUMBERS, columns=["a", "b", "y"]).to_csv(tmp_path / "pandas.csv", index=False)
    for samples in (from_csv(tmp_path / "numpy.txt", 2), from_csv(str(tmp_path / "pandas.csv"), "y")):
        np.testing.assert_array_equal(samples.inputs, NUMBERS[:, :2])
        np.testing.assert_array_equal(samples.targets, NUMBERS[:, 2])


def test_numbers_whose_sum_is_beyond_the_floats_are_read(write):
    inputs, _ = from_csv(write("1e308,1e308,0\n-1e308,2,0\n"), 2)
    np.testing.assert_array_equal(inputs, [[1e308, 1e308], [-1e308, 2.0]])


def test_names_and_columns_are_chosen_by_name_and_number(write):
    path = write("id,a,b,y\n1,2,3,4\n5,6,7,8\n")
    samples = from_csv(path, "y", columns=["b", 1])
    np.testing.assert_array_equal(samples.inputs, [[3, 2], [7, 6]])
    assert (samples.names, samples.target_names, samples.classes) == (("b", "a"), ("y",), ())
    both = from_csv(path, ["y", "a"])
    np.testing.assert_array_equal(both.targets, [[4, 2], [8, 6]])
    np.testing.assert_array_equal(both.inputs, [[1, 3], [5, 7]])
    assert from_csv(path, ["y"]).targets.shape == (2, 1)


def test_text_targets_are_labels_in_the_order_of_their_names(write):
    samples = from_csv(write("1,plum\n2,apple\n3,pear\n4,apple\n"), 1)
    np.testing.assert_array_equal(samples.targets, [2, 0, 1, 0])
    assert samples.targets.dtype == np.int64
    assert samples.classes == ("apple", "pear", "plum")
    assert repr(samples) == "Samples(4 of 1 inputs, 3 classes)"


def test_numbers_are_classes_where_that_is_said(write):
    path = write("x,grade\n1,10\n2,9\n3,10\n4,2\n")
    assert from_csv(path, "grade").targets.dtype == np.float64
    samples = from_csv(path, "grade", classes=True)
    np.testing.assert_array_equal(samples.targets, [2, 1, 2, 0])
    assert samples.classes == ("2", "9", "10")
    mixed = from_csv(write("x,grade\n1,b\n2,9\n3,a\n4,10\n"), "grade", classes=True)
    assert mixed.classes == ("9", "10", "a", "b")


def test_labels_from_a_file_are_a_network_with_an_output_each(write):
    path = write("x,kind\n1,a\n2,b\n3,c\n")
    network = gf.problems.FeedForward(*from_csv(path, "kind"), [], loss="cross_entropy")
    assert network.num_weights == 6


def test_standardizing_keeps_its_numbers(write):
    samples = from_csv(write("x,y\n1,0\n3,0\n"), "y", standardize=True)
    np.testing.assert_array_equal(samples.inputs, [[-1.0], [1.0]])
    assert (samples.means[0], samples.scales[0]) == (2.0, 1.0)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfx,y\n1,2\n3,4\n",
        b"x,y\r\n1,2\r\n3,4\r\n",
        b"x,y\r1,2\r3,4",
        b"\n\nx,y\n\n1,2\n , \n3,4\n\n",
        b'"x","y"\n"1","2"\n"3","4"\n',
        b" x , y \n 1 , 2 \n 3 , 4 \n",
        b"  x   y\n  1   2\n  3   4  \n",
        b"x;y\n1;2\n3;4\n",
    ],
    ids=[
        "byte order mark",
        "CRLF",
        "CR",
        "blank lines",
        "quotes",
        "blanks",
        "columns of blanks",
        "semicolon",
    ],
)
def test_spellings_of_one_table(write, content):
    samples = from_csv(write(content), "y")
    np.testing.assert_array_equal(samples.inputs, [[1], [3]])
    np.testing.assert_array_equal(samples.targets, [2, 4])
    assert samples.names == ("x",)


def test_separators_inside_quotes_are_text(write):
    samples = from_csv(write('"size, in m","kind; of it"\n1,"a, b"\n2,"c\nd"\n'), "kind; of it")
    assert samples.names == ("size, in m",)
    assert samples.classes == ("a, b", "c\nd")


def test_another_encoding_is_told(write):
    path = write("größe,art\n1,süß\n2,fad\n".encode("latin-1"))
    assert from_csv(path, "art", encoding="latin-1").classes == ("fad", "süß")
    with pytest.raises(ValueError, match=r"'data\.csv' must be text in utf-8-sig, got other bytes"):
        from_csv(path, "art")


def test_whether_there_is_a_header_can_be_said(write):
    years = write("2019,2020\n1,2\n3,4\n")
    assert len(from_csv(years, 1).inputs) == 3
    assert from_csv(years, 1, header=True).names == ("2019",)
    assert from_csv(years, "2020").names == ("2019",)
    assert from_csv(write("1,NA,a\n2,3,b\n"), 2, columns=[0], header=False).inputs.shape == (2, 1)


def test_rows_of_numbers_and_text_have_no_header(write):
    samples = from_csv(write("5.1,3.5,setosa\n4.9,3.0,setosa\n"), -1)
    assert samples.inputs.shape == (2, 2)
    assert samples.names == ("0", "1")


GOOD = "age,color,price\n1,2,3\n4,5,6\n"
REFUSED = {
    "empty": ("", {}, "'data.csv' must have rows, got an empty file"),
    "blank": ("\n \n\n", {}, "'data.csv' must have rows, got an empty file"),
    "header alone": ("age,price\n", {}, "'data.csv' must have rows below its header, got none"),
    "short line": ("age,price\n1,2\n\n3\n", {}, "must have 2 cells in every line, got 1 in line 4"),
    "long line": ("age,price\n1,2\n3,4,5\n", {}, "must have 2 cells in every line, got 3 in line 3"),
    "short second line": ("age;b;price\n1;2\n", {}, "must have 3 cells in every line, got 2 in line 2"),
    "text": (
        "age,price\n1,2\nold,4\n",
        {},
        "must hold finite numbers, got 'old' in line 3, column 'age'",
    ),
    "empty cell": ("age,price\n1,2\n,4\n", {}, "finite numbers, got '' in line 3, column 'age'"),
    "nan": ("age,price\nnan,2\n", {}, "finite numbers, got 'nan' in line 2, column 'age'"),
    "infinity": ("age,price\n1e999,2\n", {}, "finite numbers, got '1e999' in line 2, column 'age'"),
    "underscore": ("age,price\n1_000,2\n", {}, "finite numbers, got '1_000' in line 2, column 'age'"),
    "decimal comma": (
        "age;price\n1,5;2\n",
        {},
        "finite numbers with points before their decimals, got '1,5' in line 2, column 'age'",
    ),
    "code": (
        "age,price\n__import__('os').abort(),2\n",
        {},
        r"finite numbers, got \"__import__\('os'\).abort\(\)\" in line 2, column 'age'",
    ),
    "text without header": ("1,a,3\n2,b,4\n", {"target": 0}, "got 'a' in line 1, column '1'"),
    "missing target": (
        "age,price\n1,2\n3,\n",
        {},
        "target in every line, got '' in line 3, column 'price'",
    ),
    "missing class": ("age,price\n1,a\n3,\n", {}, "target in every line, got '' in line 3, column 'price'"),
    "one text": (
        "age,price\n1,2\n3,NA\n",
        {},
        "must hold numbers alone or text alone as targets, or both with `classes=True`, got 'NA' in line 3",
    ),
    "one infinity": ("age,price\n1,2\n3,inf\n", {}, "numbers alone or text alone as targets, .* got 'inf'"),
    "text in one of two": (GOOD.replace("5", "red"), {"target": ["price", "color"]}, "got 'red' in line 3"),
    "near name": (GOOD, {"target": "Pirce"}, "one of 3 columns, got 'Pirce'; nearest is 'price'"),
    "far name": (GOOD, {"target": "zzz"}, "`target` must be one of 3 columns, got 'zzz'; nearest is '"),
    "unknown input": (GOOD, {"columns": ["colour"]}, "`columns` must be one of .*; nearest is 'color'"),
    "name twice": (
        "a,a,price\n1,2,3\n",
        {"columns": ["a"]},
        r"of one column, got 'a' of columns \[0, 1\]",
    ),
    "number too high": (GOOD, {"target": 3}, "`target` must be a column from 0 to 2, got 3"),
    "number too low": (GOOD, {"target": -4}, "`target` must be a column from 0 to 2, got -4"),
    "true": (GOOD, {"target": True}, "`target` must be names or numbers of columns in a sequence, got True"),
    "nothing": (GOOD, {"target": []}, "`target` must be names or numbers of columns in a sequence"),
    "text of columns": (GOOD, {"columns": "age"}, "`columns` must be names or numbers of columns in a seq"),
    "target alone": ("price\n1\n", {}, "`columns` must be inputs beside the target, got none"),
    "target as input": (GOOD, {"columns": ["age", "price"]}, "must be inputs beside the target"),
    "classes of two": (
        GOOD,
        {"target": [0, 1], "classes": True},
        "`classes` must be those of a single",
    ),
    "row numbers": (
        ",age,price\n0,1,2\n",
        {},
        "name for every input, got none for column 0",
    ),
    "constant": (GOOD.replace("4", "1"), {"standardize": True}, "`inputs` must vary .* of column 'age'"),
    "half a header": (
        "1,NA,a\n2,3,b\n",
        {"target": 0},
        "names or numbers in its first row, got both",
    ),
    "zero bytes": ("age,price\n1,2\n3,\0\n", {}, "'data.csv' must be text, got a zero byte in line 3"),
    "open quote": (
        'age,price\n1,"2\n3,4\n',
        {},
        "got unexpected end of data in line 3",
    ),
    "huge cell": (
        "age,price\n1," + "2" * 200_000 + "\n",
        {},
        "got field larger .* in line 2",
    ),
    "huge name": ("a" * 200_000 + ",price\n1,2\n", {}, "got field larger .* in line 1"),
    "delimiter": (GOOD, {"delimiter": ", "}, "`delimiter` must be one character, got ', '"),
    "other delimiter": (
        GOOD,
        {"delimiter": ";"},
        "got 'price'; nearest is 'age,color,price'",
    ),
    "encoding": (GOOD, {"encoding": "utf-9"}, "`encoding` must be one that Python knows, got 'utf-9'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_sentence(write, name):
    content, options, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=sentence) as caught:
        from_csv(write(content), **{"target": "price"} | options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\x80\x04\x95.", b"PK\x03\x04\xff\xfe", "x,y\n1,2\n".encode("utf-16")])
def test_files_that_are_no_text_are_refused(write, content):
    with pytest.raises(ValueError, match=r"'data\.csv' must"):
        from_csv(write(content), 1)


def test_no_file_a_folder_and_no_name_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a file, got '.*none\.csv', where there is none"):
        from_csv(tmp_path / "none.csv", 0)
    with pytest.raises(IsADirectoryError, match="`path` must be a file, got the folder"):
        from_csv(tmp_path, 0)
    for path in (None, 0, b"data.csv"):
        with pytest.raises(ValueError, match="`path` must be the name of a file"):
            from_csv(path, 0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFO")
def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "data.csv")
    with pytest.raises(ValueError, match="`path` must be a regular file"):
        from_csv(tmp_path / "data.csv", 0)


def test_a_file_without_an_end_of_line_is_not_read_as_a_whole(write, monkeypatch):
    path = write(b"1," * 2**21)
    monkeypatch.setattr(text_rows, "LONGEST_LINE", 2**10)
    tracemalloc.start()
    with pytest.raises(ValueError, match="must have lines below 1024 characters, got a longer line 1"):
        from_csv(path, 0)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_both_sides_of_the_longest_cell(write):
    limit = csv.field_size_limit()
    assert from_csv(write(f"x,kind\n1,{'a' * limit}\n"), "kind").classes == ("a" * limit,)
    with pytest.raises(ValueError, match="field larger"):
        from_csv(write(f"x,kind\n1,{'a' * (limit + 1)}\n"), "kind")


def test_text_of_inputs_is_not_kept(write):
    path = write("a,b,c,d,y\n" + "0.123456789,0.123456789,0.123456789,0.123456789,1\n" * 20_000)
    tracemalloc.start()
    inputs, _ = from_csv(path, "y")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Numbers, their copy, and a line and a cell a row; the text of 80,000 inputs would take 4.8 MB more.
    assert inputs.nbytes == 640_000
    assert peak < 8e6
