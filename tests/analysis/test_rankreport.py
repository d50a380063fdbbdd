"""Rankings as reports: the same object as Markdown, as a page and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from promptops import Project
from promptops.analysis.rankreport import pair_ranking_report, ranking_report
from promptops.analysis.reportfiles import render_report
from promptops.cli import app
from promptops.errors import UsageError
from tests.made import Folder, questions
from tests.reports.hostile import EVERYTHING

FIRST = 'mock/constant:{"reason": "first", "winner": "A"}'


@pytest.fixture
def two(folder: Folder) -> tuple[Folder, str, str]:
    folder.evalset("numbers", questions(24))
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        old = project.evaluate("numbers", [prompt], ["mock/constant:an old answer"])[0]
        new = project.evaluate("numbers", [prompt])[0]
    return folder, old.id, new.id


def command(folder: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["-C", str(folder), *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_a_ranking_by_metrics_is_told_in_every_form(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    files = [folder.path / f"r.{ending}" for ending in ("md", "html", "json")]
    printed = command(folder.path, "rank", old, new, *(f"--report={file}" for file in files))
    assert all(f"Wrote {file}" in printed for file in files)
    comment, page, figures = (file.read_text("utf-8") for file in files)
    with Project.open(folder.path) as project:
        found = project.rank([old, new])
    top = found.metrics[0].standings[0]
    assert comment.startswith("**Ranking**: ") and f"promptops rank {old} {new} --baseline {old}" in comment
    assert comment.count("| ---: |") >= 3, "a table of runs and one for each metric"
    for text in (comment, page):
        assert top.run in text and "[all hold]" in text and "how far it lies behind" in text
    assert "<script" not in page and "<title>Ranking: numbers</title>" in page
    told = json.loads(figures)
    assert told["ranking"]["figures"] == found.model_dump(mode="json")
    assert told["verdict"] is None and told["headline"] == found.best.sentence


def test_a_ranking_by_pairs_shows_strengths_who_beat_whom_and_the_order(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    given = ["rank", old, new, "--pairwise", "--judge-model", FIRST, "--elo", "--json"]
    printed = command(folder.path, *given, f"--report={folder.path / 'r.md'}")
    ranking = json.loads(printed[: printed.rindex("}") + 1])["ranking"]
    comment = (folder.path / "r.md").read_text("utf-8")
    assert "| Elo |" in comment and "Share that the row wins against the column" in comment
    assert "The verdict changed with the order in 24 pairs, 100.0%" in comment.replace("`", "")
    with Project.open(folder.path) as project:
        found = project.rank_by_pairs([old, new], judge_model=FIRST)
    page = render_report(pair_ranking_report(found), "html")
    assert "strength" in page and ranking["standings"][0]["name"] in page


def test_recorded_judgements_are_reported_as_their_file(tmp_path: Path) -> None:
    systems = {"model_a": "large", "model_b": EVERYTHING.encode("utf-8", "ignore").decode()}
    winners = ["model_b" if number % 3 == 0 else "model_a" for number in range(24)]
    rows = [{"question_id": number, **systems, "winner": won} for number, won in enumerate(winners)]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command(tmp_path, "judge", "rank", str(tmp_path / "said.jsonl"), f"--report={tmp_path / 'r.html'}")
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "Judgements" in page and "<script" not in page and "<img" not in page
    with Project.open(tmp_path, read_only=True, missing_ok=True) as project:
        comment = render_report(pair_ranking_report(project.rank_recorded(tmp_path / "said.jsonl")), "md")
    assert not set(comment) & set("\x00\x0b\x1b\u2028\u202e\ufeff")


def test_a_ranking_has_no_rules_for_junit_and_an_unknown_ending_is_told_first(
    two: tuple[Folder, str, str],
) -> None:
    folder, old, new = two
    for name in ("r.xml", "r.docx"):
        given = ["-C", str(folder.path), "rank", old, new, f"--report={folder.path / name}"]
        assert isinstance(CliRunner().invoke(app, given).exception, UsageError)
        assert not (folder.path / name).exists()
    with Project.open(folder.path) as project, pytest.raises(UsageError, match="there are none here"):
        render_report(ranking_report(project.rank([old, new])), "xml")
