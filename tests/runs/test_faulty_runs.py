"""Whole runs against a server that plays faults: each ends, with every sample in its right class."""

from __future__ import annotations

import json
import time
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest

from promptops import Project
from promptops.calls.call import FATAL_LIMIT, REFUSED_LIMIT, Stopped
from promptops.errors import FATAL
from tests import paid_server
from tests.made import PATIENCE, Folder, questions
from tests.providers import fault_server
from tests.providers.fault_server import KEY, Asked, Writer, completion, http, ok, refuses, says
from tests.providers.in_thread import serving
from tests.providers.test_openai import ANSWERS, FAILURES

SAMPLES, JOBS = 50, 25
SLOW = {"huge", "huge_chunked", "endless", "endless_refusal", "gzip_bomb", "deep", "long_header"}
"""Megabytes each: fewer of them say the same."""
BUSY = {"s503", "s529"}
"""Servers that have no room for anybody."""


def project_at(
    folder: Folder, url: str, samples: int, *, attempts: int, extra: str = "", timeout: float = 0.5
) -> None:
    folder.evalset("numbers", questions(samples))
    folder.write(
        "promptops.toml",
        f'attempts = {attempts}\ndeadline = 20\n[providers.faulty]\nkind = "openai"\nbase_url = "{url}"\n'
        f'api_key_env = "FAULTY_KEY"\ntimeout = {timeout}\nmax_bytes = 1_000_000\n{extra}',
    )


