"""`--report` and `--github` as a user and a CI job meet them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.made import Folder, questions


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an accepted run and a worse one, made once."""
    made = Folder(tmp_path_factory.mktemp("judged"))
    made.write("promptops.toml", 'model = "mock/echo"\njudge_model = "mock/echo"\n')
    made.evalset("numbers", questions(40))
    made.prompt("ask", "{{ question }}")
    made_run(made)
    made.run("accept")
    worse(made)
    return made.path


@pytest.fixture
def judged(once: Path, tmp_path: Path) -> Folder:
    """A copy of that project."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return Folder(tmp_path)


def made_run(folder: Folder, model: str = "mock/echo") -> str:
    found = folder.json("eval", "numbers", "-p", "ask.prompt.yaml", "-m", model)
    return str(found["runs"][0]["run"]["id"])


def worse(folder: Folder, many: int = 20) -> str:
    return made_run(
        folder, folder.script(f"s{many}.json", {"*": {}, **{f"q{n:03}": "wrong" for n in range(many)}})
    )


@pytest.mark.parametrize("name", ["gate.pdf", "gate", "gate.txt"])
def test_an_unknown_ending_is_told_before_anything_is_asked(judged: Folder, name: str) -> None:
    folder = judged
    folder.write("target.py", "def answer(inputs):\n    open('asked.log', 'a').write('x')\n    return '1'\n")
    arguments = ("gate", "numbers", "-p", "ask.prompt.yaml", "-m", "python/target:answer")
    told = folder.run(*arguments, "--report", "ok.md", "--report", name, code=2).stderr
    assert ".html, .json, .md, .xml" in told
    assert not (folder.path / "asked.log").exists() and not (folder.path / "ok.md").exists()


def test_a_gate_writes_every_report_that_is_asked_for(judged: Folder) -> None:
    names = ("out/gate.md", "out/gate.html", "out/gate.xml", "out/gate.json")
    done = judged.run("gate", "numbers", *(f"--report={name}" for name in names), code=1)
    assert all(f"Wrote {name}" in done.stdout for name in names)
    assert (judged.path / names[0]).read_text().startswith("**FAIL**: `exact` fell by more than the 0.1")
    assert '<h1><span class="word">FAIL</span>' in (judged.path / names[1]).read_text()
    assert ET.parse(judged.path / names[2]).getroot().get("failures") == "1"
    assert json.loads((judged.path / names[3]).read_text())["verdict"]["outcome"] == "FAIL"
    assert "::" not in done.stdout


def test_inconclusive_is_skipped_where_it_only_warns(judged: Folder) -> None:
    folder = judged
    worse(folder, 2)
    folder.run("gate", "numbers", "--report", "a.xml", code=4)
    folder.run("gate", "numbers", "--report", "b.xml", "--inconclusive", "warn", code=0)
    counts = [ET.parse(folder.path / name).getroot().attrib for name in ("a.xml", "b.xml")]
    assert [(each["failures"], each["skipped"]) for each in counts] == [("1", "0"), ("0", "1")]


def test_what_the_gate_refuses_is_reported_too(judged: Folder) -> None:
    folder = judged
    (folder.path / "evalsets/numbers/baseline.jsonl").unlink()
    done = folder.run("gate", "numbers", "--report", "a.md", "--report", "a.xml", "--github", code=3)
    assert done.stderr.splitlines()[-1].startswith("Error: 'numbers' has no baseline yet")
    text = (folder.path / "a.md").read_text()
    assert text.startswith("**CANNOT MEASURE**: 'numbers' has no baseline yet.")
    assert ET.parse(folder.path / "a.xml").getroot().get("errors") == "1"
    assert (
        "::error file=evalsets/numbers/evalset.toml,title=promptops CANNOT MEASURE%3A numbers::"
        in done.stdout
    )


def test_a_wrong_file_or_flag_is_no_verdict_and_no_report(judged: Folder) -> None:
    judged.run("gate", "numberz", "--report", "a.md", code=2)
    assert not (judged.path / "a.md").exists()


def test_on_github_annotations_and_the_summary_come_by_themselves(judged: Folder) -> None:
    summary = judged.write("summary.md", "what another step wrote\n")
    there = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = judged.run("gate", "numbers", code=1, **there)
    line, *_ = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert line.startswith(
        "::error file=evalsets/numbers/evalset.toml,line=10,title=promptops FAIL%3A numbers::FAIL: "
    )
    written = summary.read_text().splitlines()
    assert written[0] == "what another step wrote" and written[2].startswith("**FAIL**: `exact` fell")
    before = summary.read_text()
    assert "::error" not in judged.run("gate", "numbers", "--no-github", code=1, **there).stdout
    assert summary.read_text() == before


def test_json_stays_json_and_annotations_go_to_stderr(judged: Folder) -> None:
    done = judged.run("gate", "numbers", "--json", "--github", "--report", "a.md", code=1)
    assert json.loads(done.stdout)["exit_code"] == 1
    assert "::error file=" in done.stderr and "Wrote a.md" in done.stderr


def test_a_summary_that_can_not_be_written_does_not_change_the_verdict(judged: Folder) -> None:
    done = judged.run("gate", "numbers", "--github", GITHUB_STEP_SUMMARY=str(judged.path), code=1)
    assert "step summary can't be written" in done.stderr


def test_what_a_model_wrote_is_no_command_to_the_runner(folder: Folder) -> None:
    rows = questions(40, tags=lambda number: ["::error::owned ::warning::x", "##[error]y"])
    folder.evalset("numbers", rows)
    made_run(folder)
    folder.run("accept")
    made_run(folder, folder.script("s.json", {"*": "\n::stop-commands::x\n##[add-mask]z"}))
    done = folder.run("gate", "numbers", "--github", "--report", "a.md", code=1, COLUMNS="60")
    lines = [line for line in done.stdout.splitlines() if line.lstrip().startswith("::")]
    assert lines and all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert "##[" not in done.stdout


def test_a_comparison_is_reported_without_a_verdict(judged: Folder) -> None:
    bad, good = (run["id"] for run in judged.json("runs")["runs"])
    judged.run("compare", good, bad, "--report", "c.md", "--report", "c.html", "--metric", "contains")
    text = (judged.path / "c.md").read_text()
    assert text.startswith("**Comparison**: `contains` changed from") and "| rule |" not in text
    assert "Worst cases" in (judged.path / "c.html").read_text()
    assert "promptops gate" in judged.run("compare", good, bad, "--report", "c.xml", code=2).stderr
