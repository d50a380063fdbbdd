"""What a shift or a coverage looks at: the boxes to choose it from, and what is measured of it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import streamlit as st

from dashboards import frames, reading, recordreading, shown, urlstate
from dashboards.opened import kept, project
from promptops import PromptopsError, RecordFilter, SetCoverage, Shift, chosen_records

DATES = ("at", "date", "time", "timestamp", "created_at", "day")
"""Fields that are dates, as a rule: the first that a file has is offered."""
NO_DATE = "-"
RECORDS = "records:"
TIMES = {"24h": "the last 24 hours", "7d": "the last 7 days", "28d": "the last 28 days"}
WEEK, MONTH = f"{RECORDS}7d", f"{RECORDS}28d"
PROMPTS = 10
"""Prompts of which windows of records are offered by themselves."""
SECONDS = 300


class Sides(NamedTuple):
    """Two collections of texts, as the command line names them."""

    first: str
    second: str
    what: str
    field: str
    date: str
    whole_days: bool

    @property
    def command(self) -> str:
        """The command that prints the same."""
        options = [
            *(["--what", self.what] if self.what else []),
            *(["--field", self.field] if self.field else []),
            *(["--by-day" if self.whole_days else "--trend", self.date] if self.date else []),
        ]
        return shlex.join(["promptops", "shift", self.first, self.second, *options])


class Measure(NamedTuple):
    """A set, what it is held against, and what else is wanted, as the command line names them."""

    evalset: str
    production: str
    field: str
    suggest: int
    run: str

    @property
    def command(self) -> str:
        """The command that prints the same."""
        options = [
            *(["--field", self.field] if self.field else []),
            *(["--suggest", str(self.suggest)] if self.suggest else []),
            *(["--run", self.run] if self.run else []),
        ]
        return shlex.join(["promptops", "coverage", self.evalset, "--production", self.production, *options])


def known(*asked: str) -> dict[str, str]:
    """Return what there is to choose from, each with its name: sets, records, files, the newest runs.

    Windows of records that are `asked` for in the address are among them: no file can be meant.
    """
    runs = reading.runs(reading.PICKED_FROM, 0, None)
    others = {each: each for each in asked if each.startswith(RECORDS)}
    return {
        **{name: frames.cell(f"set {name}") for name in project().evalsets()},
        **{name: frames.cell(told) for name, told in {**others, **_windows()}.items()},
        **{name: frames.cell(f"file {name}") for name in files()},
        **{run.id: shown.run_name(run) for run in runs},
    }


@kept(seconds=5.0)
def files() -> tuple[str, ...]:
    """List the files of the project that may hold texts."""
    return project().text_files()


def newest(otherwise: str, there: Mapping[str, str]) -> str:
    """Return what is offered first as production: the newest file, else a week of records, or four.

    Where the last week has none and the last four weeks have some, those are offered.
    """
    return next((each for each in (*files()[:1], _recent()) if each in there), otherwise)


def dated(reference: str) -> list[str]:
    """List the fields of a side that can be dates."""
    if reference.startswith(RECORDS):
        return [DATES[0]]
    return fields(reference) if reference in files() else []


def fields(*references: str) -> list[str]:
    """List what the text of these sides can be: fields of files, and each of several inputs of the others."""
    return list(dict.fromkeys(field for each in references for field in _fields(located(each), state(each))))


def located(reference: str) -> str:
    """Return a side as it is found from here: files are named from the project's folder."""
    return str(project().root / reference) if reference in files() else reference


def state(reference: str) -> tuple[object, ...]:
    """Return what changes when the texts of a side do."""
    if reference in files():
        try:
            found = (project().root / reference).stat()
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_ino, found.st_size)
    if reference in project().evalsets():
        return reading.set_state(reference)
    if reference.startswith(RECORDS):
        # Production goes on: what is measured of it is remembered for a while.
        return (int(time.time()) // SECONDS,)
    try:
        run = reading.run(reference)
    except PromptopsError:
        return ()
    return (run.status, run.done, run.errors)


def shift(sides: Sides) -> Shift:
    """Measure how far both sides lie apart."""
    found = _shift(project().settings.database, sides, (state(sides.first), state(sides.second)))
    # A file is found by its whole path; it is called as it is chosen.
    names = {"reference_name": sides.first, "current_name": sides.second}
    return found.model_copy(update={key: name for key, name in names.items() if name in files()})


def coverage(wanted: Measure) -> SetCoverage:
    """Measure how much of production a set covers."""
    states = tuple(state(each) for each in (wanted.evalset, wanted.production, wanted.run) if each)
    found = _coverage(project().settings.database, wanted, states)
    # Records are told with their moments, so that the same are meant later.
    return (
        found.model_copy(update={"production": wanted.production}) if wanted.production in files() else found
    )


def choice(
    label: str, name: str, options: Mapping[str, str], default: str, forget: tuple[str, ...] = ()
) -> str:
    """Draw a box with sides to choose from."""
    return urlstate.choice(
        label, name, list(options), shown=options.__getitem__, default=default, forget=forget
    )


def field_choice(label: str, name: str, there: list[str], none: str, forget: tuple[str, ...]) -> str:
    """Draw a box with the fields of the text; empty where nothing is chosen or there is none."""
    if not there:
        return ""
    options = {"": none, **{each: frames.cell(each) for each in there}}
    return choice(label, name, options, "", forget)


def date_choice(there: list[str], forget: tuple[str, ...]) -> str:
    """Draw the box with the field of each text's date; empty where there is none."""
    if not there:
        return ""
    usual = next((each for each in DATES if each in there), NO_DATE)
    options = {NO_DATE: "none", **{each: frames.cell(each) for each in there}}
    return choice("Field of the date", "date", options, usual, forget).removeprefix(NO_DATE)


def what_choice(forget: tuple[str, ...]) -> str:
    """Draw the box that asks for inputs or outputs."""
    options = {"": "what each has", "inputs": "inputs", "outputs": "outputs"}
    return choice("Texts", "what", options, "", forget)


def _recent() -> str:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    week, month = (recordreading.count(chosen_records(now=now, since=time)) for time in ("7d", "28d"))
    return MONTH if month and not week else WEEK


def _windows() -> dict[str, str]:
    """Return windows of records to choose from, where there are records."""
    if not recordreading.count(RecordFilter()):
        return {}
    prompts = recordreading.names()[:PROMPTS]
    return {
        f"{RECORDS}{of}{time}": f"records{f' of {of[:-1]}' if of else ''}, {told}"
        for of in ("", *(f"{name}/" for name in prompts))
        for time, told in TIMES.items()
    }


@kept(entries=16)
def _fields(reference: str, state: tuple[object, ...]) -> tuple[str, ...]:
    try:
        return project().text_fields(reference)
    except PromptopsError:
        return ()  # What is wrong with a side is told where it is measured.


@st.cache_data(max_entries=8, show_spinner=False)
def _shift(database: str, sides: Sides, states: tuple[object, ...]) -> Shift:
    date = sides.date or None
    return project().shift(
        located(sides.first),
        located(sides.second),
        what="inputs" if sides.what == "inputs" else "outputs" if sides.what else None,
        field=sides.field or None,
        by_day=date if sides.whole_days else None,
        trend=None if sides.whole_days else date,
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _coverage(database: str, wanted: Measure, states: tuple[object, ...]) -> SetCoverage:
    return project().coverage(
        wanted.evalset,
        located(wanted.production),
        field=wanted.field or None,
        suggest=wanted.suggest,
        mapped=True,
        run=wanted.run or None,
    )
