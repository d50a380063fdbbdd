"""Cassettes: what was paid for once is answered from a file, without a key, a network or a secret in it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops import Project
from promptops.calls.models import key_variables, open_model
from promptops.config import Settings
from promptops.errors import FileProblems, NotRecorded, SettingsError, UsageError
from promptops.replay.cassettes import read_cassette
from tests.chat_server import ChatServer, chat_server
from tests.made import EVALSET, Folder, questions

KEY = "sk-canary-0123456789abcdef"
PLAIN_KEY = "zz-canary-of-the-judge"
SETTINGS = """\
judge_model = "judge/judge"

[providers.local]
kind = "openai"
base_url = "{url}"
api_key_env = "LOCAL_KEY"

[providers.judge]
kind = "openai"
base_url = "{url}"
api_key_env = "JUDGE_KEY"
"""
JUDGED = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\n'


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


@pytest.fixture(scope="module")
def evaluated(server: ChatServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an accepted run; to be copied."""
    made = Folder(tmp_path_factory.mktemp("evaluated"))
    made.write("promptops.toml", SETTINGS.format(url=server.url))
    made.evalset("numbers", questions(24), JUDGED)
    made.prompt("ask", "{{ question }}")
    made.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "local/echo", **keys())
    made.run("accept")
    return made.path


def keys() -> dict[str, str]:
    return {"LOCAL_KEY": KEY, "JUDGE_KEY": PLAIN_KEY}


