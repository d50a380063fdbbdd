"""Rankings by recorded judgements of pairs, beside what choix and statsmodels say of the same games."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import choix
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from promptops import Project
from promptops.errors import FileProblems, NotComparable, UnknownName, UsageError
from promptops.pairs.ranking import rank_recorded
from promptops.pairs.recorded import JudgedPair, RecordedPairs, read_pairs
from promptops.pairs.standings import Anchor, PairRanking
from promptops.texts.figures import shortened
from tests.made import Folder
from tests.stats.test_bradley_terry import CITATIONS, Played, played

NAMES = ["delta", "alpha", "gamma", "beta"]


def recorded(folder: Folder, rows: list[dict[str, Any]], name: str = "said.jsonl") -> str:
    folder.write(name, "".join(json.dumps(row) + "\n" for row in rows))
    return name


def games(folder: Folder, found: Played) -> str:
    """Write comparisons as Chatbot Arena does."""
    said = {1.0: "model_a", 0.0: "model_b", 0.5: "tie"}
    columns = zip(found.first, found.second, found.score, found.clusters, strict=True)
    rows = [
        {"question_id": f"q{cluster}", "model_a": NAMES[i], "model_b": NAMES[j], "winner": said[float(won)]}
        for i, j, won, cluster in columns
    ]
    return recorded(folder, rows)


def ranked(folder: Folder, name: str, **more: Any) -> PairRanking:
    with Project.open(folder.path, read_only=True, missing_ok=True) as project:
        return project.rank_recorded(folder.path / name, **more)


def test_strengths_and_intervals_are_those_of_choix_and_statsmodels(folder: Folder) -> None:
    found = played(5, [0.5, 0.3, -0.2, -0.6], shared=1.0)
    file = games(folder, found)
    data = []
    for i, j, won in zip(found.first, found.second, found.score, strict=True):
        data += [(i, j)] * round(2 * won) + [(j, i)] * round(2 - 2 * won)
    theirs = choix.opt_pairwise(4, data, tol=1e-12)
    ours = {one.system: one.strength for one in ranked(folder, file).standings}
    assert [ours[name] for name in NAMES] == pytest.approx(theirs - theirs.mean(), abs=1e-6)

    rows = (np.eye(4)[found.first] - np.eye(4)[found.second])[:, 1:]
    options = {"groups": found.clusters, "use_correction": False}
    fit = sm.GLM(found.score, rows, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds=options, tol=1e-12
    )
    against = {one.system: one for one in ranked(folder, file, anchor=NAMES[0]).standings}
    assert against[NAMES[0]].strength == 0 and against[NAMES[0]].low is None
    for name, value, error in zip(NAMES[1:], fit.params, fit.bse, strict=True):
        reach = stats.t.ppf(0.975, 59) * error * np.sqrt(60 / 59)
        one = against[name]
        assert [one.strength, one.low, one.high] == pytest.approx(
            [value, value - reach, value + reach], abs=1e-6
        )


def test_citations_of_journals_have_the_published_strengths(folder: Folder) -> None:
    names = ["Biometrika", "Communications", "JASA", "JRSS-B"]
    rows = [
        {"first": names[i], "second": names[j], "winner": names[i]}
        for i in range(4)
        for j in range(4)
        if i != j
        for _ in range(int(CITATIONS[i, j]))
    ]
    found = ranked(folder, recorded(folder, rows), anchor="Biometrika")
    ours = {one.system: one.strength for one in found.standings}
    assert [ours[name] for name in names[1:]] == pytest.approx([-2.94907, -0.47957, 0.26895], abs=5e-6)
    assert "each judgement counts as a case of its own" in found.warnings[-1]
    place = {one.system: number for number, one in enumerate(found.standings)}
    assert found.wins[place["Biometrika"]][place["JASA"]] == 498
    assert found.games[place["Biometrika"]][place["JASA"]] == 818


def test_elo_is_a_view_with_its_anchor(folder: Folder) -> None:
    file = games(folder, played(1, [1.0, 0.2, -0.2, -1.0]))
    plain, shown = ranked(folder, file), ranked(folder, file, anchor="beta", anchor_elo=800)
    assert np.mean([one.elo for one in plain.standings]) == pytest.approx(1000)
    last = {one.system: one for one in shown.standings}["beta"]
    assert (last.elo, last.elo_low) == (800, None)
    for one, other in zip(plain.standings, shown.standings, strict=True):
        assert one.system == other.system and (one.best_rank, one.worst_rank) == (
            other.best_rank,
            other.worst_rank,
        )
        assert other.elo - 800 == pytest.approx(400 / np.log(10) * other.strength)
    top = plain.standings[0]
    assert top.elo_low is not None and top.low is not None
    assert top.elo_low - 1000 == pytest.approx(400 / np.log(10) * top.low)


AB = {"model_a": "x", "model_b": "y", "question_id": 7}
MT = {"model_1": "x", "model_2": "y", "question_id": 81, "judge": ["gpt-4", "pair-v2"], "turn": 1}
ALPACA = {"generator_1": "x", "generator_2": "y", "instruction": "Say hello.", "annotator": "gpt4"}
HOT = {"model_a": "x", "model_b": "y", "prompt": "p"}
HARD = {"model": "y", "baseline": "x", "question_id": "h"}


@pytest.mark.parametrize(
    ("row", "style", "score"),
    [
        *((AB | {"winner": word}, "winner", 1.0) for word in ("a", "A", "model_a", "x", "[[A]]", "A>>B")),
        *((AB | {"winner": word}, "winner", 0.0) for word in ("b", "Model_B", "y", " [[b]] ", "B>A")),
        *(
            (AB | {"winner": word}, "winner", 0.5)
            for word in ("tie", "Tie", "tie (bothbad)", "both_bad", "[[C]]", "A=B")
        ),
        *((AB | {"winner": word}, "winner", None) for word in (None, "", "error")),
        (MT | {"g1_winner": "model_1", "g2_winner": "model_1"}, "mt_bench", 1.0),
        (MT | {"g1_winner": "model_1", "g2_winner": "model_2"}, "mt_bench", 0.5),
        (MT | {"g1_winner": "tie", "g2_winner": "model_2"}, "mt_bench", 0.25),
        (MT | {"g1_winner": "model_1", "g2_winner": "error"}, "mt_bench", None),
        (ALPACA | {"preference": 1}, "alpaca_eval", 1.0),
        (ALPACA | {"preference": 2.0}, "alpaca_eval", 0.0),
        (ALPACA | {"preference": 1.5}, "alpaca_eval", 0.5),
        (ALPACA | {"preference": 0}, "alpaca_eval", 0.5),
        (ALPACA | {"preference": 1.25}, "alpaca_eval", 0.75),
        (ALPACA | {"preference": None}, "alpaca_eval", None),
        (HOT | {"winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0}, "one_hot", 1.0),
        (HOT | {"winner_model_a": 0, "winner_model_b": 0, "winner_tie": 1}, "one_hot", 0.5),
        (HARD | {"games": [{"score": "A>B"}, {"score": "B>>A"}]}, "arena_hard", 0.0),
        (HARD | {"games": [{"score": "B>A"}, {"score": "A=B"}]}, "arena_hard", 0.75),
        (HARD | {"games": [{"score": "B>A"}, {"score": None}]}, "arena_hard", None),
    ],
)
def test_formats_of_others_are_read(
    tmp_path: Path, row: dict[str, Any], style: str, score: float | None
) -> None:
    path = tmp_path / "said.jsonl"
    path.write_text(json.dumps(row) + "\n", "utf-8")
    found = read_pairs(path)
    assert found.style == style
    assert [pair.score for pair in found.pairs] == ([] if score is None else [score])
    assert sum(found.unscored.values()) == (score is None)
    asked = row.get("question_id", row.get("instruction", row.get("prompt")))
    assert all(pair.group == str(asked) for pair in found.pairs)


def test_tables_and_lists_say_the_same(folder: Folder) -> None:
    rows = [
        {"generator_1": a, "generator_2": b, "preference": p, "instruction": f"i{n}"}
        for n in range(30)
        for a, b, p in (("x", "y", 1 + n % 2), ("y", "z", 1.5), ("z", "x", 1 + (n % 3) / 2))
    ]
    lines = ranked(folder, recorded(folder, rows))
    folder.write("said.json", json.dumps(rows, indent=2))
    with (folder.path / "said.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for name in ("said.json", "said.csv"):
        found = ranked(folder, name)
        assert found.style == "alpaca_eval" and found.standings == lines.standings


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([AB | {"winner": "a"}, AB | {"winner": "modelA"}], "said.jsonl:2:52: winner: 'modelA' is no winner"),
        ([AB | {"winner": 1}], "write a, b or tie, or a system's name"),
        ([AB | {"winner": "a"}, AB], "winner: is missing"),
        ([{**AB, "model_b": "x", "winner": "a"}], "model_b: 'x' is compared with itself"),
        ([{**AB, "model_b": "A", "winner": "A"}], "it is not clear who won"),
        ([{**AB, "model_b": " ", "winner": "a"}], "model_b: must be the name of a system"),
        (
            [AB | {"winner": "a"}, {"model_a": "x", "model_b": "y", "winner": "a"}],
            "question_id: is missing",
        ),
        ([ALPACA | {"preference": 3}], "3 is no preference: must be 1 (the first) to 2"),
        ([HOT | {"winner_model_a": 1, "winner_model_b": 1, "winner_tie": 0}], "must be 1"),
        ([HARD | {"games": []}], "games: must be a list of games"),
        ([HARD | {"games": [{"score": "A>"}]}], "games[0]: 'A>' is no winner. Did you mean 'a>b'?"),
        ([{"x": 1}], "is in no known format of pairwise judgements: mt_bench ("),
        ([], "holds no judgements"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_reason(
    folder: Folder, rows: list[dict[str, Any]], told: str
) -> None:
    with pytest.raises(FileProblems) as caught:
        ranked(folder, recorded(folder, rows))
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(folder.path / "said.jsonl"))


def test_a_fault_in_a_list_is_told_with_its_line(folder: Folder) -> None:
    rows = [AB | {"winner": "a"}, AB | {"winner": "nobody knows"}]
    folder.write("said.json", json.dumps(rows, indent=1))
    with pytest.raises(FileProblems, match=r"said\.json:12:3: winner: 'nobody knows' is no winner"):
        ranked(folder, "said.json")


def test_keys_of_ones_own_and_one_judge(folder: Folder) -> None:
    rows = [
        {"left": a, "right": b, "verdict": a if (n + (who == "ben")) % 3 else b, "case": n, "judge": who}
        for n in range(30)
        for who in ("anna", "ben")
        for a, b in (("x", "y"), ("y", "z"), ("z", "x"))
    ]
    file = recorded(folder, rows)
    keys = {"first": "left", "second": "right", "winner": "verdict", "group": "case"}
    both, one = ranked(folder, file, **keys), ranked(folder, file, **keys, judge="ben")
    assert (both.n, both.judges, both.groups) == (180, ("anna", "ben"), 30)
    assert (one.n, one.judges) == (90, ("ben",))
    assert "2 judges stand together" in both.warnings[-1] and not one.warnings
    for wrong, told in (
        ({"judge": "bel"}, "is by the judge 'bel'. Did you mean 'ben'"),
        ({"group": "cas"}, "has no key 'cas'. Did you mean 'case'"),
        ({"winner": "verdikt"}, "has no key 'verdikt'. Did you mean 'verdict'"),
    ):
        with pytest.raises(UsageError, match=told):
            ranked(folder, file, **{**keys, **wrong})


def test_judgements_without_a_verdict_are_counted_and_too_many_decide_nothing(folder: Folder) -> None:
    rows = [AB | {"winner": "a" if n % 5 else "b", "question_id": n} for n in range(200)]
    few = ranked(folder, recorded(folder, [*rows, *[AB | {"winner": None}] * 3]))
    assert (few.n, few.unscored, few.unscored_why) == (200, 3, {"no verdict": 3})
    assert few.standings[0].worst_rank == 1
    many = ranked(folder, recorded(folder, [*rows, *[AB | {"winner": "error"}] * 20]))
    assert [(one.best_rank, one.worst_rank) for one in many.standings] == [(1, 2), (1, 2)]
    assert "9% of the judgements have no verdict" in many.warnings[0]
    small = ranked(folder, recorded(folder, rows[:15]))
    assert small.standings[0].worst_rank == 2 and "too few to call one better" in small.warnings[0]


def test_who_never_lost_has_a_rank_but_no_interval(folder: Folder) -> None:
    rows = [
        {"model_a": a, "model_b": b, "question_id": n, "winner": who}
        for n in range(40)
        for a, b, who in (("best", "x", "a"), ("y", "best", "b"), ("x", "y", "tie" if n % 2 else "b"))
    ]
    found = ranked(folder, recorded(folder, rows))
    assert found.penalised and "best never lost to one of the others" in found.warnings[0]
    assert [(one.best_rank, one.worst_rank) for one in found.standings] == [(1, 1), (2, 2), (3, 3)]
    assert all(one.low is None and np.isfinite(one.strength) for one in found.standings)
    assert found.gaps[0].high is None and "certainly worse" in found.sentence


def test_systems_that_were_never_compared_are_not_ranked(folder: Folder) -> None:
    rows = [
        {"model_a": a, "model_b": b, "question_id": n, "winner": "a" if n % 2 else "b"}
        for n in range(30)
        for a, b in (("v", "w"), ("x", "y"))
    ]
    with pytest.raises(NotComparable, match="v and w; x and y"):
        ranked(folder, recorded(folder, rows))
    with pytest.raises(NotComparable, match="All judgements are of one question"):
        ranked(folder, recorded(folder, [AB | {"winner": "a"}, AB | {"winner": "b"}]))
    with pytest.raises(NotComparable, match="Not one judgement has a verdict"):
        ranked(folder, recorded(folder, [AB | {"winner": None}]))
    with pytest.raises(UnknownName, match="Did you mean 'x'"):
        ranked(folder, recorded(folder, rows[1::2]), anchor="xx")
    folder.run("judge", "rank", recorded(folder, rows), code=3)


def test_a_judge_that_follows_the_place_is_found_out(folder: Folder) -> None:
    def rows(first: float) -> list[dict[str, Any]]:
        rng = np.random.default_rng(4)
        pairs = [("x", "y", 0.7), ("y", "x", 0.3)]
        return [
            {"model_a": a, "model_b": b, "question_id": n, "winner": "ab"[int(rng.random() > chance + first)]}
            for n in range(400)
            for a, b, chance in pairs
        ]

    fair, biased = (ranked(folder, recorded(folder, rows(first))) for first in (0.0, 0.15))
    assert fair.first_low is not None and fair.first_high is not None
    assert fair.first_low <= 0.5 <= fair.first_high and not fair.warnings
    assert biased.first_rate == pytest.approx(0.65, abs=0.04) and "follow the place" in biased.warnings[0]
    one_way = [row for row in rows(0.0) if row["model_a"] == "x"]
    assert ranked(folder, recorded(folder, one_way)).first_rate is None


def test_the_command_prints_ranks_and_one_document(folder: Folder) -> None:
    rows = [
        {"model_a": a, "model_b": b, "question_id": n, "winner": "a" if n % 4 else "b", "judge": "anna"}
        for n in range(60)
        for a, b in (("x\x1b[31m", "y"), ("y", "z"), ("x\x1b[31m", "z"))
    ]
    file = recorded(folder, rows)
    out = folder.run("judge", "rank", file, "--elo", "--anchor", "z").stdout
    assert "180 judgements of 3 systems by anna, 0 ties, 60 questions" in out
    assert "is best by pairs" in out and "Elo: z is 1000" in out and "\x1b[31m" not in out
    assert not (folder.path / ".promptops").exists()
    told = folder.json("judge", "rank", file)["ranking"]
    assert [one["system"] for one in told["standings"]] == ["x\x1b[31m", "y", "z"]
    assert told["standings"][0]["best_rank"] == told["standings"][0]["worst_rank"] == 1
    assert len(told["gaps"]) == 3 and told["wins"][0][1] == 45.0


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.data())
def test_which_system_is_named_first_does_not_matter(seed: int, data: st.DataObject) -> None:
    found = played(seed, [0.5, 0.2, -0.2, -0.5], prompts=30, each=4)
    pairs = [
        JudgedPair(NAMES[i], NAMES[j], float(won), str(cluster))
        for i, j, won, cluster in zip(*found, strict=True)
    ]
    turned = [
        JudgedPair(pair.second, pair.first, 1 - pair.score, pair.group) if turn else pair
        for pair, turn in zip(
            pairs, data.draw(st.lists(st.booleans(), min_size=120, max_size=120)), strict=True
        )
    ]
    one, other = (
        rank_recorded(RecordedPairs("f", "winner", "group", tuple(each), systems=tuple(names)), Anchor())
        for each, names in ((pairs, NAMES), (turned[::-1], NAMES[::-1]))
    )
    strengths = [{each.system: each.strength for each in ranking.standings} for ranking in (one, other)]
    wins = [
        {each.system: (each.wins, each.ties, each.losses) for each in ranking.standings}
        for ranking in (one, other)
    ]
    assert strengths[0] == pytest.approx(strengths[1], abs=1e-8) and wins[0] == wins[1]


def test_names_keep_both_ends() -> None:
    assert shortened("prompts/a.prompt.yaml on local/b", 20) == "prompts/a.…n local/b"
    assert shortened("short", 20) == "short" and len(shortened("x" * 300, 41)) == 41
