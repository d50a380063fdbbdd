"""Verdicts on pairs, summed up: figures of scipy and statsmodels, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from promptops.pairs.summary import Hearing, Pair, summed_up
from promptops.pairs.text import preference_sentences
from promptops.types import Completion, Sample, Score

HEARING = Hearing("preference", "near/judge", False, "old", "new")
CREDIT = {"A": 1.0, "tie": 0.5, "B": 0.0}
Row = tuple[str, str, int, int]
"""The reply with the candidate first, with the baseline first, and the lengths of candidate and baseline."""


def heard(
    rows: Sequence[Row], groups: Sequence[str] | None = None, repeats: int = 1
) -> tuple[list[Pair], dict[tuple[str, int], Score]]:
    pairs, scores = [], {}
    for number, (first, second, own, other) in enumerate(rows):
        group = groups[number] if groups else None
        sample = Sample(id=f"s{number // repeats:04}", inputs={"q": number}, group=group)
        pair = Pair(sample, number % repeats, Completion(text="b" * other), Completion(text="c" * own))
        pairs.append(pair)
        share = (CREDIT[first] + 1 - CREDIT[second]) / 2
        scores[pair.place] = Score.of(share, orders=[first, second])
    return pairs, scores


def drawn(n: int, seed: int = 0, spread: float = 0.3) -> list[Row]:
    """Verdicts of a judge that likes length and the first place a little, and is unsure."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for _ in range(n):
        other = int(np.exp(5 + 0.2 * rng.normal()))
        own = int(other * np.exp(spread * rng.normal())) + 1
        pull = 0.4 + 0.008 * (own - other)
        first, second = (_reply(rng, pull + 0.5), _reply(rng, 0.5 - pull))
        rows.append((first, second, own, other))
    return rows


def _reply(rng: np.random.Generator, pull: float) -> str:
    """Return a tie now and then, else the answer shown first the likelier the stronger the pull."""
    if rng.random() < 0.15:
        return "tie"
    return "A" if rng.random() < 1 / (1 + np.exp(-pull)) else "B"


def test_flips_and_places_are_those_of_scipy() -> None:
    rows = drawn(150)
    found = summed_up(HEARING, *heard(rows))
    opposite = {"A": "B", "B": "A", "tie": "tie"}
    flips = sum(opposite[first] != second for first, second, *_ in rows)
    theirs = stats.binomtest(flips, 150)
    ends = theirs.proportion_ci(method="wilson")
    assert found.flips == flips and found.flip_rate == pytest.approx(flips / 150)
    assert (found.flip_low, found.flip_high) == pytest.approx((ends.low, ends.high), abs=1e-9)
    both = [sum((first, second) == (each, each) for first, second, *_ in rows) for each in "AB"]
    assert [found.first_both, found.second_both] == both and both[0] > both[1]
    assert found.order_p == pytest.approx(stats.binomtest(both[0], sum(both)).pvalue, abs=1e-12)
    chosen = [reply for first, second, *_ in rows for reply in (first, second) if reply != "tie"]
    assert found.first_rate == pytest.approx(chosen.count("A") / len(chosen))
    assert found.first_low is not None and found.first_high is not None
    assert found.first_low < found.first_rate < found.first_high


def test_the_win_rate_has_the_interval_of_a_cluster_regression() -> None:
    rows = drawn(120, seed=1)
    groups = [f"g{number // 3}" for number in range(120)]
    found = summed_up(HEARING, *heard(rows, groups))
    shares = np.array([(CREDIT[first] + 1 - CREDIT[second]) / 2 for first, second, *_ in rows])
    codes = np.arange(120) // 3
    # G/(G-1) alone, as the docstring of `mean_interval` says; statsmodels adds (n-1)/(n-1) = 1 for a mean.
    fit = sm.OLS(shares, np.ones(120)).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
    low, high = fit.conf_int()[0]
    assert (found.share, found.low, found.high) == pytest.approx((shares.mean(), low, high), abs=1e-9)
    assert (found.wins, found.losses) == (int((shares > 0.5).sum()), int((shares < 0.5).sum()))


def test_lengths_are_held_equal_as_by_a_logit_of_statsmodels() -> None:
    rows = drawn(200, seed=2)
    length = summed_up(HEARING, *heard(rows)).length
    shares = np.array([(CREDIT[first] + 1 - CREDIT[second]) / 2 for first, second, *_ in rows])
    own, other = (np.array([row[place] for row in rows], dtype=float) for place in (2, 3))
    gap = own - other
    pulls = np.column_stack([np.ones(200), np.tanh(gap / gap.std(ddof=1))])
    theta = sm.GLM(shares, pulls, family=sm.families.Binomial()).fit(tol=1e-12).params[0]
    assert length is not None and length.controlled.value is not None and length.rate.value is not None
    assert length.controlled.value == pytest.approx(1 / (1 + np.exp(-theta)), abs=1e-6)
    assert length.controlled.low is not None and length.controlled.low < length.controlled.value
    assert length.overlap == pytest.approx((np.abs(np.log(own / other)) < 0.2).mean())
    assert length.correlation.value == pytest.approx(stats.spearmanr(shares, gap).statistic, abs=1e-6)
    assert length.correlation.low is not None and length.correlation.low > 0
    assert length.rate.n == 200 and length.rate.value == pytest.approx(shares.mean())