@pytest.fixture
def asked(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A copy of that project, and no key."""
    for name in keys():
        monkeypatch.delenv(name, raising=False)
    return Folder(Path(shutil.copytree(evaluated, tmp_path / "project")))


@pytest.fixture
def fork(asked: Folder, tmp_path: Path) -> Folder:
    """What a fork's CI has: the files and a cassette; no database and no key."""
    with Project.open(asked.path) as project:
        project.record(["latest"], asked.path / "cassette.jsonl")
    forgotten = shutil.ignore_patterns(".promptops")
    return Folder(Path(shutil.copytree(asked.path, tmp_path / "fork", ignore=forgotten)))


def test_a_fork_without_keys_gets_the_same_bytes_and_verdict(
    asked: Folder, fork: Folder, server: ChatServer
) -> None:
    before = server.calls
    done = fork.run(
        "gate", "numbers", "-p", "ask.prompt.yaml", "-m", "local/echo", "--cassette", "cassette.jsonl"
    )
    assert done.stdout.lstrip().startswith("PASS")
    with Project.open(asked.path) as ours, Project.open(fork.path) as theirs:
        assert theirs.verify("latest").sha256 == ours.verify("latest").sha256
        assert theirs.verify("latest").outcome == "proven"
        # Nobody who asks for real later gets what a file said.
        assert sum(each.entries for each in theirs.cache_stats()) == 0
    assert server.calls == before


def test_the_same_run_gives_the_same_file_whatever_the_order(asked: Folder) -> None:
    first = json.loads(asked.run("record", "latest", "-o", "a.jsonl", "--json").stdout)["recording"]
    with Project.open(asked.path) as project:
        again = project.record(["latest", "latest"], asked.path / "b.jsonl")
    data = (asked.path / "a.jsonl").read_bytes()
    assert data == (asked.path / "b.jsonl").read_bytes()
    assert hashlib.sha256(data).hexdigest() == first["sha256"] == again.sha256
    assert first["entries"] == 48 and first["bytes"] == len(data)
    lines = [json.loads(line) for line in data.decode().splitlines()]
    assert [line["address"] for line in lines[1:]] == sorted(line["address"] for line in lines[1:])
    assert lines[0]["kind"] == "promptops cassette" and lines[0]["entries"] == 48
    assert sorted(lines[0]["models"]) == ["judge/judge", "local/echo"]
    assert {line["request"]["messages"][-1]["role"] for line in lines[1:]} == {"user"}


def test_without_requests_no_question_is_kept(asked: Folder) -> None:
    asked.run("record", "latest", "-o", "a.jsonl", "--no-requests")
    text = (asked.path / "a.jsonl").read_text()
    assert '"request"' not in text and '"messages"' not in text
    assert len(read_cassette(asked.path / "a.jsonl").head.runs) == 1


def test_what_is_not_recorded_is_told_at_once_before_anything_is_done(
    fork: Folder, server: ChatServer
) -> None:
    before = server.calls
    fork.prompt("ask", "Please: {{ question }}")
    command = ("-p", "ask.prompt.yaml", "-m", "local/echo", "--cassette", "cassette.jsonl")
    for verb in ("eval", "gate"):
        done = fork.run(verb, "numbers", *command, code=3)
        assert "cassette.jsonl does not hold all that is needed" in done.stderr
        assert (
            "ask.prompt.yaml on local/echo: 24 of 24 not recorded (the prompt has changed since)"
            in done.stderr
        )
        assert "'q000'" in done.stderr and "promptops record" in done.stderr
    with Project.open(fork.path) as project:
        assert project.runs() == []
    assert server.calls == before


def test_a_cassette_of_another_address_says_so(fork: Folder, server: ChatServer) -> None:
    settings = (fork.path / "promptops.toml").read_text()
    command = ("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "local/echo", "--cassette", "cassette.jsonl")
    fork.write("promptops.toml", settings.replace(server.url, "http://127.0.0.1:9/v1"))
    told = " ".join(fork.run(*command, code=3).stderr.split())
    assert "ask.prompt.yaml on local/echo: 24 of 24 not recorded (recorded at " in told
    assert f"{server.url.removesuffix('/v1')}" in told and "local/echo is at http://127.0.0.1:9/v1" in told
    assert "set base_url as it was then" in told
    table = next(line for line in settings.splitlines() if line.startswith("base_url"))
    fork.write("promptops.toml", settings.replace(table, f"{table}\nbody = {{ seed = 1 }}", 1))
    assert "(`body` or `headers` of its provider are not those of the recording)" in (
        fork.run(*command, code=3).stderr
    )


@pytest.mark.parametrize("verb", ["eval", "gate"])
def test_what_a_cassette_holds_costs_nothing_and_a_dry_run_tells_what_it_does_not(
    fork: Folder, server: ChatServer, verb: str
) -> None:
    before = server.calls
    command = (verb, "numbers", "-p", "ask.prompt.yaml", "-m", "local/echo", "--cassette", "cassette.jsonl")
    forecast = fork.json(*command, "--dry-run")["forecast"]
    assert (forecast["calls"], forecast["cached"], forecast["cost"]) == (0, 48, 0)
    fork.prompt("ask", "Please: {{ question }}")
    assert "24 of 24 not recorded" in fork.run(*command, "--dry-run", code=3).stderr
    assert server.calls == before


def test_misses_of_a_judge_and_of_a_model_are_told_apart(fork: Folder) -> None:
    rows = questions(24)
    rows[3]["inputs"]["question"] = "number 33"
    rows[4]["target"] = "another"
    fork.evalset("numbers", rows, JUDGED)
    with Project.open(fork.path) as project:
        with pytest.raises(NotRecorded) as caught:
            project.evaluate(
                "numbers",
                [fork.path / "ask.prompt.yaml"],
                ["local/echo"],
                cassette=fork.path / "cassette.jsonl",
            )
        told = str(caught.value)
        assert "local/echo: 1 of 24 not recorded; samples 'q003'" in told
        assert "judge quality on judge/judge: 1 of 23 not recorded; samples 'q004'" in told
        with pytest.raises(NotRecorded, match="the cassette has answers of judge/judge, local/echo"):
            project.evaluate(
                "numbers",
                [fork.path / "ask.prompt.yaml"],
                ["local/other"],
                cassette=fork.path / "cassette.jsonl",
            )


def test_an_early_stop_asks_the_cassette_and_never_a_server(fork: Folder, server: ChatServer) -> None:
    before = server.calls
    command = ("gate", "numbers", "-p", "ask.prompt.yaml", "-m", "local/echo", "--cassette", "cassette.jsonl")
    assert fork.run(*command, "--early-stop", code=None).returncode in (0, 4)
    fork.prompt("ask", "Please: {{ question }}")
    done = fork.run(*command, "--early-stop", code=3)
    assert "has no answer of local/echo for sample" in done.stderr
    assert server.calls == before


def test_an_interrupted_run_goes_on_with_its_cassette_only(fork: Folder) -> None:
    with Project.open(fork.path) as project:
        (run,) = project.evaluate(
            "numbers", [fork.path / "ask.prompt.yaml"], ["local/echo"], cassette=fork.path / "cassette.jsonl"
        )
        with pytest.raises(UsageError, match="was started from a cassette"):
            project.resume(run.id)
        assert project.resume(run.id, cassette=fork.path / "cassette.jsonl").done == 24


def test_the_pytest_plugin_answers_from_a_cassette(fork: Folder, server: ChatServer) -> None:
    import subprocess
    import sys

    before = server.calls
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "evalsets", "--prompt",
         "ask.prompt.yaml", "--model", "local/echo", "--cassette", "cassette.jsonl"],
        cwd=fork.path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert server.calls == before


def test_secrets_are_replaced_in_questions_and_answers_and_the_judge_is_still_found(
    asked: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ChatServer
) -> None:
    for name, value in keys().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OTHER_TOKEN", "t0ken-of-another-service")
    secrets = [KEY, PLAIN_KEY, "AKIAIOSFODNN7EXAMPLE", "t0ken-of-another-service"]
    rows = questions(6)
    for row, secret in zip(rows, secrets, strict=False):
        row["inputs"]["question"] = f"say {secret} twice"
    asked.evalset("leaky", rows, JUDGED)
    with Project.open(asked.path) as project:
        project.evaluate("leaky", [asked.path / "ask.prompt.yaml"], ["local/echo"])
        recording = project.record(["latest"], asked.path / "cassette.jsonl")
    assert recording.redacted == ("q000", "q001", "q002", "q003")
    text = (asked.path / "cassette.jsonl").read_text()
    assert not [secret for secret in secrets if secret in text]
    assert "say [redacted] twice" in text and "Authorization" not in text
    for name in (*keys(), "OTHER_TOKEN"):
        monkeypatch.delenv(name)
    before = server.calls
    with Project.open(asked.path, database=f"sqlite:///{tmp_path}/fresh.db") as project:
        (run,) = project.evaluate(
            "leaky", [asked.path / "ask.prompt.yaml"], ["local/echo"], cassette=asked.path / "cassette.jsonl"
        )
        assert (run.done, run.errors) == (6, 0)
        result = project.result(run.id, "q002")
        assert result is not None and result.completion is not None
        assert result.completion.text == "say [redacted] twice"
        assert result.scores["quality"].unscored is None
    assert server.calls == before


def test_nothing_of_a_key_is_in_a_cassette_or_what_is_printed(asked: Folder) -> None:
    done = asked.run("record", "latest", **keys())
    for secret in keys().values():
        assert secret not in done.stdout + done.stderr
        assert secret not in (asked.path / "cassette.jsonl").read_text()


def test_an_answer_that_was_cut_off_is_replayed_and_never_used_again(
    asked: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ChatServer
) -> None:
    for name, value in keys().items():
        monkeypatch.setenv(name, value)
    rows = questions(4)
    rows[1]["inputs"]["question"] = "number 1 #length"
    rows[2]["inputs"]["question"] = "number 2 #error"
    asked.evalset("odd", rows, JUDGED)
    with Project.open(asked.path) as project:
        project.evaluate("odd", [asked.path / "ask.prompt.yaml"], ["local/echo"])
        recording = project.record(["latest"], asked.path / "odd.jsonl")
        assert recording.unanswered == 1
    with Project.open(asked.path, database=f"sqlite:///{tmp_path}/fresh.db") as project:
        with pytest.raises(NotRecorded, match="1 of 4 not recorded; samples 'q002'"):
            project.evaluate(
                "odd", [asked.path / "ask.prompt.yaml"], ["local/echo"], cassette=asked.path / "odd.jsonl"
            )
        del rows[2]
        asked.evalset("odd", rows, JUDGED)
        (run,) = project.evaluate(
            "odd", [asked.path / "ask.prompt.yaml"], ["local/echo"], cassette=asked.path / "odd.jsonl"
        )
        result = project.result(run.id, "q001")
        assert result is not None and result.completion is not None
        assert result.completion.finish_reason == "length"
        before = server.calls
        project.evaluate("odd", [asked.path / "ask.prompt.yaml"], ["local/echo"])
        assert server.calls == before + 6


def test_where_a_model_would_be_reached_is_known_without_a_key(tmp_path: Path) -> None:
    settings = Settings(database="sqlite://")
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        open_model("openai/gpt-4o-mini", settings, {}, tmp_path)
    model = open_model("openai/gpt-4o-mini", settings, {"OPENAI_API_KEY": KEY}, tmp_path, keyless=True)
    assert model.origin == "https://api.openai.com/v1"
    assert KEY not in repr(vars(model)) and "OPENAI_API_KEY" in key_variables(settings)


def test_a_cassette_is_for_new_runs(asked: Folder) -> None:
    asked.run("record", "latest")
    told = asked.run("gate", "numbers", "--cassette", "cassette.jsonl", code=2).stderr
    assert "--cassette goes with --prompt" in told
    with Project.open(asked.path) as project, pytest.raises(UsageError, match="started without a cassette"):
        project.resume("latest", cassette=asked.path / "cassette.jsonl")


def test_two_answers_to_one_request_are_kept_by_sample(folder: Folder) -> None:
    folder.evalset(
        "numbers", [{"id": f"s{n}", "inputs": {"question": "same"}, "target": "x"} for n in range(3)]
    )
    model = folder.script("script.json", {"s0": "one", "s1": "two", "s2": "one"})
    with Project.open(folder.path) as project:
        (run,) = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], [model], cache=False)
        recording = project.record([run.id], folder.path / "cassette.jsonl")
        assert recording.entries == 2
        folder.script("script.json", {"s0": "changed"})
        (again,) = project.evaluate(
            "numbers", [folder.path / "ask.prompt.yaml"], [model], cassette=folder.path / "cassette.jsonl"
        )
        assert project.verify(again.id).sha256 == project.verify(run.id).sha256


