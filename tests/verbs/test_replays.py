"""Runs made again from what is stored: equal bytes without a network, and every change is found and named."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops import Project
from promptops.replay.canonicalform import canonical_lines, place
from tests.chat_server import ChatServer, chat_server
from tests.made import EVALSET, Folder, questions

JUDGED = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\nmodel = "local/judge"\n\n[metrics.latency]\n'
SETTINGS = """\
[providers.local]
kind = "openai"
base_url = "{url}"
api_key_env = "LOCAL_KEY"
body = {{top_k = 3}}
"""
KEY = "sk-canary-0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


@pytest.fixture(scope="module")
def evaluated(server: ChatServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a set that a server answered and judged in one finished run; to be copied."""
    made = Folder(tmp_path_factory.mktemp("evaluated"))
    made.write("promptops.toml", SETTINGS.format(url=server.url))
    made.evalset("numbers", questions(12), JUDGED)
    made.prompt("ask", "{{ question }}")
    made.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "local/echo", "--repeats", "2", LOCAL_KEY=KEY)
    assert server.calls == 48
    return made.path


@pytest.fixture
def asked(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A copy of that project, and the key of its server."""
    monkeypatch.setenv("LOCAL_KEY", KEY)
    return Folder(Path(shutil.copytree(evaluated, tmp_path / "project")))


@contextlib.contextmanager
def tampered(folder: Folder) -> Iterator[sqlite3.Connection]:
    """A connection for which nothing is guarded."""
    with contextlib.closing(sqlite3.connect(folder.path / ".promptops/promptops.db")) as connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in guards:
            connection.execute(sql)
        connection.commit()


CONNECTED: list[str] = []


def _watch(event: str, _: object) -> None:
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname"}:
        CONNECTED.append(event)


sys.addaudithook(_watch)


def test_a_replay_gives_equal_bytes_without_a_network_or_a_key(
    asked: Folder, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_KEY")
    before = server.calls
    CONNECTED.clear()
    with Project.open(asked.path) as project:
        replay = project.replay("latest")
    assert (replay.outcome, replay.results, replay.unchecked) == ("equal", 24, 0)
    assert replay.sha256 == replay.stored_sha256
    assert server.calls == before and CONNECTED == []


def test_the_watch_for_connections_sees_one(server: ChatServer) -> None:
    import urllib.request

    CONNECTED.clear()
    with contextlib.suppress(OSError):
        urllib.request.urlopen(server.url, timeout=5)
    assert "socket.connect" in CONNECTED


def test_the_commands_tell_the_same_digest(asked: Folder, server: ChatServer) -> None:
    before = server.calls
    told = asked.run("replay", "latest").stdout
    verified = asked.run("verify", "--canonical", "form.jsonl").stdout
    digest = told.split("sha256:")[1].split()[0]
    assert told.startswith("equal  ")
    assert verified.splitlines()[-1].startswith(f"proven  sha256:{digest}  ")
    assert hashlib.sha256((asked.path / "form.jsonl").read_bytes()).hexdigest() == digest
    assert asked.json("verify")["verification"]["sha256"] == digest
    assert server.calls == before


def test_the_same_answers_give_the_same_bytes_in_another_run(asked: Folder, server: ChatServer) -> None:
    before = server.calls
    with Project.open(asked.path) as project:
        first = project.run("latest").id
        (again,) = project.evaluate(
            "numbers", [asked.path / "ask.prompt.yaml"], ["local/echo"], repeats=2, cache=False, concurrency=3
        )
        assert server.calls == before + 48
        (cached,) = project.evaluate(
            "numbers", [asked.path / "ask.prompt.yaml"], ["local/echo"], repeats=2, concurrency=1
        )
        digests = {project.verify(run).sha256 for run in (first, again.id, cached.id)}
    assert server.calls == before + 48
    assert len(digests) == 1


def test_the_canonical_form_leaves_out_what_differs_between_equal_runs(asked: Folder) -> None:
    with Project.open(asked.path) as project:
        run = project.run("latest")
        lines = list(canonical_lines(run, sorted(project.store.results(run.id), key=place)))
    head, first = json.loads(lines[0]), json.loads(lines[1])
    assert sorted(head) == [
        "evalset", "evalset_digest", "format", "metrics", "model", "prompt_digest", "repeats",
    ]  # fmt: skip
    assert sorted(first) == ["completion", "repeat", "sample_id", "scores", "served_by"]
    assert sorted(first["scores"]) == ["contains", "exact", "quality"]
    assert len(lines) == 25
    assert run.id.encode() not in b"".join(lines)


EDITS = {
    "a completion that scores otherwise": (
        "UPDATE calls SET content = replace(content, 'number 3', 'number 8') "
        "WHERE purpose = 'answer' AND sample_id = 'q003' AND repeat = 1",
        "q003",
    ),
    "a completion that scores the same": (
        "UPDATE calls SET content = replace(content, 'number 4\"', 'number 4 \"') "
        "WHERE purpose = 'answer' AND sample_id = 'q004' AND repeat = 0",
        "q004",
    ),
    "a judge's reply": (
        "UPDATE calls SET content = replace(content, '5', '1') "
        "WHERE purpose LIKE 'judge%' AND sample_id = 'q005' AND repeat = 0",
        "q005",
    ),
    "a score": (
        "UPDATE results SET figures = (SELECT figures FROM results WHERE sample_id = 'q007' AND repeat = 0) "
        "WHERE sample_id = 'q006' AND repeat = 0",
        "q006",
    ),
    "a judge's reason": (
        "UPDATE results SET remarks = replace(remarks, 'seems', 'is') WHERE sample_id = 'q001'",
        "q001",
    ),
    "a sample's question": (
        "UPDATE snapshot_samples SET content = replace(content, 'number 2', 'number 9') "
        "WHERE sample_id = 'q002'",
        "q002",
    ),
    "a sample's tag": (
        "UPDATE snapshot_samples SET content = replace(content, 'even', 'odd') WHERE sample_id = 'q002'",
        "samples of 'numbers'",
    ),
    "the model": ("UPDATE runs SET model = 'local/other'", "q000"),
    "the prompt": ("UPDATE runs SET prompt = replace(prompt, 'question', 'inquiry')", "prompt of run"),
    "an input's name": (
        "UPDATE snapshot_samples SET content = replace(content, 'question', 'query') "
        "WHERE sample_id = 'q002'",
        "question",
    ),
    "a sample beyond reading": (
        "UPDATE snapshot_samples SET content = 'nothing' WHERE sample_id = 'q002'",
        "A stored Sample can't be read",
    ),
    "counts beyond reading": (
        "UPDATE results SET figures = substr(figures, 1, length(figures) - 1) WHERE sample_id = 'q002'",
        "Stored counts can't be read",
    ),
    "reasons beyond reading": (
        "UPDATE results SET remarks = 'nothing' WHERE sample_id = 'q002'",
        "Stored scores can't be read",
    ),
    "a repeat that nobody asked for": (
        "UPDATE results SET repeat = 7 WHERE sample_id = 'q002' AND repeat = 1",
        "the run was not asked",
    ),
    "a metric's options": (
        "UPDATE runs SET metrics = replace(metrics, 'right by the reference', 'nice')", "quality",
    ),
    "an answer that is passed off as a failure": (
        "UPDATE results SET failure_kind = 'timeout', figures = NULL, scores = '{}', remarks = NULL, "
        "failure = '{\"kind\":\"timeout\",\"message\":\"late\"}' WHERE sample_id = 'q009' AND repeat = 0",
        "q009",
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.replace(" ", "-"))
def test_what_is_changed_in_the_database_is_found_and_named(asked: Folder, edit: str) -> None:
    statement, named = EDITS[edit]
    with tampered(asked) as connection:
        assert connection.execute(statement).rowcount > 0
    with Project.open(asked.path) as project:
        found = project.verify("latest")
    assert found.outcome == "altered"
    told = [check.told for check in found.checks if check.state == "altered"]
    assert any(named in text for text in [*told, *map(str, found.differences)]), found


def test_an_alteration_has_an_exit_code_and_a_line_of_its_own(asked: Folder) -> None:
    with tampered(asked) as connection:
        connection.execute(EDITS["a completion that scores the same"][0])
    done = asked.run("verify", code=1)
    assert done.stdout.splitlines()[-1].startswith("altered  sha256:")
    assert "answer of sample 'q004'" in done.stdout
    found = asked.json("verify", code=1)
    assert found["exit_code"] == 1 and found["verification"]["outcome"] == "altered"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM calls WHERE purpose = 'answer' AND sample_id = 'q003'", "the answer is not stored"),
        ("DELETE FROM calls WHERE purpose LIKE 'judge%' AND sample_id = 'q003'", "replied is not stored"),
    ],
)
def test_what_is_not_stored_is_named_and_nobody_is_asked_for_it(
    asked: Folder, server: ChatServer, statement: str, told: str
) -> None:
    before = server.calls
    with tampered(asked) as connection:
        connection.execute(statement)
    done = asked.run("replay", code=3)
    assert told in done.stdout and "q003" in done.stdout
    with Project.open(asked.path) as project:
        assert project.verify("latest").outcome == "incomplete"
    assert server.calls == before


def test_a_metric_that_means_something_else_now_is_told(
    asked: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from promptops.metrics.exact import Exact

    monkeypatch.setattr(Exact, "version", "99")
    with Project.open(asked.path) as project:
        replay = project.replay("latest")
    assert replay.outcome == "different" and replay.sha256 != replay.stored_sha256
    (difference,) = replay.differences
    assert difference.label == "exact" and "signature changed" in difference.why
    assert "version:99" in difference.now


def test_a_metric_that_is_gone_is_told(folder: Folder) -> None:
    folder.write("own.py", OWN)
    folder.write("promptops.toml", 'model = "mock/echo"\nallow_code = ["own:Own"]\n')
    folder.evalset("numbers", questions(3), EVALSET + '\n[metrics.own]\nmetric = "own:Own"\n')
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml")
    (folder.path / "own.py").unlink()
    done = folder.run("replay", code=3)
    assert "metric own: the metric can't be made again" in done.stdout


OWN = """\
from promptops.metrics import Metric
from promptops.types import Score


class Own(Metric):
    def score(self, completion, sample):
        return Score.of(len(completion.text) % 2)
"""


def test_failures_of_a_model_and_of_a_judge_are_replayed_as_they_were(
    asked: Folder, server: ChatServer
) -> None:
    rows = [
        {"id": "fine", "inputs": {"question": "yes"}, "target": "yes"},
        {"id": "wrong", "inputs": {"question": "#error"}, "target": "yes"},
        {"id": "cut", "inputs": {"question": "#length"}, "target": "yes"},
        {"id": "judge", "inputs": {"question": "yes"}, "target": "#error for the judge"},
        {"id": "blank", "inputs": {"question": " "}, "target": "yes"},
    ]
    asked.evalset("odd", rows, JUDGED)
    with Project.open(asked.path) as project:
        project.evaluate("odd", [asked.path / "ask.prompt.yaml"], ["local/echo"])
        found = {result.sample_id: result for result in project.store.results(project.run("latest").id)}
        assert found["wrong"].failure is not None
        assert (found["judge"].scores["quality"].unscored or "").startswith("the judge gave no answer")
        before = server.calls
        verification = project.verify("latest")
        assert verification.outcome == "proven", verification
        assert server.calls == before


def test_an_answer_with_half_a_character_is_replayed_and_recorded(folder: Folder) -> None:
    model = folder.script("script.json", {"q000": "half \ud83d", "q001": "number 1"})
    folder.evalset("judged", questions(2), EVALSET + '\n[metrics.quality]\nmetric = "rubric"\n')
    folder.evalset("numbers", questions(2))
    with Project.open(folder.path) as project:
        (run,) = project.evaluate("judged", [folder.path / "ask.prompt.yaml"], [model])
        result = project.result(run.id, "q000")
        assert result is not None and "half a character" in (result.scores["quality"].unscored or "")
        assert project.verify(run.id).outcome == "proven"
        (run,) = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], [model])
        assert project.verify(run.id).outcome == "proven"
        assert project.record([run.id], folder.path / "cassette.jsonl").redacted == ("q000",)
        (again,) = project.evaluate(
            "numbers",
            [folder.path / "ask.prompt.yaml"],
            [model],
            cassette=folder.path / "cassette.jsonl",
        )
        result = project.result(again.id, "q000")
        assert result is not None and result.completion is not None
        assert result.completion.text == "half \ufffd"


def test_a_run_that_was_scored_anew_after_a_retry_is_replayed(folder: Folder) -> None:
    script = {
        f"q{n:03}": [{"fail": "rejected"}, f"number {n}"] if n == 1 else f"number {n}" for n in range(3)
    }
    model = folder.script("script.json", script)
    folder.evalset("numbers", questions(3))
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", model)
    folder.write("script.json", json.dumps({f"q{n:03}": f"number {n}" for n in range(3)}))
    folder.run("resume", "latest", "--retry-errors")
    with Project.open(folder.path) as project:
        first = project.run("latest").id
        anew = project.rescore(first)
        result = project.result(anew.id, "q001")
        assert result is not None and result.completion is not None
        assert result.completion.text == "number 1"
        assert project.verify(first).outcome == project.verify(anew.id).outcome == "proven"
        assert project.verify(first).sha256 == project.verify(anew.id).sha256


def test_a_killed_and_resumed_run_gives_the_bytes_of_an_uninterrupted_one(
    asked: Folder, server: ChatServer
) -> None:
    with Project.open(asked.path) as project:
        first = project.run("latest").id
        whole = project.verify(first).sha256
        assert project.forget_answers() == 48
        assert project.verify(first).sha256 == whole
    before, kills = server.calls, 3
    server.seconds = 0.03
    command = ["eval", "numbers", "-p", "ask.prompt.yaml", "-m", "local/echo", "--repeats", "2", "-j", "3"]
    for kill in range(kills):
        due = before + 10 * (kill + 1)
        asked.killed(command, lambda due=due: server.calls >= due)  # type: ignore[misc]
        command = ["resume", "latest", "-j", "3"]
    server.seconds = 0.0
    with Project.open(asked.path) as project:
        assert project.resume("latest").done == 24
        found = project.verify("latest")
    assert server.calls <= before + 48 + 3 * kills
    assert (found.outcome, found.sha256) == ("proven", whole)


def test_an_earlier_schemas_run_is_replayed_and_says_what_it_can_not_prove(asked: Folder) -> None:
    with tampered(asked) as connection:
        connection.execute("UPDATE calls SET seal = NULL, address = NULL")
        connection.execute("UPDATE runs SET config = json_remove(config, '$.bodies')")
    with Project.open(asked.path) as project:
        found = project.verify("latest")
        assert project.replay("latest").unchecked == 48
    assert found.outcome == "proven"
    assert [check.name for check in found.checks if check.state == "unknown"] == ["completions", "requests"]
