from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.cli.safe import safe_line, safe_lines


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "\u202eevil", "a\x00b", "bell\x07", "\x9b31m", "\u2066x"])
def test_control_and_direction_characters_are_shown_and_not_sent(hostile: str) -> None:
    shown = safe_lines(hostile)
    assert "\\u" in shown
    assert all(unicodedata.category(character) not in {"Cc", "Cf"} for character in shown)


@pytest.mark.parametrize("command", ["::error::boo", "ok\n::set-output name=x::y", "  ::add-mask::a"])
def test_a_line_is_never_a_command_to_a_ci_runner(command: str) -> None:
    assert not any(line.lstrip().startswith("::") for line in safe_lines(command).splitlines())


@pytest.mark.parametrize(
    "hostile", ["see ##[stop-commands]x", "x" * 119 + "::error::owned", "::add-mask ::a"]
)
def test_a_command_is_broken_wherever_a_narrow_terminal_may_break_the_line(hostile: str) -> None:
    shown = safe_lines(hostile)
    assert "##[" not in shown and "::error" not in shown and "::add" not in shown


def test_names_of_programs_with_double_colons_stay_as_they_are() -> None:
    assert safe_lines("std::vector<int>::iterator") == "std::vector<int>::iterator"


@given(st.text())
def test_one_line_stays_one_line_of_bounded_length(text: str) -> None:
    line = safe_line(text, 50)
    assert "\n" not in line and len(line) <= 50


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "Zs"))))
def test_ordinary_text_of_any_script_is_left_alone(text: str) -> None:
    if not text.lstrip().startswith("::"):
        assert safe_lines(text) == text
