"""One PostgreSQL for everybody: eight command lines at once say what one at a time says on SQLite."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptops import Project
from promptops.store import Store
from promptops.store.address import address_of
from promptops.store.opening import make_engine
from promptops.types import Result
from tests.made import Folder, neutral_environment
from tests.paid_server import PaidServer, serving
from tests.store.test_store_upgrade import fill_first, first_migrations

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["first_migrations"]

TEAM = range(8)
N = 24
SCHEMA_LOCK = 7_102_000
"""What a process holds on a server while it makes or upgrades the tables."""

REPEATED = ("--repeats", "2", "-j", "8")
ZONES = ("UTC", "Asia/Kolkata", "Pacific/Auckland", "America/St_Johns") * 2
PLACES = {
    "runs": ", samples, repeats, status",
    "calls": ", sample_id, repeat, purpose, attempt, cached",
    "results": ", sample_id, repeat, attempt, failure_kind, scores",
}

SETTINGS = """\
model = "local/small"
judge_model = "local/judge"
attempts = 2
[providers.local]
kind = "openai"
base_url = "{url}"
"""
EVALSET = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]

[metrics.chrf]

[metrics.quality]
metric = "rubric"

[[gate]]
metric = "exact"
margin = 0.15

[[gate]]
metric = "chrf"
margin = 20.0

[[gate]]
metric = "quality"
margin = 1.0
"""
ODD = (
    "É",
    "E\u0301",
    "é",
    "ß",
    "SS",
    "a\0b",
    "%",
    "日本 \U0001f600",
    "1e309 NaN",
    "9007199254740993",
    "_",
    "-",
)
"""What databases treat differently: normal forms, case, NUL, numbers that aren't, order."""
WRONG = "wrong \0 \ud800"
"""With a lone surrogate, which only a server can send."""


_CASE = re.compile(r"s\d\|(old|new)\|")


@pytest.fixture
def server() -> Iterator[PaidServer]:
    with serving() as paid:
        paid.say, paid.status = _say, _status
        yield paid


@pytest.fixture
def sorted_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database that sorts text as people do, not by code point, where the server can."""
    import psycopg

    name = f"promptops_{uuid.uuid4().hex[:12]}"
    made = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        try:
            admin.execute(f"{made} LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'")
        except psycopg.Error:  # before PostgreSQL 15, or built without it
            admin.execute(made)
    yield f"{postgres_server.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.postgres
@pytest.mark.slow
def test_eight_at_once_on_postgresql_say_what_one_by_one_on_sqlite_say(
    tmp_path: Path, server: PaidServer, sorted_url: str
) -> None:
    """From an empty database on: evaluate, then gate, then compare, each by all eight at once."""
    alone, team = _project(tmp_path / "alone", server.url), _project(tmp_path / "team", server.url)
    expected = _said(alone, "")

    asked_alone = server.asked.copy()
    server.asked.clear()
    meeting = threading.Barrier(len(TEAM))
    met: set[str] = set()

    def meet(text: str) -> float:
        """Hold each run's first call until all eight runs are asking."""
        case = _CASE.match(text)
        with server.lock:
            first = case is not None and case[0] not in met
            met.add(case[0] if case else "")
        if first:
            meeting.wait(60)
        return 0.0

    server.seconds = meet
    found = _said(team, sorted_url)
    assert server.asked == asked_alone
    for team_steps, alone_steps in zip(found, expected, strict=True):
        for told, wanted in zip(team_steps, alone_steps, strict=True):
            assert told == wanted
    assert {steps[1].strip().split(maxsplit=1)[0] for steps in found} == {
        "PASS",
        "FAIL",
        "INCONCLUSIVE",
        "CANNOT_MEASURE",
    }
    rows = [_rows(f"sqlite:///{alone.path}/.promptops/promptops.db"), _rows(sorted_url)]
    assert rows[0] == rows[1]
    assert set(rows[1].values()) == {1}
    assert sum(kind == "results" for kind, *_ in rows[1]) == 2 * len(TEAM) * 2 * N
    with Store.open(sorted_url, read_only=True) as store:
        assert store.run_count() == 2 * len(TEAM)


@pytest.mark.postgres
@pytest.mark.slow
def test_eight_command_lines_upgrade_an_older_database_once(
    tmp_path: Path, server: PaidServer, sorted_url: str, first_migrations: Path
) -> None:
    fill_first(sorted_url, first_migrations)
    team = _project(tmp_path / "team", server.url)
    _together(
        team, [("eval", f"s{number}", "-p", "old.prompt.yaml") for number in TEAM], sorted_url, held=True
    )
    with Store.open(sorted_url) as store:
        assert store.warnings == ()
        assert store.run_count() == len(TEAM) + 1
        assert store.run("abcd").errors + store.run("abcd").done == 3
        assert all(run.done + run.errors == N for run in store.runs() if run.id != "abcd")


def _said(folder: Folder, url: str) -> list[list[str]]:
    """Return what each member is told; with a URL each command is given by all eight at once."""
    said: list[list[str]] = [[] for _ in TEAM]
    old, new = ["?" * 12 for _ in TEAM], ["?" * 12 for _ in TEAM]

    def step(command: Callable[[int], list[str]], *, held: bool = False) -> list[str]:
        commands = [command(number) for number in TEAM]
        if url:
            return _together(folder, commands, url, held=held)
        return [_whole(folder.run(*each, code=None)) for each in commands]

    with Project.open(folder.path, database=url or None) as project:
        printed = [step(lambda n: ["eval", f"s{n}", "-p", "old.prompt.yaml", *REPEATED], held=True)]
        old[:] = [project.runs(evalset=f"s{number}")[0].id for number in TEAM]
        gated = step(lambda n: ["gate", f"s{n}", "-p", "new.prompt.yaml", *REPEATED, "--baseline", old[n]])
        new[:] = [project.runs(evalset=f"s{number}")[0].id for number in TEAM]
        printed += [gated, step(lambda n: ["compare", old[n], new[n], "--cases", "4"])]
        for number in TEAM:
            texts = [step[number] for step in printed]
            texts += [_told(case.result) for case in project.cases_of(new[number])]
            texts.append(project.verify(new[number]).sha256)
            said[number] = [_neutral(text, {"old": old[number], "new": new[number]}) for text in texts]
    return said


