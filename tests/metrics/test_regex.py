"""Patterns found in outputs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from promptops.metrics.regex import LONGEST_TEXT, Regex
from promptops.types import Completion, Sample

SAMPLE = Sample(id="1", inputs={})


@pytest.mark.parametrize(
    ("pattern", "output", "expected"),
    [(r"\d{4}", "in 1066", 1.0), (r"^\d+$", "in 1066", 0.0), ("(?i)yes", "YES", 1.0), ("a\nb", "a\nb", 1.0)],
)
def test_the_pattern_is_searched_anywhere(pattern: str, output: str, expected: float) -> None:
    assert Regex(pattern=pattern).score(Completion(text=output), SAMPLE).counts == (expected,)


@pytest.mark.parametrize("pattern", ["(", "[a", "a{99999999999999999999}", "(?P<1>a)", "*"])
def test_a_faulty_pattern_is_refused_with_its_fault(pattern: str) -> None:
    with pytest.raises(ValidationError, match="no regular expression"):
        Regex(pattern=pattern)


def test_a_pattern_is_required() -> None:
    with pytest.raises(ValidationError, match="pattern"):
        Regex.model_validate({})


def test_a_very_long_text_is_unscored() -> None:
    scored = Regex(pattern="a").score(Completion(text="a" * (LONGEST_TEXT + 1)), SAMPLE)
    assert scored.unscored is not None
    assert "100001 characters" in scored.unscored


def test_a_pattern_over_lines_has_a_signature_on_one_line() -> None:
    assert len(Regex(pattern="(?x) a\n b \u2028").signature.splitlines()) == 1
    assert Regex(pattern="a\nb").signature != Regex(pattern="a b").signature


def test_a_pattern_that_takes_for_ever_leaves_the_output_unscored() -> None:
    scored = Regex(pattern=r"^(a|aa)+$").score(Completion(text="a" * 60 + "!"), SAMPLE)
    assert scored.unscored is not None
    assert "takes over 1 s" in scored.unscored
