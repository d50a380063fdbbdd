import math

import numpy as np
import pytest
from scipy import stats

from promptops.stats.blocktests import Blocks, block_categories, block_smirnov


def single(n: int, m: int) -> Blocks:
    return Blocks.of(range(n), n, range(m), m)


def test_a_label_on_both_sides_means_two_blocks() -> None:
    blocks = Blocks.of(["mo", "mo", "tu"], 3, ["mo", "we"], 2)
    assert blocks.counts == (2, 2)
    assert blocks.smallest_p == 1 / math.comb(4, 2)


def test_a_block_is_relabelled_whole_and_as_many_blocks_count_to_the_first() -> None:
    blocks = Blocks.of([0, 0, 1, 1, 2], 5, ["a", "a", "b"], 3)
    inside = blocks.relabelled(50, seed=1)
    assert inside[0].tolist() == [1] * 5 + [0] * 3
    assert (inside[:, 0] == inside[:, 1]).all() and (inside[:, 5] == inside[:, 6]).all()
    assert (inside[:, [0, 2, 4, 5, 7]].sum(axis=1) == 3).all()


def test_blocks_of_some_cases_keep_who_belongs_together() -> None:
    blocks = Blocks.of([5, 5, 7, 8], 4, [1, 2], 2).only(np.array([1, 3]), np.array([1]))
    assert (blocks.first.tolist(), blocks.second.tolist()) == ([0, 1], [0])


def test_the_gap_of_single_cases_is_that_of_scipy_and_its_p_near_the_exact_one() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 8, 30), rng.integers(1, 10, 40)
    found = block_smirnov(np.concatenate([x, y]).astype(float), single(30, 40).relabelled(4999, 1))
    assert found.gap == pytest.approx(stats.ks_2samp(x, y).statistic)
    drawn = stats.permutation_test(
        (x, y),
        lambda a, b: stats.ks_2samp(a, b).statistic,
        n_resamples=499,
        vectorized=False,
        alternative="greater",
        rng=2,
    )
    assert found.p == pytest.approx(drawn.pvalue, abs=0.06)


def test_only_a_rise_counts_where_that_is_asked() -> None:
    values = np.arange(40.0)
    inside = single(20, 20).relabelled(199, 1)
    assert block_smirnov(values, inside, greater=True).p == 1 / 200
    assert block_smirnov(-values, inside, greater=True).p == 1.0
    assert block_smirnov(np.zeros(40), inside).p == 1.0


def test_categories_are_ordered_by_pearsons_statistic() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 3, 60), rng.integers(0, 3, 50)
    found = block_categories(np.concatenate([x, y]), single(60, 50).relabelled(4999, 1))
    table = [np.bincount(x, minlength=3), np.bincount(y, minlength=3)]
    assert found == pytest.approx(stats.chi2_contingency(table).pvalue, abs=0.03)


def test_days_that_differ_anyway_are_no_shift() -> None:
    rng = np.random.default_rng(4)
    days = np.repeat(np.arange(6), 8)
    blocks = Blocks.of(days, 48, days, 48)
    p = []
    for run in range(300):
        values = np.concatenate([rng.normal(size=48) + rng.normal(size=6)[days] for _ in range(2)])
        p.append(block_smirnov(values, blocks.relabelled(99, run)).p)
    assert np.mean(np.array(p) <= 0.05) <= 0.09
