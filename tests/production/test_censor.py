"""What must not be written is in no byte of the spool, the database or what is told."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import promptops
from promptops.config import Settings, load_settings
from promptops.production.buffer import Entry
from promptops.production.censor import GIVEN_UP, WITHHELD, Censor
from promptops.production.entries import Entries
from promptops.production.records import RecordFilter
from promptops.production.segments import spool_bytes
from promptops.production.snapshots import LONGEST, Snapshot
from promptops.production.tally import Tally
from promptops.store import Store
from tests.made import Folder

SECRET = "canary-key-77aa91"
KEY = "sk-canaryCANARY0123456789"
PERSON = "ada.lovelace@example.org"
OWN = "KD-123456"
CANARIES = (SECRET, KEY, PERSON, OWN, "ada-the-subject")


def holding(folder: Path, *canaries: str) -> list[str]:
    """Return which canaries stand in which files below a folder."""
    return [
        f"{canary} in {path.relative_to(folder)}"
        for path in folder.rglob("*")
        if path.is_file()
        for canary in canaries
        if canary.encode() in path.read_bytes()
    ]


def test_canaries_are_in_no_byte_of_spool_database_and_messages(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("APP_API_KEY", SECRET)
    promptops.configure_logging(project=project, redact=[r"KD-\d{6}"])
    path = project / ".promptops" / "promptops.db"
    Store.open(f"sqlite:///{path}").close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told = " ".join([*CANARIES[:4], "end"])
    fields: dict[str, Any] = dict.fromkeys(
        ["output", "model", "alias", "outcome", "session", "error", "tags", "at", "finish_reason"], told
    )
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            record = promptops.log(
                f"reply {SECRET} {KEY} {OWN}", inputs={told: [told, {"deep": told}]},
                metadata={"a": told}, misspelt=told,
                subject="ada-the-subject", tokens_in=told, **fields,
            )  # fmt: skip
            promptops.feedback(
                record, comment=told, edit=told, outcome=told, by="ada-the-subject", thumb=told, x=told
            )  # type: ignore[call-overload]
        promptops.log("reply", output="word " * (LONGEST // 5 - 3) + KEY)  # cut within the key
        assert not promptops.flush(0.5)
        assert spool_bytes(project / ".promptops/spool") > 1000
        assert holding(project, *CANARIES, KEY[:8]) == []
        other.execute("ROLLBACK")
        assert promptops.flush(60)
    assert holding(project, *CANARIES, KEY[:8]) == []
    assert not [canary for canary in CANARIES if canary in caplog.text]
    with Store.open(f"sqlite:///{path}") as store:
        kept = store.records(RecordFilter(prompt="reply [redacted] [redacted] [redacted]"))
        assert len(kept) == 2 and len(store.feedback()) == 2
        # Two that are blackened alike are two sessions still.
        assert all(len(str(each.session)) == 32 for each in kept)


HELD = {"password": "hunter2secret", "tokens_in": 12, "author": "ada", "db": {"apiKey": ["hunter2secret"]}}
CLEAN = {"password": "[redacted]", "tokens_in": 12, "author": "ada", "db": {"apiKey": "[redacted]"}}


def test_what_a_key_calls_a_secret_is_not_stored_of_logged_records(project: Path, stored: Store) -> None:
    record = promptops.log(
        "reply", inputs=HELD, output=HELD, metadata={**HELD, "has_password": True}, password="hunter2secret"
    )  # type: ignore[call-arg]
    promptops.feedback(record, edit=json.dumps(HELD))
    promptops.log("reply", inputs=HELD, output=json.dumps([HELD]))
    promptops.log("reply", output='{"b":  1, "a": "the password"}')
    assert promptops.flush(60)
    assert holding(project, "hunter2secret") == []
    last, second, first = stored.records(RecordFilter(prompt="reply"))
    assert first.inputs == CLEAN and json.loads(str(first.output)) == CLEAN
    assert first.metadata == {
        **CLEAN, "has_password": True, "logging": {"unknown": {"password": "[redacted]"}},
    }  # fmt: skip
    assert json.loads(str(second.output)) == [CLEAN]
    assert last.output == '{"b":  1, "a": "the password"}'  # to the letter, where nothing is hidden
    assert json.loads(str(stored.feedback()[0].edit)) == CLEAN


def test_what_a_key_calls_a_secret_is_not_stored_of_imported_records(folder: Folder) -> None:
    row = {
        "at": "2026-11-01",
        "prompt": "reply",
        "inputs": HELD,
        "output": json.dumps(HELD),
        "metadata": HELD,
    }
    folder.write("log.jsonl", json.dumps(row) + "\n")
    folder.run("records", "import", "log.jsonl")
    assert holding(folder.path / ".promptops", "hunter2secret") == []
    with promptops.Project.open(folder.path) as project:
        [kept] = project.records()
    assert kept.inputs == kept.metadata == json.loads(str(kept.output)) == CLEAN


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SECRETS = st.one_of(
    st.from_regex(r"sk-[A-Za-z0-9]{16,20}", fullmatch=True),
    st.from_regex(r"ghp_[A-Za-z0-9]{20,24}", fullmatch=True),
    st.from_regex(r"[a-z]{3,8}@[a-z]{3,8}\.(com|org)", fullmatch=True),
    st.just(SECRET),
    st.from_regex(r"KD-[0-9]{6}", fullmatch=True),
)


def nested(secret: str) -> st.SearchStrategy[object]:
    told = st.builds("{} {} {}".format, TEXTS, st.just(secret), TEXTS)
    return st.recursive(
        told,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(TEXTS, inner, min_size=1, max_size=2)
            | st.builds(lambda key, member: {f"{key} {secret} ": member}, TEXTS, inner)
        ),
        max_leaves=4,
    )


def entries(**settings: object) -> Entries:
    given = Settings.model_validate({"database": "sqlite://", "logging": settings})
    return Entries(given.logging, Censor(given, {"APP_SECRET": SECRET}), Tally())


@settings(max_examples=30)
@given(st.data())
def test_no_line_of_the_spool_holds_a_secret(data: st.DataObject) -> None:
    secret = data.draw(SECRETS)
    names = data.draw(
        st.sets(st.sampled_from(["inputs", "output", "metadata", "tags", "outcome", "session", "model", "x"]))
    )
    fields = {name: Snapshot().of(data.draw(nested(secret))) for name in names}
    line = entries(redact=["KD-[0-9]{6}"]).line(Entry("record", "id", 0, dict(fields), cuts=()))
    assert line is not None and secret.encode() not in line


def test_people_stay_where_that_is_wanted() -> None:
    entry = Entry("record", "id", 0, {"output": f"{PERSON} {KEY}"}, cuts=())
    line = entries(keep_people=True).line(entry)
    assert line is not None and PERSON.encode() in line and KEY.encode() not in line


def test_a_text_on_which_a_pattern_takes_too_long_is_withheld(tmp_path: Path) -> None:
    (tmp_path / "promptops.toml").write_text("[logging]\nredact = ['^(a|aa)+$', 'KD-[0-9]+']\n")
    censor = Censor(load_settings(tmp_path, {})[0], {})
    slow = "a" * 80 + "!"
    for _ in range(GIVEN_UP + 5):
        # The first ones take a second each, the others none: they are not tried.
        assert censor.text(slow) == WITHHELD
    assert censor.withheld == GIVEN_UP + 5
    assert censor.text("KD-17 is here") == "[redacted] is here"


def test_a_replacement_is_no_template(tmp_path: Path) -> None:
    (tmp_path / "promptops.toml").write_text("[logging]\nredact = ['(?P<name>K)D']\n")
    assert Censor(load_settings(tmp_path, {})[0], {}).text("KD\\1") == "[redacted]\\1"


def test_where_a_record_was_cut_is_told_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    line = entries().line(Entry("record", "id", 0, {"output": "x"}, cuts=("inputs.facts", f"metadata.{KEY}")))
    assert line is not None and json.loads(line)["record"]["metadata"]["logging"]["cut"][0] == "inputs.facts"
    assert "a record was too large, and is cut off at inputs.facts, metadata." in caplog.text
    assert KEY.encode() not in line and KEY not in caplog.text
