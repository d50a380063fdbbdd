"""Pairs that were judged before, in part or unreadably: what is asked again, and what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from promptops import Budget, Project
from promptops.cli import app
from promptops.pairs.text import preference_sentences
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions

N = 12
TIE = '{"reason": "", "winner": "tie"}'


@pytest.fixture
def two(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Folder, str, str, Server]]:
    """Two runs on a dozen questions, and a scripted server that judges them."""
    monkeypatch.setenv("NEAR_KEY", "k")
    folder.evalset("numbers", questions(N))
    with serving(TIE) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        folder.write(
            "promptops.toml",
            'model = "mock/echo"\njudge_model = "near/judge"\n\n[providers.near]\nkind = "openai"\n'
            f'base_url = "{url}"\napi_key_env = "NEAR_KEY"\n',
        )
        with Project.open(folder.path) as project:
            prompt = folder.path / "ask.prompt.yaml"
            old = project.evaluate("numbers", [prompt], ["mock/constant:an old answer"])[0]
            new = project.evaluate("numbers", [prompt])[0]
        yield folder, old.id, new.id, server


def stumbling(text: str) -> str:
    """Say nothing readable where the third question is asked."""
    return "both are fine" if "number 3" in text else TIE


def test_of_a_pair_that_a_limit_cut_in_two_the_first_reply_is_kept(
    two: tuple[Folder, str, str, Server],
) -> None:
    folder, old, new, server = two
    with Project.open(folder.path) as project:
        for calls in (5, 3, 1):
            # Three pairs at a time, so that a limit ends between their two orders.
            found = project.prefer(old, new, concurrency=3, budget=Budget(max_calls=calls))
            assert found.calls == calls and found.n + found.left == N
        assert project.preference(old, new) is not None
        rest = project.prefer(old, new)
    assert rest.n == N and rest.calls == 2 * N - 9 and len(server.bodies) == 2 * N


def test_what_could_not_be_read_is_asked_again_and_nothing_else(two: tuple[Folder, str, str, Server]) -> None:
    folder, old, new, server = two
    server.replies = [stumbling]
    with Project.open(folder.path) as project:
        first = project.prefer(old, new)
        assert (first.n, first.unscored, first.unanswered, first.calls) == (N - 1, 1, 0, 2 * N)
        assert project.forecast_preference(old, new).calls == 2
        again = project.prefer(old, new)
        assert (again.n, again.calls) == (N - 1, 2)
        server.replies = [TIE]
        mended = project.prefer(old, new)
        assert (mended.n, mended.unscored, mended.calls) == (N, 0, 2)
        assert project.prefer(old, new).calls == 0
        kept = project.preference(old, new)
    assert kept is not None and (kept.n, kept.unscored) == (N, 0) and len(server.bodies) == 2 * N + 4


def test_a_ranking_asks_again_about_what_could_not_be_read(two: tuple[Folder, str, str, Server]) -> None:
    folder, old, new, server = two
    server.replies = [stumbling]
    with Project.open(folder.path) as project:
        assert project.rank_by_pairs([old, new]).unscored == 1
        server.replies = [TIE]
        found = project.rank_by_pairs([old, new])
    assert (found.unscored, found.n) == (0, N) and found.asked is not None and found.asked.calls == 2


def test_without_the_cache_all_pairs_are_judged_anew_and_the_last_verdict_stands(
    two: tuple[Folder, str, str, Server],
) -> None:
    folder, old, new, server = two

    def compared(*more: str) -> dict[str, object]:
        given = ["-C", str(folder.path), "compare", old, new, "--pairwise", "--json", *more]
        done = CliRunner().invoke(app, given)
        assert done.exit_code == 0, done.output
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def told(found: dict[str, object]) -> tuple[object, ...]:
        preference = found["preference"]
        assert isinstance(preference, dict)
        return preference["ties"], preference["share"], preference["calls"]

    assert told(compared()) == (N, 0.5, 2 * N)
    server.replies = [
        lambda text: json.dumps({"reason": "", "winner": "AB"["old" in text.split("answer-b")[0]]})
    ]
    forecast = compared("--no-cache", "--dry-run")["forecast"]
    assert isinstance(forecast, dict) and (forecast["calls"], forecast["stored"]) == (2 * N, 0)
    assert told(compared("--no-cache")) == (0, 1.0, 2 * N)
    assert told(compared()) == (0, 1.0, 0)
    with Project.open(folder.path) as project:
        back = project.prefer(new, old)
    assert (back.share, back.calls) == (0.0, 0)
    refused = CliRunner().invoke(app, ["-C", str(folder.path), "compare", old, new, "--no-cache"])
    assert refused.exit_code == 2 and "--pairwise" in refused.output


def test_pairs_without_an_answer_are_told_apart_from_those_that_were_not_asked(folder: Folder) -> None:
    folder.evalset("numbers", questions(60))
    folder.write(
        "moody.py",
        "def judge(messages):\n"
        "    if 'number 7\"' in messages[-1]['content']:\n"
        "        raise ValueError('no idea')\n"
        f"    return {TIE!r}\n",
    )
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        old = project.evaluate("numbers", [prompt], ["mock/constant:an old answer"])[0]
        new = project.evaluate("numbers", [prompt])[0]
        found = project.prefer(old.id, new.id, judge_model="python/moody:judge")
        kept = project.preference(old.id, new.id)
        assert project.prefer(old.id, new.id, judge_model="python/moody:judge").unanswered == 1
    assert (found.n, found.unanswered, found.left) == (59, 1, 0)
    assert kept is not None and (kept.n, kept.unanswered, kept.left) == (59, 1, 0)
    told = " ".join(preference_sentences(kept))
    assert "1 pair got no answer of the judge" in told and "Not asked about" not in told
