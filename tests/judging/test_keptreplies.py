"""Replies of judges beside the database, and a judge that is certified while its server is down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from promptops.calls.budget import Budget
from promptops.errors import NotMeasured
from promptops.judges import JUDGES_APART
from promptops.judging.keptreplies import KeptReplies
from promptops.labels.labels import left_for
from promptops.project import Project
from promptops.types import Completion
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions
from tests.milder_judge import cli

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "rubric"
model = "judge/m"
"""
N = 30
RATED = 24
JUDGE = "numbers:quality"


def reply(text: str) -> str:
    found = re.search(r"worth (\d)", text)
    assert found
    return json.dumps({"reason": "so", "score": int(found[1])})


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(reply) as server:
        yield server


@pytest.fixture
def rated(folder: Folder, server: Server) -> Folder:
    """A set with a run that another judge scored, and cases of it that a person rated."""
    address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    folder.write(
        "promptops.toml",
        f'attempts = 1\nconcurrency = 1\n[providers.judge]\nkind = "openai"\nbase_url = "{address}"\n',
    )
    folder.evalset("numbers", questions(N), SET)
    answers = {f"q{number:03}": {"text": f"answer {number} worth {1 + number % 5}"} for number in range(N)}
    with Project.open(folder.path) as project:
        made = folder.script("answers.json", answers)
        other = 'mock/constant:{"score": 3}'
        project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], [made], judge_model=other)
        project.draw_cases(JUDGE, count=RATED)
        cases = left_for(project.labelling(JUDGE).cases, "anna")
        project.rate_cases(JUDGE, "anna", {case.id: int(case.output[-1]) for case in cases})
    return folder


def test_a_server_that_is_down_is_told_as_such_and_the_same_command_goes_on(
    rated: Folder, server: Server
) -> None:
    settings = rated.path / "promptops.toml"
    there = settings.read_text()
    settings.write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", there))
    done = cli(rated, "judge", "certify", JUDGE)
    assert isinstance(done.exception, NotMeasured) and done.exception.exit_code == 3
    told = str(done.exception)
    assert f"gave no answer about {RATED} of {RATED} cases ({RATED} x " in told
    assert "See that its server is up" in told and told.endswith(f"promptops judge certify {JUDGE}")
    assert f"no certificate was written; {RATED} calls failed" in told
    assert "Mend" not in told and "--no-cache" not in told
    assert not (rated.path / "evalsets/numbers/certificates").exists()
    settings.write_text(there)
    assert cli(rated, "judge", "certify", JUDGE).exit_code == 0
    assert len(server.bodies) == RATED


def test_a_server_that_refuses_every_call_is_told_with_the_next_step(rated: Folder, server: Server) -> None:
    server.status = 401
    done = cli(rated, "judge", "certify", JUDGE)
    assert done.exception is not None and getattr(done.exception, "exit_code", 0) == 3
    told = str(done.exception)
    assert "refuses every call" in told and f"go on with: promptops judge certify {JUDGE}" in told


def test_one_case_without_an_answer_is_asked_again_alone(rated: Folder, server: Server) -> None:
    def failing_once(text: str) -> str:
        server.status = 500 if len(server.bodies) == 3 else 200
        return reply(text)

    server.replies = [failing_once]
    done = cli(rated, "judge", "certify", JUDGE)
    assert "1 case has no answer of the judge: its server could not be reached" in done.stdout
    assert "--no-cache" not in done.stdout
    with Project.open(rated.path) as project:
        held = project.certificate(JUDGE)
        assert held is not None and (held.cases, held.unscored, held.unanswered) == (RATED - 1, 1, 1)
        [listed] = project.judges().judges
        assert listed.unread is not None and listed.unread.value == 0, "no reply was unreadable"
    again = json.loads(cli(rated, "judge", "certify", JUDGE, "--json").stdout)["certificate"]
    assert (again["cases"], again["unanswered"]) == (RATED, 0) and len(server.bodies) == RATED + 1


def test_a_case_that_cant_be_read_still_says_to_mend_the_judge(rated: Folder, server: Server) -> None:
    server.replies = [lambda text: "Hm." if "worth 5" in text and "answer 4 " in text else reply(text)]
    done = cli(rated, "judge", "certify", JUDGE)
    assert "1 case has no score of the judge and is left out. Mend its prompt" in done.stdout