def test_without_overlap_of_lengths_no_rate_at_equal_lengths_is_told() -> None:
    rows: list[Row] = [
        (("A", "B"), ("B", "A"), ("tie", "B"))[place % 3] + (200 + place, 100 - place) for place in range(60)
    ]
    found = summed_up(HEARING, *heard(rows))
    assert found.length is not None and found.length.overlap == 0.0
    assert found.length.controlled.value is None
    assert "about the same length; a length-controlled rate needs 10%" in str(found.length.controlled.reason)
    assert "with lengths held equal not told (the answers to 0% of the cases" in "\n".join(
        preference_sentences(found)
    )


def test_same_answers_are_ties_and_no_evidence_about_length() -> None:
    rows: list[Row] = [("A", "B", 100 + place, 100) for place in range(1, 21)]
    pairs, scores = heard(rows)
    same = [
        Pair(Sample(id=f"t{place}", inputs={}), 0, Completion(text="x"), Completion(text="x"))
        for place in range(20)
    ]
    scores |= {pair.place: Score.of(0.5, orders=["tie", "tie"]) for pair in same}
    found = summed_up(HEARING, [*pairs, *same], scores)
    assert (found.n, found.identical, found.share, found.ties) == (40, 20, 0.75, 20)
    assert found.length is not None and (found.length.rate.n, found.length.rate.value) == (20, 1.0)
    assert found.flip_rate == 0.0 and found.first_rate == 0.5
    assert summed_up(HEARING, same, scores).length is None


def test_repeats_of_a_sample_count_once_and_hang_together() -> None:
    rows: list[Row] = [("A", "B", 110, 100), ("B", "A", 90, 100)] * 30
    found = summed_up(HEARING, *heard(rows, repeats=2))
    assert (found.n, found.ties, found.share) == (30, 30, 0.5)
    flipping: list[Row] = [("A", "A", 110, 100), ("A", "B", 90, 100)] * 30
    alone = summed_up(HEARING, *heard(flipping))
    together = summed_up(HEARING, *heard(flipping, repeats=2))
    assert alone.flip_rate == together.flip_rate == 0.5
    assert alone.flip_low == pytest.approx(stats.binomtest(30, 60).proportion_ci(method="wilson").low)
    assert together.flip_low != alone.flip_low


def test_an_empty_answer_has_a_length_of_one() -> None:
    rows: list[Row] = [("B", "A", 0, 100), *drawn(40, seed=3)]
    found = summed_up(HEARING, *heard(rows))
    assert found.length is not None and found.length.controlled.value is not None


def test_unread_verdicts_beyond_a_twentieth_are_warned_of() -> None:
    pairs, scores = heard(drawn(40, seed=4))
    for pair in pairs[:2]:
        scores[pair.place] = Score.missing("the reply holds no readable verdict")
    assert summed_up(HEARING, pairs, scores).warnings == ()
    scores[pairs[2].place] = Score.missing("the reply holds no readable verdict")
    found = summed_up(HEARING, pairs, scores)
    assert (found.n, found.unscored) == (37, 3)
    [told] = found.warnings
    assert told.startswith("preference: 3 of 40 pairs (7.5%) have no readable verdict, more than 5%")
    assert "only what could not be read is asked" in told


def test_pairs_that_were_not_asked_are_left_out_and_counted() -> None:
    pairs, scores = heard(drawn(40, seed=5))
    some = {place: scores[place] for place in list(scores)[:30]}
    found = summed_up(HEARING, pairs, some)
    assert (found.n, found.left, found.unscored) == (30, 10, 0)
    assert "Not asked about: 10 pairs" in "\n".join(preference_sentences(found))


def test_one_group_alone_has_no_interval() -> None:
    found = summed_up(HEARING, *heard(drawn(10, seed=6), ["one"] * 10))
    assert found.share is not None and found.low is None
    assert found.length is not None and found.length.controlled.reason == "fewer than two independent samples"


def test_of_a_judge_that_gives_no_answer_nothing_is_measured_and_the_reason_is_told() -> None:
    pairs, scores = heard(drawn(40, seed=6))
    down = Score.missing("the judge gave no answer: no connection", kind="connection")
    for pair in pairs[:2]:
        scores[pair.place] = down
    few = summed_up(HEARING, pairs, scores)
    assert (few.n, few.unanswered, few.unmeasured) == (38, 2, None) and few.share is not None
    scores[pairs[2].place] = down
    found = summed_up(HEARING, pairs, scores)
    assert (found.share, found.low, found.length, found.warnings) == (None, None, None, ())
    told = preference_sentences(found)[0]
    assert "not measured: the judge gave no answer to 3 of 40 pairs (3 x connection: no connection)" in told
    assert "run the same again" in told and "wins" not in told


def test_a_win_in_one_order_with_a_tie_in_the_other_is_half_a_win() -> None:
    rows: list[Row] = [
        ("A", "B", 9, 9),
        ("A", "tie", 9, 9),
        ("tie", "B", 9, 9),
        ("B", "tie", 9, 9),
        ("A", "A", 9, 9),
    ]
    found = summed_up(HEARING, *heard(rows))
    assert (found.wins, found.losses, found.ties) == (3, 1, 1)
    assert (found.half_wins, found.half_losses) == (2, 1)
    assert found.share == pytest.approx((1 + 0.75 + 0.75 + 0.25 + 0.5) / 5)
    assert "(3 won, 2 of them by half, 1 lost, 1 of them by half, 1 ties" in preference_sentences(found)[0]
