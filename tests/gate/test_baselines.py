"""The baseline file: the same answers give the same bytes, and every fault has its line."""

import json
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptops.errors import FileProblems
from promptops.gate.baselines import baseline_path, read_baseline, write_baseline
from promptops.types import Attempt, Completion, Failure, Message, MetricRecord, Prompt, Result, Run, Score


def record(label, metric, **others):
    fields = {"higher_is_better": True, "low": 0.0, "high": 1.0, "unit": "", "corpus": False}
    return MetricRecord(label=label, metric=metric, signature=f"{metric}|version:1", **(fields | others))


RUN = Run(
    id="01RUN",
    created_at="2026-11-01T00:00:00Z",
    status="finished",
    evalset="mails",
    evalset_digest="d" * 64,
    prompt=Prompt(
        name="reply",
        messages=(Message(role="user", content="{{ x }}"),),
        parameters={"temperature": 0.1234567890123456789},
        note="n",
    ),
    prompt_ref="reply@3",
    model="mock/x",
    metrics=(record("exact", "exact"), record("speed", "latency", high=None, unit="s")),
    repeats=2,
    samples=2,
    done=4,
    errors=1,
    actor="me",
)


def results(seconds=1.5):
    attempts = (Attempt(seconds=seconds, failure="server"),)
    completion = Completion(
        text="secret answer é",
        tokens_in=3,
        seconds=seconds,
        cost=seconds / 7,
        attempts=attempts,
        request_id=f"r{seconds}",
        raw={"x": 1},
    )
    scores = {
        "speed": Score.of(seconds),
        "exact": Score.of(1 / 3, 2, reason="secret reason", quote="secret quote", p=0.1 + 0.2),
    }
    failure = Failure(kind="timeout", message="secret failure", status=504, attempts=attempts)
    return [
        Result(sample_id="b", repeat=1, failure=failure),
        Result(sample_id="b", repeat=0, completion=completion, scores={"exact": Score.missing("no verdict")}),
        Result(sample_id="a", repeat=1, completion=completion, scores=scores, cached=True),
        Result(sample_id="a", repeat=0, completion=completion, scores=scores),
    ]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "set" / "baseline.jsonl"


def test_it_reads_back_what_was_written(path):
    write_baseline(path, RUN, results())
    run, found = read_baseline(path)
    assert (run.id, run.created_at, run.status, run.actor) == ("baseline", "", "finished", "")
    shaping = (
        "evalset",
        "evalset_digest",
        "prompt",
        "prompt_ref",
        "model",
        "metrics",
        "repeats",
        "samples",
        "done",
    )
    assert [getattr(run, name) for name in shaping] == [getattr(RUN, name) for name in shaping]
    assert run.errors == 1
    assert run.prompt.digest == RUN.prompt.digest
    assert [(result.sample_id, result.repeat) for result in found] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert found[0].completion == Completion(text="secret answer é", tokens_in=3)
    assert found[0].scores == {
        "exact": Score(
            counts=(1 / 3, 2.0), reason="secret reason", evidence={"quote": "secret quote", "p": 0.3}
        )
    }
    assert found[2].scores["exact"].unscored == "no verdict"
    assert found[3].failure == Failure(kind="timeout", message="secret failure", status=504)


def test_time_money_ids_and_order_leave_no_trace(path, tmp_path):
    write_baseline(path, RUN, results(1.5))
    other = RUN.model_copy(update={"id": "02", "created_at": "2027", "actor": "you", "parent": "01"})
    write_baseline(tmp_path / "other.jsonl", other, reversed(results(99.25)))
    assert path.read_bytes() == (tmp_path / "other.jsonl").read_bytes()
    for word in ("01RUN", "2026", "seconds", "cost", "attempts", "request_id", "1.5", '"speed":{'):
        assert word not in path.read_text()


def test_lines_are_canonical_json_after_a_header(path):
    write_baseline(path, RUN, results())
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) == 5
    for line in lines:
        assert line == json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    header = json.loads(lines[0])
    assert (header["format"], header["outputs"]) == (1, True)
    assert json.loads(lines[1])["scores"]["exact"]["counts"] == [1 / 3, 2.0]
    assert '"p":0.3' in lines[1]


def test_the_options_of_a_metric_keep_the_order_in_which_they_were_declared(path):
    criteria = {"right": "It is right.", "clear": "It is clear."}
    write_baseline(
        path,
        RUN.model_copy(update={"metrics": (record("m", "criteria", options={"criteria": criteria}),)}),
        [],
    )
    [read] = read_baseline(path)[0].metrics
    assert list(read.options["criteria"]) == ["right", "clear"], "its counts are in that order"


def test_without_outputs_no_text_of_an_answer_is_kept(path):
    write_baseline(path, RUN, results(), outputs=False)
    assert "secret" not in path.read_text()
    run, found = read_baseline(path)
    assert run.errors == 1
    assert found[0].completion is None
    assert found[0].scores["exact"].counts == (1 / 3, 2.0)
    assert found[3].failure == Failure(kind="timeout", message="", status=504)


