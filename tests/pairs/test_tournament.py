"""Runs ranked by a judge of pairs: real runs, a scripted judge, and what is asked again."""

from __future__ import annotations

import hashlib
import json
import math
import signal
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import combinations
from typing import Any

import choix
import pytest
from click.testing import CliRunner

from promptops import Budget, Project
from promptops.calls.call import Stopped
from promptops.cli import app
from promptops.errors import NotComparable, UnknownName, UsageError
from promptops.pairs.standings import PairRanking
from promptops.plots.strengths import strength_plot
from tests.made import Folder, questions

N = 40
STRENGTHS = {"ann": 1.5, "bob": 0.3, "cid": 0.2, "dan": -1.8}

PLAYERS = '''
import asyncio
import hashlib
import json
import math
import re

STRENGTHS = {"ann": 1.5, "bob": 0.3, "cid": 0.2, "dan": -1.8}


def player(name):
    def answer(inputs, sample_id):
        return f"{name} {sample_id}"
    return answer


ann, bob, cid, dan = (player(name) for name in STRENGTHS)


def silent(inputs, sample_id):
    if sample_id < "q010":
        raise ValueError("no idea")
    return f"dan {sample_id}"


def lot(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def winner(first, second, sample):
    """By Bradley and Terry, a tenth of them ties; the same whichever stands first."""
    low, high = sorted((first, second))
    if lot(f"tie {low} {high} {sample}") < 0.1:
        return None
    chance = 1 / (1 + math.exp(STRENGTHS[high] - STRENGTHS[low]))
    return low if lot(f"{low} {high} {sample}") < chance else high


def judge(messages):
    (first, sample), (second, _) = re.findall(r"^(ann|bob|cid|dan) (q\\d+)$", messages[-1]["content"], re.M)
    won = winner(first, second, sample)
    return {"output": json.dumps({"reason": "r", "winner": "tie" if won is None else "AB"[won != first]}),
            "cost": 0.001}


async def slow(messages):
    await asyncio.sleep(0.004)
    return judge(messages)


def biased(messages):
    return json.dumps({"reason": "it stands first", "winner": "A"})
'''
SETTINGS = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]
"""
JUDGE = "python/players:judge"


def lot(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def share(low: str, high: str, sample: str) -> float:
    if lot(f"tie {low} {high} {sample}") < 0.1:
        return 0.5
    chance = 1 / (1 + math.exp(STRENGTHS[high] - STRENGTHS[low]))
    return float(lot(f"{low} {high} {sample}") < chance)


@pytest.fixture
def four(folder: Folder) -> tuple[Folder, list[str]]:
    """Forty questions, four players, and a judge that decides by their strengths."""
    folder.evalset("numbers", questions(N), SETTINGS)
    folder.write("players.py", PLAYERS)
    return folder, evaluated(folder, *STRENGTHS)


def evaluated(folder: Folder, *names: str) -> list[str]:
    with Project.open(folder.path) as project:
        models = [f"python/players:{name}" for name in names]
        return [run.id for run in project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], models)]


def ranked(folder: Folder, runs: Sequence[str], judge: str = JUDGE, **more: Any) -> PairRanking:
    with Project.open(folder.path) as project:
        return project.rank_by_pairs(runs, judge_model=judge, **more)


def asked(found: PairRanking) -> Any:
    assert found.asked is not None
    return found.asked


def test_strengths_are_those_of_choix_and_nothing_is_asked_twice(four: tuple[Folder, list[str]]) -> None:
    folder, runs = four
    with Project.open(folder.path) as project:
        forecast = project.forecast_pairs(runs, judge_model=JUDGE)
        assert project.prefer(runs[0], runs[1], judge_model=JUDGE).calls == 2 * N
        assert project.forecast_pairs(runs, judge_model=JUDGE).calls == 2 * N * 5
    assert (forecast.calls, forecast.parts[0].places) == (2 * N * 6, N * 6)
    found = ranked(folder, runs)
    assert (asked(found).calls, asked(found).pairs, asked(found).left) == (2 * N * 5, 6 * N, 0)
    assert asked(found).cost == pytest.approx(2 * N * 5 * 0.001)
    names = sorted(STRENGTHS)
    data = []
    for i, j in combinations(range(4), 2):
        for n in range(N):
            won = share(names[i], names[j], f"q{n:03}")
            data += [(i, j)] * round(2 * won) + [(j, i)] * round(2 - 2 * won)
    theirs = choix.opt_pairwise(4, data, tol=1e-12)
    ours = {one.system: one.strength for one in found.standings}
    assert [ours[run] for run in runs] == pytest.approx(theirs - theirs.mean(), abs=1e-6)
    assert {one.name for one in found.standings} == {f"python/players:{name}" for name in names}
    assert (found.groups, found.n, asked(found).flips, asked(found).first_rate) == (N, 6 * N, 0, 0.5)

    again = ranked(folder, runs[::-1])
    assert asked(again).calls == 0
    assert [one.system for one in again.standings] == [one.system for one in found.standings]
    assert [one.strength for one in again.standings] == pytest.approx(
        [one.strength for one in found.standings]
    )
    with Project.open(folder.path) as project:
        assert project.forecast_pairs(runs, judge_model=JUDGE).calls == 0


def test_the_adaptive_schedule_has_the_same_ranks_for_fewer_calls(folder: Folder) -> None:
    """Two of four players can't be told apart: their pair takes all its calls, the others stop early."""
    folder.evalset("numbers", questions(100), SETTINGS)
    folder.write("players.py", PLAYERS)
    runs = evaluated(folder, *STRENGTHS)
    found = ranked(folder, runs, schedule="adaptive")
    assert 0 < asked(found).calls <= 0.5 * 2 * 600
    assert asked(found).looks < asked(found).planned == 10
    assert asked(found).left == 600 - asked(found).calls // 2
    again = ranked(folder, runs, schedule="adaptive")
    assert asked(again).calls == 0 and again.standings == found.standings
    whole = ranked(folder, runs)
    assert asked(whole).calls == 2 * 600 - asked(found).calls
    ranks = [
        {one.system: (one.best_rank, one.worst_rank) for one in each.standings} for each in (found, whole)
    ]
    assert ranks[0] == ranks[1] == dict(zip(runs, [(1, 1), (2, 3), (2, 3), (4, 4)], strict=True))


