"""Logs of anybody's become records: the same ones whenever they are read, clean, and whole or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptops import Project
from promptops.cli import recorddocuments
from promptops.errors import FileProblems, UsageError
from promptops.production.drafts import moment_of
from promptops.production.records import Feedback, Record, RecordFilter, RecordScore, subject_mark
from promptops.texts.redaction import names_a_secret
from tests.made import Folder

AT = "2026-11-05T10:00:00.000000+00:00"
ROWS: list[dict[str, Any]] = [
    {
        "id": "a1",
        "at": "2026-11-05T10:00:00Z",
        "prompt": "reply@3",
        "inputs": {"question": "Where?"},
        "output": "Here.",
    },
    {
        "at": 1_793_872_800,
        "inputs": "plain",
        "output": "twice",
        "finish_reason": "max_tokens",
        "person": "Ada",
    },
    {
        "at": 1_793_872_800,
        "inputs": "plain",
        "output": "twice",
        "finish_reason": "max_tokens",
        "person": "Ada",
    },
    {
        "at": "2026-11-06",
        "inputs": [{"role": "user"}],
        "error": {"type": "timeout"},
        "feedback": {"thumb": "down"},
    },
]


def lines(folder: Path, rows: list[Any], name: str = "log.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def stored(folder: Folder) -> list[Record]:
    with Project.open(folder.path) as project:
        return project.records(limit=None)[::-1]


def test_rows_of_ours_become_records_and_twice_the_same_adds_nothing(folder: Folder) -> None:
    path = lines(folder.path, ROWS)
    tried = folder.json("records", "import", str(path), "--dry-run")["imported"]
    assert (tried["rows"], tried["added"], tried["feedback"]) == (4, 4, 1)
    assert stored(folder) == []
    told = folder.json("records", "import", str(path))
    jsonschema.validate(told, recorddocuments.ImportDocument.model_json_schema(mode="serialization"))
    assert {**tried, "dry_run": False} == told["imported"]
    assert (told["imported"]["first"][:10], told["imported"]["last"][:10]) == ("2026-11-05", "2026-11-06")
    again = folder.json("records", "import", str(path))["imported"]
    assert (again["added"], again["known"], again["feedback"]) == (0, 4, 0)
    first, second, third, fourth = sorted(
        stored(folder), key=lambda each: (each.at, each.id != "a1", len(each.id))
    )
    assert (first.reference, first.inputs, first.source) == ("reply@3", {"question": "Where?"}, "log.jsonl")
    assert third.id == f"{second.id}-1"
    assert second.subject == subject_mark("Ada")
    assert (second.inputs, second.finish_reason) == ({"text": "plain"}, "length")
    assert (fourth.error, fourth.output, list(fourth.inputs)) == ("timeout", None, ["messages"])
    assert folder.json("records", "list", "--bad")["count"] == 1


def test_records_far_ahead_are_told(folder: Folder) -> None:
    path = lines(folder.path, [{"at": "2999-01-01", "output": "x"}, {"at": "2020-01-01", "output": "y"}])
    assert (
        "1 of them with a time more than a day from now" in folder.run("records", "import", str(path)).stdout
    )
    assert folder.json("records", "import", str(path))["imported"]["ahead"] == 1


def test_ids_of_rows_stay_when_the_head_of_a_log_is_cut_off(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        project.import_records(lines(folder.path, ROWS))
        assert project.import_records(lines(folder.path, ROWS[1:], "rotated.jsonl")).added == 0


def test_columns_of_others_are_mapped_and_the_rest_is_told(folder: Folder) -> None:
    rows = [
        {
            "ts": 1_793_872_800_000,
            "q": f"number {number}",
            "reply": {"content": f"answer {number}"},
            "usage": {"prompt": 3, "completion": "4"},
            "user": 17,
            "rating": number % 2,
            "stars": 4.0,
            "note": "mail ada@example.org",
            "quality": 0.5,
            "model": "m",
            "host": "x",
        }
        for number in range(3)
    ]
    columns = (
        "at=ts, inputs.question=q, output=reply.content, tokens_in=usage.prompt, person=user,"
        "tokens_out=usage.completion, feedback.thumb=rating, feedback.stars=stars, feedback.comment=note,"
        "score.quality=quality"
    )
    told = folder.json(
        "records", "import", str(lines(folder.path, rows)), "--map", columns, "--map", "metadata.server=host",
        "-p", "reply@2", "--tag", "old",
    )["imported"]  # fmt: skip
    assert (told["added"], told["feedback"], told["scores"], told["left_out"]) == (3, 3, 3, {})
    with Project.open(folder.path) as project:
        record = next(each for each in project.records() if each.inputs == {"question": "number 1"})
        assert (record.output, record.model, record.tokens_in, record.tokens_out) == ("answer 1", "m", 3, 4)
        assert (record.reference, record.tags, record.metadata) == ("reply@2", ("old",), {"server": "x"})
        assert record.subject == subject_mark("17")
        [said] = project.record_feedback(RecordFilter(id=record.id))
        assert (said.thumb, said.stars, said.comment, said.at) == ("up", 4, "mail [email]", record.at)
        [score] = project.record_scores(RecordFilter(id=record.id))
        assert (score.label, score.value, score.signature) == ("quality", 0.5, "imported")
    left = folder.json("records", "import", "log.jsonl", "--map", "at=ts,model=", "--dry-run")["imported"][
        "left_out"
    ]
    assert left["q"] == 3 and "model" not in left


def test_conversations_of_chat_servers_are_read_by_their_messages(folder: Folder) -> None:
    asked = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Where is"}, {"type": "text", "text": "it?"}]},
    ]
    row = {
        "startTime": "2026-11-05T10:00:00Z",
        "input": {"messages": asked, "model": "m"},
        "body": {
            "choices": [{"message": {"role": "assistant", "content": "Here."}, "finish_reason": "stop"}]
        },
    }
    columns = "at=startTime,inputs=input.messages,output=body.choices.0.message,metadata.app=input.model"
    with Project.open(folder.path) as project:
        project.import_records(
            lines(folder.path, [row]), columns=[columns, "finish_reason=body.choices.0.finish_reason"]
        )
        [record] = project.records()
    assert (record.inputs, record.output) == ({"text": "Where is\nit?"}, "Here.")
    assert record.finish_reason == "stop"
    assert record.metadata == {
        "app": "m",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Where is\nit?"},
        ],
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("output", "write OURS=THEIRS"),
        ("outptu=x", "Did you mean 'output'?"),
        ("subject=user", "is `person`"),
        ("output=a,output=b", "twice"),
    ],
)
def test_a_wrong_map_is_told(folder: Folder, given: str, told: str) -> None:
    with Project.open(folder.path) as project, pytest.raises(UsageError, match=told):
        project.import_records("log.jsonl", columns=[given])


def test_tables_are_read_and_what_is_exported_can_be_imported(folder: Folder) -> None:
    folder.write("log.csv", "at,inputs.question,output,feedback.stars,cost\n2026-11-05,What?,=1+1,5,0.25\n")
    folder.run("records", "import", "log.csv", "--map", "feedback.stars=feedback.stars")
    folder.write("log.json", json.dumps(ROWS, indent=1))
    assert folder.json("records", "import", "log.json")["imported"]["added"] == 4
    assert folder.json("records", "export", "out.csv")["records"] == 5
    assert "'=1+1" in (folder.path / "out.csv").read_text()
    for name in ("out.jsonl", "out.parquet"):
        folder.run("records", "export", name)
        assert "is there already" in folder.run("records", "export", name, code=2).stderr
        before = stored(folder)
        folder.run("records", "delete", "--before", "2027-01-01", "--yes")
        told = folder.json("records", "import", name)["imported"]
        assert (told["added"], told["feedback"]) == (5, 2)
        assert stored(folder) == before
    bare = folder.path / "bare.jsonl"
    assert (
        folder.run("records", "export", str(bare), "--no-texts", "--good").stdout
        == f"Wrote 1 record to {bare}\n"
    )
    assert "What?" not in bare.read_text() and '"stars": 5' in bare.read_text()
    assert "ends with" in folder.run("records", "export", "out.txt", code=2).stderr


def test_an_export_writes_over_no_file_and_none_for_what_was_never_recorded(folder: Folder) -> None:
    folder.write("mine.csv", "my own figures")
    rows = [{"at": "2026-11-05", "prompt": "reply@3", "output": "x"}]
    folder.write("log.jsonl", json.dumps(rows[0]) + "\n")
    folder.run("records", "import", "log.jsonl")
    told = folder.run("records", "export", "mine.csv", code=2).stderr
    assert "mine.csv' is there already. Say --force to write over it" in told
    assert (folder.path / "mine.csv").read_text() == "my own figures"
    told = folder.run("records", "export", "new.csv", "-p", "replly", code=2).stderr
    assert "replly" in told and "Did you mean 'reply'?" in told
    for reference in ("4", "production"):
        told = folder.run("records", "export", "new.csv", "-p", f"reply@{reference}", code=2).stderr
        assert f"of 'reply' is named '{reference}'" in told
    assert not (folder.path / "new.csv").exists()
    # A day without records is no mistake: a nightly job goes on.
    assert folder.json("records", "export", "new.csv", "-p", "reply", "--since", "2027-01-01")["records"] == 0
    assert folder.json("records", "export", "mine.csv", "--force")["records"] == 1


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
KEYS = TEXTS.filter(lambda key: not names_a_secret(key))
LEAVES = TEXTS | st.integers(-9, 9) | st.booleans() | st.floats(-9, 9)
RECORDS = st.builds(
    Record,
    id=st.uuids().map(str),
    at=st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(
        lambda time: time.replace(tzinfo=UTC).isoformat(timespec="microseconds")
    ),
    prompt=st.none() | st.just("reply"),
    version=st.none() | st.integers(1, 9),
    alias=st.none() | st.just("production"),
    model=st.none() | TEXTS,
    inputs=st.dictionaries(KEYS, st.recursive(LEAVES, st.lists), max_size=3),
    output=st.none() | TEXTS,
    error=st.none() | TEXTS.filter(bool),
    finish_reason=st.sampled_from([None, "stop", "length", "refusal", "tool_calls", "other"]),
    tokens_in=st.none() | st.integers(0, 2**31 - 1),
    seconds=st.none() | st.floats(0, 1e6),
    cost=st.none() | st.floats(0, 9),
    outcome=st.none() | TEXTS,
    subject=st.none() | TEXTS.map(subject_mark),
    session=st.none() | TEXTS,
    tags=st.lists(TEXTS, max_size=2).map(tuple),
    rate=st.floats(0.01, 1),
    source=TEXTS,
    metadata=st.dictionaries(KEYS, LEAVES, max_size=2),
)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@given(records=st.lists(RECORDS, min_size=1, max_size=4, unique_by=lambda each: each.id), data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_importing_an_export_is_the_identity(
    tmp_path: Path, ending: str, records: list[Record], data: st.DataObject
) -> None:
    said = [
        Feedback(
            id=f"{place}-{record.id}", record=record.id, at=AT,
            thumb=data.draw(st.sampled_from(["up", "down"])), comment=data.draw(TEXTS),
            edit=data.draw(st.none() | TEXTS.filter(bool)), by=data.draw(st.none() | TEXTS.map(subject_mark)),
        )
        for place, record in enumerate(records)
    ]  # fmt: skip
    scores = [
        RecordScore(record=records[0].id, label="valid", signature="json_valid|v1", value=0.5, at=AT),
        RecordScore(record=records[0].id, label="tone", signature="t", unscored="none", reason="why", at=AT),
    ]
    path = tmp_path / f"out.{ending}"
    with Project.open(tmp_path, database="sqlite://") as project:
        project.store.add_records(records)
        project.store.add_feedback(said)
        project.store.add_record_scores(scores)
        before = project.records(), project.record_feedback(), project.record_scores()
        project.export_records(path, overwrite=True)
    with Project.open(tmp_path, database="sqlite://") as project:
        project.import_records(path, keep_people=True)
        assert (project.records(), project.record_feedback(), project.record_scores()) == before


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"at": AT, "ouput": "x"}, r"log\.jsonl:2:\d+: ouput: unknown key\. Did you mean 'output'"),
        ({"output": "x"}, "at: is not there: when was the call"),
        ({"at": "soon"}, "at: must be a time"),
        ({"at": AT, "tokens_in": -1}, "tokens_in: must be greater than or equal to 0, not -1"),
        ({"at": AT, "rate": 2}, "rate: must be less than or equal to 1"),
        ({"at": AT, "subject": "Ada"}, "write a name or an id as `person`"),
        ({"at": AT, "prompt": "@"}, "names no prompt"),
        ({"at": AT, "version": -1}, "version: must be 1 or more, not -1"),
        ({"at": AT, "feedback": [{"stars": True}]}, r"stars: must be 1 to 5, not true or false"),
        ({"at": AT, "feedback": {"thumb": "sideways"}}, "thumb: must be up or down, not 'sideways'"),
        ({"at": AT, "feedback": [{"stars": 9}]}, r"feedback\[0\]\.stars: must be less than or equal to 5"),
        ({"at": AT, "feedback": [{"starz": 1}]}, "Did you mean 'stars'"),
        ({"at": AT, "id": {}}, "id: must be a text"),
        ({"at": AT, "scores": [{"label": "a", "value": "much"}]}, "value"),
        ([1], "must be an object"),
    ],
)
def test_a_fault_is_told_by_its_place_and_nothing_of_the_file_is_added(
    folder: Folder, row: Any, told: str
) -> None:
    path = lines(folder.path, [ROWS[0], row, ROWS[1]])
    with Project.open(folder.path) as project:
        with pytest.raises(FileProblems, match=told):
            project.import_records(path)
        assert project.record_count() == 0
        found = project.import_records(path, skip_faulty=True)
        assert (found.added, found.faulty) == (2, 1) and found.faults


def test_a_row_of_a_known_id_with_other_figures_is_told_with_its_place(folder: Folder) -> None:
    rows = [
        {"id": f"x{place}", "at": AT, "output": "o", "tokens_in": place, "tags": ["a"]} for place in range(9)
    ]
    folder.run("records", "import", str(lines(folder.path, rows)))
    for row in rows[2:]:
        row["tokens_in"] += 100
    rows[8] |= {"tags": [], "source": "elsewhere"}
    text = "\n\n".join(map(json.dumps, rows))
    folder.write("again.jsonl", text)
    told = folder.json("records", "import", "again.jsonl")["imported"]
    assert (told["added"], told["known"], told["others"]) == (0, 9, 7)
    assert told["differing"][0] == {"id": "x2", "where": "again.jsonl:5", "fields": ["tokens_in"]}
    assert told["differing"][-1] == {"id": "x8", "where": "again.jsonl:17", "fields": ["tokens_in", "tags"]}
    done = folder.run("records", "import", "again.jsonl")
    assert "again.jsonl:13: id x6: another tokens_in\n  ... and 2 more" in done.stderr
    folder.write("again.json", json.dumps(rows, indent=1))
    assert "again.json:20: id x2" in folder.run("records", "import", "again.json").stderr
    folder.write("again.csv", "id,at,output,tokens_in\nx2,2026-11-05T10:00:00,o,5\n")
    assert (
        "again.csv:2: id x2: another tokens_in, tags" in folder.run("records", "import", "again.csv").stderr
    )


def test_an_alias_that_got_its_version_when_it_was_stored_is_the_same(folder: Folder) -> None:
    folder.prompt("reply", "Answer: {{ question }}")
    folder.run("prompt", "add", "reply.prompt.yaml")
    folder.run("prompt", "alias", "reply@1", "production", "--reason", "it is the first")
    file = lines(folder.path, [{"id": "x", "at": "2090-01-01", "prompt": "reply@production", "output": "o"}])
    folder.run("records", "import", str(file))
    assert stored(folder)[0].version == 1
    assert folder.json("records", "import", str(file))["imported"]["others"] == 0


def test_more_than_a_thousand_faulty_rows_hide_none_that_can_be_read(folder: Folder) -> None:
    rows: list[Any] = [[place] for place in range(1_500)]
    rows[::300] = [{"at": AT, "output": str(place)} for place in range(5)]
    path = lines(folder.path, [*rows, {"at": AT, "output": "last"}])
    told = folder.json("records", "import", str(path), "--skip-faulty")["imported"]
    assert (told["added"], told["faulty"], len(told["faults"])) == (6, 1_495, 1_000)
    done = folder.run("records", "import", str(path), "--skip-faulty").stderr
    assert "Skipped, as they can't be read: 1,495 rows" in done and "log.jsonl:2:1: a record must" in done
    path.write_text(path.read_text("utf-8") + "no JSON\n" * 1_200 + json.dumps({"at": AT, "output": "x"}))
    done = folder.run("records", "import", str(path), "--skip-faulty", code=2).stderr
    assert "1,000 lines one after another can't be read" in done


def test_keys_that_are_nearly_ours_are_told_with_the_map_that_takes_them(folder: Folder) -> None:
    row = {"ts": AT, "question": "Q?", "answer": "A", "stars": 4, "userId": "ada", "region": "eu"}
    path = lines(folder.path, [row, {**row, "question": "R?"}])
    told = folder.run("records", "import", str(path), code=2).stderr
    assert "log.jsonl:1:2: ts: unknown key. Did you mean 'at'? (and 1 more such: line 2)" in told
    assert "stars: unknown key. Did you mean 'feedback.stars'?" in told
    assert "region: unknown key (and 1 more such" in told
    assert "Nothing was stored" in told and "--skip-faulty" not in told
    [mapping] = [line.partition("--map ")[2] for line in told.splitlines() if "take a map: " in line]
    assert mapping == "at=ts,inputs.question=question,output=answer,feedback.stars=stars,person=userId"
    folder.run("records", "import", str(path), "--map", mapping)
    assert {(each.inputs["question"], each.output) for each in stored(folder)} == {("Q?", "A"), ("R?", "A")}


def test_a_question_in_the_place_of_a_prompts_name_is_a_fault(folder: Folder) -> None:
    path = lines(folder.path, [{"at": AT, "prompt": "When do you open?", "output": "At nine."}])
    told = folder.run("records", "import", str(path), code=2).stderr
    assert "prompt: 'When do you open?' reads like a text, and this is the name of a prompt" in told
    folder.run("records", "import", str(path), "--map", "inputs.question=prompt")
    assert stored(folder)[0].inputs == {"question": "When do you open?"}


def test_columns_with_our_dotted_names_need_no_map(folder: Folder) -> None:
    folder.write(
        "log.csv", "at,inputs.question,inputs.shop,output,feedback.stars\n2026-11-05,When?,3,Nine.,4\n"
    )
    assert folder.json("records", "import", "log.csv")["imported"]["feedback"] == 1
    [record] = stored(folder)
    assert record.inputs == {"question": "When?", "shop": "3"}
    folder.write("log.csv", "at,inputs.question,output,feedback.stars\n2026-11-05,When?,Nine.,many\n")
    assert (
        "log.csv:2:24: 'feedback.stars': must be" in folder.run("records", "import", "log.csv", code=2).stderr
    )


def test_left_out_columns_end_with_how_many_more(folder: Folder) -> None:
    row = {"at": AT, "output": "x", **{f"column_{place:02}": 1 for place in range(25)}}
    told = folder.run("records", "import", str(lines(folder.path, [row])), "--map", "at=at").stdout
    assert "column_19 (1) and 5 more" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no records"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"at": "2026-11-05", "output": "\xff"}', "is not UTF-8"),
        (b'{"at": "2026-11-05", "at": "2026-11-05"}', "twice"),
        (b'{"at": NaN}', "no JSON number"),
        (b"\x00" * 100, "is not JSON"),
        (b'{"at": "' + b"x" * 11_000_000 + b'"}', "longer than"),
    ],
)
def test_hostile_files_are_refused_in_words(folder: Folder, content: bytes, told: str) -> None:
    (folder.path / "log.jsonl").write_bytes(content)
    assert told in folder.run("records", "import", "log.jsonl", code=2).stderr


def test_a_file_that_is_none_is_refused(folder: Folder) -> None:
    assert "no such file" in folder.run("records", "import", "nowhere.jsonl", code=2).stderr
    assert "no regular file" in folder.run("records", "import", "evalsets", code=2).stderr


def test_secrets_and_people_stay_outside(folder: Folder) -> None:
    secret = "sk-" + "a1" * 12
    row = {
        "at": AT,
        "inputs": {"q": f"mail ada@example.org {secret}"},
        "output": secret,
        "metadata": {"k": [secret]},
    }
    path = lines(folder.path, [{**row, "feedback": {"comment": secret, "edit": "call 0151 2345 6789"}}])
    folder.run("records", "import", str(path))
    [kept] = stored(folder)
    assert (kept.inputs["q"], kept.output) == ("mail [email] [redacted]", "[redacted]")
    assert secret.encode() not in b"".join(each.read_bytes() for each in folder.path.glob(".promptops/*"))
    folder.run("records", "delete", "--id", kept.id, "--yes")
    folder.run("records", "import", str(path), "--keep-people")
    assert stored(folder)[0].inputs["q"] == "mail ada@example.org [redacted]"


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-05T11:30:00+01:30", AT),
        ("2026-11-05 10:00", AT),
        ("2026-11-05T10:00:00.123456789Z", AT.replace("000000", "123456")),
        (1_793_872_800, AT),
        (1_793_872_800.25, AT.replace("000000", "250000")),
        (1_793_872_800_250, AT.replace("000000", "250000")),
        (1_793_872_800_000_001, AT.replace("000000", "000001")),
        (1_793_872_800_123_456_789, AT.replace("000000", "123456")),
        ("1793872800", AT),
        (True, None),
        ("0001-01-01T00:00:00+14:00", None),
        (10**30, None),
        (float(10**25), None),
        ([], None),
    ],
)
def test_a_moment_is_read_in_all_usual_spellings(value: Any, moment: str | None) -> None:
    assert moment_of(value) == moment


CSV = "question,answer,when,region\nWho?,Me,2026-11-01,eu\nWhere?,,2026-11-02,us\n"


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_a_column_that_the_file_has_not_is_told_once_with_those_that_it_has(
    folder: Folder, name: str
) -> None:
    rows = [
        dict(zip(CSV.splitlines()[0].split(","), row.split(","), strict=True)) for row in CSV.splitlines()[1:]
    ]
    folder.write("log.csv", CSV)
    lines(folder.path, rows)
    told = folder.run("records", "import", name, "--map", "inputs.text=question,at=wen", code=2).stderr
    assert f"{name}: no row has 'wen', which --map at=wen names. Did you mean 'when'?" in told
    assert "Write --map at=COLUMN with the column that holds it." in told and "line 3" not in told
    assert stored(folder) == []


def test_columns_that_are_not_used_are_told(folder: Folder) -> None:
    folder.write("log.csv", CSV)
    mapping = "inputs.text=question,output=answer,at=when"
    told = folder.run("records", "import", "log.csv", "--map", mapping, "--dry-run").stdout
    assert "columns not used: region (2)" in told and "--map OURS=COLUMN" in told
    told = folder.run("records", "import", "log.csv", "--map", f"{mapping},error=fault", code=2).stderr
    assert "no row has 'fault'" in told
    rows = [{"q": "Who?", "when": "2026-11-01"}]
    lines(folder.path, rows)
    found = folder.json("records", "import", "log.jsonl", "--map", "inputs.text=q,at=when,error=fault")
    assert found["imported"]["absent"] == {"error": "fault"}, "a key of JSON may be away where nothing failed"


def test_an_id_that_another_record_bears_is_told(folder: Folder) -> None:
    first = {
        "id": "x1",
        "at": "2026-11-20T10:00:00Z",
        "prompt": "reply",
        "inputs": {"mail": "a"},
        "output": "first",
    }
    file = lines(folder.path, [first])
    assert folder.json("records", "import", str(file))["imported"]["others"] == 0
    assert folder.json("records", "import", str(file))["imported"]["others"] == 0, (
        "the same again is no other"
    )
    other = {**first, "output": "second"}
    twice = [{**other, "id": "x2"}, {**first, "id": "x2"}]
    file = lines(folder.path, [other, first, *twice], "others.jsonl")
    foretold = folder.json("records", "import", str(file), "--dry-run")["imported"]
    assert (foretold["others"], [each["id"] for each in foretold["differing"]]) == (1, ["x1"])
    done = folder.run("records", "import", "others.jsonl")
    assert "Not taken in: 2 records, as others are stored under their ids" in done.stderr
    assert "others.jsonl:1: id x1: another output\n  others.jsonl:4: id x2: another output" in done.stderr
    assert "delete --id ID" in done.stderr
    assert {each.id: each.output for each in stored(folder)} == {"x1": "first", "x2": "second"}
