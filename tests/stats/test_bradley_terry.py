from typing import NamedTuple

import choix
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from promptops.stats.bradley_terry import ELO, bradley_terry, resampled_strengths
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.games import NotConnectedError
from promptops.stats.many import rank_sets
from promptops.stats.schedule import look, opening


class Played(NamedTuple):
    first: np.ndarray
    second: np.ndarray
    score: np.ndarray
    clusters: np.ndarray


def played(seed: int, true: list[float], prompts: int = 60, each: int = 6, shared: float = 0.0) -> Played:
    """Return comparisons by Bradley-Terry, a sixth of them ties; a prompt may favour systems by `shared`."""
    rng = np.random.default_rng(seed)
    strengths, k = np.array(true), len(true)
    clusters = np.repeat(np.arange(prompts), each)
    first = rng.integers(0, k, len(clusters))
    second = (first + rng.integers(1, k, len(clusters))) % k
    tilt = shared * rng.normal(size=(prompts, k))
    gap = strengths[first] - strengths[second] + tilt[clusters, first] - tilt[clusters, second]
    score = np.where(rng.random(len(gap)) < 1 / 6, 0.5, rng.random(len(gap)) < 1 / (1 + np.exp(-gap)))
    return Played(first, second, score, clusters)


CITATIONS = np.array(
    [[714, 730, 498, 221], [33, 425, 68, 17], [320, 813, 1072, 142], [284, 276, 325, 188]], dtype=float
)
"""Biometrika, Communications in Statistics, JASA, JRSS-B: the row cited by the column (Stigler 1994)."""


def test_citations_of_journals_have_the_published_strengths_and_errors() -> None:
    """Agresti's table as fitted by the R package BradleyTerry2, against Biometrika."""
    first, second = np.nonzero(~np.eye(4, dtype=bool))
    fitted = bradley_terry(first, second, np.ones(12), weights=CITATIONS[first, second])
    strengths, errors = fitted.relative_to(0, model=True)
    assert strengths[1:] == pytest.approx([-2.94907, -0.47957, 0.26895], abs=5e-6)
    assert errors[1:] == pytest.approx([0.10255, 0.06059, 0.07083], abs=5e-6)


@pytest.mark.parametrize("seed", range(4))
def test_strengths_are_those_of_choix(seed: int) -> None:
    games = played(seed, [0.8, 0.1, 0.0, -0.9])
    data = []
    for i, j, won in zip(games.first, games.second, games.score, strict=True):
        data += [(i, j)] * round(2 * won) + [(j, i)] * round(2 - 2 * won)
    theirs = choix.opt_pairwise(4, data, tol=1e-12)
    ours = bradley_terry(*games).strengths
    assert ours == pytest.approx(theirs - theirs.mean(), abs=1e-6)
    assert ours.sum() == pytest.approx(0, abs=1e-9)


def test_clustered_errors_are_those_of_statsmodels() -> None:
    games = played(5, [0.5, 0.3, -0.2, -0.6], shared=1.0)
    own = np.eye(4)
    rows = (own[games.first] - own[games.second])[:, 1:]
    model = sm.GLM(games.score, rows, family=sm.families.Binomial())
    options = {"groups": games.clusters, "use_correction": False}
    theirs = model.fit(cov_type="cluster", cov_kwds=options, tol=1e-12)
    strengths, errors = bradley_terry(*games).relative_to(0)
    assert strengths[1:] == pytest.approx(theirs.params, abs=1e-6)
    assert errors[1:] == pytest.approx(theirs.bse * np.sqrt(60 / 59), abs=1e-6)
    _, plain = bradley_terry(*games).relative_to(0, model=True)
    assert plain[1:] == pytest.approx(model.fit(tol=1e-12).bse, abs=1e-6)


def test_the_penalty_is_firths() -> None:
    """The penalised likelihood's own maximum, found without any formula of ours."""
    first, second = np.array([0, 0, 1, 1, 2, 0, 1]), np.array([1, 1, 2, 2, 1, 2, 2])
    score = np.array([1, 1, 1, 0.5, 1, 1, 0])
    fitted = bradley_terry(first, second, score)
    rows = (np.eye(3)[first] - np.eye(3)[second])[:, 1:]

    def loss(strengths: np.ndarray) -> float:
        chance = 1 / (1 + np.exp(-rows @ strengths))
        information = rows.T @ (rows * (chance * (1 - chance))[:, None])
        likelihood = score @ np.log(chance) + (1 - score) @ np.log(1 - chance)
        return -float(likelihood + np.linalg.slogdet(information)[1] / 2)

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-9}).x
    assert fitted.penalised
    assert fitted.strengths[1:] - fitted.strengths[0] == pytest.approx(best, abs=1e-5)


