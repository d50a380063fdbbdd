"""Which prompts changed against git's base: in real repositories, by digest and model."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from promptops import Project
from promptops.errors import UsageError
from promptops.files.gitbase import changed_since
from promptops.providers.mock import Mock
from tests.made import Folder

Git = Callable[..., str]
NOBODY = {
    name: value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in ((f"GIT_{role}_NAME", "test"), (f"GIT_{role}_EMAIL", "test@example.org"))
}


def git_in(path: Path) -> Git:
    def git(*arguments: str) -> str:
        settings = {**os.environ, **NOBODY, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        command = ["git", "-C", str(path), *arguments]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=settings
        ).stdout.strip()

    return git


@pytest.fixture
def git(folder: Folder) -> Git:
    """A repository whose main branch has three prompts; we are on a branch of it."""
    git = git_in(folder.path)
    git("init", "-b", "main")
    for name in ("one", "two", "three"):
        folder.write(
            f"prompts/{name}.prompt.yaml",
            f"messages:\n  - role: user\n    content: '{name} {{{{ question }}}}'\n",
        )
    git("add", "prompts")
    git("commit", "-m", "first")
    git("checkout", "-b", "work")
    return git


def prompts(folder: Folder) -> list[str]:
    return [f"{folder.path}/prompts/{name}.prompt.yaml" for name in ("one", "three", "two")]


def changed(folder: Folder, base: str | None = None) -> list[str]:
    return [Path(each).name.partition(".")[0] for each in changed_since(prompts(folder), base).changed]


def test_layout_and_comments_are_no_change_and_words_are(folder: Folder, git: Git) -> None:
    assert changed(folder) == []
    folder.write(
        "prompts/one.prompt.yaml",
        '# told\nnote: "x"\nmessages: [{role: user, content: "one {{ question }}"}]\n',
    )
    assert changed(folder) == []
    folder.write("prompts/one.prompt.yaml", "messages:\n  - role: user\n    content: 'One {{ question }}'\n")
    assert changed(folder) == ["one"]
    git("commit", "-am", "second")
    assert changed(folder) == ["one"]


def test_another_model_in_the_file_is_a_change(folder: Folder, git: Git) -> None:
    folder.write(
        "prompts/two.prompt.yaml",
        "model: mock/echo\nmessages:\n  - role: user\n    content: 'two {{ question }}'\n",
    )
    assert changed(folder) == ["two"]


def test_what_git_does_not_hold_counts_as_changed(folder: Folder, git: Git) -> None:
    folder.write("prompts/four.prompt.yaml", "messages:\n  - role: user\n    content: 'x'\n")
    found = changed_since([f"{folder.path}/prompts/four.prompt.yaml", *prompts(folder)])
    assert [Path(each).name for each in found.changed] == ["four.prompt.yaml"]


def test_what_was_no_prompt_then_counts_as_changed(folder: Folder, git: Git) -> None:
    git("checkout", "main")
    good = (folder.path / "prompts/one.prompt.yaml").read_text()
    folder.write("prompts/one.prompt.yaml", "messages: [\n")
    git("commit", "-am", "broken")
    git("checkout", "-b", "mend")
    folder.write("prompts/one.prompt.yaml", good)
    assert changed(folder) == ["one"]


def test_what_only_the_base_has_changed_since_is_no_change_of_ours(folder: Folder, git: Git) -> None:
    git("checkout", "main")
    folder.write(
        "prompts/three.prompt.yaml", "messages:\n  - role: user\n    content: 'Three {{ question }}'\n"
    )
    git("commit", "-am", "theirs")
    git("checkout", "work")
    assert changed(folder) == [] == changed(folder, "main")


def test_a_base_is_a_branch_a_tag_or_a_commit(folder: Folder, git: Git) -> None:
    git("tag", "v1")
    folder.write("prompts/two.prompt.yaml", "messages:\n  - role: user\n    content: 'Two'\n")
    git("commit", "-am", "second")
    for base in ("v1", "main", git("rev-parse", "v1"), "HEAD~1"):
        assert changed(folder, base) == ["two"]
    assert changed(folder, "HEAD") == []
    found = changed_since(prompts(folder), "v1")
    assert found.sentence == f"1 of 3 prompts changed since v1 (commit {git('rev-parse', 'v1')[:9]})."


def test_the_default_base_is_that_of_the_server(
    folder: Folder, git: Git, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clone = tmp_path_factory.mktemp("clones") / "clone"
    git("branch", "-m", "main", "trunk")
    git("checkout", "trunk")
    git("clone", str(folder.path), str(clone))
    ours = git_in(clone)
    made = Folder(clone)
    assert changed_since(prompts(made)).base == "origin/HEAD"
    made.write("prompts/one.prompt.yaml", "messages:\n  - role: user\n    content: 'One'\n")
    ours("commit", "-am", "ours")
    assert changed(made) == ["one"]


def test_a_link_is_followed(folder: Folder, git: Git) -> None:
    (folder.path / "linked.prompt.yaml").symlink_to(folder.path / "prompts/one.prompt.yaml")
    link = str(folder.path / "linked.prompt.yaml")
    assert changed_since([link]).unchanged == (link,)


@pytest.mark.parametrize(
    ("base", "told"),
    [("nowhere", "git knows no commit 'nowhere'"), ("--output=x", "git knows no commit '--output=x'")],
)
def test_an_unknown_base_is_told(folder: Folder, git: Git, base: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        changed_since(prompts(folder), base)


def test_a_shallow_clone_is_told_what_to_do(
    folder: Folder, git: Git, tmp_path_factory: pytest.TempPathFactory
) -> None:
    git("checkout", "--orphan", "lonely")
    git("commit", "-m", "lonely")
    with pytest.raises(UsageError, match="fetch-depth: 0"):
        changed_since(prompts(folder), "main")


def test_outside_of_git_that_is_said(folder: Folder) -> None:
    folder.write("prompts/one.prompt.yaml", "messages:\n  - role: user\n    content: 'x'\n")
    done = folder.run("eval", "numbers", "-p", "prompts/", "--changed", code=2)
    assert "is no folder of a git repository" in done.stderr


def test_without_a_commit_nothing_can_have_changed(folder: Folder) -> None:
    git_in(folder.path)("init", "-b", "main")
    done = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "--changed", code=2)
    assert "has no commit yet" in done.stderr


def test_without_the_program_git_that_is_said(
    folder: Folder, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder.path))
    with pytest.raises(UsageError, match="there is no program `git`"):
        changed_since(prompts(folder))


def test_eval_asks_the_changed_prompts_of_a_folder_only(folder: Folder, git: Git) -> None:
    done = folder.run("eval", "numbers", "-p", "prompts/", "--changed")
    assert (
        done.stdout.startswith("None of 3 prompts has changed since main")
        and "nothing was asked" in done.stdout
    )
    assert folder.json("eval", "numbers", "-p", "prompts/", "--changed")["unchanged"] == [
        f"prompts/{name}.prompt.yaml" for name in ("one", "three", "two")
    ]
    assert folder.json("runs")["runs"] == []
    folder.write("prompts/two.prompt.yaml", "messages:\n  - role: user\n    content: 'Two {{ question }}'\n")
    found = folder.json("eval", "numbers", "-p", "prompts/", "--changed=main", "--limit", "4")
    assert [each["run"]["prompt_ref"] for each in found["runs"]] == ["prompts/two.prompt.yaml"]
    assert found["unchanged"] == ["prompts/one.prompt.yaml", "prompts/three.prompt.yaml"]


def test_the_gate_of_an_unchanged_prompt_asks_nobody_and_exits_with_zero(folder: Folder, git: Git) -> None:
    prompt = "prompts/one.prompt.yaml"
    done = folder.run("gate", "numbers", "-p", prompt, "--changed")
    assert "prompts/one.prompt.yaml has not changed since main" in done.stdout
    assert folder.json("gate", "numbers", "-p", prompt, "--changed") == {
        "format": 1,
        "verdict": None,
        "exit_code": 0,
        "outcome": None,
        "reasons": [],
        "unchanged": prompt,
        "stopped": None,
    }
    assert "--changed goes with --prompt" in folder.run("gate", "numbers", "--changed", code=2).stderr
    folder.write(prompt, "messages:\n  - role: user\n    content: 'One {{ question }}'\n")
    assert "no baseline yet" in folder.run("gate", "numbers", "-p", prompt, "--changed", code=3).stderr


def test_a_registered_prompt_has_no_file_in_git(folder: Folder, git: Git) -> None:
    with Project.open(folder.path) as project:
        project.add_prompt(folder.path / "ask.prompt.yaml", name="ask")
        with pytest.raises(UsageError, match="'ask@1' names a registered prompt"):
            project.changed_prompts(["ask@1"])


def test_a_folder_means_the_prompt_files_in_it(folder: Folder, git: Git) -> None:
    Mock.calls.clear()
    with Project.open(folder.path) as project:
        runs = project.evaluate("numbers", [folder.path / "prompts"], ["mock/echo"])
        assert [Path(run.prompt_ref).name for run in runs] == [Path(each).name for each in prompts(folder)]
        (folder.path / "empty").mkdir()
        with pytest.raises(UsageError, match="holds no prompt file"):
            project.evaluate("numbers", [folder.path / "empty"], ["mock/echo"])
