import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from promptops.stats.position import Position, position


def repeated(**counts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return verdicts in both orders, named by what was chosen in each: first, second or tie."""
    codes = {"first": 1, "second": -1, "tie": 0}
    pairs = [[codes[part] for part in name.split("_")] for name, n in counts.items() for _ in range(n)]
    one, other = np.array(pairs, dtype=float).T
    return one, other


def test_summeval_has_no_net_bias_and_yet_many_flips() -> None:
    """4,400 pairs judged by ChatGPT: 683 first|first and 725 second|second, p .27, 35.2 % flips."""
    found = position(
        *repeated(
            first_first=683,
            second_second=725,
            first_tie=70,
            tie_second=71,
            first_second=1900,
            second_first=951,
        )
    )
    assert found.n == 4400
    assert found.flips / found.n == pytest.approx(0.352, abs=5e-4)
    assert found.p == pytest.approx(0.27, abs=5e-3)
    assert found.p == pytest.approx(stats.binomtest(683, 683 + 725).pvalue, abs=1e-9)
    assert found.flip_rate is not None
    low, high = proportion_confint(found.flips, 4400, method="wilson")
    assert (found.flip_rate.low, found.flip_rate.high) == pytest.approx((low, high))
    assert found.first_share is not None
    low, high = proportion_confint(683, 1408, method="wilson")
    assert (found.first_share.low, found.first_share.high) == pytest.approx((low, high))
    assert found.first_rate is not None
    firsts = 2 * 683 + 70 + 1900 + 951
    assert found.first_rate.value == pytest.approx(firsts / (2 * 4400 - 141))


def test_a_judge_that_always_takes_the_first_is_seen() -> None:
    found = position(*repeated(first_first=50))
    assert (found.flips, found.first_both, found.second_both) == (50, 50, 0)
    assert found.p < 1e-12
    assert found.first_rate is not None
    assert (found.first_rate.value, found.first_rate.high) == (1.0, 1.0)
    assert found.first_rate.low > 0.9


def test_a_consistent_judge_has_no_flips() -> None:
    found = position(*repeated(first_second=30, second_first=20, tie_tie=10))
    assert (found.flips, found.first_both, found.p, found.first_share) == (0, 0, 1.0, None)
    assert found.first_rate is not None
    assert found.first_rate.value == 0.5
    assert found.first_rate.low < 0.5 < found.first_rate.high


def test_only_ties_tell_nothing_of_a_place() -> None:
    found = position(*repeated(tie_tie=5))
    assert (found.first_rate, found.first_share, found.flips) == (None, None, 0)
    empty = position([], [])
    assert empty == Position(0, 0, None, 0, 0, 1.0, None, None)


def test_the_rate_covers_where_the_judge_follows_the_place() -> None:
    """Nine of ten pairs are decided by place alone; Wilson's interval of single choices covers under 90 %."""
    rng = np.random.default_rng(1)
    ours = wilsons = 0
    for _ in range(1500):
        by_place, side, better = rng.random((3, 60))
        one = np.where(by_place < 0.9, np.where(side < 0.6, 1, -1), np.where(better < 0.5, 1, -1))
        other = np.where(by_place < 0.9, one, -one)
        found = position(one, other).first_rate
        assert found is not None
        ours += found.low <= 0.59 <= found.high
        low, high = proportion_confint((one > 0).sum() + (other > 0).sum(), 120, method="wilson")
        wilsons += low <= 0.59 <= high
    assert 0.93 <= ours / 1500 <= 0.97
    assert wilsons / 1500 < 0.9


def test_repeats_of_one_sample_make_intervals_wider() -> None:
    one, other = repeated(first_first=20, first_second=20, second_second=10)
    alone = position(one, other)
    many = position(np.repeat(one, 4), np.repeat(other, 4), np.repeat(np.arange(50), 4))
    for name in ("flip_rate", "first_share", "first_rate"):
        single, clustered = getattr(alone, name), getattr(many, name)
        assert clustered.value == pytest.approx(single.value)
        assert clustered.high - clustered.low == pytest.approx(single.high - single.low, rel=0.15)
    assert position(one, other, np.zeros(50)).flip_rate is None


def test_unread_verdicts_are_left_out_and_others_refused() -> None:
    assert position([1, np.nan, -1], [-1, 1, 1]).n == 2
    with pytest.raises(ValueError, match="a verdict is 1"):
        position([1, 2], [1, 1])
    with pytest.raises(ValueError, match="both orders"):
        position([1, 1], [1])


verdicts = st.lists(
    st.tuples(st.sampled_from([1, 0, -1]), st.sampled_from([1, 0, -1])), min_size=1, max_size=40
)


@given(verdicts)
def test_swapping_both_orders_changes_nothing_and_mirroring_turns_the_bias(
    pairs: list[tuple[int, int]],
) -> None:
    one, other = np.array(pairs, dtype=float).T
    found, swapped, mirrored = position(one, other), position(other, one), position(-one, -other)
    assert swapped == found
    assert (mirrored.flips, mirrored.first_both) == (found.flips, found.second_both)
    assert mirrored.p == pytest.approx(found.p)
    if found.first_rate is not None and mirrored.first_rate is not None:
        assert mirrored.first_rate.value == pytest.approx(1 - found.first_rate.value)
        assert mirrored.first_rate.low == pytest.approx(1 - found.first_rate.high)
