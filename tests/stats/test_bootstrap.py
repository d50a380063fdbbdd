import math

import numpy as np
import pytest
from scipy import stats

from promptops.stats import bootstrap
from promptops.stats.clusters import TooFewClustersError


def mean(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    return totals[..., 0] / n


def ratio(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    return totals[..., 0] / totals[..., 1]


def drawn(values: np.ndarray, resamples: int = 4000, seed: int = 0) -> bootstrap.Bootstrap:
    return bootstrap.resampled(
        [bootstrap.table(values)], np.ones(len(values)), None, mean, resamples=resamples, seed=seed
    )


def test_bca_ends_agree_with_scipys() -> None:
    values = np.random.default_rng(1).exponential(size=40)
    ours = drawn(values, resamples=40_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    assert bootstrap.quantile(ours, 0.025) == pytest.approx(theirs.low, abs=0.01)
    assert bootstrap.quantile(ours, 0.975) == pytest.approx(theirs.high, abs=0.015)


def test_a_ratio_of_sums_is_resampled_as_such() -> None:
    rng = np.random.default_rng(3)
    counts = np.column_stack([rng.poisson(3, 80), rng.poisson(9, 80) + 1]).astype(float)
    ours = bootstrap.resampled([counts], np.ones(80), None, ratio, resamples=20_000, seed=0)
    theirs = stats.bootstrap(
        (counts[:, 0], counts[:, 1]),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(4),
    ).confidence_interval
    assert ours.figure == pytest.approx(counts[:, 0].sum() / counts[:, 1].sum())
    assert bootstrap.quantile(ours, 0.025, "percentile") == pytest.approx(theirs.low, abs=0.003)
    assert bootstrap.quantile(ours, 0.975, "percentile") == pytest.approx(theirs.high, abs=0.003)


@pytest.mark.parametrize(
    "values", [np.random.default_rng(5).exponential(size=60), np.repeat([0.0, 1, 5], [30, 8, 2])]
)
def test_p_values_are_dual_to_the_bounds(values: np.ndarray) -> None:
    boot = drawn(values)
    for value in np.linspace(values.min(), values.max(), 60):
        for alpha in (0.01, 0.05, 0.3):
            high, low = bootstrap.quantile(boot, 1 - alpha), bootstrap.quantile(boot, alpha)
            if abs(high - value) > 1e-9:
                assert (bootstrap.p_below(boot, value) < alpha) == (high < value)
            if abs(low - value) > 1e-9:
                assert (bootstrap.p_above(boot, value) < alpha) == (low > value)


def test_the_same_seed_gives_the_same_draws_and_another_does_not() -> None:
    values = np.arange(30.0)
    assert np.array_equal(drawn(values, seed=3).draws, drawn(values, seed=3).draws)
    assert not np.array_equal(drawn(values, seed=3).draws, drawn(values, seed=4).draws)


def test_chunks_don_t_change_the_law_of_draws() -> None:
    values = np.random.default_rng(6).normal(size=3000)
    boot = drawn(values, resamples=3000)
    assert boot.draws.std() == pytest.approx(values.std() / math.sqrt(3000), rel=0.05)


def test_equal_cases_have_bounds_without_width() -> None:
    boot = drawn(np.full(30, 0.4))
    assert bootstrap.quantile(boot, 0.05) == pytest.approx(0.4)
    assert bootstrap.quantile(boot, 0.95) == pytest.approx(0.4)


def test_a_figure_that_is_often_undefined_has_no_bounds() -> None:
    counts = np.zeros((20, 2))
    counts[0] = 1.0

    def share(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        return np.divide(
            totals[..., 0], totals[..., 1], out=np.full(n.shape, np.nan), where=totals[..., 1] > 0
        )

    boot = bootstrap.resampled([counts], np.ones(20), None, share, resamples=500, seed=0)
    assert boot.undefined > 100
    assert math.isnan(bootstrap.quantile(boot, 0.05))
    assert math.isnan(bootstrap.p_below(boot, 0.5))
    assert math.isnan(bootstrap.recentred_p(boot))


def test_a_single_cluster_can_t_be_resampled() -> None:
    with pytest.raises(TooFewClustersError):
        bootstrap.resampled([np.ones((3, 1))], np.ones(3), ["a"] * 3, mean, resamples=10, seed=0)


def test_counts_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        bootstrap.table([[1.0, np.inf]])


def plain_sums(sums: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Draw every resample by itself, and add up in Python what it drew."""
    rng = np.random.default_rng(seed)
    chosen = [rng.integers(0, len(sums), size=len(sums)) for _ in range(resamples)]
    return np.array([sums[rows].sum(axis=0) for rows in chosen])


@pytest.mark.parametrize("room", [300_000_000, 20_000])
@pytest.mark.parametrize("kind", ["whole", "fractions", "large", "negative"])
def test_all_resamples_at_once_are_what_each_gives_by_itself(
    kind: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "ROOM", room)
    monkeypatch.setattr(bootstrap, "_CHUNK", 15_000)
    monkeypatch.setattr(bootstrap, "_STRIP", 1_000)
    rng = np.random.default_rng(6)
    sums = {
        "whole": rng.integers(0, 300, (2_500, 3)).astype(float),
        "fractions": rng.random((2_500, 3)),
        "large": rng.integers(0, 2**40, (2_500, 3)).astype(float),
        "negative": rng.integers(-40_000, 40_000, (2_500, 3)).astype(float),
    }[kind]
    found = bootstrap.resampled_sums(sums, 60, seed=7)
    expected = plain_sums(sums, 60, seed=7)
    if kind == "fractions":
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    else:
        np.testing.assert_array_equal(found, expected)


def test_a_cluster_that_is_drawn_very_often_is_counted_whole() -> None:
    drawn = np.zeros((2, 1_000), dtype=np.int64)
    drawn[1] = np.arange(1_000)
    block = bootstrap._counted(drawn, 1_000)
    assert block[0].tolist() == [1_000] + [0] * 999
    assert block[1].tolist() == [1] * 1_000


def test_drawings_are_kept_only_as_far_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "ROOM", 2_500)
    kept = bootstrap._Kept()
    first = kept.get(10, 100, 1)
    assert kept.get(10, 100, 1) is first
    kept.get(10, 100, 2)
    kept.get(10, 100, 1)
    kept.get(10, 100, 3)
    assert kept.get(10, 100, 1) is first, "what was used last stays"
    assert sum(block.nbytes for blocks in kept._blocks.values() for block in blocks) <= 2_500


def test_of_very_many_clusters_many_are_drawn_as_one_with_the_same_spread() -> None:
    """The oracle is the standard error of a mean; 2,000 resamples tell it to 1.6 %, three of that."""
    n = 35_000
    values = np.random.default_rng(2).exponential(size=n)
    found = bootstrap.resampled([values[:, None]], np.ones(n), None, mean, resamples=2000, seed=1)
    assert found.clusters == n
    assert found.figure == pytest.approx(values.mean())
    assert found.draws.std(ddof=1) == pytest.approx(values.std(ddof=1) / np.sqrt(n), rel=0.05)


def test_up_to_ten_thousand_clusters_each_is_drawn_by_itself() -> None:
    sums = np.random.default_rng(3).random((bootstrap.MOST, 2))
    assert bootstrap._folded(sums) is sums
    folded = bootstrap._folded(np.vstack([sums, sums[:5]]))
    assert folded.shape == sums.shape
    assert np.allclose(folded[:5], 2 * sums[:5]) and np.allclose(folded[5:], sums[5:])