@pytest.mark.parametrize("fault", sorted(FAILURES))
def test_a_run_with_one_fault_ends_with_each_sample_in_its_class(
    folder: Folder, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTY_KEY", KEY)
    samples, kind = (6, FAILURES[fault]) if fault in SLOW else (SAMPLES, FAILURES[fault])
    with serving() as server:
        # On a busy machine an answer may take a while; what hangs is not waited for so long.
        project_at(folder, server.url, samples, attempts=1, timeout=1.0 if kind == "timeout" else PATIENCE)
        began = time.monotonic()
        with Project.open(folder.path) as project:
            ended = ""
            try:
                project.evaluate(
                    "numbers", [folder.path / "ask.prompt.yaml"], [f"faulty/{fault}"], concurrency=JOBS
                )
            except Stopped as error:
                ended = str(error)
            seconds = time.monotonic() - began
            run = project.run("latest")
            kinds = Counter(each.kind for each in project.failures(run.id) for _ in range(each.count))
        calls = server.calls[fault]
    assert set(kinds) == {kind}
    if kind in FATAL or kind in {"rejected", "rate_limited"} or fault in BUSY:
        # A fault that hits everything ends the run before it is paid for fifty times.
        limit = REFUSED_LIMIT if kind == "rejected" else FATAL_LIMIT
        assert "refuses every call" in ended and run.status == "interrupted"
        assert calls <= limit + JOBS
    else:
        assert not ended and run.status == "finished" and run.done == 0
        assert kinds[kind] == samples
        # On a busy machine a call may time out before the server has heard of it.
        assert calls == samples or (kind == "timeout" and samples // 2 < calls < samples)
    assert seconds < PATIENCE
    assert KEY not in ended


def test_refusals_end_a_run_whose_calls_are_all_under_way(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTY_KEY", KEY)
    refused = {f"number {number}" for number in range(FATAL_LIMIT)}
    with paid_server.serving() as server:
        # The others are told to come back after a minute.
        server.status = lambda text, times: 401 if text in refused else 503
        server.seconds = lambda text: 0.2
        server.pause = "60"
        project_at(folder, server.url, FATAL_LIMIT + 3, attempts=4, timeout=20.0)
        asked = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/m", "-j", "8", code=3)
    with Project.open(folder.path) as project:
        run = project.run("latest")
    assert (
        "refuses every call" in asked.stderr and f"promptops resume {run.id} --retry-errors" in asked.stderr
    )
    # On a busy machine the last ones may be let go before the server has heard of them; none is asked again.
    assert run.status == "interrupted" and run.errors == FATAL_LIMIT <= server.calls <= FATAL_LIMIT + 3
    for shown in (folder.run("runs"), folder.run("show", run.id)):
        assert f"promptops resume {run.id} --retry-errors" in shown.stdout


@pytest.mark.parametrize("play", sorted(set(ANSWERS) - {"ok"}))
def test_odd_but_good_answers_are_all_kept(
    folder: Folder, play: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTY_KEY", KEY)
    with serving() as server:
        project_at(folder, server.url, 10, attempts=1, timeout=10.0)
        with Project.open(folder.path) as project:
            run = project.evaluate(
                "numbers", [folder.path / "ask.prompt.yaml"], [f"faulty/{play}"], concurrency=5
            )[0]
            assert (run.status, run.done, run.errors) == ("finished", 10, 0)


@dataclass
class Mixed:
    """Fails three in ten of the first two attempts at each question, each time in another way."""

    begun: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    said: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    wait_until: dict[str, float] = field(default_factory=dict)
    too_early: int = 0

    PASSING = (
        "s500",
        "s503",
        "reset",
        "reset_in_body",
        "truncated",
        "html",
        "empty_body",
        "hang",
        "no_choices",
    )

    async def __call__(self, writer: Writer, asked: Asked) -> bool:
        question = str(asked["messages"][-1]["content"])
        tries = len(self.begun[question])
        self.begun[question].append(time.monotonic())
        self.too_early += time.monotonic() < self.wait_until.get(question, 0.0)
        pick = hash_of(f"{question} {tries}")
        if tries >= 2 or pick % 10 >= 3:
            self.said[question].append("ok")
            return await ok(writer, asked)
        if pick % 3 == 0:
            self.said[question].append("wait")
            self.wait_until[question] = time.monotonic() + 0.3
            return await refuses(429, "retry-after-ms: 300")(writer, asked)
        fault = self.PASSING[pick // 10 % len(self.PASSING)]
        self.said[question].append(fault)
        return await fault_server.PLAYS[fault](writer, asked)


def hash_of(text: str) -> int:
    return zlib.crc32(text.encode())


def test_with_three_calls_in_ten_failing_every_sample_is_answered_once(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = Mixed()
    monkeypatch.setitem(fault_server.PLAYS, "mixed", mixed)
    with serving() as server:
        # On a busy machine a good answer may take a while; only those that hang are waited for so long.
        project_at(folder, server.url, 200, attempts=3, timeout=5.0)
        done = folder.run(
            *("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/mixed", "-j", "20", "--json"),
            FAULTY_KEY=KEY,
        )
    run = json.loads(done.stdout)["runs"][0]["run"]
    assert (run["status"], run["done"], run["errors"]) == ("finished", 200, 0)
    assert len(mixed.said) == 200
    assert all(said.count("ok") == 1 and said[-1] == "ok" for said in mixed.said.values())
    assert max(map(len, mixed.said.values())) == 3
    failed = sum(len(said) - 1 for said in mixed.said.values())
    assert 50 <= failed <= 90
    assert mixed.too_early == 0
    assert "Traceback" not in done.stderr and KEY not in done.stdout + done.stderr


def test_a_permanent_refusal_is_not_asked_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()

    async def some_filtered(writer: Writer, body: Asked) -> bool:
        question = str(body["messages"][-1]["content"])
        asked[question] += 1
        filtered = hash_of(question) % 4 == 0
        return await (fault_server.PLAYS["filtered_400"] if filtered else ok)(writer, body)

    monkeypatch.setitem(fault_server.PLAYS, "some", some_filtered)
    monkeypatch.setenv("FAULTY_KEY", KEY)
    with serving() as server:
        project_at(folder, server.url, 80, attempts=4)
        with Project.open(folder.path) as project:
            run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["faulty/some"])[0]
            failures = {each.kind: each.count for each in project.failures(run.id)}
    refused = [count for question, count in asked.items() if hash_of(question) % 4 == 0]
    assert failures == {"filtered": len(refused)} and len(refused) > 10
    assert set(refused) == {1} and len(asked) == 80


def test_a_late_answer_never_goes_to_another_sample(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers come doubly and late on connections that are kept alive; echoes tell whose they are."""
    monkeypatch.setenv("FAULTY_KEY", KEY)
    with serving() as server:
        project_at(folder, server.url, 300, attempts=3)
        with Project.open(folder.path) as project:
            run = project.evaluate(
                "numbers", [folder.path / "ask.prompt.yaml"], ["faulty/doubled_late"], concurrency=16
            )[0]
            samples = {sample.id: sample for sample in project.samples(run.id)}
            for case in project.cases_of(run.id, limit=300):
                text = case.result.completion.text if case.result.completion else None
                if text is not None:
                    assert text == f"echo: {samples[case.result.sample_id].inputs['question']}"
    assert run.done + run.errors == 300


def test_the_answer_s_own_words_reach_no_terminal_as_controls(folder: Folder) -> None:
    body = json.dumps(completion("\x1b[31mred\x1b]0;title\x07 \u202eevil ::error::x")).encode()
    fault_server.PLAYS["escapes"] = says(http(200, body))
    try:
        with serving() as server:
            project_at(folder, server.url, 3, attempts=1)
            done = folder.run(
                *("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/escapes"), FAULTY_KEY=KEY
            )
            shown = folder.run("show", "latest", "--sample", "q000", code=None)
    finally:
        del fault_server.PLAYS["escapes"]
    for told in (done.stdout, done.stderr, shown.stdout, shown.stderr):
        assert "\x1b" not in told and "\u202e" not in told
