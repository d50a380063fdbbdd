"""Small steps down that each passed: noticed by what git remembers of the baseline."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from promptops import Project
from promptops.gate.ratchet import history

N = 200


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A set whose prompt `wrongK` answers K samples wrongly, in a git repository."""
    folder = tmp_path / "evalsets" / "tiny"
    folder.mkdir(parents=True)
    (folder / "evalset.toml").write_text(
        'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n[[gate]]\nmetric = "exact"\nmargin = 0.06\n'
    )
    steps = (0, 4, 8, 12, 16, 20)
    rows = [
        {
            "id": f"s{place}",
            "inputs": {f"wrong{step}": "no" if place < step else "yes" for step in steps},
            "target": "yes",
        }
        for place in range(N)
    ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for step in steps:
        text = f"messages: [{{role: user, content: '{{{{ wrong{step} }}}}'}}]\n"
        (tmp_path / f"wrong{step}.prompt.yaml").write_text(text)
    git(tmp_path, "init", "-q")
    return tmp_path


def accepted(folder: Path, step: int) -> None:
    with Project.open(folder) as project:
        (run,) = project.evaluate("tiny", [folder / f"wrong{step}.prompt.yaml"], ["mock/echo"])
        project.accept(run.id)
    git(folder, "add", "evalsets")
    git(folder, "commit", "-q", "-m", f"accept {step}")


def warnings(folder: Path, step: int) -> str:
    with Project.open(folder) as project:
        (run,) = project.evaluate("tiny", [folder / f"wrong{step}.prompt.yaml"], ["mock/echo"])
        verdict = project.gate("tiny", run=run.id)
        assert verdict.outcome == "PASS"
        return "\n".join(verdict.warnings)


def test_small_steps_that_add_up_are_noticed(project: Path) -> None:
    for step in (0, 4, 8, 12, 16):
        accepted(project, step)
    told = warnings(project, 20)
    assert "exact has slipped by -0.1 since the baseline of 20" in told
    assert "more than the margin of 0.06: small steps have added up" in told


def test_a_slip_inside_the_margin_is_not_spoken_of(project: Path) -> None:
    for step in (0, 4):
        accepted(project, step)
    assert "slipped" not in warnings(project, 8)


def test_a_first_baseline_has_no_history(project: Path) -> None:
    accepted(project, 0)
    assert "slipped" not in warnings(project, 4)


def test_baselines_of_other_questions_are_passed_over(project: Path) -> None:
    accepted(project, 0)
    samples = project / "evalsets" / "tiny" / "samples.jsonl"
    samples.write_text(samples.read_text().replace('"s0"', '"another"'))
    accepted(project, 12)
    accepted(project, 16)
    assert "slipped" not in warnings(project, 20)


def test_the_history_is_the_oldest_first_and_empty_outside_of_git(project: Path, tmp_path: Path) -> None:
    for step in (0, 4, 8):
        accepted(project, step)
    path = project / "evalsets" / "tiny" / "baseline.jsonl"
    found = list(history(path))
    assert len(found) == 3
    assert found[-1].text == path.read_bytes()
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "baseline.jsonl").write_bytes(path.read_bytes())
    assert list(history(outside / "baseline.jsonl")) == []


def test_a_copy_that_ci_made_has_the_history_of_the_set_s_own_file(project: Path) -> None:
    for step in (0, 4, 8, 12, 16):
        accepted(project, step)
    copy = project / "elsewhere"
    copy.mkdir()
    path = copy / "baseline.jsonl"
    path.write_bytes((project / "evalsets" / "tiny" / "baseline.jsonl").read_bytes())
    with Project.open(project) as opened:
        (run,) = opened.evaluate("tiny", [project / "wrong20.prompt.yaml"], ["mock/echo"])
        verdict = opened.gate("tiny", run=run.id, baseline=str(path))
    assert any("small steps have added up" in warning for warning in verdict.warnings)
