"""The report's plots as images of their own: well-formed, with colours for both grounds, and harmless."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from promptops.plots import changes_plot, rules_plot
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
