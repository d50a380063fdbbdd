"""Expressions of names: what they match, and where they are wrong."""

from __future__ import annotations

import itertools

import pytest

from promptops.errors import UsageError
from promptops.sets.matching import DEEPEST, LONGEST, matcher


@pytest.mark.parametrize(
    ("expression", "names", "matches"),
    [
        ("refund", ["mail-refund-3"], True),
        ("REFUND", ["mail-refund-3"], True),
        ("straße", ["STRASSE 4"], True),
        ("refund", ["mail-3", "angry"], False),
        ("mail and angry", ["mail-3", "angry"], True),
        ("mail and not angry", ["mail-3", "angry"], False),
        ("not mail or angry", ["mail-3", "angry"], True),
        ("not (mail or angry)", ["mail-3"], False),
        ("a or b and c", ["a"], True),
        ("(a or b) and c", ["a"], False),
        ("not not a", ["a"], True),
        ('"two words" or x', ["has two words in it"], True),
        ("'and'", ["land"], True),
        ("android", ["android"], True),
        ("q-01[de]/x.y", ["q-01[de]/x.y"], True),
        ("(a)and(b)", ["a", "b"], True),
    ],
)
def test_an_expression_matches_parts_of_names(expression: str, names: list[str], matches: bool) -> None:
    assert matcher(expression)(names) is matches


def test_it_means_what_python_means_by_the_same_words() -> None:
    pieces = ["a", "b", "not a", "(a or b)", "not (b and c)", "c"]
    for left, word, middle, other, right in itertools.product(
        pieces, ["and", "or"], pieces, ["and", "or"], pieces
    ):
        expression = f"{left} {word} {middle} {other} {right}"
        for names in (["a"], ["b"], ["c"], ["a", "b"], ["b", "c"], ["x"]):
            known = {name: name in names for name in "abc"}
            assert matcher(expression)(names) is bool(eval(expression, {}, known)), expression


@pytest.mark.parametrize(
    ("expression", "column", "why"),
    [
        ("", 1, "expected a name, `not` or `(`, found the end"),
        ("   ", 4, "found the end"),
        ("a and", 6, "found the end"),
        ("a b", 3, "expected `and`, `or` or the end, found 'b'"),
        ("(a or b", 8, "expected `)`"),
        ("a or or b", 6, "expected a name"),
        ("a)", 2, "expected `and`, `or` or the end"),
        ("a and 'b", 7, "a quote that nothing closes"),
        ("a or ''", 6, "an empty name"),
        ("and", 1, "expected a name"),
        ("(" * 60 + "a", DEEPEST + 2, "levels"),
    ],
)
def test_a_wrong_expression_is_pointed_at(expression: str, column: int, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        matcher(expression)
    first, line, mark = str(caught.value).split("\n")
    assert first.startswith(f"-k, column {column}: ") and why in first
    assert len(line.removeprefix("  ")) <= len(expression) + 1
    assert mark.index("^") - 2 == min(column - 1, 60)


def test_a_very_long_expression_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="takes 4,000 characters"):
        matcher("(" * (LONGEST + 1))


def test_no_expression_is_ever_run() -> None:
    assert not matcher("__import__")(["a"])
    with pytest.raises(UsageError):
        matcher("__import__('os').system('exit')")
