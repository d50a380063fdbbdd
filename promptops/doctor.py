"""What `promptops doctor` looks at: versions, settings, database, plugins."""

from __future__ import annotations

import os
import sqlite3
import sys
from dataclasses import dataclass
from typing import Literal

from promptops import plugins
from promptops.config import redact_url, unread_variables
from promptops.errors import PromptopsError
from promptops.project import Project
from promptops.shipped import shipped_folder

WAL_RESET_FIXED = (3, 51, 3)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "warning", "error"]
    told: str


def examine(folder: str, database: str | None) -> list[Check]:
    """Look at everything; nothing is changed beyond bringing the database up to date."""
    checks = [Check("python", "ok", sys.version.split()[0]), _sqlite(), _wings(), _shipped()]
    checks.extend(_environment())
    try:
        with Project.open(folder, database=database) as project:
            checks.append(Check("settings", "ok", f"project at {project.root}"))
            warnings = project.store.warnings
            told = "; ".join(warnings) or redact_url(project.settings.database)
            checks.append(Check("database", "warning" if warnings else "ok", told))
            checks.extend(_sets(project))
            checks.extend(_prompts(project))
    except PromptopsError as error:
        checks.append(Check("project", "error", str(error)))
    return checks


def _sqlite() -> Check:
    version = sqlite3.sqlite_version_info
    if version < WAL_RESET_FIXED:
        return Check(
            "sqlite",
            "warning",
            f"{sqlite3.sqlite_version} is fine for one writer; where several people write, take PostgreSQL "
            "(a bug before 3.51.3 can, very rarely, damage a file that two processes write at once)",
        )
    return Check("sqlite", "ok", sqlite3.sqlite_version)


def _wings() -> Check:
    counted = ", ".join(f"{len(plugins.names(wing))} {wing}" for wing in plugins.WINGS)
    return Check("plugins", "ok", counted)


def _shipped() -> Check:
    missing = [name for name in ("migrations", "dashboards", "evalsets") if not shipped_folder(name).is_dir()]
    return Check(
        "files", "error" if missing else "ok", f"missing: {', '.join(missing)}" if missing else "complete"
    )


def _environment() -> list[Check]:
    return [
        Check(
            "environment", "warning", f"{name} is set, and nothing reads it{near and f'; {near} is meant?'}"
        )
        for name, near in unread_variables(os.environ).items()
    ]


def _sets(project: Project) -> list[Check]:
    checks: list[Check] = []
    for name in project.evalsets():
        try:
            found = project.check_set(name)
        except PromptopsError as error:
            checks.append(Check(name, "error", str(error)))
        else:
            checks.append(
                Check(
                    name,
                    "ok",
                    f"{len(found.samples)} samples, gate rules: {len(found.gate) + len(found.shifts)}",
                )
            )
    return checks


def _prompts(project: Project) -> list[Check]:
    checks: list[Check] = []
    files = sorted((project.root / "prompts").glob("**/*.prompt.y*ml"))
    for path in files:
        try:
            project.prompt(path)
        except PromptopsError as error:
            checks.append(Check(path.name, "error", str(error)))
    if files and not checks:
        checks.append(Check("prompts", "ok", f"{len(files)} prompt files in prompts/"))
    return checks