@pytest.mark.parametrize("schedule", ["all", "adaptive"])
def test_a_limit_ends_it_cleanly_and_the_next_one_goes_on(
    four: tuple[Folder, list[str]], schedule: Any
) -> None:
    folder, runs = four
    cut = ranked(folder, runs, schedule=schedule, budget=Budget(max_calls=150), concurrency=4)
    assert asked(cut).calls == 150 and asked(cut).stopped == "Stopped by --max-calls 150"
    assert asked(cut).left > 0 and "not judged yet" in cut.warnings[0]
    met = [sum(row) for row in cut.games]
    assert max(met) - min(met) <= (4 if schedule == "all" else 60)
    rest = ranked(folder, runs, schedule=schedule)
    # A reply to one order whose other order was refused is lost: at most one for each call under way.
    assert 150 <= asked(cut).calls <= 150 + 4
    fresh = Folder(folder.path / "fresh")
    fresh.evalset("numbers", questions(N), SETTINGS)
    fresh.write("players.py", PLAYERS)
    fresh.write("ask.prompt.yaml", (folder.path / "ask.prompt.yaml").read_text())
    fresh.write("promptops.toml", (folder.path / "promptops.toml").read_text())
    straight = ranked(fresh, evaluated(fresh, *STRENGTHS), schedule=schedule)
    shape = [
        [(one.name, one.strength, one.low, one.best_rank, one.worst_rank) for one in each.standings]
        for each in (rest, straight)
    ]
    assert shape[0] == shape[1]
    assert asked(rest).calls <= asked(straight).calls - 150 + 4


def test_too_little_to_rank_is_told_and_kept(four: tuple[Folder, list[str]]) -> None:
    folder, runs = four
    with pytest.raises(Stopped, match=r"Stopped by --max-calls 2: 1 of 240 pairs have a verdict"):
        ranked(folder, runs, budget=Budget(max_calls=2), concurrency=1)
    assert asked(ranked(folder, runs)).calls == 2 * (6 * N - 1)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_an_interrupted_or_killed_ranking_goes_on(
    four: tuple[Folder, list[str]], number: signal.Signals
) -> None:
    folder, runs = four
    database = folder.path / ".promptops/promptops.db"

    def count() -> int:
        with closing(sqlite3.connect(database)) as connection:
            return int(connection.execute("select count(*) from pair_scores").fetchone()[0])

    command = ["rank", *runs, "--pairwise", "--judge-model", "python/players:slow", "-j", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "promptops", *command], cwd=folder.path, stderr=subprocess.PIPE, text=True
    ) as process:
        while count() < 20:
            assert process.poll() is None, "it ended before it was due"
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "what was answered is stored" in said and "The same command goes on" in said
    before = count()
    assert 20 <= before < 6 * N
    rest = ranked(folder, runs, judge="python/players:slow")
    assert asked(rest).calls == 2 * (6 * N - before) and rest.n == 6 * N


def test_two_rankings_at_once_agree_on_each_verdict(four: tuple[Folder, list[str]]) -> None:
    folder, runs = four
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: ranked(folder, runs, judge="python/players:slow"), range(2))
    assert one.standings == other.standings and one.n == 6 * N
    assert asked(ranked(folder, runs, judge="python/players:slow")).calls == 0


def test_whoever_watches_sees_each_pair(four: tuple[Folder, list[str]]) -> None:
    folder, runs = four
    seen: list[tuple[int, int]] = []
    ranked(folder, runs[:2], watch=lambda progress: seen.append((progress.done, progress.total)))
    assert seen == [(done, N) for done in range(N + 1)]


