"""Headers about limits in all the forms in which servers write them, and in some that mean nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.providers import Allowance
from promptops.providers._ratelimits import allowances

OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-tokens": "149984",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-26T04:20:00Z",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "0",
    "anthropic-ratelimit-output-tokens-reset": "2026-11-26T04:20:30+00:00",
    "date": "Thu, 26 Nov 2026 04:19:00 GMT",
}
AZURE = {"x-ratelimit-remaining-requests": "9", "x-ratelimit-remaining-tokens": "9040"}


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (OPENAI, [("requests", 60, 59, 1.0), ("tokens", 150_000, 149_984, 360.0)]),
        (ANTHROPIC, [("requests", 50, 49, 60.0), ("output-tokens", 8000, 0, 90.0)]),
        (AZURE, [("requests", None, 9, None), ("tokens", None, 9040, None)]),
        ({}, []),
    ],
)
def test_each_servers_form_is_read(
    headers: dict[str, str], found: list[tuple[str, int | None, int, float | None]]
) -> None:
    assert allowances(headers) == tuple(Allowance(*each) for each in found)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("2m59.56s", 179.56),
        ("1h30m", 5400.0),
        ("1d2h", 93_600.0),
        ("7", 7.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("1764130770", 30.0),  # seconds since 1970, as proxies write them
        ("1764130770000", 30.0),
        ("2025-11-26T04:19:00Z", 0.0),  # past
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("1e9", None),
        ("5x", None),
        ("9" * 30, None),
        ("9" * 100, None),
        ("", None),
        ("2026-11-26", None),  # no time zone, so no moment
        ("٣s", None),
    ],
)
def test_each_form_of_a_reset_is_read_and_junk_is_unknown(written: str, seconds: float | None) -> None:
    headers = {
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": written,
        "date": "Wed, 26 Nov 2025 04:19:00 GMT",
    }
    [found] = allowances(headers)
    assert found.reset == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining-requests": written}
        for written in ("many", "-1", "1.5", "", "1_0", "٣", "9" * 40)
    ]
    + [
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-limit-requests": "0"},
        {"x-ratelimit-remaining-requests": "10", "x-ratelimit-limit-requests": "5"},
    ],
)
def test_figures_that_can_not_be_are_left_out(headers: dict[str, str]) -> None:
    assert allowances(headers) == ()


@given(st.dictionaries(st.sampled_from(sorted({*OPENAI, *ANTHROPIC})), st.text(max_size=40)))
def test_no_header_can_break_it(headers: dict[str, str]) -> None:
    for found in allowances(headers):
        assert found.remaining >= 0
        assert found.reset is None or found.reset >= 0
