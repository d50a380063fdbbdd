"""What the page of production reads, remembered until the database changes."""

from __future__ import annotations

import streamlit as st

from dashboards import reading
from dashboards.opened import kept, project
from promptops import Feedback, Record, RecordFilter, RecordScore

SECONDS = 60.0
"""How long the names of prompts that were logged are remembered."""
NOTHING = "There are no records of production yet. Log some from your application, then reload this page:"
LOG = 'import promptops\n\npromptops.log(prompt="reply@3", inputs={"mail": mail}, output=answer)'


@kept()
def count(wanted: RecordFilter) -> int:
    """Return how many records are wanted."""
    return project().record_count(wanted)


@kept(entries=32)
def page(
    wanted: RecordFilter, limit: int, offset: int
) -> tuple[list[Record], dict[str, tuple[Feedback, ...]]]:
    """Return a page of records, the newest first, and what was said of them."""
    found = project().records(wanted, limit=limit, offset=offset)
    return found, project().feedback_of(found)


@kept(entries=32)
def record(reference: str) -> tuple[Record, tuple[Feedback, ...], list[RecordScore]]:
    """Return one record, what was said of it, and its scores."""
    found = project().find_record(reference)
    said = project().feedback_of([found]).get(found.id, ())
    return found, said, project().record_scores(RecordFilter(id=found.id))


def names() -> list[str]:
    """List prompts that are registered, the newest first, and then others that were logged."""
    registered = [version.name for version, _ in reading.prompts()]
    return [*registered, *(name for name in _logged(project().settings.database) if name not in registered)]


# Very many records take a moment to look through, and each call that is logged would have it done again.
@st.cache_data(max_entries=4, ttl=SECONDS, show_spinner=False)
def _logged(database: str) -> list[str]:
    return project().record_prompts()


def prompts() -> list[str]:
    """List registered prompts with their aliases and versions, and others that were logged."""
    found: list[str] = []
    for version, aliases in reading.prompts():
        numbers = range(version.number, 0, -1)
        found += [
            version.name,
            *(f"{version.name}@{alias}" for alias in aliases),
            *(f"{version.name}@{number}" for number in numbers),
        ]
    return [*found, *(name for name in names() if name not in found)]
