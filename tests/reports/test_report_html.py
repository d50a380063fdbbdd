"""The page: it needs nothing, does nothing, and shows what it quotes as text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from promptops.gate.rules import GateRule
from promptops.reports._axis import Axis
from promptops.reports._differences import COLUMNS, differences_plot
from promptops.reports._intervals import intervals_plot
from promptops.reports.html import POLICY, Html
from promptops.texts.visible import visible
from tests.reports.hostile import EVERYTHING, HOSTILE, cell, delta, hostile_report, report, verdict

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VOID = {"meta", "br"}
KNOWN = VOID | {
    *("html", "head", "title", "style", "body", "header", "main", "footer", "section", "article"),
    *(
        "h1",
        "h2",
        "h3",
        "p",
        "span",
        "ul",
        "li",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ),
    *("figure", "figcaption", "details", "summary", "dl", "dt", "dd", "code", "del", "ins"),
    *("svg", "desc", "g", "rect", "line", "circle", "path", "text"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "role", "aria-label", "tabindex", "scope"),
    *("dir", "viewBox", "aria-labelledby", "id", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "d"),
    *("width", "height", "text-anchor"),
}


@dataclass
class Page(HTMLParser):
    """What a browser's parser would see: tags in order, which must be closed in order, and texts."""

    opened: list[str] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.opened[-1] if self.opened else "", data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)


def read(text: str) -> Page:
    found = Page()
    found.feed(text)
    found.close()
    assert not found.opened
    lowered = {name.lower() for name in ATTRIBUTES}
    for name, attributes in found.seen:
        assert name in KNOWN, name
        assert set(attributes) <= lowered, attributes
    return found


@pytest.mark.parametrize("text", [*HOSTILE, EVERYTHING], ids=range(len(HOSTILE) + 1))
def test_quoted_text_is_text(text: str) -> None:
    found = read(Html().render(hostile_report(text)))
    shown = "".join(data for _, data in found.texts)
    assert visible(text) in shown


@settings(max_examples=40, deadline=None)
@given(
    st.text(st.characters(codec=None), max_size=40) | st.text(st.sampled_from("<>&\"'/=;#! -"), max_size=30)
)
def test_no_text_is_markup(text: str) -> None:
    assume(not text.isalnum())  # a plain word may be one of the report's own, and then there is less to mark
    assert len(read(Html().render(hostile_report(text))).seen) == len(
        read(Html().render(hostile_report("y"))).seen
    )


def test_a_page_needs_nothing_else_and_forbids_itself_to_try() -> None:
    made = Html().render(hostile_report())
    found = read(made)
    [policy] = [each["content"] for name, each in found.seen if each.get("http-equiv")]
    assert policy == POLICY
    assert POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    style = next(data for name, data in found.texts if name == "style")
    assert not re.search(r"url\(|@import|expression|http", style)


def test_the_verdict_comes_first_then_rules_metrics_and_cases() -> None:
    found = read(Html().render(report(verdict("FAIL", cell("FAIL", delta(-0.2, -0.3, -0.1))))))
    titles = [data for name, data in found.texts if name in {"h1", "h2"}]
    assert titles[0].startswith(": rouge_l fell by more than the 0.05 that you accept")
    assert titles[1:] == [
        *("Rules", "Metrics", "Case by case: rouge_l", "Slices", "Worst cases", "How to check this"),
    ]
    assert ("del", "before") in found.texts and ("ins", "after") in found.texts


def test_a_screen_reader_is_told_what_tables_and_plots_are() -> None:
    found = read(Html().render(report(verdict("PASS", cell("PASS", delta())))))
    ids = {each["id"] for _, each in found.seen if "id" in each}
    plots = [each for name, each in found.seen if name == "svg"]
    assert len(plots) == 2
    for plot in plots:
        assert plot["role"] == "img" and set((plot["aria-labelledby"] or "").split()) <= ids
    tables = [name for name, _ in found.seen if name == "table"]
    assert len(tables) == len([name for name, _ in found.seen if name == "caption"]) == 3
    assert all(each.get("scope") in {"row", "col"} for name, each in found.seen if name == "th")
    assert dict(found.seen)["html"] == {"lang": "en"}
    assert all("aria-label" in each for _, each in found.seen if each.get("class") == "scroll")


def test_nothing_is_shown_of_outputs_that_were_meant_to_stay_private() -> None:
    found = report(verdict("FAIL", cell("FAIL", delta(-0.2, -0.3, -0.1)))).model_copy(
        update={"outputs": False}
    )
    made = Html().render(found)
    assert "accepted without outputs" in made and "words after" not in made