def test_a_program_of_ones_own_is_not_recorded(folder: Folder) -> None:
    folder.write("target.py", "def answer(inputs):\n    return inputs['question']\n")
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "python/target:answer")
    told = folder.run("record", "latest", code=2).stderr
    assert "python/target:answer, a program of yours" in told
    assert not (folder.path / "cassette.jsonl").exists()


def test_a_run_that_was_tampered_with_is_not_recorded(asked: Folder) -> None:
    from tests.verbs.test_replays import tampered

    with tampered(asked) as connection:
        connection.execute(
            "UPDATE calls SET content = replace(content, 'number 4', 'number 5') WHERE sample_id = 'q004'"
        )
    told = asked.run("record", "latest", code=3).stderr
    assert "can't be recorded" in told and "'q004'" in told


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: "", "is empty"),
        (lambda text: text.replace('"kind":"promptops cassette"', '"kind":"x"'), "is no cassette"),
        (lambda text: text.replace('"format":1', '"format":2'), "must be 1, not 2"),
        (lambda text: text[: len(text) // 2], "cassette.jsonl:"),
        (lambda text: "".join(text.splitlines(keepends=True)[:-3]), "was it cut off?"),
        (lambda text: text + text.splitlines()[-1] + "\n", "stands above already"),
        (lambda text: text.replace('"repeat":0', '"repeat":-1'), "greater than or equal to 0"),
        (lambda text: text.replace('"finish_reason":"stop"', '"finish_reason":"so"'), "finish_reason"),
    ],
)
def test_a_spoiled_cassette_is_refused_with_its_line(fork: Folder, spoil: object, told: str) -> None:
    path = fork.path / "cassette.jsonl"
    path.write_text(spoil(path.read_text()))  # type: ignore[operator]
    with pytest.raises(FileProblems, match=r"cassette\.jsonl") as caught:
        read_cassette(path)
    assert told in str(caught.value)
