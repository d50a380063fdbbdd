"""Documents cut into passages with their places."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.errors import FileProblems
from promptops.generation.passages import LONGEST, SHORTEST, cut, read_passages

WORDS = st.text(alphabet="abc .!?\n#-é日", max_size=2000)


@given(WORDS, st.integers(1, 400))
def test_every_passage_stands_where_it_says_in_order_and_is_not_too_long(text: str, longest: int) -> None:
    end = 0
    for start, stop, passage in cut(text, longest):
        assert text[start:stop] == passage == passage.strip()
        assert start >= end and len(passage) <= longest
        end = stop


@given(st.lists(st.text(alphabet="abcdefgh ", min_size=SHORTEST * 2, max_size=300), min_size=1, max_size=8))
def test_no_letter_of_a_document_is_left_out_of_its_passages(paragraphs: list[str]) -> None:
    text = "\n\n".join(paragraph.strip() + "abcd" * SHORTEST for paragraph in paragraphs)
    found = "".join(passage for _, _, passage in cut(text, 2000))
    assert "".join(found.split()) == "".join(text.split())


def test_paragraphs_stay_whole_while_they_fit_and_a_long_one_is_cut_between_sentences() -> None:
    short = "A rule of the house, which is told in one paragraph and says what is allowed. " * 2
    long = "Sentence number one is here and holds some words. " * 300
    found = [text for _, _, text in cut(f"# Title\n\n{short}\n\n{long}")]
    assert found[0].startswith("# Title") and short.strip() in found[0]
    assert len(found) == 3 and all(text.endswith(".") for text in found)
    assert all(len(text) <= LONGEST for text in found)


def test_names_of_documents_hold_no_folder_of_this_machine_and_faults_come_all_at_once(
    tmp_path: Path,
) -> None:
    inside = tmp_path / "project" / "docs" / "a.md"
    inside.parent.mkdir(parents=True)
    inside.write_text("A paragraph that is long enough to ask something about it, surely. " * 3)
    (tmp_path / "b.md").write_text(inside.read_text())
    found = read_passages([inside, tmp_path / "b.md", inside], tmp_path / "project")
    assert [passage.document for passage in found.kept] == ["docs/a.md", "b.md"]
    assert found.short == 0
    (tmp_path / "tail.md").write_text("A paragraph that is exactly as long. " * 162 + "\n\nThe end.")
    tail = read_passages([tmp_path / "tail.md"], tmp_path)
    assert (len(tail.kept), tail.short) == (1, 1)
    (tmp_path / "empty.md").write_text("# Nothing\n")
    with pytest.raises(
        FileProblems,
        match=r"(?s)empty\.md: holds no passage of 80 .*longest has 7.*gone\.md: there is no such file",
    ):
        read_passages([inside, tmp_path / "empty.md", tmp_path / "gone.md"], tmp_path)
