"""A report is made of what the gate saw: the same figures, the worst cases, and no folder of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from promptops.analysis.reportfiles import write_report
from promptops.errors import FileProblems, UsageError
from promptops.project import Project
from promptops.reports import Report
from promptops.stats.paired import terminal_bound
from tests.made import EVALSET, Folder, questions

RULES = """
[[gate]]
metric = "contains"
slice = "odd"
margin = 0.2
min = 0.1

[[gate]]
metric = "contains"
worst_slice_margin = 0.3
"""


@pytest.fixture
def runs(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A run that is right everywhere, and one that is wrong on q000 to q009 and gives q010 no answer."""
    monkeypatch.chdir(folder.path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    folder.evalset("numbers", questions(40), EVALSET + RULES)
    wrong = {f"q{number:03}": f"wrong {number}" for number in range(10)}
    failing = {"q010": {"fail": "filtered", "message": "not allowed"}}
    script = folder.script("s.json", {"*": {}, **wrong, **failing})
    with Project.open(folder.path) as project:
        good, bad = project.evaluate("numbers", ["ask.prompt.yaml"], ["mock/echo", script])
    return good.id, bad.id


def made(folder: Folder, runs: tuple[str, str], **more: str) -> Report:
    with Project.open(folder.path) as project:
        return project.report("numbers", run=runs[1], baseline=runs[0], **more)  # type: ignore[arg-type]


def test_a_report_tells_what_the_gate_decided(folder: Folder, runs: tuple[str, str]) -> None:
    found = made(folder, runs)
    with Project.open(folder.path) as project:
        assert found.verdict == project.gate("numbers", run=runs[1], baseline=runs[0])
        whole = {delta.label: delta for delta in project.compare(*runs).deltas if delta.slice is None}
    assert found.comparison is not None
    for delta in found.comparison.deltas:
        if delta.slice is None:
            assert delta == whole[delta.label]
    assert found.headline.startswith("FAIL: exact fell by more than the 0.1 that you accept (change -0.28,")


def test_the_changes_are_those_that_the_bounds_are_of(folder: Folder, runs: tuple[str, str]) -> None:
    found = made(folder, runs)
    # The sample without an answer has no change of its own; in the bound it counts as the worst.
    assert found.changes == (*[-1.0] * 10, *[0.0] * 29)
    assert found.unchanged == 29
    bound = terminal_bound([*[-1.0] * 11, *[0.0] * 29], None, 0.05)
    assert found.delta is not None
    assert (found.delta.low, found.delta.high) == pytest.approx((bound.low, bound.high))


def test_the_worst_cases_have_both_outputs_and_those_without_an_answer_come_first(
    folder: Folder, runs: tuple[str, str]
) -> None:
    cases = made(folder, runs).cases
    assert [case.sample.id for case in cases] == ["q010", "q000", "q001", "q002", "q003"]
    silent, wrong = cases[0], cases[1]
    assert silent.change is None and silent.candidate is not None
    assert silent.candidate.result.failure is not None
    assert wrong.change == -1.0 and wrong.baseline is not None and wrong.candidate is not None
    assert wrong.baseline.result.completion is not None and wrong.candidate.result.completion is not None
    assert wrong.baseline.result.completion.text == "number 0"
    assert wrong.candidate.result.completion.text == "wrong 0"
    assert (wrong.baseline.figures["exact"], wrong.candidate.figures["exact"]) == (1.0, 0.0)


def test_a_rule_with_a_margin_and_a_bound_has_two_cells_on_one_line(
    folder: Folder, runs: tuple[str, str]
) -> None:
    found = made(folder, runs)
    text = (folder.path / "evalsets/numbers/evalset.toml").read_text().splitlines()
    places = [number for number, line in enumerate(text, 1) if line == "[[gate]]"]
    assert found.verdict is not None and len(found.verdict.cells) == 5
    # The margin of the worst slice is a rule on each of the two slices.
    assert found.lines == (places[0], places[1], places[1], places[2], places[2])
    assert found.rules_file == "evalsets/numbers/evalset.toml"


def test_slices_that_the_set_declares_or_gates_have_figures(folder: Folder, runs: tuple[str, str]) -> None:
    found = made(folder, runs)
    assert found.comparison is not None
    assert {delta.slice for delta in found.comparison.deltas} == {None, "odd", "even"}


def test_facts_to_check_are_those_of_the_runs(folder: Folder, runs: tuple[str, str]) -> None:
    found = made(folder, runs)
    with Project.open(folder.path) as project:
        run = project.run(runs[1])
    assert found.facts.samples == found.facts.clusters == 40
    assert found.facts.candidate_prompt == run.prompt.digest
    assert found.facts.evalset_digest == run.evalset_digest
    assert found.facts.signatures == {record.label: record.signature for record in run.metrics}
    assert found.facts.command == f"promptops gate numbers --run {runs[1]} --baseline {runs[0]}"
    assert found.facts.resamples == 0  # neither metric is one of the corpus


def test_no_folder_of_this_machine_is_in_a_report(folder: Folder, runs: tuple[str, str]) -> None:
    with Project.open(folder.path) as project:
        project.accept(runs[0])
        found = project.report("numbers", run=runs[1])
        elsewhere = folder.path.parent / "elsewhere.jsonl"
        elsewhere.write_bytes((folder.path / "evalsets/numbers/baseline.jsonl").read_bytes())
        other = project.report("numbers", run=runs[1], baseline=str(elsewhere))
        compared = project.comparison_report(project.compare(str(elsewhere), runs[1]))
    assert found.baseline_file == "evalsets/numbers/baseline.jsonl"
    assert other.baseline_file == compared.baseline_file == "elsewhere.jsonl"
    for each in (found, other, compared):
        assert str(folder.path.parent) not in each.model_dump_json()


def test_files_are_named_from_the_top_of_a_github_checkout(
    folder: Folder, runs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder.path.parent))
    assert made(folder, runs).rules_file == f"{folder.path.name}/evalsets/numbers/evalset.toml"


