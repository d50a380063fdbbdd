from __future__ import annotations

import pytest

from promptops.texts.figures import dollars, figure, interval, p_value, signed


@pytest.mark.parametrize(
    ("value", "plain", "with_sign"),
    [(0.5, "0.5000", "+0.5000"), (34.567, "34.57", "+34.57"), (-0.1, "-0.1000", "-0.1000"), (None, "-", "-")],
)
def test_figures_have_four_digits_or_a_dash(value: float | None, plain: str, with_sign: str) -> None:
    assert figure(value) == plain
    assert signed(value) == with_sign


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        (1.5e-5, "$0.000015"),
        (0.00014, "$0.00014"),
        (0.0456, "$0.0456"),
        (0.0, "$0.00"),
        (1234.5, "$1,234.50"),
    ],
)
def test_amounts_have_two_digits_that_say_something(cost: float, shown: str) -> None:
    assert dollars(cost) == shown


def test_an_interval_stands_in_brackets() -> None:
    assert interval(0.1, 12.0) == "[0.1000, 12.00]"
    assert interval(-0.1, 0.2, sign=True) == "[-0.1000, +0.2000]"
    assert interval(None, 0.2) == "-"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.00001, "<.0001"), (0.0123, ".0123"), (0.5, ".5000"), (1.0, "1")]
)
def test_a_p_value_is_written_as_in_papers(value: float, shown: str) -> None:
    assert p_value(value) == shown
