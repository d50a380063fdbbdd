"""A run at work in a real Chromium: one figure that moves by itself, and states told as they change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.dashboards.conftest import served
from tests.dashboards.test_live_runs import at_work
from tests.made import Folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
THROUGH = re.compile(r"(\d+) of 300 through")


def test_a_run_is_watched_held_killed_and_resumed_without_a_reload(chromium: Browser, folder: Folder) -> None:
    with at_work(folder, samples=300) as (run, database), served(folder.path, database) as address:
        page = chromium.new_page(viewport={"width": 1400, "height": 1600})
        page.goto(f"{address}/runs?run={run}")
        _said(page, "; running")
        before = _through(page)
        page.wait_for_function(
            "before => +document.body.innerText.match(/(\\d+) of 300 through/)[1] > before", arg=before
        )
        assert "still to come" not in page.locator("main").inner_text()
        _press(page, "Pause")
        _said(page, "; paused")
        _press(page, "Go on")
        _said(page, "; running")
        folder.run("stop", run)
        _said(page, "; interrupted")
        _press(page, "Resume here")
        _said(page, "; running")
        _press(page, "Stop")
        _said(page, "; interrupted")
        page.close()


def test_an_address_that_no_page_has_is_told(chromium: Browser, dashboard: str) -> None:
    page = chromium.new_page()
    page.goto(dashboard + "/new")
    page.get_by_text("There is no such page").wait_for()
    page.get_by_text("No page has the address /new.").wait_for()
    page.locator("main").get_by_role("link", name="New run").click()
    page.wait_for_url("**/evaluate")
    page.close()


def _through(page: Page) -> int:
    found = THROUGH.search(page.locator("main").inner_text())
    assert found is not None
    return int(found[1])


def _press(page: Page, label: str) -> None:
    """Press a button of ours: while a page is drawn, Streamlit has a Stop of its own in the header."""
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name=label, exact=True).click()


def _said(page: Page, told: str) -> None:
    page.get_by_text(told).first.wait_for()
