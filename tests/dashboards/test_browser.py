"""Every page in a real Chromium, on rows and rows of hostile text: it works, nothing runs, nothing leaves."""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

import pytest

from promptops import Project
from promptops.texts.figures import figure, signed
from tests.dashboards.conftest import ROWS, Beacon, served
from tests.dashboards.hostile_project import ODD, SET, Made, hostile_texts
from tests.made import Folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
PLOT = '[src^="data:image/svg+xml;base64,"]'
ROW = 31
"""Pixels of a row of a table."""
Visit = Callable[[str], "Page"]


@pytest.fixture
def visit(chromium: Browser, dashboard: str, beacon: Beacon) -> Iterator[Visit]:
    """Open a path of the dashboard; in the end, nothing has run and nothing has left."""
    context = chromium.new_context(viewport={"width": 1400, "height": 2600})
    # Else a button to save a table would open the system's dialog.
    context.add_init_script("delete window.showSaveFilePicker")
    page = context.new_page()
    elsewhere: list[str] = []
    dialogs: list[str] = []
    page.on(
        "request",
        lambda request: None if _at_home(request.url, dashboard) else elsewhere.append(request.url),
    )
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

    def show(path: str) -> Page:
        page.goto(dashboard + path)
        _settled(page)
        return page

    yield show
    assert page.evaluate("window.pwned") is None
    assert page.locator(f"main iframe, main svg[onload], main script, main img:not({PLOT})").count() == 0
    assert not dialogs
    assert not elsewhere
    assert not beacon.asked
    context.close()


def test_the_front_page_leads_to_the_runs(visit: Visit, hostile: Made) -> None:
    page = visit("/")
    page.wait_for_url("**/runs")
    table = _table(page, "Runs, the newest first")
    assert [row["run"] for row in table] == [hostile.candidate, hostile.baseline]


def test_ticking_a_run_and_a_case_shows_its_answer(visit: Visit, hostile: Made) -> None:
    page = visit("/runs")
    _tick(page, "Runs, the newest first", 0)
    page.wait_for_url(f"**run={hostile.candidate}**")
    page.get_by_text("Selected run").wait_for()
    _settled(page)
    _tick(page, "Results of this run by sample", 1)
    page.wait_for_url("**case=case-00001**")
    page.get_by_text("Inputs", exact=True).wait_for()
    _settled(page)
    blocks = page.locator('[data-testid="stCode"]')
    assert blocks.filter(has_text="![x](http://127.0.0.1").count()


def test_two_ticked_runs_are_compared(visit: Visit, hostile: Made) -> None:
    page = visit(f"/runs?run={hostile.candidate}&run={hostile.baseline}")
    page.get_by_role("button", name="Compare these two").click()
    page.wait_for_url(f"**/compare?baseline={hostile.baseline}&candidate={hostile.candidate}")
    page.get_by_text("Cases by change").wait_for()


def test_a_comparison_shows_what_the_command_line_prints(
    visit: Visit, hostile: Made, told: dict[str, object]
) -> None:
    page = visit(_comparison(hostile))
    rows = {row["metric"]: row for row in _table(page, "Every metric's change")}
    comparison = told["comparison"]
    assert isinstance(comparison, dict)
    whole = [delta for delta in comparison["deltas"] if delta["slice"] is None]
    assert set(rows) == {delta["label"] for delta in whole}
    for delta in whole:
        row = rows[delta["label"]]
        assert row["baseline"] == figure(delta["baseline"])
        assert row["candidate"] == figure(delta["candidate"])
        assert row["change"] == signed(delta["difference"])
        assert row["[L, U]"] == f"[{signed(delta['low'])}, {signed(delta['high'])}]"
        assert row["n"] == str(delta["n"])
    page.get_by_text("PASS", exact=True).first.wait_for()


def test_a_comparison_leads_with_the_sentence_then_rules_and_their_plot(visit: Visit, hostile: Made) -> None:
    page = visit(_comparison(hostile))
    with Project.open(hostile.root) as project:
        found = project.gate(SET, run=hostile.candidate, baseline=hostile.baseline)
    sentence = page.get_by_text(found.sentence, exact=True)
    sentence.wait_for()
    rows = _table(page, "Each gate rule")
    assert [row["verdict"] for row in rows] == ["PASS", "PASS"]
    plots = page.locator(f"main img{PLOT}")
    plots.nth(1).wait_for()
    assert "rule" not in (plots.nth(1).get_attribute("alt") or "")
    for plot in plots.all():
        assert plot.evaluate("image => image.decode().then(() => image.naturalWidth > 200)")
    tops = [each.bounding_box() for each in (sentence, plots.nth(0), page.get_by_text("Slices", exact=True))]
    assert [box["y"] for box in tops if box] == sorted(box["y"] for box in tops if box)
    assert found.cells[0].delta is not None
    assert signed(found.cells[0].delta.low) in (plots.nth(0).get_attribute("alt") or "")


