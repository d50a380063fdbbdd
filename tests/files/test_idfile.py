"""Lists of samples as files, and runs on what they list."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops import Ids, Project, Selection, read_ids
from promptops.errors import FileProblems, UsageError
from promptops.files.idfile import write_ids
from promptops.sets.selection import select
from tests.made import Folder, questions
from tests.sets.test_selection import a_set

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).filter(str.strip)


@given(
    st.lists(st.tuples(NAMES, st.floats(1e-3, 1e3)), min_size=1, max_size=20, unique_by=lambda pair: pair[0])
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float]]
) -> None:
    path = tmp_path_factory.mktemp("ids") / "some.ids"
    ids, weights = [name for name, _ in rows], [weight for _, weight in rows]
    write_ids(path, ids, weights)
    found = read_ids(path)
    # A byte order mark at the beginning of a file is no part of its first line.
    assert found.ids == (ids[0].removeprefix("\ufeff"), *ids[1:])
    assert found.weights is None or found.weights == pytest.approx(weights)
    with pytest.raises(UsageError, match="there already"):
        write_ids(path, ids)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\nb\na\n", "some.ids:3: 'a' stands on line 1 already"),
        ("a\t2\nb\n", "1 of 2 ids have a weight"),
        ("a\tmany\n", "some.ids:1: a weight must be a number over 0, not 'many'"),
        ("a\t0\nb\t-1\n", "some.ids:2"),
        ("a\tnan\n", "a number over 0"),
        ("\n \n", "holds no ids"),
        ("a\n\xff", "is not UTF-8"),
    ],
)
def test_a_faulty_list_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "some.ids"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileProblems) as refused:
        read_ids(path)
    assert told in str(refused.value)


def test_a_list_selects_in_the_sets_order_and_goes_with_other_choices() -> None:
    wanted = Ids(name="some.ids", ids=("q007", "q002", "q001"))
    found, part = select(a_set(), Selection(ids=wanted, slices=("odd",)))
    assert [sample.id for sample in found.samples] == ["q001", "q007"]
    assert part is not None and part.steps[0].flag == "--ids some.ids" and part.steps[0].left == 3
    with pytest.raises(UsageError, match="2 of 3 ids are no samples of this set: 'x' and 'y'"):
        select(a_set(), Selection(ids=Ids(name="some.ids", ids=("q001", "x", "y"))))


def test_a_lists_weights_take_the_place_of_the_samples_own() -> None:
    whole = a_set(4)
    names = tuple(sample.id for sample in whole.samples)
    found, part = select(whole, Selection(ids=Ids(name="w.ids", ids=names, weights=(1.0, 2.0, 3.0, 4.0))))
    assert [sample.weight for sample in found.samples] == [1.0, 2.0, 3.0, 4.0]
    assert part is not None and part.of == whole.digest != found.digest
    assert select(whole, Selection(ids=Ids(name="w.ids", ids=names))) == (whole, None)


def test_a_run_on_a_weighted_list_has_weighted_figures(folder: Folder) -> None:
    folder.evalset("numbers", questions(40))
    model = folder.script("s.json", {"*": {}, "q001": "wrong", "q002": "wrong"})
    folder.write("some.ids", "q000\t6\nq001\t3\nq002\t1\n")
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo")
    printed = folder.json("eval", "numbers", "-p", "ask.prompt.yaml", "-m", model, "--ids", "some.ids")
    [found] = printed["runs"]
    assert found["run"]["part"]["steps"][0]["flag"] == "--ids some.ids"
    figures = {each["label"]: each["value"] for each in found["estimates"] if each["slice"] is None}
    assert figures["exact"] == pytest.approx(0.6)
    with Project.open(folder.path) as project:
        whole = project.runs()[1]
        [exact, *_] = project.compare(whole.id, found["run"]["id"]).deltas
    assert exact.difference == pytest.approx(-0.4) and exact.n == 3
    assert (
        "no samples of this set"
        in folder.run(
            "eval", "numbers", "-p", "ask.prompt.yaml", "--ids", str(folder.write("o.ids", "zz\n")), code=2
        ).stderr
    )
