"""Runs in batches: handed in once whatever happens between, collected whole, the same as asked directly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptops import Project
from promptops.providers import _openai_batch
from promptops.runs import batching
from tests.batches import ASK, KEY, SETTINGS, Cli, cli, folder, server, submitted
from tests.made import EVALSET, Folder, questions
from tests.providers.batch_server import BatchServer

__all__ = ["cli", "folder", "server"]


def test_a_run_is_handed_in_left_and_collected(folder: Folder, server: BatchServer, cli: Cli) -> None:
    done = cli(*ASK, "--batch", "--repeats", "2")
    assert "24 requests for far/model handed in" in done.stdout and "promptops resume" in done.stdout
    (held,) = server.batches.values()
    first = held.lines[0]
    assert first["method"] == "POST" and first["url"] == "/v1/chat/completions"
    assert first["body"] == {
        "temperature": 0.5,
        "model": "model",
        "messages": [{"role": "user", "content": "number 0"}],
    }
    assert len({line["custom_id"] for line in held.lines}) == 24
    assert server.chats == []
    assert set(server.keys) == {f"Bearer {KEY}"}
    before = cli("resume", "latest", code=3)
    assert "0 of 24 answers are there" in before.stdout and "validating" in before.stdout
    server.work(5)
    server.finish()
    after = cli("resume", "latest")
    assert "exact" in after.stdout and "1.00" in after.stdout
    with Project.open(folder.path) as project:
        (run,) = project.runs()
        assert (run.status, run.done, run.errors) == ("finished", 24, 0)
        # 1,000 tokens read and 100 written, at half of 2 and 8 dollars a million.
        result = project.result(run.id, "q003", 1)
        assert result and result.completion and result.completion.cost == pytest.approx(0.0014)
        assert result.completion.seconds is None and result.completion.text == "number 3"
        assert project.verify(run.id).outcome == "proven"
    assert len(server.batches) == 1


def test_it_is_the_same_run_as_one_that_is_asked_directly(folder: Folder, server: BatchServer) -> None:
    run = submitted(folder)
    server.finish()
    with Project.open(folder.path) as project:
        assert project.collect(run).left == 0
        # What the batch answered need not be asked again, for it is what was asked.
        again = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["far/model"])[0]
        assert server.chats == []
        fresh = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["far/model"], cache=False)[0]
        assert len(server.chats) == 12
        hashes = {project.verify(each).sha256 for each in (run, again.id, fresh.id)}
        assert project.estimates(run) == project.estimates(fresh.id)
    assert len(hashes) <= 2  # tokens and times of answers differ between the two ways of asking


@pytest.mark.parametrize("place", ["POST files", "POST batches"])
def test_an_answer_that_got_lost_hands_nothing_in_twice(
    folder: Folder, server: BatchServer, place: str
) -> None:
    server.swallow = place
    run = submitted(folder)
    assert len(server.batches) == 1
    server.finish()
    with Project.open(folder.path) as project:
        assert project.collect(run).left == 0
        assert project.collect(run).submitted == 0
    assert len(server.batches) == 1


def test_trouble_at_the_server_is_waited_out(folder: Folder, server: BatchServer) -> None:
    server.trouble = [
        ("POST files", 500, {}),
        ("POST files", 429, {"retry-after": "0.01"}),
        ("POST batches", 503, {}),
        ("GET batches", 502, {}),
    ]
    run = submitted(folder)
    server.finish()
    server.trouble = [
        ("GET batches", 500, {}),
        (f"GET files/{next(iter(server.batches))}-out/content", 500, {}),
    ]
    with Project.open(folder.path) as project:
        assert project.collect(run).left == 0
    assert len(server.batches) == 1


def test_many_requests_are_handed_in_as_several_files(
    folder: Folder, server: BatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_openai_batch.OpenAIBatches, "max_requests", 5)
    run = submitted(folder)
    assert [len(held.lines) for held in server.batches.values()] == [5, 5, 2]
    assert [held.given["metadata"]["promptops_left"] for held in server.batches.values()] == ["7", "2", "0"]
    # One is done, the others are worked on: what is there is scored, and nothing is handed in again.
    _, *others = server.batches.values()
    for held in others:
        held.status = "finalizing"
    server.finish()
    with Project.open(folder.path) as project:
        found = project.collect(run)
        assert (found.left, found.pending, found.submitted) == (7, 2, 0)
        assert project.run(run).status == "waiting"
        for held in others:
            held.status = "in_progress"
        server.finish()
        assert project.collect(run, wait=True).left == 0
    assert len(server.batches) == 3


def test_one_that_was_cut_off_between_files_hands_in_the_rest(
    folder: Folder, server: BatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_openai_batch.OpenAIBatches, "max_requests", 5)
    monkeypatch.setattr(batching, "TRIES", 1)
    whole = _openai_batch.OpenAIBatches.submit
    calls = iter(range(9))

    async def cut(self: Any, *arguments: Any) -> Any:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return await whole(self, *arguments)

    monkeypatch.setattr(_openai_batch.OpenAIBatches, "submit", cut)
    with pytest.raises(KeyboardInterrupt):
        submitted(folder)
    assert [len(held.lines) for held in server.batches.values()] == [5]
    with Project.open(folder.path) as project:
        found = project.collect(project.runs()[0].id)
        assert found.submitted == 7 and found.left == 12
    assert sorted(server.texts()) == sorted(f"number {number}" for number in range(12))
    server.finish()
    with Project.open(folder.path) as project:
        assert project.collect(found.run.id).left == 0
    assert len(server.batches) == 3


def test_a_killed_process_hands_nothing_in_twice(folder: Folder, server: BatchServer) -> None:
    folder.killed((*ASK, "--batch"), lambda: len(server.batches) == 1)
    done = folder.run("resume", "latest", code=3)
    assert "0 of 12 answers" in done.stdout and "Handed in" not in done.stdout
    server.finish()
    folder.killed(("resume", "latest"), lambda: ("GET", "batches") in server.requests[-2:])
    folder.run("resume", "latest")
    with Project.open(folder.path) as project:
        (run,) = project.runs()
        assert (run.status, run.done) == ("finished", 12)
    assert len(server.batches) == 1 and server.chats == []


def test_requests_that_failed_are_failures_of_their_class_and_handed_in_anew_by_choice(
    folder: Folder, server: BatchServer
) -> None:
    rows = questions(6)
    rows[1]["inputs"]["question"] = "bad #error"
    folder.evalset("numbers", rows, EVALSET)
    run = submitted(folder)
    server.finish()
    with Project.open(folder.path) as project:
        found = project.collect(run)
        assert (found.left, found.run.done, found.run.errors) == (0, 5, 1)
        result = project.result(run, "q001")
        assert (
            result and result.failure and result.failure.kind == "rejected" and result.failure.status == 400
        )
        assert project.collect(run).submitted == 0
        again = project.collect(run, retry_errors=True)
        assert again.submitted == 1 and again.left == 0 and again.pending == 1
        server.finish()
        # The answer to the second try counts, and collecting it twice makes no third.
        for _ in range(2):
            project.collect(run)
        assert project.store.attempts(run)["q001", 0] == 1
        third = project.collect(run, retry_errors=True)
        assert third.submitted == 1
    assert [len(held.lines) for held in server.batches.values()] == [6, 1, 1]
    assert len({line["custom_id"] for held in server.batches.values() for line in held.lines}) == 8


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_what_a_batch_never_answered_is_a_failure_and_can_be_asked_directly(
    folder: Folder, server: BatchServer, cli: Cli, ending: str
) -> None:
    # Whoever cancels it on the server's own page has not told us that the rest is to be handed in again.
    run = submitted(folder)
    server.work(7)
    server.finish(ending)
    with Project.open(folder.path) as project:
        found = project.collect(run)
        assert (found.left, found.submitted, found.run.done, found.run.errors) == (0, 0, 7, 5)
        assert {each.kind for each in project.failures(run)} == {"timeout"}
    cli("resume", run, "--retry-errors", "--live")
    assert len(server.chats) == 5 and len(server.batches) == 1
    with Project.open(folder.path) as project:
        assert (project.run(run).done, project.run(run).errors) == (12, 0)


def test_a_file_that_is_refused_is_told_and_handed_in_again_by_choice(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    server.refuse("The model `model` does not exist.\x1b[31m")
    done = cli("resume", run, code=2)
    assert "The model `model` does not exist." in done.stderr and "--retry-errors" in done.stderr
    assert "\x1b" not in done.stderr and len(server.batches) == 1
    again = cli("resume", run, "--retry-errors", code=3)
    assert "Handed in just now: 12 requests" in again.stdout
    server.finish()
    cli("resume", run)


def test_strange_lines_of_results_are_told_and_cost_no_answer(folder: Folder, server: BatchServer) -> None:
    run = submitted(folder)
    server.work()
    (held,) = server.batches.values()
    other = json.loads(held.answered[0])
    other["response"]["body"]["choices"][0]["message"]["content"] = "another answer"
    lost = held.answered.pop(5)
    held.answered += [b"{broken", b'{"custom_id": "nobody", "response": {}}', json.dumps(other).encode()]
    odd = json.loads(held.answered[1])
    odd["response"] = {"status_code": 200, "body": {"choices": []}}
    held.answered[1] = json.dumps(odd).encode()
    server.finish(reverse=False)
    with Project.open(folder.path) as project:
        found = project.collect(run)
        assert found.left == 0 and found.run.errors == 2
        assert any("3 lines" in note for note in found.notes), found.notes
        first = project.result(run, "q000")
        assert first and first.completion and first.completion.text == "number 0"
        kinds = {
            result.sample_id: result.failure.kind for result in project.store.results(run) if result.failure
        }
    name = json.loads(lost)["custom_id"]
    assert sorted(kinds.values()) == ["malformed", "timeout"]
    assert kinds["q001"] == "malformed" and batching.custom_id("q005", 0, 0) == name


def test_judges_are_asked_once_the_answers_are_there(folder: Folder, server: BatchServer) -> None:
    rubric = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\nmodel = "far/judge"\n'
    folder.evalset("numbers", questions(4), rubric)
    run = submitted(folder)
    server.finish()
    with Project.open(folder.path) as project:
        assert project.collect(run).left == 0
        assert project.figures(run)["quality"] == 5.0
    assert [body["model"] for body in server.chats] == ["judge"] * 4


def test_what_the_cache_has_is_not_handed_in(folder: Folder, server: BatchServer, cli: Cli) -> None:
    with Project.open(folder.path) as project:
        project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["far/model"])
    done = cli(*ASK, "--batch")
    assert "need not be asked" in done.stdout and server.batches == {}
    cli("resume", "latest")
    assert len(server.chats) == 12


def test_a_dry_run_tells_what_a_batch_costs(folder: Folder, server: BatchServer, cli: Cli) -> None:
    with Project.open(folder.path) as project:
        first = submitted(folder)
        server.finish()
        project.collect(first)
    folder.prompt("ask", "Please: {{question}}")
    found = json.loads(cli(*ASK, "--batch", "--dry-run", "--json").stdout)["forecast"]
    assert found["calls"] == 12 and found["minutes"] is None and "within a day" in " ".join(found["notes"])
    live = json.loads(cli(*ASK, "--dry-run", "--json").stdout)["forecast"]
    assert found["cost"] == pytest.approx(live["cost"] / 2) and found["cost"] > 0
    assert len(server.batches) == 1


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--max-calls", "3"), "handed in whole"),
        (("-m", "mock/echo"), "mock/echo has no batches"),
        (("--cassette", "ask.prompt.yaml"), "--cassette answers at once"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_handed_in(
    folder: Folder, server: BatchServer, cli: Cli, flags: tuple[str, ...], told: str
) -> None:
    assert told in cli(*ASK, *flags, "--batch", code=2).stderr
    assert server.requests == []
    with Project.open(folder.path) as project:
        assert project.runs() == []


def test_a_log_tells_of_what_is_handed_in_and_how_it_stands(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    cli(*ASK, "--batch", "--log-json=log.jsonl")
    events = [json.loads(line) for line in (folder.path / "log.jsonl").read_text().splitlines()]
    with Project.open(folder.path) as project:
        run = project.run("latest").id
    assert [(each["event"], each["run"]) for each in events] == [("run_started", run), ("run_finished", run)]
    assert events[0]["total"] == 12
    assert (events[1]["status"], events[1]["done"], events[1]["errors"]) == ("waiting", 0, 0)


def test_waiting_is_for_runs_in_batches(folder: Folder, cli: Cli) -> None:
    cli("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo")
    assert "not one in batches" in cli("resume", "latest", "--wait", code=2).stderr


def test_an_unknown_price_of_a_batch_is_unknown(folder: Folder, server: BatchServer) -> None:
    folder.write("promptops.toml", SETTINGS.format(url=server.url).replace("batch_share = 0.5\n", ""))
    run = submitted(folder)
    server.finish()
    with Project.open(folder.path) as project:
        project.collect(run)
        result = project.result(run, "q000")
        assert result and result.completion and result.completion.cost is None


def test_the_key_is_nowhere(folder: Folder, server: BatchServer, cli: Cli) -> None:
    server.trouble = [("POST files", 400, {})]
    done = cli(*ASK, "--batch", code=2)
    assert "trouble" in done.stderr
    cli("resume", "latest", code=3)
    server.finish()
    said = cli("resume", "latest")
    data = b"".join(file.read_bytes() for file in folder.path.rglob("*") if file.is_file())
    assert KEY.encode() not in data + (done.stdout + done.stderr + said.stdout + said.stderr).encode()


def test_a_redirect_is_not_followed(folder: Folder, server: BatchServer, cli: Cli) -> None:
    server.trouble = [("POST files", 307, {"location": "http://127.0.0.1:9/v1/files"})]
    assert "Redirects are not followed" in cli(*ASK, "--batch", code=2).stderr
