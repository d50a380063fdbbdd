"""CSV: the same cells as the standard reader finds, and the place of each."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.errors import FileProblems
from promptops.files.csvfile import DELIMITERS, harmless, parse_csv, read_csv, unmarked


def _texts(text):
    return [[cell.text for cell in row] for row in parse_csv(text, "f")]


def test_cells_have_their_physical_places():
    rows = list(parse_csv('a,"b\r\nc",d\r\n\r\n"x""y",\n', "f"))
    assert [[cell.text for cell in row] for row in rows] == [["a", "b\r\nc", "d"], ['x"y', ""]]
    assert [[tuple(cell.place) for cell in row] for row in rows] == [
        [(1, 1), (1, 3), (2, 4)],
        [(4, 1), (4, 8)],
    ]


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ('a\n"b', 2, 1, "never ends"),
        ('a,b"c\n', 1, 3, "quote stands inside"),
        ('a\nx,"b"c\n', 2, 3, "follows the end"),
        ('"a" ,b', 1, 1, "follows the end"),
    ],
)
def test_broken_quoting_is_refused(text, line, column, reason):
    with pytest.raises(FileProblems) as caught:
        list(parse_csv(text, "f.csv"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (line, column)
    assert reason in problem.reason


@given(st.lists(st.lists(st.text(alphabet='ab,"\n\r; é'), min_size=2, max_size=3), max_size=4))
def test_what_the_standard_writer_writes_is_read_back(rows):
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    assert _texts(file.getvalue()) == rows


@given(st.text(alphabet='ab,"\n\r ', max_size=30))
def test_any_text_is_refused_or_read_as_the_strict_standard_reader_does(text):
    try:
        found = _texts(text)
    except FileProblems:
        return
    expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row and row != [""]]
    assert found == expected


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_may_be_parted_by_what_a_spreadsheet_writes(tmp_path, delimiter):
    rows = [["case", "rating"], ["#a", "4,5"], ["#b;\t,", 'say "no"']]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    path = tmp_path / "sheet.csv"
    path.write_bytes(b"\xef\xbb\xbf" + out.getvalue().encode())
    found = list(read_csv(path, DELIMITERS))
    assert [[cell.text for cell in row] for row in found] == rows
    assert tuple(found[1][1].place) == (2, 4)


def test_commas_inside_a_quoted_name_are_no_delimiters(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text('"a,b,c";rating\n1;2\n')
    assert [[cell.text for cell in row] for row in read_csv(path, DELIMITERS)] == [
        ["a,b,c", "rating"],
        ["1", "2"],
    ]


def test_a_cell_drives_no_terminal() -> None:
    assert harmless("a\x1b[2Jb\x07\x9bc\x7f") == "a\\u001b[2Jb\\u0007\\u009bc\\u007f"
    assert harmless("one\ttwo\r\nthree\rfour") == "one\ttwo\r\nthree\\u000dfour"
    assert harmless("\x1b=1+1") == "\\u001b=1+1"


@given(st.text())
def test_a_harmless_cell_has_no_controls_and_loses_no_other_sign(text: str) -> None:
    cell = harmless(text)
    controls = {sign for sign in cell.replace("\r\n", "") if unicodedata.category(sign) == "Cc"}
    assert controls <= {"\t", "\n"}
    if not any(unicodedata.category(sign) == "Cc" for sign in text):
        assert unmarked(cell) == text
