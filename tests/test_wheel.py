"""What is installed from a wheel works without the checkout: migrations, sets and dashboard are inside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own; dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run(build, check=True, capture_output=True, text=True, cwd=folder)
    wheel = next(folder.glob("promptops-*.whl"))
    target = folder / "site"
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)],
        check=True,
        cwd=folder,
    )
    return target


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


def test_the_demo_runs_from_the_wheel_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = run(installed, tmp_path, "-c", "import promptops; print(promptops.__file__)").stdout
    assert where.startswith(str(installed))
    printed = run(installed, tmp_path, "-m", "promptops", "demo").stdout
    assert "\nPASS" in printed and "view --baseline" in printed
    assert (tmp_path / ".promptops/demo/.promptops/promptops.db").is_file()


def test_the_wheel_holds_what_the_commands_need_and_nothing_of_this_machine(
    installed: Path, tmp_path: Path
) -> None:
    told = run(installed, tmp_path, "-m", "promptops", "doctor").stdout
    assert "ok       files        complete" in told
    shipped = installed / "promptops/_shipped"
    for name in ("dashboards/app.py", "migrations/env.py", "evalsets"):
        assert (shipped / name).exists()
    assert not list(installed.rglob("*.db")) and not list(shipped.rglob("__pycache__/*.pyc.*"))