def test_what_certifying_asked_is_not_asked_by_runs_nor_the_other_way_round(
    rated: Folder, server: Server
) -> None:
    with Project.open(rated.path) as project:
        project.certify_judge(JUDGE)
        assert len(server.bodies) == RATED
        run = project.run("latest").id
        [part] = project.forecast_score(run).parts
        assert (part.cached, part.calls) == (RATED, N - RATED)
        scored = project.rescore(run)
        assert len(server.bodies) == N, "only what nobody had asked"
        assert project.verify(scored.id).outcome == "proven"
        [stats] = [each for each in project.cache_stats() if each.model == "judge/m"]
        assert (stats.entries, stats.hits) == (N, RATED), "a request that both know counts once"
        (rated.path / f".promptops/certify/{JUDGE.replace(':', '.')}.jsonl").unlink()
        assert project.forecast_certify(JUDGE).calls == 0
        project.certify_judge(JUDGE)
        assert len(server.bodies) == N, "and the other way round"
        project.rescore(run, cache=False)
        assert len(server.bodies) == 2 * N
        assert project.forget_answers(model="judge/m", dry_run=True) >= RATED
        project.forget_answers(model="judge/m")
        assert project.forecast_score(run).calls == N, "what is forgotten is forgotten here, too"


def test_a_run_that_was_to_ask_anew_does_so_when_it_is_resumed(rated: Folder, server: Server) -> None:
    with Project.open(rated.path) as project:
        run = project.run("latest").id
        project.rescore(run)
        assert len(server.bodies) == N, "now a reply to each request is stored"
        cut = project.rescore(run, cache=False, budget=Budget(5, None))
        assert cut.status == "interrupted" and len(server.bodies) == N + 5
        [part] = project.forecast_resume(cut.id).parts
        assert (part.stored, part.cached, part.calls) == (5, 0, N - 5)
        assert project.resume(cut.id).status == "finished" and len(server.bodies) == 2 * N
        cut = project.rescore(run, budget=Budget(0, None))
        assert cut.status == "finished" and len(server.bodies) == 2 * N, "where it was not to, it does not"


def test_what_certifying_asked_is_counted_and_forgotten_before_any_run(rated: Folder, server: Server) -> None:
    cli(rated, "judge", "certify", JUDGE)
    counted = json.loads(cli(rated, "cache", "stats", "--json").stdout)
    [stats] = [each for each in counted["models"] if each["model"] == "judge/m"]
    assert (stats["entries"], stats["hits"]) == (RATED, 0) and stats["bytes"] > 0
    assert stats["oldest"] <= stats["newest"]
    assert counted["entries"] == sum(each["entries"] for each in counted["models"])
    gone = json.loads(cli(rated, "cache", "prune", "--model", "judge/m", "--yes", "--json").stdout)
    assert gone["answers"] == RATED
    left = json.loads(cli(rated, "cache", "stats", "--json").stdout)["models"]
    assert "judge/m" not in [each["model"] for each in left]


def test_replies_of_a_jury_are_counted_and_forgotten_under_all_its_models(folder: Folder) -> None:
    kept = KeptReplies(folder.path)
    kept.path.parent.mkdir(parents=True)
    kept.add("a", ["judge/m", "judge/n"], Completion(text="first"))
    with Project.open(folder.path) as project:
        [stats] = project.cache_stats()
        assert (stats.model, stats.entries) == ("judge/m + judge/n", 1)
        assert project.forget_answers(model=stats.model) == 1 and project.cache_stats() == []


def test_a_reply_is_there_at_once_and_a_line_that_was_cut_off_hides_nothing(folder: Folder) -> None:
    kept = KeptReplies(folder.path)
    assert kept.find("a") is None and kept.forget() == 0
    kept.path.parent.mkdir(parents=True)
    kept.add("a", ["judge/m"], Completion(text="first"))
    kept.add("a", ["judge/m"], Completion(text="second"))
    with kept.path.open("ab") as file:
        file.write(b'{"address": "b", "comp')
    kept.add("c", ["judge/n"], Completion(text="third", tokens_in=3))
    anew = KeptReplies(folder.path)
    for found in (kept, anew):
        assert found.find("a") == Completion(text="second") and found.find("b") is None
        assert found.find("c") == Completion(text="third", tokens_in=3)
    assert anew.forget(older_than=timedelta(days=1)) == 0
    assert anew.forget(model="judge/n") == 1 and anew.find("c") is None
    assert anew.find("a") == Completion(text="second")


def test_judges_lie_further_apart_than_all_polls_of_a_jury() -> None:
    from promptops.judges.jury import POLLS_APART

    assert JUDGES_APART > 20 * 100 * POLLS_APART
