"""Annotations as GitHub's runner reads them: it looks at every line, and nothing quoted may be a command."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.reports.github import Github
from promptops.texts.visible import visible_line
from tests.reports.hostile import EVERYTHING, HOSTILE, cell, delta, hostile_report, report, verdict

TEXTS = st.text(st.characters(codec=None), max_size=60) | st.text(
    st.sampled_from(":,%0A\r\n#[]=;aD25 \u2028\x85"), max_size=40
)


@dataclass(frozen=True)
class Command:
    """A workflow command as the runner takes it apart (ActionCommand.cs of actions/runner)."""

    name: str
    fields: dict[str, str]
    data: str


def commands(text: str) -> list[Command]:
    """Read each line as the runner does: `::name key=value,key=value::data` after leading spaces."""
    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        bare = line.lstrip()
        if not bare.startswith("::") or "::" not in bare[2:]:
            assert "##[" not in line
            continue
        told, _, data = bare[2:].partition("::")
        name, _, rest = told.partition(" ")
        fields = dict(pair.split("=", 1) for pair in rest.strip().split(",") if "=" in pair)
        found.append(
            Command(
                name,
                {key: decoded(value, "\r\n:,%") for key, value in fields.items()},
                decoded(data, "\r\n%"),
            )
        )
    return found


def decoded(text: str, characters: str) -> str:
    for character in characters:
        text = text.replace(f"%{ord(character):02X}", character)
    return text


def test_a_verdict_stands_at_the_line_of_the_rule_that_it_hangs_on() -> None:
    cells = (cell("PASS", delta()), cell("FAIL", delta(-0.2, -0.3, -0.1, label="f1")), cell("INCONCLUSIVE"))
    found = commands(Github().render(report(verdict("FAIL", *cells, warnings=("look here",)))))
    assert [(each.name, each.fields.get("line")) for each in found] == [
        ("error", "13"),
        ("error", "14"),
        ("warning", None),
    ]
    assert {each.fields["file"] for each in found} == {"evalsets/made-up/evalset.toml"}
    assert found[0].fields["title"] == "promptops FAIL: made-up"
    assert found[0].data.startswith("FAIL: f1 fell by more than the 0.05 that you accept (change -0.200,")
    assert "95 % confidence" in found[0].data


@pytest.mark.parametrize(("blocks", "level"), [(True, "error"), (False, "warning")])
def test_what_is_open_is_an_error_only_where_it_blocks(blocks: bool, level: str) -> None:
    told = report(verdict("INCONCLUSIVE", cell("INCONCLUSIVE", delta(), needed=9)))
    [found] = commands(Github().render(told.model_copy(update={"inconclusive_blocks": blocks})))
    assert found.name == level


def test_a_pass_is_a_notice() -> None:
    [found] = commands(Github().render(report(verdict("PASS", cell("PASS", delta())))))
    assert found.name == "notice"


def test_no_more_annotations_are_written_than_github_shows() -> None:
    cells = [cell("FAIL", delta(-0.2, -0.3, -0.1, label=f"m{number}")) for number in range(30)]
    notes = tuple(f"note {number}" for number in range(30))
    found = commands(Github().render(report(verdict("FAIL", *cells, warnings=notes))))
    names = [each.name for each in found]
    assert (names.count("error"), names.count("warning")) == (10, 10)


@pytest.mark.parametrize("text", [*HOSTILE, EVERYTHING], ids=range(len(HOSTILE) + 1))
def test_quoted_text_is_no_command(text: str) -> None:
    assert_ours(text)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_no_text_is_a_command(text: str) -> None:
    assert_ours(text)


def assert_ours(text: str) -> None:
    """Each line is one command of ours, with the fields that we gave it and the text as its data."""
    made = Github().render(hostile_report(text))
    found = commands(made)
    assert len(found) == len(made.splitlines()) == 5
    assert [each.name for each in found] == ["error", "error", "error", "warning", "warning"]
    assert all(set(each.fields) <= {"file", "line", "title"} for each in found)
    assert {each.fields["file"] for each in found} == {"evalsets/made-up/evalset.toml"}
    assert found[3].data == visible_line(text, 2000).replace("##[", "# #[")