def test_a_hostile_slice_is_a_name_in_tables_and_plots(visit: Visit, hostile: Made) -> None:
    page = visit(_comparison(hostile))
    rows = {row["slice"]: row for row in _table(page, "The chosen metric's change on every slice")}
    assert ODD in rows and rows[ODD]["kind"] == "declared"
    plot = page.locator(f"main img{PLOT}").first
    assert "f1 on </text>" in (plot.get_attribute("alt") or "")
    drawn = base64.b64decode((plot.get_attribute("src") or "").partition(",")[2]).decode("utf-8")
    assert {each.tag.rpartition("}")[2] for each in ElementTree.fromstring(drawn).iter()} <= {
        *("svg", "style", "title", "desc", "g", "text", "rect", "line", "circle", "path"),
    }


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 1400), ("dark", 390)])
def test_a_comparison_suits_the_readers_screen(
    chromium: Browser, dashboard: str, hostile: Made, scheme: Literal["light", "dark"], width: int
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 2000}, color_scheme=scheme)
    page.goto(dashboard + _comparison(hostile))
    _settled(page)
    page.locator(f"main img{PLOT}").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # The plot takes its colours by what the page says of itself.
    assert page.locator(f"main img{PLOT}").first.evaluate("x => getComputedStyle(x).colorScheme") == scheme
    page.close()


def test_the_keys_j_and_k_walk_through_the_cases(visit: Visit, hostile: Made) -> None:
    page = visit(_comparison(hostile))
    page.get_by_text(f"case 1 of {ROWS}").wait_for()
    for key, place in (("j", 2), ("j", 3), ("k", 2)):
        _press(page, key)
        page.get_by_text(f"case {place} of {ROWS}").wait_for()


def test_what_is_chosen_survives_a_reload(visit: Visit, hostile: Made) -> None:
    page = visit(_comparison(hostile))
    _choose(page, "Metric", "quality")
    page.wait_for_url("**metric=quality**")
    _choose(page, "Slice", "second half")
    page.wait_for_url("**slice=second+half**")
    _settled(page)
    page.get_by_role("button", name="Page 2", exact=True).click()
    page.wait_for_url("**page=2**")
    _settled(page)
    _press(page, "j")
    page.get_by_text(f"case 52 of {ROWS // 2}").wait_for()
    before = page.url
    page.reload()
    _settled(page)
    page.get_by_text(f"case 52 of {ROWS // 2}").wait_for()
    assert page.url == before
    assert page.get_by_role("combobox", name=re.compile("Metric")).input_value() == "quality"


def test_hostile_text_is_shown_as_text_on_both_sides(visit: Visit, hostile: Made, beacon: Beacon) -> None:
    for number in range(24, 24 + len(hostile_texts(beacon.url))):
        page = visit(_comparison(hostile) + f"&case=case-{number:05d}")
        page.get_by_text(re.compile(rf"^case-{number:05d}\s+changed by")).wait_for()
        sides = page.locator('[data-testid="stHtml"]:has(> div)')
        sides.nth(1).wait_for()
        for side in sides.all():
            assert "The answer" in side.inner_text()
            tags = side.evaluate("found => [...found.querySelectorAll('*')].map(each => each.tagName)")
            assert set(tags) <= {"DIV", "DEL", "INS", "SPAN"}
        assert page.evaluate("window.pwned") is None


def test_prompts_show_what_changed_between_versions(visit: Visit) -> None:
    page = visit("/prompts")
    page.get_by_text("Moves of aliases").wait_for()
    sides = page.locator('[data-testid="stHtml"]')
    assert "one" in sides.nth(0).locator("del").first.inner_text()
    assert "two" in sides.nth(1).locator("ins").first.inner_text()


def test_a_table_saved_as_a_file_holds_no_formula(visit: Visit, hostile: Made) -> None:
    page = visit(f"/runs?run={hostile.candidate}")
    page.get_by_text("Cases", exact=True).wait_for()
    _settled(page)
    rows = _table(page, "Results of this run by sample")
    assert len(rows) == 200
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "@", "+"))]