def test_a_system_that_never_lost_brings_a_warning() -> None:
    fitted = bradley_terry([0, 0, 1, 2], [1, 2, 2, 1], [1, 1, 1, 1])
    assert fitted.penalised
    assert "systems [0] never lost" in str(fitted.warning)
    assert np.isfinite(fitted.strengths).all()
    assert fitted.strengths.argmax() == 0
    tied = bradley_terry([0, 0, 1, 2, 0], [1, 2, 2, 1, 1], [1, 1, 1, 1, 0.5])
    assert (tied.penalised, tied.warning) == (False, None)


def test_systems_that_were_never_compared_are_named() -> None:
    with pytest.raises(NotConnectedError, match=r"\[0, 1\], \[2, 3\]"):
        bradley_terry([0, 1, 2, 3], [1, 0, 3, 2], [1, 1, 1, 1])
    with pytest.raises(NotConnectedError, match=r"\[2\]"):
        bradley_terry([0, 1], [1, 0], [1, 1], systems=3)


@pytest.mark.parametrize(
    ("first", "second", "score", "said"),
    [
        ([0], [0], [1], "two different"),
        ([0], [1], [2], "from 0 to 1"),
        ([0], [1], [float("nan")], "from 0 to 1"),
        ([], [], [], "a score each"),
        ([0, 1], [1], [1], "a score each"),
        ([0], [5], [1], "system 5 is none of the 3"),
    ],
)
def test_what_is_no_comparison_is_refused(
    first: list[int], second: list[int], score: list[float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        bradley_terry(first, second, score, systems=3)


def test_one_prompt_is_too_few() -> None:
    with pytest.raises(TooFewClustersError):
        bradley_terry([0, 1], [1, 0], [1, 1], ["a", "a"])
    with pytest.raises(TooFewClustersError):
        resampled_strengths([0, 1], [1, 0], [1, 1], ["a", "a"])


def test_elo_is_a_view() -> None:
    fitted = bradley_terry(*played(1, [1.0, 0.0, -1.0]))
    assert fitted.elo.mean() == pytest.approx(1000)
    assert fitted.elo[0] - fitted.elo[1] == pytest.approx(ELO * (fitted.strengths[0] - fitted.strengths[1]))
    assert pytest.approx(400) == ELO * np.log(10)


@pytest.mark.slow
def test_intervals_and_ranks_cover_where_prompts_favour_systems() -> None:
    """300 tournaments; all differences at once and all ranks, nominal .95 (Monte Carlo error .013).

    The truth is what endless play comes to, for a shared tilt flattens strengths.
    """
    true = [0.8, 0.4, 0.0, -0.4, -0.8]
    truth = bradley_terry(*played(0, true, prompts=100_000, shared=0.8)).strengths
    together = single = ranked = plain = 0
    for seed in range(1, 301):
        games = played(seed, true, prompts=80, each=8, shared=0.8)
        fitted = bradley_terry(*games)
        found = fitted.differences()
        gaps = truth[:, None] - truth
        together += bool(((found.low <= gaps) & (gaps <= found.high)).all())
        low, high = fitted.interval()
        single += (low[0] <= truth[0] <= high[0]) / 300
        ranks = rank_sets(found)
        ranked += bool(((ranks.best <= np.arange(1, 6)) & (np.arange(1, 6) <= ranks.worst)).all())
        alone = bradley_terry(games.first, games.second, games.score)
        low, high = alone.interval()
        plain += (low[0] <= truth[0] <= high[0]) / 300
    assert 0.91 <= together / 300 <= 0.99
    assert 0.91 <= single <= 0.99
    assert ranked >= together
    assert plain < single


def test_the_bootstrap_by_prompt_agrees_with_the_sandwich() -> None:
    games = played(3, [0.6, 0.1, -0.1, -0.6], prompts=150, shared=0.7)
    fitted, drawn = bradley_terry(*games), resampled_strengths(*games)
    assert drawn.errors == pytest.approx(fitted.errors, rel=0.08)
    assert drawn.undefined == 0
    assert (drawn.low < fitted.strengths).all()
    assert (fitted.strengths < drawn.high).all()


def test_resamples_without_a_figure_leave_no_interval() -> None:
    drawn = resampled_strengths([0, 0, 0, 0, 0, 0], [1] * 6, [1, 1, 1, 1, 1, 0], resamples=400)
    assert drawn.undefined > 100
    assert np.isnan(drawn.low).all()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.permutations(range(4)))
def test_order_and_names_do_not_matter(seed: int, names: list[int]) -> None:
    games = played(seed, [0.5, 0.2, -0.2, -0.5])
    order = np.random.default_rng(seed).permutation(len(games.first))
    renamed = np.array(names)
    plain = bradley_terry(*games)
    turned = bradley_terry(
        renamed[games.second[order]],
        renamed[games.first[order]],
        1 - games.score[order],
        games.clusters[order],
    )
    assert turned.strengths[renamed] == pytest.approx(plain.strengths, abs=1e-8)
    assert turned.errors[renamed] == pytest.approx(plain.errors, abs=1e-8)


class Ended(NamedTuple):
    calls: int
    wrong: bool
    sure: bool


def scheduled(seed: int, true: list[float], *, adaptive: bool, looks: int, planned: int, size: int) -> Ended:
    """Judge by the schedule, or each pair by turns, until every order is sure or the looks are used up."""
    rng, k = np.random.default_rng(seed), len(true)
    every = [(i, j) for i in range(k) for j in range(i + 1, k)]
    pairs, scores = list(opening(k)), []
    gaps = np.subtract.outer(true, true)
    wrong = False
    for _ in range(looks):
        fresh = pairs[len(scores) :]
        chances = [1 / (1 + np.exp(-gaps[i, j])) for i, j in fresh]
        scores += [0.5 if rng.random() < 0.15 else float(rng.random() < chance) for chance in chances]
        first, second = np.array(pairs).T
        found = look(first, second, scores, size=size, looks=planned, systems=k)
        wrong |= bool(((found.differences.low > 0) & (gaps <= 0)).any())
        if not found.pairs:
            return Ended(len(scores), wrong, True)
        pairs += (
            found.pairs if adaptive else [every[(len(pairs) + step) % len(every)] for step in range(size)]
        )
    return Ended(len(scores), wrong, False)


def test_the_schedule_needs_fewer_calls_than_all_pairs_by_turns() -> None:
    true = [2.0, 1.2, 0.4, -0.4, -1.2, -2.0]
    runs = {
        adaptive: [
            scheduled(seed, true, adaptive=adaptive, looks=30, planned=30, size=60) for seed in range(4)
        ]
        for adaptive in (True, False)
    }
    calls = {adaptive: np.mean([run.calls for run in runs[adaptive]]) for adaptive in runs}
    assert all(run.sure for run in runs[True])
    assert calls[True] < 0.75 * calls[False]
    assert not any(run.wrong for run in runs[True])


@pytest.mark.slow
def test_planned_looks_keep_the_error_and_unplanned_ones_do_not() -> None:
    """Five equal systems: whatever is called sure is wrong. 120 schedules of 12 looks."""
    rates = {
        planned: np.mean(
            [
                scheduled(seed, [0.0] * 5, adaptive=True, looks=12, planned=planned, size=40).wrong
                for seed in range(120)
            ]
        )
        for planned in (12, 1)
    }
    assert rates[12] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 120)
    assert rates[1] > 0.15


