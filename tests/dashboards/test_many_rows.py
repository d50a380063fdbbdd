"""Two runs of ten thousand hostile samples in a real Chromium: opened, compared and leafed through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.dashboards.conftest import Beacon, served
from tests.dashboards.hostile_project import Made, make_project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROWS = 10_000
LONG = 180_000
"""Milliseconds: ten thousand samples on a busy machine."""
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@pytest.fixture(scope="module")
def many(beacon: Beacon, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A project with two runs of 10,000 hostile samples."""
    return make_project(tmp_path_factory.mktemp("many") / "project", beacon.url, ROWS)


@pytest.fixture(scope="module")
def address(many: Made) -> Iterator[str]:
    """The address of the dashboard on it."""
    with served(many.root, many.database) as found:
        yield found


@pytest.fixture
def page(chromium: Browser, beacon: Beacon) -> Iterator[Page]:
    """A page on which, in the end, nothing has run and from which nothing has left."""
    with chromium.new_page(viewport={"width": 1400, "height": 2600}) as page:
        yield page
        assert page.evaluate("window.pwned") is None
        assert not beacon.asked


def test_ten_thousand_cases_of_a_run_are_shown_by_page(page: Page, address: str, many: Made) -> None:
    page.goto(f"{address}/runs?run={many.candidate}&cases=50&case=case-09806")
    page.get_by_text("Inputs", exact=True).wait_for(timeout=LONG)
    answer = page.locator('[data-testid="stCode"]').filter(has_text="The answer")
    answer.first.wait_for(timeout=LONG)


def test_ten_thousand_cases_are_compared_and_walked_through(page: Page, address: str, many: Made) -> None:
    page.goto(f"{address}/compare?baseline={many.baseline}&candidate={many.candidate}")
    page.get_by_text(f"case 1 of {ROWS}").wait_for(timeout=LONG)
    page.get_by_role("button", name="Next").filter(has_text="J").wait_for()
    page.locator(READY).wait_for(timeout=LONG)
    page.keyboard.press("j")
    page.get_by_text(f"case 2 of {ROWS}").wait_for(timeout=LONG)