def test_a_broken_address_is_told_in_plain_words(visit: Visit) -> None:
    page = visit("/compare?baseline=%3Cimg%20src%3Dx%20onerror%3D%22window.pwned%3D1%22%3E")
    page.get_by_text("No run is named").wait_for()
    assert page.locator('[data-testid="stException"]').count() == 0


def test_answers_carry_headers_that_keep_a_page_to_itself(chromium: Browser, dashboard: str) -> None:
    context = chromium.new_context()
    answer = context.request.get(dashboard)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "img-src 'self' data: blob:" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    context.close()


def test_an_image_of_elsewhere_is_stopped_even_if_it_came_into_the_page(
    chromium: Browser, dashboard: str, beacon: Beacon
) -> None:
    page = chromium.new_context().new_page()
    page.goto(dashboard + "/runs")
    _settled(page)
    outcome = page.evaluate(
        """address => new Promise(done => {
            const image = document.createElement('img');
            image.onload = () => done('loaded');
            image.onerror = () => done('stopped');
            image.src = address;
            document.body.append(image);
        })""",
        beacon.url + "/injected",
    )
    assert outcome == "stopped"
    assert not beacon.asked
    page.context.close()


def _comparison(hostile: Made) -> str:
    return f"/compare?baseline={hostile.baseline}&candidate={hostile.candidate}"


def _at_home(url: str, dashboard: str) -> bool:
    return url.startswith((dashboard, "data:", "blob:", dashboard.replace("http:", "ws:")))


def _settled(page: Page) -> None:
    page.locator(READY).wait_for()


def _press(page: Page, key: str) -> None:
    """Press a key once the button that listens to it is there."""
    page.get_by_role("button", name="Next").filter(has_text="J").wait_for()
    _settled(page)
    page.keyboard.press(key)


def _frame(page: Page, alt: str) -> Locator:
    frame = page.locator('[data-testid="stDataFrame"]').filter(has=_saving(page, alt)).first
    frame.wait_for()
    return frame


def _saving(page: Page, alt: str) -> Locator:
    return page.locator(f'button[aria-label^="Download as CSV: {alt}"]')


def _tick(page: Page, alt: str, row: int) -> None:
    """Click the box before a row: tables are drawn on a canvas, so by its place."""
    place = {"x": 15, "y": ROW * (row + 1) + ROW // 2}
    _frame(page, alt).locator(".dvn-scroller").first.click(position=place)


def _table(page: Page, alt: str) -> list[dict[str, str]]:
    """Return what a table holds, by its own button for a file."""
    from playwright.sync_api import TimeoutError as Timeout  # there where there is a browser

    frame = _frame(page, alt)
    # While plots and tables still come in, the page moves under the pointer.
    page.wait_for_function(
        """() => {
            const height = document.querySelector('[data-testid="stMain"]').scrollHeight;
            const still = window.lastHeight === height;
            window.lastHeight = height;
            return still;
        }""",
        polling=500,
    )
    with page.expect_download() as download:
        for patience in (5_000, 10_000, 30_000, 60_000):
            # The button is there while the pointer is over the table, and a page that grows moves the table.
            frame.hover()
            with contextlib.suppress(Timeout):
                _saving(page, alt).first.click(timeout=patience)
                break
    text = download.value.path().read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def _choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_run_is_chosen_estimated_and_started(chromium: Browser, folder: Folder) -> None:
    folder.write("prompts/echo.prompt.yaml", '{"messages": [{"role": "user", "content": "{{question}}"}]}')
    with Project.open(folder.path) as project:
        project.data_version()
        database = project.settings.database
    with served(folder.path, database) as address:
        page = chromium.new_page()
        page.goto(address + "/evaluate")
        _settled(page)
        for label, value in (("Prompts", "prompts/echo.prompt.yaml"), ("Models", "mock/sleep:0.2")):
            box = page.get_by_role("combobox", name=label).first
            box.click()
            box.fill(value)
            page.keyboard.press("Enter")
            page.keyboard.press("Escape")
            _settled(page)
        page.get_by_text("the first ones").click()
        page.locator('input[aria-label="How many"]:enabled').wait_for()
        _settled(page)
        page.get_by_role("button", name="Estimate").click()
        page.get_by_role("button", name="Start").wait_for()
        told = page.locator("main").inner_text()
        assert re.search(r"\b20 of \d+ samples: 20 calls", told), told
        page.get_by_role("button", name="Start").dblclick()
        page.wait_for_url("**/runs?run=*")
        run = page.url.partition("run=")[2]
        page.get_by_text("20 results, 0 without an answer").wait_for()
        page.close()
    with Project.open(folder.path) as project:
        assert [each.id for each in project.runs()] == [run] and project.run(run).status == "finished"
