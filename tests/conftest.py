"""Fixtures for all tests."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.made import PATIENCE, Folder, questions

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page


# Each of pytest's workers has a core: linear algebra with threads of its own would only get in their way. Set
# here, before the workers start, because the libraries read it when they are loaded.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# Tests start hundreds of processes: without bytecode each would compile anew what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The machine is shared: how long one example takes says nothing about the code.
settings.register_profile("promptops", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=1_000)  # --hypothesis-profile thorough
settings.load_profile("promptops")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage among what is collected: thousands of tests, which all stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A project with one set of forty questions that an echo answers rightly."""
    made = Folder(tmp_path)
    made.write("promptops.toml", 'model = "mock/echo"\njudge_model = "mock/echo"\n')
    made.evalset("numbers", questions(40))
    made.prompt("ask", "{{ question }}")
    return made


# For a module only: while it is open, no other test of this process could run a loop of its own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium; without one the tests skip, except in continuous integration."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        reason = "Chromium is not installed (apt-get install chromium, or `make browser`)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True)
        _be_patient(browser)
        yield browser
        browser.close()


def _be_patient(browser: Browser) -> None:
    """Let what is waited for take its time: on a busy machine a page may need a minute to be drawn."""
    context, page = browser.new_context, browser.new_page

    def new_context(**options: Any) -> BrowserContext:
        made = context(**options)
        made.set_default_timeout(PATIENCE * 1000)
        return made

    def new_page(**options: Any) -> Page:
        made = page(**options)
        made.set_default_timeout(PATIENCE * 1000)
        return made

    browser.new_context = new_context  # type: ignore[method-assign, assignment]
    browser.new_page = new_page  # type: ignore[method-assign, assignment]