def test_missing_answers_lose_and_same_answers_are_ties(four: tuple[Folder, list[str]]) -> None:
    folder, runs = four
    silent, dan, quiet = evaluated(folder, "silent", "dan", "silent")
    with pytest.raises(UsageError, match="2 to 200 systems, not 1"):
        ranked(folder, [silent])
    found = ranked(folder, [runs[0], silent, quiet, dan])
    told = asked(found)
    assert (told.forfeited, told.absent) == (4 * 10, 10)
    assert told.identical == 2 * (N - 10) + (N - 10)
    assert told.calls == 2 * (N + 2 * (N - 10))
    by = {one.system: one for one in found.standings}
    assert by[dan].share > by[silent].share and by[dan].losses >= by[silent].losses - 20
    assert found.warnings[0] == "40 pairs had one answer only: whoever gave none lost."
    assert len({one.name for one in found.standings}) == 4


def test_a_judge_that_follows_the_place_is_found_out(four: tuple[Folder, list[str]]) -> None:
    folder, runs = four
    found = ranked(folder, runs[:3], judge="python/players:biased")
    assert (asked(found).flip_rate, asked(found).first_rate) == (1.0, 1.0)
    assert found.ties == found.n and {(one.best_rank, one.worst_rank) for one in found.standings} == {(1, 3)}


def test_what_can_not_be_ranked_is_refused_before_a_call(four: tuple[Folder, list[str]]) -> None:
    folder, runs = four
    for more, error, told in (
        ({"schedule": "quick"}, UnknownName, "schedule"),
        ({"anchor": runs[3]}, UnknownName, "system"),
        ({"level": 1.0}, UsageError, "level"),
        ({"evalset": "numbers"}, UsageError, "Name runs, or an evaluation set"),
    ):
        with pytest.raises(error, match=told):
            ranked(folder, runs[:2], **more)
    with pytest.raises(UsageError, match="named twice"):
        ranked(folder, [runs[0], runs[0]])
    with pytest.raises(NotComparable, match="Not one judgement has a verdict"):
        ranked(folder, runs[:2], judge="mock/constant:both are fine")
    folder.evalset("numbers", questions(N + 1), SETTINGS)
    other = evaluated(folder, "ann")
    with pytest.raises(NotComparable, match="different questions"):
        ranked(folder, [runs[0], *other])


def test_the_command_plans_ranks_and_draws(four: tuple[Folder, list[str]]) -> None:
    folder, runs = four
    judged = ("--pairwise", "--judge-model", JUDGE)
    out = folder.run("rank", *runs, *judged, "--dry-run").stdout
    assert "480 calls" in out and "240 pairs of 4 runs, each in both orders." in out
    told = folder.json("rank", *runs, *judged, "--max-calls", "200", code=3)["ranking"]
    assert told["asked"]["stopped"] == "Stopped by --max-calls 200" and told["asked"]["calls"] == 200
    assert told["style"] == "runs" and len(told["standings"]) == 4
    out = folder.run(
        "rank", "--evalset", "numbers", *judged, "--elo", "--anchor", runs[3], "--plot", "s.svg"
    ).stdout
    assert "240 of 240 pairs judged (all)" in out and "the answer shown first was chosen in 50.0%" in out
    assert "Elo: python/players:dan is 1000" in out and "wrote s.svg" in out
    drawn = ElementTree.fromstring((folder.path / "s.svg").read_text("utf-8"))
    texts = " ".join(each.text or "" for each in drawn.iter())
    assert "python/players:ann" in texts and "Elo points" in texts


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--elo"], "--elo needs --pairwise"),
        (["--max-calls", "3", "--dry-run"], "--dry-run, --max-calls needs --pairwise"),
        (["--pairwise", "--metric", "exact"], "--metric ranks by metrics and not by pairs"),
    ],
)
def test_options_of_the_other_way_of_ranking_are_refused(flags: list[str], told: str) -> None:
    done = CliRunner().invoke(app, ["rank", "a", "b", *flags])
    assert done.exit_code == 2 and told in done.output


def test_names_are_only_text_in_the_picture(folder: Folder) -> None:
    rows = [
        {"model_a": a, "model_b": b, "question_id": n, "winner": "a" if n % 3 else "b"}
        for n in range(30)
        for a, b in (("<script>x</script>", "b&\x1b"), ("b&\x1b", "c" * 300))
    ]
    folder.write("said.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with Project.open(folder.path, read_only=True, missing_ok=True) as project:
        found = project.rank_recorded(folder.path / "said.jsonl")
    for elo in (True, False):
        drawn = ElementTree.fromstring(strength_plot(found, elo=elo))
        assert not [each for each in drawn.iter() if each.tag.endswith("script")]
        assert any((each.text or "").startswith("<script>") for each in drawn.iter())
