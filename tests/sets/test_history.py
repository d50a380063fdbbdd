"""Sets in real git repositories: what changed, which baselines that breaks, and the changelog."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from promptops import Project
from promptops.cli.setdocuments import EvalsetDiffDocument, EvalsetLogDocument
from promptops.errors import FileProblems, UnknownName, UsageError
from promptops.sets.history import SetDiff
from tests.files.test_gitbase import Git, git_in
from tests.made import EVALSET, Folder, questions

JUDGED = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\n'


@pytest.fixture
def git(folder: Folder) -> Git:
    """A repository that holds the set of forty questions."""
    git = git_in(folder.path)
    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "Begin")
    return git


def commit(git: Git, subject: str) -> None:
    git("add", ".")
    git("commit", "-m", subject)


def diff(folder: Folder, *references: str) -> SetDiff:
    with Project.open(folder.path) as project:
        return project.evalset_diff("numbers", *references)


def accept(folder: Folder, *flags: str, code: int = 0) -> None:
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", code=code)
    folder.run("accept", *flags)


def rows_but(*without: int) -> list[dict[str, object]]:
    return [row for number, row in enumerate(questions(40)) if number not in without]


def test_the_working_tree_is_compared_with_the_last_commit(folder: Folder, git: Git) -> None:
    assert not diff(folder).changes.any
    rows = [*rows_but(3), {"id": "new", "inputs": {"question": "a new one"}, "target": "x"}]
    rows[0] = {**rows[0], "target": "number zero"}
    folder.evalset("numbers", rows)
    found = diff(folder)
    assert [each.id for each in found.changes.added] == ["new"]
    assert [each.id for each in found.changes.removed] == ["q003"]
    [changed] = found.changes.changed
    assert changed.id == "q000"
    assert [part.text for part in changed.fields[0].parts] == ["number ", "0", "zero"]
    assert (found.first.samples, found.second.samples) == (40, 40)
    assert found.first.commit == git("rev-parse", "HEAD")[:12]
    with Project.open(folder.path) as project:
        assert found.second.digest == project.evalset("numbers").digest
    assert "1 added, 1 removed, 1 changed" in found.sentence


def test_two_commits_are_compared_whatever_lies_in_the_folder(folder: Folder, git: Git) -> None:
    folder.evalset("numbers", rows_but(1, 2))
    commit(git, "Drop two")
    git("tag", "v2")
    folder.evalset("numbers", rows_but(*range(30)))
    found = diff(folder, "HEAD~1", "v2")
    assert [each.id for each in found.changes.removed] == ["q001", "q002"]
    assert found.second.name == "v2" and found.baselines == ()


def test_another_file_format_with_the_same_samples_is_no_change(folder: Folder, git: Git) -> None:
    samples = folder.path / "evalsets/numbers/samples.jsonl"
    lines = ["id,inputs.question,target,tags"]
    lines += [f"{r['id']},{r['inputs']['question']},{r['target']},{r['tags'][0]}" for r in questions(40)]
    samples.unlink()
    folder.write("evalsets/numbers/samples.csv", "\n".join(reversed(lines[1:] + lines[:1])) + "\n")
    found = diff(folder)
    assert not found.changes.any and found.first.digest == found.second.digest
    assert "is the same" in found.sentence


def test_a_baseline_that_answered_other_questions_is_told_once_it_breaks(folder: Folder, git: Git) -> None:
    accept(folder)
    commit(git, "Accept")
    folder.evalset("numbers", rows_but(5))
    [broken] = diff(folder).baselines
    assert (broken.file, broken.fit, broken.broken) == ("baseline.jsonl", "not comparable", True)
    assert broken.why == ("it answers the questions of before: 1 removed since",)
    assert "no question is new" in diff(folder).sentence
    commit(git, "Drop one, and forget the baseline")
    folder.evalset("numbers", rows_but(5, 6))
    [stale] = diff(folder).baselines
    assert (stale.fit, stale.broken) == ("not comparable", False)
    assert "neither state" in stale.why[0]
    accept(folder)
    [anew] = diff(folder).baselines
    assert (anew.fit, anew.accepted_anew, anew.broken) == ("fits", True, False)


@pytest.mark.parametrize("flags", [(), ("--no-outputs",)])
def test_a_metric_with_other_options_is_scored_again_where_outputs_are_kept(
    folder: Folder, git: Git, flags: tuple[str, ...]
) -> None:
    accept(folder, *flags)
    commit(git, "Accept")
    folder.write(
        "evalsets/numbers/evalset.toml",
        EVALSET.replace("[metrics.exact]", '[metrics.exact]\nmetric = "length"\nunit = "words"\nmax = 3'),
    )
    found = diff(folder)
    [fit] = found.baselines
    assert fit.fit == ("not comparable" if flags else "scored again")
    assert fit.broken == found.breaks == bool(flags)
    assert "scored otherwise now" in fit.why[0]


def test_a_judge_with_other_options_breaks_a_baseline(folder: Folder, git: Git) -> None:
    folder.write("evalsets/numbers/evalset.toml", JUDGED)
    accept(folder, code=3)  # its judge says nothing that can be read
    commit(git, "Accept a judged run")
    assert diff(folder).baselines[0].fit == "fits"
    folder.write("evalsets/numbers/evalset.toml", JUDGED + "show_reference = false\n")
    [fit] = diff(folder).baselines
    assert fit.broken and fit.why == ("quality: another judge scored it",)


def test_a_rule_on_a_metric_that_the_baseline_lacks_is_told(folder: Folder, git: Git) -> None:
    accept(folder)
    commit(git, "Accept")
    folder.write(
        "evalsets/numbers/evalset.toml", EVALSET + '\n[metrics.f1]\n\n[[gate]]\nmetric = "f1"\nmargin = 0.1\n'
    )
    [fit] = diff(folder).baselines
    assert fit.broken and "a rule is about it" in fit.why[0]


def test_a_set_that_comes_or_goes_is_told(folder: Folder, git: Git) -> None:
    folder.evalset("other", questions(3))
    with Project.open(folder.path) as project:
        found = project.evalset_diff("other")
    assert found.first.digest is None and len(found.changes.added) == 3 and "is new" in found.sentence
    git("rm", "-q", "-r", "evalsets/numbers")
    gone = diff(folder)
    assert gone.second.digest is None and len(gone.changes.removed) == 40 and "is gone" in gone.sentence


def test_the_changelog_lists_each_version_with_what_it_changed(folder: Folder, git: Git) -> None:
    folder.evalset("numbers", [*rows_but(1), {"id": "new", "inputs": {"question": "n"}, "target": "n"}])
    commit(git, "Swap one")
    accept(folder)
    commit(git, "Accept")  # touches neither settings nor samples
    folder.write("evalsets/numbers/evalset.toml", EVALSET.replace("0.1", "0.2"))
    commit(git, "Ease the gate")
    folder.evalset("numbers", rows_but(*range(20)), EVALSET)
    with Project.open(folder.path) as project:
        log = project.evalset_log("numbers")
        assert log.versions[1].digest == project.evalset_diff("numbers", "HEAD").first.digest
        assert [each.subject for each in project.evalset_log("numbers", "HEAD~1").versions] == [
            "Swap one",
            "Begin",
        ]
        assert project.evalset_log("numbers", limit=1).more
    told = [(each.subject, each.added, each.removed, each.changed) for each in log.versions]
    assert told == [
        ("", 0, 20, 0),
        ("Ease the gate", 0, 0, 0),
        ("Swap one", 1, 1, 0),
        ("Begin", 40, 0, 0),
    ]
    here = log.versions[0]
    assert here.commit is None and here.samples == 20 and here.other == ("rule exact changed: margin",)
    assert log.versions[1].other == ("rule exact changed: margin",)
    assert log.versions[1].digest == log.versions[2].digest != log.versions[3].digest


def test_a_version_that_cannot_be_read_today_is_told_and_the_others_are_listed(
    folder: Folder, git: Git
) -> None:
    kept = (folder.path / "evalsets/numbers/samples.jsonl").read_text()
    folder.write("evalsets/numbers/samples.jsonl", kept + "{broken\n")
    commit(git, "Break a line")
    folder.write("evalsets/numbers/samples.jsonl", kept)
    commit(git, "Mend it")
    with Project.open(folder.path) as project:
        log = project.evalset_log("numbers")
    assert [each.subject for each in log.versions] == ["Mend it", "Break a line", "Begin"]
    assert [each.digest is None for each in log.versions] == [False, True, False]
    assert "samples.jsonl:41" in log.versions[1].problem and log.versions[0].added is None
    with pytest.raises(FileProblems, match=r"HEAD~1:numbers/samples.jsonl:41"):
        diff(folder, "HEAD~1", "HEAD")


def test_a_link_in_git_is_not_followed(folder: Folder, git: Git) -> None:
    secret = folder.write("secret.jsonl", '{"id": "secret", "inputs": {}}\n')
    samples = folder.path / "evalsets/numbers/samples.jsonl"
    samples.unlink()
    samples.symlink_to(os.path.relpath(secret, samples.parent))
    commit(git, "Link")
    with pytest.raises(FileProblems, match="is a link in this commit"):
        diff(folder, "HEAD", "HEAD~1")


def test_a_name_that_git_does_not_know_is_refused(folder: Folder, git: Git, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no commit 'nowhere'"):
        diff(folder, "nowhere")
    with pytest.raises(UsageError, match="no commit '--output=x'"):
        diff(folder, "--output=x")
    with Project.open(folder.path) as project, pytest.raises(UnknownName, match="Did you mean 'numbers'"):
        project.evalset_diff("number")


def test_outside_of_git_the_command_says_so(folder: Folder) -> None:
    told = folder.run("evalset", "diff", "numbers", code=2, GIT_CEILING_DIRECTORIES=str(folder.path.parent))
    assert "no folder of a git repository" in told.stderr


def test_the_command_prints_the_change_and_its_exit_code(folder: Folder, git: Git) -> None:
    accept(folder)
    commit(git, "Accept")
    hostile = "::error::x \x1b[31m <b>@team</b> `#1` | \u202e"
    folder.evalset("numbers", [*rows_but(3), {"id": "new|`x`", "inputs": {"question": hostile}}])
    printed = folder.run("evalset", "diff", "numbers").stdout
    assert (
        "+ new|`x`" in printed and "- q003" in printed and "\x1b" not in printed and "\u202e" not in printed
    )
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())
    assert folder.run("evalset", "diff", "numbers", "--check", code=1)
    assert folder.run("evalset", "diff", "numbers", "HEAD~1", "HEAD", "--check", code=0)
    shown = folder.json("evalset", "diff", "numbers")
    jsonschema.validate(shown, EvalsetDiffDocument.model_json_schema(mode="serialization"))
    assert shown["diff"]["baselines"][0]["broken"] is True
    log = folder.json("evalset", "diff", "numbers", "--log")
    jsonschema.validate(log, EvalsetLogDocument.model_json_schema(mode="serialization"))
    guide = (Path(__file__).parents[2] / "docs/guide/json.md").read_text("utf-8")
    assert all(f"`{key}`" in guide for key in [*shown, *log])
    assert "not committed" in folder.run("evalset", "diff", "numbers", "--log").stdout


def test_markdown_holds_hostile_text_in_code_and_stays_in_a_comments_limit(folder: Folder, git: Git) -> None:
    rows = [
        {**row, "inputs": {"question": f"@team <img src=x> [a](http://b) {'word ' * 600}"}, "tags": ["a|b"]}
        for row in questions(40)
    ]
    folder.evalset("numbers", rows)
    printed = folder.run("evalset", "diff", "numbers", "--markdown").stdout
    assert len(printed) <= 65_536 and "Left out for want of room" in printed
    outside = "".join(part for place, part in enumerate(printed.split("```")) if place % 2 == 0)
    bare = [
        part for line in outside.splitlines() for place, part in enumerate(line.split("`")) if place % 2 == 0
    ]
    assert not any(mark in part for part in bare for mark in ("@team", "<img", "](http"))
    assert "| commit |" in folder.run("evalset", "diff", "numbers", "--log", "--markdown").stdout


def test_a_large_set_is_compared_without_holding_its_samples(folder: Folder, git: Git) -> None:
    wide = [{"id": f"w{number}", "inputs": {"text": "x" * 4000}} for number in range(1200)]
    settings = EVALSET.split("[[gate]]")[0].replace("[metrics.exact]", "[metrics.tokens]")
    folder.evalset("wide", wide, settings.replace("[metrics.contains]", ""))
    commit(git, "A wide one")
    wide[7]["inputs"] = {"text": "y"}
    folder.evalset("wide", wide[1:], settings.replace("[metrics.contains]", ""))
    with Project.open(folder.path) as project:
        found = project.evalset_diff("wide")
    assert [each.id for each in found.changes.changed] == ["w7"]
    assert [each.id for each in found.changes.removed] == ["w0"]
    assert len(found.changes.removed[0].text) == 300
    assert json.loads(found.model_dump_json())["second"]["samples"] == 1199
