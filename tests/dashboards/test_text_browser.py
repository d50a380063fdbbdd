"""Shift and coverage in a real Chromium: a person clicks through, and hostile texts in plots do nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from promptops import Project, RecordFilter
from tests.dashboards.conftest import Beacon, served
from tests.dashboards.test_browser import READY, Visit, visit
from tests.dashboards.test_browser import _tick as tick
from tests.dashboards.textproject import Texts, make_texts

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["visit"]
pytestmark = pytest.mark.browser
POINTS = '[data-testid="stVegaLiteChart"] .mark-symbol.role-mark path'
WEEK = "logs/week.jsonl"
ACTING = ("<script>window.pwned", "<img src=", "![x](http", "<svg onload")
HINT = "#vg-tooltip-element"


@pytest.fixture(scope="module")
def made(beacon: Beacon, tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return make_texts(tmp_path_factory.mktemp("texts"), beacon.url)


@pytest.fixture(scope="module")
def dashboard(made: Texts) -> Iterator[str]:
    with served(made.root, made.database) as address:
        yield address


def test_a_person_measures_reads_a_point_and_takes_suggestions_over(visit: Visit, made: Texts) -> None:
    page = visit("/coverage?suggest=5")
    page.get_by_role("button", name="Measure", exact=True).click()
    page.get_by_text(re.compile("^desk .*covers .* of logs/week.jsonl")).wait_for()
    _settled(page)
    page.locator(POINTS).last.wait_for()
    page.locator(POINTS).nth(3).click(force=True)
    page.wait_for_url(re.compile(r"[?&]point=\d+"))
    page.get_by_text(re.compile(r"^(Case |week\.jsonl:\d)")).first.wait_for()
    tick(page, "Texts of production to add to the set", 1)
    page.wait_for_url("**add=**")
    _settled(page)
    page.get_by_role("button", name="Write candidates").dblclick()
    page.get_by_text("Wrote 4 candidates to candidates.jsonl.").wait_for()
    rows = [json.loads(line) for line in (made.root / "candidates.jsonl").read_text().split("\n")[:-1]]
    assert len(rows) == 4 and all(row["tags"][0] == "candidate" for row in rows)
    assert not (made.root / "candidates-2.jsonl").exists()
    (made.root / "candidates.jsonl").unlink()


def test_a_hint_over_a_hostile_point_is_text(visit: Visit) -> None:
    page = visit(f"/coverage?production={WEEK}&suggest=20&measured=1")
    page.locator(POINTS).last.wait_for()
    seen = []
    for point in page.locator(POINTS).all():
        label = point.get_attribute("aria-label") or ""
        if any(sign in label and not any(sign in told for told in seen) for sign in ACTING):
            point.dispatch_event("mousemove", {"bubbles": True})
            point.hover(force=True)
            page.locator(f"{HINT}.visible").wait_for()
            seen.append(page.locator(HINT).inner_text())
            assert page.locator(f"{HINT} :is(img, script, iframe, svg, a, style, b)").count() == 0
    assert all(any(sign in told for told in seen) for sign in ACTING)
    assert page.locator('[data-testid="stVegaLiteChart"] :is(image, a, foreignObject)').count() == 0


def test_a_shift_is_drawn_day_by_day_and_fits_a_phone(visit: Visit) -> None:
    page = visit(f"/shift?second={WEEK}&measured=1")
    page.get_by_text(re.compile("^logs/week.jsonl differs from desk")).wait_for()
    page.locator(POINTS).last.wait_for()
    assert page.locator(POINTS).count() == 12
    for path in (f"/shift?second={WEEK}&measured=1", f"/coverage?production={WEEK}&measured=1"):
        page.set_viewport_size({"width": 390, "height": 900})
        page = visit(path)
        page.locator(POINTS).last.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_record_is_read_and_commented_once_however_often_one_clicks(visit: Visit, made: Texts) -> None:
    page = visit("/production?said=bad")
    tick(page, "Records of production, the newest first", 0)
    page.wait_for_url("**record=r0117**")
    page.get_by_text("Answered", exact=True).wait_for()
    _settled(page)
    page.get_by_role("radio", name="down").or_(page.get_by_role("button", name="down", exact=True)).click()
    page.get_by_label("Comment").fill("<img src=x onerror='window.pwned = 1'> call guest@mail.example")
    page.get_by_role("button", name="Store", exact=True).dblclick()
    # As it is stored, not as it was typed.
    page.get_by_text("<img src=x onerror='window.pwned = 1'> call [email]").first.wait_for()
    _settled(page)
    with Project.open(made.root) as project:
        said = project.record_feedback(RecordFilter(id="r0117"))
    assert len(said) == 2 and said[-1].thumb == "down" and "guest@" not in said[-1].comment
    page.set_viewport_size({"width": 390, "height": 900})
    page = visit("/production?record=r0099")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def _settled(page: Page) -> None:
    page.locator(READY).wait_for()