def test_only_pairs_whose_order_is_unsure_are_asked() -> None:
    games = played(4, [3.0, 0.05, 0.0, -3.0], prompts=400)
    found = look(*games, size=10, looks=5)
    assert set(found.pairs) == {(1, 2)}
    assert len(found.pairs) == 10
    assert found.ranks.best.tolist() == [1, 2, 2, 4]
    assert found.ranks.worst.tolist() == [1, 3, 3, 4]


def test_a_system_that_never_lost_is_asked_about_until_that_is_no_luck() -> None:
    few = look([0, 0, 1, 2] * 2, [1, 2, 2, 1] * 2, [1, 1, 1, 1] * 2, size=4, looks=5)
    assert few.strengths.penalised
    assert few.ranks.worst.tolist() == [3, 3, 3]
    assert len(few.pairs) == 4
    many = look([0, 0, 1, 2] * 30, [1, 2, 2, 1] * 30, [1, 1, 1, 1] * 30, size=4, looks=5)
    assert (many.ranks.best[0], many.ranks.worst[0]) == (1, 1)
    assert set(many.pairs) == {(1, 2)}


def test_a_pair_with_nothing_left_to_judge_leaves_its_calls_to_others() -> None:
    games = played(4, [0.1, 0.05, 0.0, -3.0], prompts=400)
    room = np.zeros((4, 4))
    room[0, 1], room[1, 2] = 3, 100
    found = look(*games, size=20, looks=5, room=room)
    assert found.pairs.count((0, 1)) <= 3
    assert len(found.pairs) == 20 and set(found.pairs) <= {(0, 1), (1, 2)}
    assert look(*games, size=20, looks=5, room=np.zeros((4, 4))).pairs == ()


def test_the_opening_joins_all_systems() -> None:
    for systems in (2, 3, 7, 20):
        first, second = np.array(opening(systems)).T
        assert np.isfinite(bradley_terry(first, second, np.full(len(first), 0.5)).strengths).all()
    assert len(opening(20, times=1)) == 60
    with pytest.raises(ValueError, match="two systems"):
        opening(1)
    with pytest.raises(ValueError, match="1 at least"):
        look([0, 1], [1, 0], [1, 1], size=0, looks=3)
