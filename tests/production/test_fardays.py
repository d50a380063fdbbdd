"""Single days that stand out: told with what was expected, and marked; few days tell nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from promptops import Project
from promptops.production.days import Days
from promptops.production.measures import Measure, Scale
from promptops.production.records import Record
from promptops.production.traffic import Traffic
from tests.made import Folder
from tests.production.made_records import FIRST, spelled

NOW = datetime(2026, 10, 29, tzinfo=UTC)
BAD, SLOW = "2026-10-13", "2026-10-21"


def month(rng: np.random.Generator) -> list[Record]:
    """Return 28 days at 1 % errors and a median of a second, one of them at 12 %, another at 1.8 s."""
    found = []
    for day in range(28):
        for number in range(150):
            failed = rng.random() < (0.12 if day == 12 else 0.01)
            seconds = float(rng.lognormal(0.6 if day == 20 else 0.0, 0.5))
            found.append(
                Record(
                    id=f"{day}-{number}",
                    at=spelled(FIRST + timedelta(days=day, minutes=9 * number)),
                    prompt="reply",
                    version=1 + (day >= 24),
                    output=None if failed else "{}",
                    error="timeout" if failed else None,
                    finish_reason=None if failed else "stop",
                    seconds=None if failed else seconds,
                )
            )
    return found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("days")
    with Project.open(root) as project:
        project.store.add_records(month(np.random.default_rng(1)))
    return root


@pytest.mark.parametrize("by", ["day", "version"])
def test_a_bad_day_is_told_with_what_was_expected(path: Path, by: str) -> None:
    with Project.open(path) as project:
        found = project.monitor(since="2026-10-01", by=by, now=NOW)  # type: ignore[arg-type]
        whole = project.monitor(since="2026-10-01", now=NOW)
    assert [(each.day, each.measure) for each in found.far_days] == [
        (BAD, "errors"),
        (SLOW, "p50"),
        (SLOW, "p95"),
    ]
    errors, p50, _ = found.far_days
    row = next(each for each in whole.rows if each.name == BAD)
    assert (errors.value, errors.n, errors.worse) == (row.measures["errors"].value, 150, True)
    assert errors.low <= 0.01 <= errors.high < 0.05 < errors.value and errors.p < 0.01
    assert p50.low < 1.0 < p50.high < p50.value == pytest.approx(1.8, abs=0.2)
    assert (found.too_few_days, found.changes) == ((), ())


def test_the_command_tells_and_marks_them(path: Path) -> None:
    folder = Folder(path)
    given = ("monitor", "--since", "2026-10-01", "--until", "2026-10-28")
    shown = folder.run(*given).stdout
    told = shown.split("Single days far off the others:")[1]
    assert f"{BAD}  errors " in told and "expected 0.0% to" in told and "(n 150, p " in told
    [row] = [line for line in shown.splitlines() if line.startswith(BAD)]
    assert "! " in row and shown.count("! ") == 4 and "! a single day far off the others" in shown
    document = folder.json(*given)["monitor"]
    assert document["far_days"][0]["day"] == BAD and document["too_few_days"] == []


def test_few_days_can_t_tell_and_that_is_told(path: Path) -> None:
    with Project.open(path) as project:
        found = project.monitor(since="2026-10-08", until="2026-10-18", now=NOW)
    assert found.far_days == () and "errors" in found.too_few_days
    assert any("that takes 12 days" in note for note in found.notes)


def test_a_measure_that_few_days_tell_is_named(folder: Folder) -> None:
    records = [
        Record(
            id=f"{day}-{n}",
            at=spelled(FIRST + timedelta(days=day, hours=n)),
            output="x",
            seconds=1.0 if day < 5 else None,
        )
        for day in range(14)
        for n in range(20)
    ]
    with Project.open(folder.path) as project:
        project.store.add_records(records)
        found = project.monitor(since="2026-10-01", now=NOW)
    assert found.too_few_days == ("p50", "p95")
    assert [note for note in found.notes if "of p50 and p95" in note]


def traffic(days: list[int], weights: list[float] | None = None) -> Traffic:
    """Return records of these days, of which nothing else is known."""
    n = len(days)
    at = np.datetime64("2026-10-01", "us") + np.array(days) * np.timedelta64(1, "D")
    names, none = np.full(n, None, dtype=object), np.full(n, np.nan)
    return Traffic(
        ids=names, at=at, weights=np.ones(n) if weights is None else np.array(weights), references=names,
        prompts=names, aliases=names, models=names, subjects=names, errors=names, finishes=names,
        seconds=none, costs=none, good=none,
    )  # fmt: skip


def test_records_of_unequal_weight_count_as_fewer() -> None:
    measure = Measure("errors", np.array([1.0, 0, 0, 1, 0]), Scale(0.0, 1.0))
    found = Days.of(measure, traffic([0, 0, 0, 2, 2], [1, 1, 1, 3, 1]))
    assert [str(each) for each in found.at] == ["2026-10-01", "2026-10-03"]
    assert found.figures.tolist() == pytest.approx([1 / 3, 3 / 4])
    assert found.sizes.tolist() == pytest.approx([3, 16 / 10])  # Kish: (sum w)^2 / sum w^2
    assert found.records.tolist() == [3, 2] and found.within is None


def test_scores_between_the_ends_say_more_than_zeros_and_ones() -> None:
    values = np.array([1.0, 5, 3, 3, 2, 4])
    found = Days.of(Measure("stars", values, Scale(1.0, 5.0)), traffic([0, 0, 0, 1, 1, 1]))
    inside = np.var([0, 1, 0.5]) + np.var([0.5, 0.25, 0.75])
    assert found.figures.tolist() == [0.5, 0.5]
    assert found.sizes.tolist() == pytest.approx([3 * 0.5 / inside] * 2)
    assert found.shown([0.5, 1.0]) == [3.0, 5.0]


def test_scores_without_a_range_have_the_median_of_the_days_variances() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(5, 30)) * np.array([1, 1.5, 2, 2.5, 30])[:, None]
    found = Days.of(
        Measure("words", values.ravel(), Scale(0.0, None)), traffic(np.repeat(range(5), 30).tolist())
    )
    assert found.within == pytest.approx(np.median(values.var(axis=1, ddof=1)))
    assert found.figures == pytest.approx(values.mean(axis=1))


def test_a_p95_of_few_records_is_left_out_and_times_are_in_logarithms() -> None:
    rng = np.random.default_rng(3)
    times = rng.lognormal(0, 0.5, size=10 + 30 * 500)
    days = [0] * 10 + np.repeat(range(1, 31), 500).tolist()
    found = Days.of(Measure("p95", times, Scale(0.0, None), 0.95), traffic(days))
    assert len(found.at) == 30 and str(found.at[0]) == "2026-10-02"
    expected = np.quantile(times[10:].reshape(30, 500), 0.95, method="inverted_cdf", axis=1)
    assert found.shown(found.figures) == pytest.approx(expected)
    # The variance of a normal's 95 % quantile, of one record: .05 * .95 / density^2, here of logarithms.
    assert found.within == pytest.approx(0.0475 / 0.10314**2 * 0.25, rel=0.25)
