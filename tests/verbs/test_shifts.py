"""`Project.shift` and `promptops shift`: what either side may be, and what is compared with what."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from promptops import Project
from promptops.cli import app
from promptops.distributions.shift import Shift
from promptops.errors import FileProblems, UnknownName, UsageError
from tests.made import Folder

TOPICS = ["parcel", "invoice", "password", "address", "refund", "delivery", "account", "card"]


def question(n: int, topic: str | None = None) -> str:
    return f"Where is the {topic or TOPICS[n % 8]} number {n % 7} of {TOPICS[(n * 3 + n // 8) % 8]}?"


@pytest.fixture
def folder(tmp_path) -> Folder:
    made = Folder(tmp_path)
    rows = [
        {
            "id": f"q{n:03}",
            "inputs": {"question": question(n)},
            "target": "yes",
            "metadata": {"at": f"2026-03-{1 + n % 8:02}", "kind": TOPICS[n % 8]},
        }
        for n in range(40)
    ]
    made.evalset("desk", rows)
    made.prompt("ask", "{{ question }}")
    return made


def evaluate(folder: Folder, answer, name: str = "answers.json") -> str:
    script = folder.script(name, {f"q{n:03}": answer(n) for n in range(40)})
    with Project.open(folder.path) as project:
        [run] = project.evaluate("desk", [folder.path / "ask.prompt.yaml"], [script])
    return run.id


def log(folder: Folder, name: str, rows: list[dict[str, object]]) -> str:
    return str(folder.write(name, "".join(json.dumps(row) + "\n" for row in rows)))


def named(shift: Shift, name: str):
    return next(feature for feature in shift.features if feature.name == name)


def test_what_a_run_was_asked_is_no_shift_of_its_set(folder: Folder) -> None:
    run = evaluate(folder, lambda n: "yes" if n % 2 else f"no, {n}")
    with Project.open(folder.path) as project:
        inputs = project.shift("desk", run, what="inputs")
        outputs = project.shift("desk", run)
    assert (inputs.p_value, inputs.what) == (1.0, "inputs")
    assert inputs.auc == pytest.approx(0.5)
    assert inputs.current_name.endswith(", inputs")
    assert outputs.alarmed


def test_an_evaluation_set_has_no_outputs(folder: Folder) -> None:
    with Project.open(folder.path) as project, pytest.raises(UsageError, match="has no outputs"):
        project.shift("desk", "desk", what="outputs")


def test_outputs_of_a_file_are_compared_with_those_of_a_run(folder: Folder) -> None:
    run = evaluate(folder, lambda n: f"Answer {n % 7}")
    path = log(folder, "log.jsonl", [{"input": "x", "output": f"Answer {n % 7}"} for n in range(40)])
    with Project.open(folder.path) as project:
        assert not project.shift(run, path, what="outputs").alarmed
        assert project.shift(run, path, what="outputs").paired is False


def test_metrics_and_metadata_of_runs_join_the_panel(folder: Folder) -> None:
    old = evaluate(folder, lambda n: "yes")
    new = evaluate(folder, lambda n: "yes" if n % 2 else "no!", "new.json")
    with Project.open(folder.path) as project:
        found = project.shift(old, new, columns=["exact", "output", "metadata.kind", "finish_reason"])
        with pytest.raises(UnknownName, match="Did you mean 'exact'"):
            project.shift(old, new, columns=["exct"])
    score, label = named(found, "exact"), named(found, "output")
    assert found.paired and found.alarmed
    assert (score.reference, score.current) == (1.0, 0.5)
    assert label.reference_shares == {"yes": 1.0} and label.current_shares == {"yes": 0.5, "no!": 0.5}
    assert named(found, "metadata.kind").p_value == 1.0


def test_samples_that_only_one_run_answered_are_left_out_of_the_pairs(folder: Folder) -> None:
    old = evaluate(folder, lambda n: f"Answer {n}")
    script = folder.script("part.json", {f"q{n:03}": f"Answer {n}" for n in range(30)})
    with Project.open(folder.path) as project:
        [part] = project.evaluate("desk", [folder.path / "ask.prompt.yaml"], [script])
        found = project.shift(old, part.id)
    assert found.paired
    assert (found.reference_n, found.current_n) == (30, 30)
    assert found.p_value == 1.0


def test_rows_of_two_files_are_paired_by_a_field(folder: Folder) -> None:
    old = log(folder, "old.jsonl", [{"id": n, "text": question(n)} for n in range(40)])
    new = log(
        folder, "new.jsonl", [{"id": n, "text": f"{question(n)} {TOPICS[n % 8]}"} for n in range(50)][::-1]
    )
    with Project.open(folder.path) as project:
        found = project.shift(old, new, pair_by="id")
        with pytest.raises(UsageError, match="Rows of files are paired"):
            project.shift("desk", new, pair_by="id")
        with pytest.raises(UsageError, match="not both"):
            project.shift(old, new, pair_by="id", by_day="at")
    assert found.paired and found.reference_n == 40
    assert named(found, "words").statistic == 1.0


def test_days_are_shuffled_whole_on_both_sides(folder: Folder) -> None:
    """Each day has a topic of its own, so that weeks differ, and no more than days do."""
    rows = [
        {"text": question(n, TOPICS[n // 5]), "at": f"2026-04-{1 + n // 5:02}T08:00:00Z"} for n in range(40)
    ]
    first, second = log(folder, "a.jsonl", rows[:20]), log(folder, "b.jsonl", rows[20:])
    with Project.open(folder.path) as project:
        plain, by_day = project.shift(first, second), project.shift(first, second, by_day="at")
        few = project.shift(first, log(folder, "c.jsonl", rows[20:25] * 4), by_day="at")
        known = project.shift("desk", first, by_day="at")
    assert plain.alarmed and not by_day.alarmed
    assert by_day.blocks == (4, 4)
    assert {feature.test for feature in by_day.features} == {"block permutation"}
    assert not few.measured and few.reason.startswith("4 and 1 days can be shuffled in too few ways")
    assert known.blocks == (8, 4)


def test_a_column_called_like_a_feature_keeps_a_name_of_its_own(folder: Folder) -> None:
    rows = [{"text": question(n), "words": n} for n in range(30)]
    with Project.open(folder.path) as project:
        found = project.shift(log(folder, "a.jsonl", rows), log(folder, "b.jsonl", rows), columns=["words"])
    assert named(found, "words (column)").reference == 14.5


def test_numbers_that_few_rows_have_are_left_out_and_said(folder: Folder) -> None:
    rows = [{"text": question(n), **({"stars": 5} if n < 3 else {})} for n in range(30)]
    with Project.open(folder.path) as project:
        path = log(folder, "a.jsonl", rows)
        found = project.shift(path, path, columns=["stars"])
        with pytest.raises(FileProblems, match="no row has 'star'"):
            project.shift(path, path, columns=["star"])
    assert found.notes == ("stars is left out: fewer than 5 texts on a side have one.",)


def command(folder: Folder, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(folder.path), "shift", *arguments])


def test_a_check_turns_the_finding_into_an_exit_code(folder: Folder) -> None:
    same = log(folder, "same.jsonl", [{"text": question(n)} for n in range(40)])
    other = log(folder, "other.jsonl", [{"text": f"Please cancel plan {n} today!"} for n in range(40)])
    few = log(folder, "few.jsonl", [{"text": "x"}])
    found = [command(folder, "desk", path, "--check") for path in (same, other, few)]
    assert [each.exit_code for each in found] == [0, 1, 3]
    for each, words in zip(found, ("no alarm", "ALARM", "not measured"), strict=True):
        assert words in each.output
    assert command(folder, "desk", other).exit_code == 0
    document = json.loads(command(folder, "desk", other, "--check", "--json").output)
    assert document["exit_code"] == 1
    assert len(document["shift"]["foreign"]) == len(document["shift"]["typical"]) == 5


def test_texts_can_t_act_on_the_terminal(folder: Folder) -> None:
    rows = [{"text": f"\x1b[31mred {n}\x07 alert", "kind": f"\x1b]0;x\x07{n % 2}"} for n in range(40)]
    paths = log(folder, "evil.jsonl", rows), log(folder, "plain.jsonl", [{"text": "x", "kind": "y"}] * 40)
    told = command(folder, paths[1], paths[0], "--column", "kind").output
    assert "ALARM" in told and "\x1b" not in told and "\x07" not in told


def test_a_trend_needs_dates_on_the_second_side_only(folder: Folder) -> None:
    rows = [{"text": question(n), "at": f"2026-04-{1 + n // 10:02}T08:00:00Z"} for n in range(40)]
    path = log(folder, "a.jsonl", rows)
    with Project.open(folder.path) as project:
        found = project.shift("desk", path, trend="at")
        both = project.shift(path, path, by_day="at")
        with pytest.raises(UsageError, match="name the same one"):
            project.shift(path, path, by_day="at", trend="on")
        with pytest.raises(UsageError, match="not both"):
            project.shift(path, path, pair_by="at", trend="at")
    assert found.blocks is None and [each.side for each in found.days] == ["second"] * 4
    assert [each.side for each in both.days] == ["first"] * 4 + ["second"] * 4
    told = CliRunner().invoke(app, ["-C", str(folder.path), "shift", "desk", path, "--trend", "at"])
    assert told.exit_code == 0 and told.output.count("  2026-04-0") == 4
    assert "by chance below" in told.output


def two_inputs(folder: Folder) -> list[dict[str, object]]:
    """Write a set whose samples have facts beside the question; return the same questions of production."""
    rows = [
        {"id": f"q{n:03}", "inputs": {"facts": f"Fact {n * 7} of {n}.", "question": question(n)}}
        for n in range(40)
    ]
    folder.evalset("facts", [{**row, "target": "yes"} for row in rows])
    return [{"inputs": {"facts": "None.", "question": question(n)}} for n in range(40)]


def test_a_field_is_that_of_both_sides(folder: Folder) -> None:
    path = log(folder, "log.jsonl", two_inputs(folder))
    with Project.open(folder.path) as project:
        assert project.shift("facts", path).alarmed
        found = project.shift("facts", path, field="inputs.question")
        covered = project.coverage("facts", path, field="inputs.question", suggest=1)
        assert project.text_fields("facts") == ("inputs.facts", "inputs.question")
        assert project.text_fields("desk") == ()
    assert (found.p_value, found.reference_name, found.notes) == (1.0, "facts (inputs.question)", ())
    assert covered.far == 0.0 and covered.notes == ()


def test_a_case_of_a_row_has_all_its_inputs(folder: Folder) -> None:
    rows = [*two_inputs(folder), {"inputs": {"facts": "F.", "question": "May I come with a dog tomorrow?"}}]
    path = log(folder, "log.jsonl", rows)
    with Project.open(folder.path) as project:
        found = project.coverage("facts", path, field="inputs.question", suggest=1)
        project.write_candidates(found, folder.path / "new.jsonl", field="inputs.question")
    [row] = map(json.loads, (folder.path / "new.jsonl").read_text().splitlines())
    assert set(row["inputs"]) == {"facts", "question"}


@pytest.mark.parametrize("verb", ["shift", "coverage"])
def test_a_field_that_only_one_side_has_is_refused_where_the_other_has_several(
    folder: Folder, verb: str
) -> None:
    path = log(folder, "log.jsonl", [{"body": question(n), "n": n} for n in range(40)])
    two_inputs(folder)
    with Project.open(folder.path) as project, pytest.raises(UsageError, match="facts, question"):
        getattr(project, verb)("facts", path, field="body")


def test_what_can_have_no_such_field_stands_whole_and_is_told(folder: Folder) -> None:
    two_inputs(folder)
    texts = log(folder, "texts.jsonl", [{"text": question(n)} for n in range(40)])
    body = log(folder, "body.jsonl", [{"body": question(n), "n": n} for n in range(40)])
    run = evaluate(folder, question)
    with Project.open(folder.path) as project:
        one_column = project.shift("facts", texts, field="question")
        one_input = project.coverage("desk", body, field="body")
        outputs = project.shift(run, body, field="body")
        with pytest.raises(UsageError, match="Neither side"):
            project.shift("desk", texts, field="nosuch")
    assert one_column.p_value == outputs.p_value == 1.0 and one_input.far == 0.0
    assert "texts.jsonl has one text a row" in one_column.notes[0]
    assert "desk has one input, question" in one_input.notes[0]
    assert "has outputs" in outputs.notes[0]
    told = CliRunner().invoke(
        app, ["-C", str(folder.path), "coverage", "desk", "--production", body, "--field", "body"]
    )
    assert "Note: desk has one input" in told.output