def test_outputs_that_a_baseline_left_out_are_shown_of_neither_side(
    folder: Folder, runs: tuple[str, str]
) -> None:
    with Project.open(folder.path) as project:
        project.accept(runs[0], outputs=False)
        found = project.report("numbers", run=runs[1])
    assert not found.outputs and found.cases
    assert "wrong 0" not in found.model_dump_json()


def test_of_a_pass_the_first_rule_is_looked_at(folder: Folder, runs: tuple[str, str]) -> None:
    with Project.open(folder.path) as project:
        found = project.report("numbers", run=runs[0], baseline=runs[1])
    assert found.verdict is not None and found.verdict.outcome == "PASS"
    assert (found.metric, found.slice, found.cases) == ("exact", None, ())


def test_a_report_read_back_from_json_is_the_same(
    folder: Folder, runs: tuple[str, str], tmp_path: Path
) -> None:
    found = made(folder, runs, inconclusive="warn")
    assert not found.inconclusive_blocks
    text = write_report(found, tmp_path / "gate.json").read_text("ascii")
    assert Report.model_validate(json.loads(text)) == found


def test_an_ending_chooses_the_form_and_an_unknown_one_is_told(
    folder: Folder, runs: tuple[str, str], tmp_path: Path
) -> None:
    found = made(folder, runs)
    assert write_report(found, tmp_path / "new/GATE.HTML").read_text().startswith("<!doctype html>")
    for name in ("gate.pdf", "gate", "md", "gate.md.bak", "_markup", "x._markup"):
        with pytest.raises(UsageError, match=r"\.github, \.html, \.json, \.md, \.xml"):
            write_report(found, tmp_path / name)


def test_a_file_is_written_whole_or_not_at_all(folder: Folder, runs: tuple[str, str], tmp_path: Path) -> None:
    found = made(folder, runs)
    (tmp_path / "gate.md").mkdir()
    with pytest.raises(FileProblems, match="can't be written"):
        write_report(found, tmp_path / "gate.md")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".gate")] == []
