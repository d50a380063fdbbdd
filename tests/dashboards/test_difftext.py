from __future__ import annotations

from html.parser import HTMLParser
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.difftext import side_html
from promptops import word_diff
from promptops.texts.visible import visible
from tests.dashboards.hostile_project import hostile_texts

MARKS = ("[−", "−]", "{+", "+}")


class Read(HTMLParser):
    """What a browser would make of it: tags with attributes, and text outside our own marks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.changed = ""
        self.other: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "span" in self._open:
            assert data in MARKS
            return
        self.text += data
        if self._open[-1] in {"del", "ins"}:
            self.changed += data

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    def handle_decl(self, decl: str) -> None:
        self.other.append(decl)


def read(before: str, after: str, side: Literal["removed", "added"]) -> Read:
    found = Read()
    found.feed(side_html(word_diff(before, after), side))
    found.close()
    return found


def check(before: str, after: str) -> None:
    for side, whole in (("removed", before), ("added", after)):
        found = read(before, after, side)  # type: ignore[arg-type]
        assert {tag for tag, _ in found.tags} <= {"div", "del", "ins", "span"}
        assert {attributes for _, attributes in found.tags} == {("style",)}
        assert not found.other
        assert found.text == visible(whole)


@pytest.mark.parametrize("text", hostile_texts("http://127.0.0.1:9"))
def test_hostile_text_stays_text_on_either_side(text: str) -> None:
    check(text, "harmless words")
    check("harmless words", text)
    check(f"a {text[:300]} b", f"a {text[:200]} c")


@given(st.text(alphabet=st.sampled_from("<>&\"'/!-=aé \n;#x[]{}+−\u202e\x00")), st.text(max_size=60))
def test_any_text_comes_back_as_it_was_and_adds_no_tag(before: str, after: str) -> None:
    check(before, after)


def test_what_changed_is_told_without_colour() -> None:
    html = side_html(word_diff("the old house", "the new house"), "removed")
    assert "line-through" in html
    assert "[−" in html
    html = side_html(word_diff("the old house", "the new house"), "added")
    assert "underline" in html
    assert "{+" in html
    assert read("the old house", "the new house", "added").changed == "new"
