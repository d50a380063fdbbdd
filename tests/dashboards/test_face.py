"""The parts of a Project that were made for lists and pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptops import Project, Prompt, PromptopsError
from promptops.types import Message
from tests.dashboards.conftest import ROWS
from tests.dashboards.hostile_project import SET, Made


def test_a_runs_figures_are_those_of_its_estimates(hostile: Made) -> None:
    with Project.open(hostile.root) as project:
        estimates = project.estimates(hostile.baseline, slices=False)
        assert project.figures(hostile.baseline) == {found.label: found.value for found in estimates}


def test_pages_of_cases_make_up_the_run_in_order(hostile: Made) -> None:
    with Project.open(hostile.root) as project:
        pages = [
            project.cases_of(hostile.baseline, limit=150, offset=offset) for offset in (0, 150, ROWS - 100)
        ]
        whole = list(project.store.results(hostile.baseline))
        assert [case.result for case in (*pages[0], *pages[1])] == whole[:300]
        assert [case.result for case in pages[2]] == whole[-100:]
        assert project.cases_of(hostile.baseline, offset=ROWS) == []


def test_cases_can_be_asked_for_by_sample(hostile: Made) -> None:
    with Project.open(hostile.root) as project:
        found = project.cases_of(hostile.baseline, sample_ids=["case-00003", "case-00005", "nosuch"])
        assert [case.result.sample_id for case in found] == ["case-00003", "case-00005"]
        assert found[0].figures["quality"] == found[0].result.scores["quality"].counts[0]
        assert found[1].result.failure is not None
        assert found[1].figures == {"f1": None, "quality": None}


def test_changes_are_those_of_the_cases_and_end_with_the_unmeasured(hostile: Made) -> None:
    with Project.open(hostile.root) as project:
        changes = project.changes(hostile.baseline, hostile.candidate, "f1")
        cases = project.cases(hostile.baseline, hostile.candidate, "f1", limit=20)
        assert list(changes.items())[:20] == [(case.sample_id, case.change) for case in cases]
        assert len(changes) == ROWS
        assert [change for change in changes.values() if change is None] == list(changes.values())[-3:]


def test_changes_can_be_asked_for_on_a_slice(hostile: Made) -> None:
    with Project.open(hostile.root) as project:
        changes = project.changes(hostile.baseline, hostile.candidate, "quality", slice="second half")
        assert len(changes) == ROWS // 2
        assert min(changes) == "case-01000"
        with pytest.raises(PromptopsError, match="metric of both runs"):
            project.changes(hostile.baseline, hostile.candidate, "bleu")


def test_runs_are_counted_and_their_sets_listed(hostile: Made) -> None:
    with Project.open(hostile.root) as project:
        assert project.run_count() == 2
        assert project.run_count(evalset="other") == 0
        assert project.run_evalsets() == [SET]


def test_one_sample_is_read_without_the_others(hostile: Made) -> None:
    with Project.open(hostile.root) as project:
        assert project.sample(hostile.baseline, "case-00007").tags[0] == "first half"
        with pytest.raises(PromptopsError, match="Did you mean"):
            project.sample(hostile.baseline, "case-0007")


def test_a_registered_prompt_can_be_read_as_a_file(hostile: Made) -> None:
    with Project.open(hostile.root) as project:
        assert project.prompt_text("mails@1").startswith("name: mails\n")


def test_the_data_version_changes_with_a_commit_of_another(tmp_path: Path) -> None:
    prompt = Prompt(messages=(Message(role="user", content="x"),))
    with Project.open(tmp_path) as writer:
        writer.data_version()
        with Project.open(tmp_path, read_only=True) as reader:
            before = reader.data_version()
            assert reader.data_version() == before
            writer.add_prompt(prompt, name="reply")
            assert reader.data_version() != before
