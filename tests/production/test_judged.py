"""A judge asked about a sample of production's answers, over a real connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from promptops import Project
from promptops.errors import UsageError
from promptops.production.records import Record, RecordFilter
from tests.judges.scripted_judge import Server, serving
from tests.judging.test_facts import candidate_in
from tests.made import Folder, questions

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SET = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "rubric"
show_reference = false

[metrics.exact]
"""


def by_number(text: str) -> str:
    """Say 5 of even answers and 2 of odd ones."""
    return json.dumps({"score": 5 if int(candidate_in(text).split()[-1]) % 2 == 0 else 2})


@pytest.fixture
def server(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NEAR_KEY", "k")
    with serving(by_number) as server:
        server.usage = {"prompt_tokens": 10_000, "completion_tokens": 0}
        folder.write(
            "promptops.toml",
            'judge_model = "near/judge"\n\n[providers.near]\nkind = "openai"\n'
            f'base_url = "http://127.0.0.1:{server.server_address[1]}/v1"\napi_key_env = "NEAR_KEY"\n'
            "price_in = 1.0\nprice_out = 1.0\n",
        )
        folder.evalset("asked", questions(4), SET)
        with Project.open(folder.path) as project:
            project.store.add_records(
                [
                    Record(
                        id=f"r{n:02}",
                        at="2026-10-20T00:00:00.000000+00:00",
                        inputs={"question": f"question {n}"},
                        output=None if n >= 36 else f"answer {n}",
                        error="timeout" if n >= 36 else None,
                    )
                    for n in range(40)
                ]
            )
        yield server


def scored(folder: Folder) -> dict[str, float | None]:
    with Project.open(folder.path) as project:
        return {each.record: each.value for each in project.store.record_scores(RecordFilter(), "quality")}


def test_a_sample_is_judged_once_and_a_larger_one_asks_only_for_the_rest(
    folder: Folder, server: Server
) -> None:
    with Project.open(folder.path) as project:
        found = project.judge_records("asked:quality", now=NOW, sample=10)
        assert (found.sample, found.scored, found.known, found.calls, found.answers) == (10, 10, 0, 10, 36)
        assert found.cost == pytest.approx(0.1)
        first = scored(folder)
        more = project.judge_records("asked:quality", now=NOW, sample=15)
        assert (more.known, more.calls, more.scored) == (10, 5, 15)
        assert project.judge_records("asked:quality", now=NOW, sample=15).calls == 0
    assert len(server.bodies) == 15
    assert first.items() <= scored(folder).items()
    low, high = min(scored(folder).values(), default=0), max(scored(folder).values(), default=0)
    assert low < high
    assert scored(folder) == {name: high if int(name[1:]) % 2 == 0 else low for name in scored(folder)}


def test_judged_scores_stand_among_the_figures_with_the_judges_range(folder: Folder, server: Server) -> None:
    with Project.open(folder.path) as project:
        project.judge_records("asked:quality", now=NOW, sample=20)
        figure = project.monitor(now=NOW).whole.measures["quality"]
    assert figure.n == 20
    assert figure.low is not None and figure.high is not None and figure.value is not None
    assert figure.low < figure.value < figure.high


def test_a_judge_without_a_certificate_is_told_to_have_none(folder: Folder, server: Server) -> None:
    done = folder.run(
        "monitor", "--judge", "asked:quality", "--sample", "3", "--since", "2026-10-01", NEAR_KEY="k"
    )
    assert (
        "3 of 3 answers scored (0 known from before), drawn from 36; 3 calls, $0.03"
        in done.stdout.replace("0.030", "0.03")
    )
    assert "Not certified (none)" in done.stdout and "promptops judge certify asked:quality" in done.stdout


def test_a_dry_run_asks_nobody_and_a_limit_ends_it(folder: Folder, server: Server) -> None:
    given = ["monitor", "--judge", "asked:quality", "--sample", "12", "--since", "2026-10-01", "--json"]
    dry = json.loads(folder.run(*given, "--dry-run", NEAR_KEY="k").stdout)["forecast"]
    assert dry["calls"] == 12 and not server.bodies and not scored(folder)
    cut = json.loads(folder.run(*given, "--max-calls", "5", code=3, NEAR_KEY="k").stdout)["judged"]
    assert cut["calls"] == 5 and cut["stopped"] == "Stopped by --max-calls 5"
    left = json.loads(folder.run(*given, "--dry-run", NEAR_KEY="k").stdout)["forecast"]
    assert left["calls"] == 12 - len(scored(folder)) == 7
    whole = json.loads(folder.run(*given, NEAR_KEY="k").stdout)["judged"]
    assert (whole["known"], whole["calls"], whole["scored"]) == (5, 7, 12)


def test_a_reply_that_can_not_be_read_is_unscored_and_counted(folder: Folder, server: Server) -> None:
    server.replies = [lambda text: "no score" if "answer 1" in text else by_number(text)]
    with Project.open(folder.path) as project:
        found = project.judge_records("asked:quality", now=NOW, sample=36)
        assert found.unscored == 11 and found.scored == 25
        assert project.monitor(now=NOW).whole.unscored == {"quality": 11}


@pytest.mark.parametrize(
    ("judge", "fault"),
    [("quality", "SET:LABEL"), ("asked:exact", "asks no model"), ("asked:qualty", "Did you mean")],
)
def test_what_is_no_judge_is_refused_before_a_call(
    folder: Folder, server: Server, judge: str, fault: str
) -> None:
    with Project.open(folder.path) as project, pytest.raises(UsageError, match=fault):
        project.judge_records(judge, now=NOW)
    assert not server.bodies


def test_limits_without_a_judge_are_refused(folder: Folder) -> None:
    assert "are about --judge" in folder.run("monitor", "--dry-run", code=2).stderr
