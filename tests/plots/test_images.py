"""The report's plots as images of their own: well-formed, with colours for both grounds, and harmless."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from promptops.instruments import Drift, DriftPoint, Found
from promptops.judging.certificates import Certificate, Measured, Pairing
from promptops.labels.pairings import pairings
from promptops.plots.images import agreement_plot, changes_plot, drift_plot, rules_plot
from promptops.reports.html import Html
from tests.reports.hostile import EVERYTHING, HOSTILE, cell, delta, report, verdict

NAMESPACE = "{http://www.w3.org/2000/svg}"
DRAWN = {"svg", "style", "title", "desc", "g", "text", "rect", "line", "circle", "path"}


@pytest.mark.parametrize("text", [*HOSTILE, EVERYTHING], ids=range(len(HOSTILE) + 1))
def test_names_in_a_plot_are_text(text: str) -> None:
    drawn = [
        rules_plot(verdict("PASS", cell("PASS", delta(name=text)))),
        rules_plot(verdict("PASS", cell("PASS", delta(label=text[:20])))),
        changes_plot((-0.1, 0.0, 0.2), delta(label=text)),
    ]
    for plot in drawn:
        assert plot is not None
        for element in ElementTree.fromstring(plot.svg).iter():
            assert element.tag.removeprefix(NAMESPACE) in DRAWN
            assert not [name for name in element.attrib if name.startswith("on") or "href" in name]


def test_a_plot_loads_nothing_and_knows_light_and_dark() -> None:
    plot = changes_plot((-0.1, 0.2), delta())
    assert plot is not None
    assert not re.search(r"url\(|@import|href", plot.svg)
    assert plot.svg.count("http") == 1  # the namespace
    assert "prefers-color-scheme: dark" in plot.svg


def test_a_plot_is_the_one_of_the_page_with_the_same_words_beside_it() -> None:
    found = report(verdict("FAIL", cell("FAIL", delta(-0.2, -0.3, -0.1))))
    page = Html().render(found)
    assert found.verdict is not None and found.delta is not None
    for plot in (rules_plot(found.verdict), changes_plot(found.changes, found.delta)):
        assert plot is not None
        drawing = plot.svg.partition("</style>")[2].removesuffix("</svg>")
        assert drawing in page
        assert ElementTree.fromstring(plot.svg).findtext(f"{NAMESPACE}desc") == plot.told
        assert plot.caption in page.replace("&#x27;", "'")


def test_what_can_not_be_drawn_is_no_plot() -> None:
    assert rules_plot(verdict("CANNOT_MEASURE")) is None
    assert changes_plot((), delta()) is None


def certificate(*pairs: tuple[float, float, int], label: str = "quality", high: float = 5) -> Certificate:
    return Certificate(
        evalset="numbers",
        label=label,
        judge="mock/echo",
        signature="rubric",
        made_at="2026-11-26",
        low=1,
        high=high,
        labels="labels/quality.jsonl",
        labels_digest="x",
        cases=20,
        unscored=0,
        raters=2,
        ratings=30,
        main="kappa",
        measures=(Measured(measure="kappa", judge_human=Found(), human_human=Found(), gap=Found()),),
        bias=Found(),
        pairs=tuple(Pairing(judge=judge, person=person, times=times) for judge, person, times in pairs),
    )


def drift(
    *differences: tuple[float, float, float], label: str = "quality", since: str | None = None
) -> Drift:
    points = [
        DriftPoint(
            date=f"2026-11-{day:02}T00:00:00+00:00",
            difference=Found(value=value, low=low, high=high, n=30),
            since=since if day == len(differences) else None,
        )
        for day, (value, low, high) in enumerate(differences, 1)
    ]
    return Drift(label=label, frozen_at="2026-11-01T00:00:00+00:00", anchors=30, points=tuple(points))


@pytest.mark.parametrize("hostile", [*HOSTILE, EVERYTHING], ids=range(len(HOSTILE) + 1))
def test_a_judges_name_in_a_plot_is_text(hostile: str) -> None:
    for plot in (
        agreement_plot(certificate((1, 1, 3), label=hostile)),
        drift_plot(drift((0.1, 0, 0.2), label=hostile)),
    ):
        assert plot is not None
        for element in ElementTree.fromstring(plot.svg).iter():
            assert element.tag.removeprefix(NAMESPACE) in DRAWN
            assert not [name for name in element.attrib if name.startswith("on") or "href" in name]


def test_few_values_are_a_table_of_counts_and_many_are_points() -> None:
    few = agreement_plot(certificate((1, 1, 7), (2, 1, 2), (5, 5, 4)))
    assert few is not None
    assert (
        few.told
        == "Of 13 pairs of a rating and a score 11 are the same, in 2 the judge said more, in 0 less."
    )
    counts = [each.text for each in ElementTree.fromstring(few.svg).iter() if each.get("class") == "figure"]
    assert sorted(filter(None, counts)) == ["2", "4", "7"]
    many = agreement_plot(certificate(*((place / 10, 1.0, 1) for place in range(10, 40))))
    assert many is not None
    circles = [each for each in ElementTree.fromstring(many.svg).iter() if each.tag.endswith("circle")]
    assert len(circles) == 30 and len({each.get("cx") for each in circles}) > 20
    assert agreement_plot(certificate()) is None


def test_a_drift_is_drawn_with_its_intervals_and_the_alarm() -> None:
    plot = drift_plot(drift((0.1, -0.1, 0.3), (-0.6, -0.8, -0.4), since="2026-11-02T00:00:00+00:00"))
    assert plot is not None
    assert plot.told == (
        "2026-11-01: +0.1000 [-0.1000, +0.3000]. 2026-11-02: -0.6000 [-0.8000, -0.4000], alarm."
    )
    groups = [each.get("class") for each in ElementTree.fromstring(plot.svg).iter(f"{NAMESPACE}g")]
    assert groups == ["reading", "fail"]
    assert drift_plot(drift()) is None


def test_pairs_are_counted_as_they_are_and_beyond_a_limit_rounded() -> None:
    people = np.array([[1, 2], [1, np.nan], [3, 3]], dtype=float)
    found = pairings(np.array([1.0, 1.0, 2.0]), people, 1, 5)
    assert [(pair.judge, pair.person, pair.times) for pair in found] == [(1, 1, 2), (1, 2, 1), (2, 3, 2)]
    random = np.random.default_rng(0)
    many = pairings(random.random(9_000), random.random((9_000, 1)), 0, 1)
    assert len(many) <= 51 * 51 and sum(pair.times for pair in many) == 9_000
    assert all(abs(pair.judge * 50 - round(pair.judge * 50)) < 1e-9 for pair in many)
