"""Two people rate in a real Chromium at the same time; the command line certifies by what they said."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from promptops import Project
from promptops.cli import app
from promptops.labels.labels import Case
from tests.dashboards.conftest import Beacon, served
from tests.dashboards.hostile_project import hostile_texts, make_project
from tests.dashboards.test_browser import READY, Visit, visit
from tests.made import Folder
from tests.verbs.test_certification import judged, person

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["visit"]
pytestmark = pytest.mark.browser
QUALITY, HOSTILE = "numbers:quality", "hostile-mails:quality"
N = 20


def test_two_people_rate_and_the_command_line_certifies(chromium: Browser, folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=N, second=1.0)
        for rater in ("anna", "ben"):
            mine = project.labelling(QUALITY).share_of(rater)[:-2]
            project.rate_cases(QUALITY, rater, {case.id: person(_number(case.output)) for case in mine})
        database = project.settings.database
    with served(folder.path, database) as address:
        anna, ben = (chromium.new_page(viewport={"width": width, "height": 900}) for width in (1280, 390))
        for page in (anna, ben):
            page.goto(f"{address}/label?judge={QUALITY}")
            _settled(page)
        _say_who(anna, "anna")
        _say_who(ben, "ben")
        assert ben.evaluate("document.documentElement.scrollWidth") <= 390
        # A click that comes twice rates one case, not the next one as well.
        anna.get_by_role("button", name=re.compile("^4")).dblclick()
        anna.get_by_text("19 of 20 done").wait_for()
        # No box holds the keys once the name is told.
        ben.keyboard.press("5")
        ben.get_by_text("19 of 20 done. ").wait_for()
        _settled(ben)
        box = ben.get_by_role("combobox", name=re.compile("can't tell"))
        box.click()
        box.fill("It is *neither* <b>here</b> nor there.")
        ben.keyboard.press("Enter")
        ben.get_by_text("Nothing is left for you").wait_for()
        assert [case.unrated for case in _cases(folder) if case.unrated] == [
            {"ben": "It is *neither* <b>here</b> nor there."}
        ]
        _press(anna, "2")
        anna.get_by_text("Nothing is left for you").wait_for()
        _press(ben, "k")
        ben.get_by_text("case 20 of 20").wait_for()
        ben.get_by_text("You could not tell: It is *neither* <b>here</b> nor there.").wait_for()
        _press(ben, "3")
        ben.get_by_text("20 of 20 done. ").wait_for()
        anna.close()
        ben.close()
    rated = _cases(folder)
    assert all(set(case.ratings) == {"anna", "ben"} and not case.unrated for case in rated)
    told = CliRunner().invoke(app, ["-C", str(folder.path), "judge", "certify", QUALITY])
    assert told.exit_code == 0, told.output
    assert "against 2 people: 40 ratings of 20 cases" in told.output


def _cases(folder: Folder) -> tuple[Case, ...]:
    with Project.open(folder.path) as project:
        return project.labelling(QUALITY).cases


def _number(output: str) -> int:
    return int(output.split()[1])


def _say_who(page: Page, name: str) -> None:
    box = page.get_by_role("combobox", name=re.compile("Your name"))
    box.click()
    box.fill(name)
    page.keyboard.press("Enter")
    page.get_by_text("18 of 20 done").wait_for()
    _settled(page)


def _press(page: Page, key: str) -> None:
    """Press a key once no box takes it as text."""
    _settled(page)
    page.get_by_text("Label", exact=True).last.click()
    page.keyboard.press(key)


def _settled(page: Page) -> None:
    page.locator(READY).wait_for()


@pytest.fixture(scope="module")
def dashboard(beacon: Beacon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard on a small hostile project, of which every output is to be rated."""
    made = make_project(tmp_path_factory.mktemp("hostile") / "project", beacon.url, 24)
    with Project.open(made.root) as project:
        cases = project.draw_cases(HOSTILE, [made.baseline], count=20).cases
        project.leave_cases(HOSTILE, "<img src=x onerror='window.pwned = 1'>", {cases[0].id: "![x](y)"})
    with served(made.root, made.database) as address:
        yield address


def test_hostile_texts_do_nothing_while_they_are_rated(visit: Visit, beacon: Beacon) -> None:
    from playwright.sync_api import TimeoutError as Timeout  # there where there is a browser

    page = visit(f"/label?judge={HOSTILE}&rater=anna")
    progress = page.get_by_text(re.compile(r"^\d+ of 20 done"))
    rated = 0
    while rated < len(hostile_texts(beacon.url)):
        assert page.evaluate("window.pwned") is None
        # A page of a busy machine may miss a key, as may happen to people: they see it, and press again.
        for patience in (20_000, 40_000, 120_000):
            _press(page, str(rated % 5 + 1))
            with contextlib.suppress(Timeout):
                page.get_by_text(f"{rated} of 20 done").wait_for(state="hidden", timeout=patience)
                break
        done = int(progress.inner_text().split()[0])
        assert done > rated
        rated = done
    page = visit(f"/judges?judge={HOSTILE}")
    page.get_by_text("Nobody has held it against people.").wait_for()


@pytest.mark.parametrize("path", ["/judges", f"/label?judge={HOSTILE}&rater=anna"])
def test_pages_of_judges_fit_a_phone(chromium: Browser, dashboard: str, path: str) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 900})
    page.goto(dashboard + path)
    _settled(page)
    page.get_by_role("combobox", name=re.compile("Judge")).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
