"""The page of evaluation sets in a real Chromium: a person ticks, reads and goes back in a set's history."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.dashboards.conftest import Beacon, served
from tests.dashboards.test_browser import Visit, visit
from tests.dashboards.test_browser import _tick as tick
from tests.dashboards.test_sets_page import make_kept

__all__ = ["visit"]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def dashboard(beacon: Beacon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root, database = make_kept(tmp_path_factory.mktemp("kept"), beacon.url)
    with served(root, database) as address:
        yield address


def test_a_person_reads_a_sample_and_a_hostile_change_on_a_desk_and_a_phone(visit: Visit) -> None:
    page = visit("/sets")
    page.get_by_text(re.compile("^10 of 40 samples tell 5 versions apart")).wait_for()
    tick(page, "Samples of the kind that was chosen, those that tell most first", 0)
    page.wait_for_url(re.compile(r"[?&]sample=q0"))
    page.get_by_text(re.compile("^q0.. asks")).wait_for()
    tick(page, "Versions of the set in git, the newest first", 1)
    page.wait_for_url(re.compile(r"[?&]version="))
    page.get_by_text(re.compile("12 changed")).wait_for()
    tick(page, "Samples that changed, came or went", 0)
    page.locator("ins").first.wait_for()
    assert "window.pwned" in page.locator("ins").first.inner_text()
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("ins").first.wait_for()
    wide = page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
    assert wide <= 0, "nothing sticks out of a phone"
