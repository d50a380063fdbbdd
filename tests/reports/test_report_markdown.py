"""Markdown as a reader of GitHub's kind takes it: whatever is quoted stays text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from promptops.reports._fitting import Part, fitted, length
from promptops.reports._markdown import code, diff_fence, fence, prose, row
from promptops.reports.md import LIMIT, Markdown
from promptops.texts.visible import visible, visible_line
from tests.reports.hostile import EVERYTHING, HOSTILE, cell, delta, hostile_report, report, verdict

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = re.compile(r"</?(?:details|summary)>|[\w ]+|\n")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=80) | st.text(
    st.sampled_from("`|\\[]()<>!@#*_~-+:. \n\ta1&;$=\"'"), max_size=40
)


def tokens(text: str) -> list[Token]:
    """Return every token of a text, those inside of paragraphs and cells as well."""
    return [inner for token in READER.parse(text) for inner in (token, *(token.children or ()))]


def assert_harmless(text: str, *, marks: tuple[str, ...] = ()) -> None:
    """Only our own kinds of markup are there, and nothing outside of code that GitHub would link."""
    for token in tokens(text):
        assert token.type not in {"image", "link_open", "link_close", "heading_open", "hr", *marks}, token
        assert token.type not in {"blockquote_open", "ordered_list_open", "s_open", "em_open"}, token
        if token.type in {"html_block", "html_inline"}:
            assert not OURS.sub("", token.content), token.content
        if token.type == "text":
            assert not re.search(r"@|#\d|://|\bwww\.|\b[A-Z]+-\d", token.content), token.content


@pytest.mark.parametrize("text", [*HOSTILE, EVERYTHING], ids=range(len(HOSTILE) + 1))
def test_a_comment_holds_no_markup_that_was_quoted(text: str) -> None:
    made = Markdown().render(hostile_report(text))
    assert_harmless(made)
    found = tokens(made)
    assert sum(token.type == "table_open" for token in found) == 3
    assert sum(token.type == "fence" for token in found) == 2
    opened = "".join(token.content for token in found if token.type == "html_block")
    assert opened.count("<details>") == opened.count("</details>") == 3


def test_the_first_line_is_the_verdict_with_its_sentence() -> None:
    made = Markdown().render(report(verdict("PASS", cell("PASS", delta()))))
    first, empty, *_ = made.splitlines()
    assert first.startswith("**PASS**: `rouge_l` did not fall by more than 0.05 (change +0.037,")
    assert first.endswith("You can promote `brief@2`.") and not empty


def test_rules_and_metrics_are_open_and_the_rest_is_folded() -> None:
    made = Markdown().render(
        report(verdict("FAIL", cell("FAIL", delta(-0.2, -0.3, -0.1)), cell("PASS", delta())))
    )
    before = made.partition("<details>")[0]
    assert "| **FAIL** | `rouge_l`: may lose 0.05 | -0.2000 | [-0.3000, -0.1000] | 80 |" in before
    assert "| `f1` | 0.4000 | 0.3000 | -0.1000 | [-0.2000, -0.0100] |" in before
    assert "```diff\n- some words before\n+ some words after\n```" in made.partition("<details>")[2]
    for fact in ("2000 resamples", "seed 1", "0.1.0", "Python 3.11"):
        assert fact in made


def test_a_loss_that_may_be_chance_is_not_shown_as_a_fail() -> None:
    alone = cell("FAIL", delta(-0.05, -0.09, -0.001), p_harm=0.03, p_harm_adjusted=0.12)
    made = Markdown().render(report(verdict("INCONCLUSIVE", alone, cell("PASS", delta()))))
    assert "**INCONCLUSIVE** (FAIL alone)" in made and "among 2 rules it may be chance" in made


def test_nothing_is_shown_of_outputs_that_were_meant_to_stay_private() -> None:
    found = report(verdict("FAIL", cell("FAIL", delta(-0.2, -0.3, -0.1)))).model_copy(
        update={"outputs": False}
    )
    made = Markdown().render(found)
    assert "accepted without outputs" in made and "words after" not in made


@pytest.mark.parametrize("rows", [300, 5000])
def test_a_comment_is_no_longer_than_github_takes_and_says_what_is_missing(rows: int) -> None:
    many = tuple(delta(name=f"\U0001f600 tag {number}") for number in range(rows))
    cells = tuple(cell("INCONCLUSIVE", each, sentence="😀 " * 100) for each in many)
    notes = tuple(f"note {number} 😀" for number in range(rows))
    made = Markdown().render(report(verdict("INCONCLUSIVE", *cells, warnings=notes), deltas=many, cases=5))
    assert length(made) <= LIMIT
    assert len(made.encode("utf-16-le")) // 2 <= LIMIT
    told = made.rstrip().splitlines()[-1]
    assert re.match(r"Left out for want of room: [\d,]+ of [\d,]+ \w+", told) and told.endswith("all of it.")
    assert made.count("<details>") == made.count("</details>")
    assert_harmless(made)


def test_a_comment_that_fits_says_nothing_about_room() -> None:
    assert "Left out" not in Markdown().render(report(verdict("PASS", cell("PASS", delta()))))


def test_what_matters_more_is_given_room_first() -> None:
    big, small = Part(["x" * 300] * 9, name="pictures", rank=2), Part(["kept"] * 3, name="words", rank=1)
    made = fitted([big, small], 1000)
    assert made.count("kept") == 3 and "of 9 pictures" in made
    assert made.index("x") < made.index("kept")


@given(TEXTS)
def test_code_is_one_span_with_the_text_and_nothing_else(text: str) -> None:
    made = code(text, 60)
    [inline] = [token for token in READER.parse(f"x {made} y") if token.type == "inline"]
    flat = visible_line(text, 60)
    if flat:
        assert [token.type for token in inline.children or ()] == ["text", "code_inline", "text"]
        assert (inline.children or [])[1].content == flat
    else:
        assert made == "(empty)"


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_a_cell_can_not_leave_its_column(texts: list[str]) -> None:
    names = [str(number) for number in range(len(texts))]
    head = "\n".join([row(names), row(["---"] * len(names))])
    made = f"{head}\n{row([code(text, 60, cell=True) for text in texts])}\n"
    cells = [token for token in READER.parse(made) if token.type == "td_open"]
    assert len(cells) == len(texts)
    found = [
        child.content
        for token in READER.parse(made)
        for child in token.children or ()
        if child.type == "code_inline"
    ]
    flat = [visible_line(text, 60) for text in texts if visible_line(text, 60)]
    # A space comes between a backslash and a pipe, since readers don't agree on `\\|`.
    assert found == [re.sub(r"\\(?=\|)", r"\\ ", text) for text in flat]


@given(TEXTS)
def test_a_fence_holds_all_of_its_text(text: str) -> None:
    found = READER.parse(f"<details>\n\n{fence(text)}\n\n</details>\n")
    assert [token.type for token in found] == ["html_block", "fence", "html_block"]
    # CommonMark has no carriage returns, which `visible` leaves out.
    assert found[1].content == f"{visible(text)}\n".replace("\x00", "\ufffd")


@given(TEXTS, TEXTS)
def test_two_outputs_are_one_block_in_which_every_line_is_marked(before: str, after: str) -> None:
    [block] = READER.parse(diff_fence(before, after))
    assert block.type == "fence" and block.info == "diff"
    assert all(re.match(r"[-+]( |$)", line) for line in block.content.splitlines())


@given(TEXTS)
def test_prose_keeps_words_and_puts_all_else_into_code(text: str) -> None:
    made = f"- Note: {prose(text)}"
    assert_harmless(made, marks=("html_inline", "html_block", "strong_open"))


def test_prose_reads_like_prose() -> None:
    told = "rouge_l is worse on slice 'single': -0.08 [-0.14, -0.03] (p = 4.3e-06 after Holm over 4 slices)."
    assert prose(told) == told.replace("rouge_l", "`rouge_l`")
    assert prose("50.0% [31.1%, 68.9%]; so") == "50.0% [31.1%, 68.9%]; so"
    assert prose("ask @you about #12, or www.x.org!") == "ask `@you` about `#12`, or `www.x.org!`"


def test_a_long_output_is_cut_with_the_number_of_characters_that_are_missing() -> None:
    made = diff_fence("a " * 2000, "b")
    assert "2,500 more characters" in made and max(map(len, made.splitlines())) <= 98