def places(drawing: str, pattern: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, drawing)]


def test_an_interval_is_drawn_in_its_own_margin_with_better_on_the_right() -> None:
    rule = GateRule(metric="ms", margin=10)
    slower = delta(5.0, -10.0, 20.0, label="ms", higher_is_better=False)
    drawing = intervals_plot([cell("INCONCLUSIVE", slower, rule=rule)])
    [limit], [zero] = (
        places(drawing, r'x1="([\d.]+)"[^>]*class="limit"'),
        places(drawing, r'x1="([\d.]+)"[^>]*class="zero"'),
    )
    [low, high] = re.findall(r'x1="([\d.]+)" x2="([\d.]+)" y1="\d+" y2="\d+" class="bar"', drawing)[0]
    margin = zero - limit
    # 20 ms slower are two margins of loss, 10 ms faster one of gain
    assert float(low) == pytest.approx(zero - 2 * margin, abs=0.1)
    assert float(high) == pytest.approx(zero + margin, abs=0.1)
    assert places(drawing, r'cx="([\d.]+)"') == [pytest.approx(zero - margin / 2, abs=0.1)]


def test_an_interval_that_goes_on_ends_in_an_arrow() -> None:
    drawing = intervals_plot([cell("PASS", delta(5.0, -0.01, 9.0))])
    assert drawing.count('class="arrow"') == 1
    far = intervals_plot([cell("PASS", delta(5.0, 4.0, 9.0))])
    assert far.count('class="arrow"') == 1 and "circle" not in far
    assert "5.0000 [+4.0000, +9.0000]" in far


def test_rules_without_a_margin_have_no_place_in_the_plot() -> None:
    assert not intervals_plot([cell("PASS", rule=GateRule(metric="fits", min=0.5))])
    assert not intervals_plot([cell("CANNOT_MEASURE", delta(None, None, None))])


@pytest.mark.parametrize("higher", [True, False])
def test_bars_stand_on_zero_and_are_as_long_as_their_changes(higher: bool) -> None:
    changes = (-0.4, -0.2, 0.0, 0.1)
    drawing = differences_plot(changes, delta(-0.1, -0.3, 0.1, higher_is_better=higher))
    [zero] = places(drawing, r'y1="([\d.]+)"[^>]*class="zero"')
    bars = {side: path for path, side in re.findall(r'd="([^"]+)" class="(worse|better)"', drawing)}
    ends = {side: places(path, r"V([\d.]+)h") for side, path in bars.items()}
    down = ends["worse" if higher else "better"]
    assert len(down) == 2 and len(ends["better" if higher else "worse"]) == 1
    unit = (max(down) - zero) / 0.4
    assert sorted(place - zero for place in down) == [
        pytest.approx(0.2 * unit, abs=0.02),
        pytest.approx(0.4 * unit),
    ]
    assert ("2 of 4 cases got worse, 1 stayed the same, 1 got better" in drawing) == higher


def test_ten_thousand_cases_are_drawn_in_as_many_columns_as_can_be_told_apart() -> None:
    drawing = differences_plot([number / 10_000 - 0.3 for number in range(10_000)], delta())
    assert drawing.count("h") < 4 * COLUMNS and len(drawing) < 60_000
    assert "10,000 cases" in drawing


def test_a_metric_that_did_not_move_is_drawn_too() -> None:
    assert "0 got better" in differences_plot((0.0, 0.0), delta(0.0, 0.0, 0.0))
    assert not differences_plot((), delta())


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_round_and_inside(low: float, size: float) -> None:
    axis = Axis(low, low + size, 0, 100)
    if axis.high - axis.low < 1e-9 * abs(low):
        return
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 7
    assert all(low - 1e-6 * size <= tick <= low + size * (1 + 1e-6) for tick in ticks)
    assert all(0 <= axis.place(tick) <= 100 for tick in ticks)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1100, 360])
def test_a_browser_shows_the_page_and_asks_for_nothing(chromium: Browser, tmp_path: Path, width: int) -> None:
    file = tmp_path / "gate.html"
    file.write_text(Html().render(hostile_report()), "utf-8")
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme="dark")
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(file.as_uri())
    assert asked == [file.as_uri()] and said == []
    # Wide tables scroll by themselves; the page does not.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(18, 22, 29)"
    assert page.locator("svg .dot").first.is_visible()
    page.close()
