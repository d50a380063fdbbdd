"""Make docs/images/compare.png anew: run the demo, open its comparison in Chromium, take a picture.

From the top of a checkout: .venv/bin/python docs/images/make_screenshots.py
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

from promptops import Project
from promptops.demo import demonstrate
from promptops.shipped import shipped_folder
from promptops.viewer import command

PICTURE = Path(__file__).with_name("compare.png")
SIZE = {"width": 1400, "height": 1740}
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def main() -> None:
    """Run the demo in a folder of its own and picture its compare page."""
    with tempfile.TemporaryDirectory() as folder:
        found = demonstrate(Path(folder) / "demo", "news-briefs")
        with Project.open(found.folder) as project:
            database = project.settings.database
        old, new = found.runs
        query = urlencode({"baseline": old.id, "candidate": new.id})
        _picture(found.folder, database, f"/compare?{query}")


def _picture(root: Path, database: str, path: str) -> None:
    app = shipped_folder("dashboards") / "server.py"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(app.parent.parent),
        "PROMPTOPS_ROOT": str(root),
        "PROMPTOPS_DATABASE": database,
    }
    server = subprocess.Popen(command(app, port), env=environment, stdout=subprocess.DEVNULL)
    try:
        _await(f"http://127.0.0.1:{port}/_stcore/health")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
            page = browser.new_page(viewport=SIZE, device_scale_factor=1.5)
            page.goto(f"http://127.0.0.1:{port}{path}")
            page.locator(READY).wait_for()
            page.locator('[data-testid="stHtml"]:has(> div)').nth(1).wait_for()
            page.locator("main img").nth(1).wait_for()
            # Tables are drawn on a canvas a moment after they are there.
            page.wait_for_timeout(1500)
            page.screenshot(path=PICTURE)
            browser.close()
    finally:
        server.terminate()
        server.wait()


def _await(url: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url):  # noqa: S310  (our own address)
                return
        except OSError:
            time.sleep(0.1)
    sys.exit("The dashboard did not start.")


if __name__ == "__main__":
    main()