def _together(folder: Folder, commands: Sequence[Sequence[str]], url: str, *, held: bool) -> list[str]:
    """Run commands at once; with `held` none may touch the tables before all have asked to make them."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as gate:
        if held:
            gate.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "promptops", *command],
                cwd=folder.path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={
                    **neutral_environment(),
                    "COLUMNS": "160",
                    "PROMPTOPS_DATABASE": url,
                    "TZ": ZONES[place],
                },
            )
            for place, command in enumerate(commands)
        ]
        ends = time.monotonic() + 120
        while held and _waiting(gate) < len(commands):
            assert time.monotonic() < ends and not any(each.poll() for each in running)
            time.sleep(0.02)
        if held:
            gate.execute("SELECT pg_advisory_unlock(%s)", (SCHEMA_LOCK,))
    done = []
    for process in running:
        out, errors = process.communicate(timeout=240)
        assert "Traceback" not in errors, errors
        done.append(subprocess.CompletedProcess(process.args, process.returncode, out, errors))
    return [_whole(each) for each in done]


def _whole(done: subprocess.CompletedProcess[str]) -> str:
    """Return all that a command told but the progress line, which tells of seconds."""
    assert done.returncode in (0, 1, 3, 4), f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    errors = done.stderr[found.start() :] if (found := re.search("^Error", done.stderr, re.M)) else ""
    return f"{done.stdout}{errors}exit {done.returncode}"


def _told(result: Result) -> str:
    text = result.completion and result.completion.text
    failed = result.failure and (result.failure.kind, result.failure.message)
    return repr((result.sample_id, result.repeat, text, failed, result.scores, result.cached))


def _waiting(gate: Connection) -> int:
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    found = gate.execute(query, (SCHEMA_LOCK,)).fetchone()
    assert found
    return int(found[0])


def _neutral(text: str, ids: Mapping[str, str]) -> str:
    """Put words for what must differ: the two runs' ids and the moments; nothing else."""
    for name, run_id in ids.items():
        text = text.replace(run_id, f"{name:*^12}")
    return re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?(\+00:00)?)?", "WHEN", text)


def _rows(url: str) -> Counter[tuple[object, ...]]:
    """Count what each table holds of each place; a run goes by its set and prompt."""
    engine = make_engine(address_of(url), read_only=True)
    counted: Counter[tuple[object, ...]] = Counter()
    with engine.connect() as connection:
        for kind, columns in PLACES.items():
            joined = "" if kind == "runs" else f"JOIN runs ON runs.id = {kind}.run_id"
            query = f"SELECT runs.evalset, runs.prompt_ref{columns} FROM {kind} {joined}"
            counted.update((kind, *row) for row in connection.exec_driver_sql(query))
    engine.dispose()
    return counted


def _say(text: str) -> str:
    """Answer by what is asked: set, prompt, number and the odd text, parted by bars."""
    if not _CASE.match(text):
        if '"s7"' in text and "wrong" in text:
            return "Hard to say."
        return json.dumps({"reason": "as it seems", "score": 3 if "wrong" in text else 4})
    number, prompt, sample, odd = _parts(text)
    target = f"{odd} is number {sample}"
    if prompt == "old":
        return target if sample % 6 or number == 7 else WRONG
    changed = {
        0: sample % 6 == 0,
        1: sample % 2 == 0,
        2: False,
        3: sample % 6 == 0,
        4: sample % 6 in (0, 1) and sample > 3,
        5: sample % 6 == 0,
        6: True,
        7: sample % 6 == 1,
    }[number]
    return WRONG if changed else target


def _status(text: str, times: int) -> int:
    if not _CASE.match(text):
        return 200
    number, prompt, sample, _ = _parts(text)
    # Some are always answered early: a server that refuses everybody ends a run.
    if prompt == "new" and ((number == 3 and sample % 8 == 3) or (number == 5 and sample % 6)):
        return 400
    return 500 if number == 2 and sample == 7 and times == 1 else 200


def _parts(text: str) -> tuple[int, str, int, str]:
    name, prompt, sample, odd = text.split("|", 3)
    return int(name[1:]), prompt, int(sample), odd


def _project(path: Path, url: str) -> Folder:
    made = Folder(path)
    made.write("promptops.toml", SETTINGS.format(url=url))
    for prompt in ("old", "new"):
        made.prompt(prompt, "{{ set }}|" + prompt + "|{{ number }}|{{ odd }}")
    for number in TEAM:
        made.write(f"evalsets/s{number}/evalset.toml", EVALSET)
        rows = "".join(json.dumps(_sample(number, sample)) + "\n" for sample in range(N))
        made.write(f"evalsets/s{number}/samples.jsonl", rows)
    return made


def _sample(number: int, sample: int) -> dict[str, object]:
    odd = ODD[sample % len(ODD)]
    return {
        "id": f"{odd} {sample // len(ODD)}" if odd.isprintable() else f"q{sample}",
        "inputs": {"set": f"s{number}", "number": str(sample), "odd": odd},
        "target": f"{odd} is number {sample}",
        "tags": ["É" if sample % 2 else "e\u0301", "all"],
        "weight": 1 + sample % 3,
    }
