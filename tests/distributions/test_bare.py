"""What redaction leaves in place of addresses is no shift, no lack and no kind."""

from __future__ import annotations

import pytest

from promptops.distributions.bare import PLACEHOLDERS, bare
from promptops.distributions.coverage import measure_coverage
from promptops.distributions.shift import measure_shift
from promptops.production.censor import WITHHELD
from promptops.production.themes import Opinion, measure_themes
from promptops.texts.personal import without_people
from promptops.texts.redaction import REDACTED
from tests.mails import USUAL

PEOPLE = "ada@mail.example, +49 171 1234567, DE89 3704 0044 0532 0130 00, 4111 1111 1111 1111, 192-45-6789"


def marked(texts: list[str]) -> list[str]:
    """Put in what redaction leaves, into every third text."""
    return [f"{text} [email] [phone]" if place % 3 == 0 else text for place, text in enumerate(texts)]


def test_every_placeholder_of_redaction_is_known() -> None:
    left = without_people(PEOPLE)
    assert left == "[email], [phone], [iban], [card], [ssn]"
    assert {*left.split(", "), REDACTED, WITHHELD} == {*PLACEHOLDERS}
    assert bare([f"Write to {left} now", "a [draft] stays"]) == ["Write to,,,, now", "a [draft] stays"]


def test_placeholders_are_no_shift_but_are_shown() -> None:
    first, second = USUAL.drawn(150, 1), USUAL.drawn(150, 2)
    found, plain = measure_shift(first, marked(second)), measure_shift(first, second)
    assert not found.alarmed and found.features == plain.features
    assert (found.mmd, found.auc) == (plain.mmd, plain.auc)
    assert any("[email]" in each.text for each in (*found.foreign, *found.typical))
    left = [text.replace("[", "").replace("]", "") for text in marked(second)]
    assert measure_shift(first, left).alarmed


def test_placeholders_are_no_lack_and_no_kind() -> None:
    first, second = USUAL.drawn(60, 1), USUAL.drawn(150, 2)
    ids = [str(n) for n in range(60)]
    found = measure_coverage(first, ids, marked(second), suggest=3, permutations=99)
    plain = measure_coverage(first, ids, second, suggest=3, permutations=99)
    assert (found.far, found.coverage) == (plain.far, plain.coverage)
    assert [each.text for each in found.suggestions] == [
        marked(second)[each.index] for each in plain.suggestions
    ]
    told = [
        measure_themes([Opinion(str(n), "2026-11-01", text, "", n % 4 == 0) for n, text in enumerate(texts)])
        for texts in (second, marked(second))
    ]
    assert [each.records for each in told[0].themes] == [each.records for each in told[1].themes]


def test_texts_of_placeholders_alone_are_survived() -> None:
    with_none = measure_shift(["[email]"] * 30, ["[phone]"] * 30)
    assert with_none.p_value == pytest.approx(1.0)