def test_a_file_is_replaced_whole_or_not_at_all(path):
    write_baseline(path, RUN, results())
    before = path.read_bytes()

    def broken():
        yield results()[0]
        raise KeyError("gone")

    with pytest.raises(KeyError):
        write_baseline(path, RUN, broken())
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["baseline.jsonl"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o444


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileProblems, match="can't be written"):
        write_baseline(tmp_path / "file" / "baseline.jsonl", RUN, results())
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileProblems, match="can't be written"):
        write_baseline(tmp_path / "folder", RUN, results())


def test_labels_name_other_baselines(tmp_path):
    assert baseline_path(tmp_path).name == "baseline.jsonl"
    assert baseline_path(tmp_path, "v2.small").name == "baseline.v2.small.jsonl"
    for label in ("", "../x", "a/b", ".x", "a\n"):
        with pytest.raises(FileProblems, match="label"):
            baseline_path(tmp_path, label)


def edited(path, line, change):
    """Change one line of a good file, as JSON or as text."""
    write_baseline(path, RUN, results())
    lines = path.read_text("utf-8").splitlines()
    if callable(change):
        row = json.loads(lines[line - 1])
        change(row)
        lines[line - 1] = json.dumps(row)
    else:
        lines[line - 1] = change
    path.write_text("\n".join(lines) + "\n")


FAULTS = [
    (1, lambda row: row.pop("format"), "", "no header"),
    (1, lambda row: row.update(format=2), "format", "newer promptops"),
    (1, lambda row: row.update(format=True), "format", "must be 1"),
    (1, lambda row: row.pop("model"), "model", "field required"),
    (1, lambda row: row.update(extra=1), "extra", "extra inputs are not permitted"),
    (1, lambda row: row.update(repeats=0), "repeats", "1 or more"),
    (1, lambda row: row["prompt"].update(messages=[]), "prompt.messages", "at least 1 item"),
    (1, lambda row: row["metrics"][0].pop("signature"), "metrics[0].signature", "field required"),
    (1, "[]", "", "no header"),
    (1, "{", "", "not JSON"),
    (2, "5", "", "must be a result"),
    (3, "<<<<<<< HEAD", "", "conflict mark"),
    (3, lambda row: row.pop("sample_id"), "sample_id", "field required"),
    (3, lambda row: row.update(repeat=0), "sample_id", "stands above already"),
    (3, lambda row: row.update(repeat=2), "repeat", "must be under 2"),
    (3, lambda row: row["scores"].update(other={"counts": [1]}), "scores.other", "no metric of the header"),
    (3, lambda row: row["scores"]["exact"].update(counts=["x"]), "scores.exact.counts[0]", "valid number"),
    (3, lambda row: row["scores"]["exact"].update(value=1), "scores.exact.value", "not permitted"),
    (3, lambda row: row["completion"].update(finish_reason="x"), "completion.finish_reason", "should be"),
    (5, lambda row: row["failure"].update(kind="bad luck"), "failure.kind", "should be"),
    (4, '{"sample_id": "b", "sample_id": "c"}', "sample_id", "twice"),
    (4, '{"sample_id": "b", "scores": {"exact": {"counts": [NaN]}}}', "scores.exact.counts[0]", "NaN"),
]


@pytest.mark.parametrize(("line", "change", "field", "reason"), FAULTS)
def test_a_faulty_line_is_told(path, line, change, field, reason):
    edited(path, line, change)
    with pytest.raises(FileProblems) as caught:
        read_baseline(path)
    problem = caught.value.problems[0]
    assert problem.file == str(path)
    assert (problem.line, problem.field) == (line, field)
    assert reason in problem.reason


def test_all_faulty_lines_are_told_in_order(path):
    edited(path, 5, "{")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "7", *lines[2:]]) + "\n")
    with pytest.raises(FileProblems) as caught:
        read_baseline(path)
    assert [problem.line for problem in caught.value.problems] == [2, 5]


def test_a_missing_or_empty_file_is_told(path):
    with pytest.raises(FileProblems, match="no such file"):
        read_baseline(path)
    path.parent.mkdir()
    path.write_text("")
    with pytest.raises(FileProblems, match="promptops accept"):
        read_baseline(path)


counts = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4).map(tuple)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.tuples(st.text(st.characters(codec="utf-8")), st.integers(0, 1)), counts, max_size=5)
)
def test_counts_come_back_to_the_last_digit(path, scored):
    rows = [
        Result(
            sample_id=sample,
            repeat=repeat,
            completion=Completion(text=sample),
            scores={"exact": Score(counts=values)},
        )
        for (sample, repeat), values in scored.items()
    ]
    write_baseline(path, RUN, rows)
    assert sorted(read_baseline(path)[1], key=str) == sorted(rows, key=str)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(path, data):
    write_baseline(path, RUN, results())
    header = path.read_bytes().partition(b"\n")[0]
    for content in (data, header + b"\n" + data):
        path.write_bytes(content)
        try:
            read_baseline(path)
        except FileProblems as error:
            assert error.problems
