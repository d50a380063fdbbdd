"""Which calls are kept: whole sessions, by a hash, at a rate that makes sums unbiased."""

from __future__ import annotations

from collections import Counter

import pytest
from scipy.stats import kstest

from promptops.config import Settings
from promptops.production.buffer import Entry
from promptops.production.censor import Censor
from promptops.production.draining import _read
from promptops.production.entries import Entries, place_of
from promptops.production.records import Record
from promptops.production.segments import Lines
from promptops.production.tally import Tally


def kept(calls: list[dict[str, object]], **settings: object) -> list[Record]:
    """Return what is kept of some calls."""
    given = Settings.model_validate({"database": "sqlite://", "logging": settings})
    made = Entries(given.logging, Censor(given, {}), Tally())
    lines = [
        line
        for number, call in enumerate(calls)
        if (line := made.line(Entry("record", f"id-{number}", 0, dict(call), cuts=()))) is not None
    ]
    records, _, unread = _read(Lines(tuple(line.rstrip(b"\n") for line in lines), b""))
    assert not unread
    return records


CALLS: list[dict[str, object]] = [
    {
        "prompt": ("reply", "sort")[number % 2],
        "session": f"s{number // 10}",
        **({"error": "timeout"} if number % 7 == 0 else {"output": "x"}),
    }
    for number in range(20_000)
]


def test_places_are_uniform() -> None:
    assert kstest([place_of(f"session {number}") for number in range(5_000)], "uniform").pvalue > 0.01


def test_sessions_are_kept_whole() -> None:
    found = Counter(record.session for record in kept(CALLS, sample=0.2, keep_errors=False))
    assert set(found.values()) == {10}
    assert set(found) == {f"s{number}" for number in range(2_000) if place_of(f"s{number}") < 0.2}


@pytest.mark.parametrize("keep_errors", [True, False])
def test_each_record_stands_for_so_many_that_sums_are_right(keep_errors: bool) -> None:
    found = kept(CALLS, sample=0.2, prompts={"sort": 0.5}, keep_errors=keep_errors)
    wrong = [record for record in found if record.error]
    assert {record.rate for record in wrong} == ({1.0} if keep_errors else {0.2, 0.5})
    assert {record.rate for record in found if not record.error} == {0.2, 0.5}
    if keep_errors:
        assert len(wrong) == sum(1 for call in CALLS if "error" in call)
    for prompt in ("reply", "sort"):
        for failed in (True, False):
            truth = sum(1 for call in CALLS if call["prompt"] == prompt and ("error" in call) == failed)
            told = sum(
                1 / each.rate for each in found if each.prompt == prompt and bool(each.error) == failed
            )
            # 2,000 sessions are drawn: four standard errors of a share of a fifth are 18 %.
            assert told == pytest.approx(truth, rel=0.18)


def test_a_call_within_another_is_kept_with_it() -> None:
    calls: list[dict[str, object]] = [
        {"output": "x", "root": f"root {number // 2}"} for number in range(2_000)
    ]
    found = kept(calls, sample=0.3)
    ids = {record.id for record in found}
    assert 400 < len(ids) < 800
    assert all((f"id-{2 * n}" in ids) == (f"id-{2 * n + 1}" in ids) for n in range(1_000))
