import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from promptops.stats.clusters import TooFewClustersError
from promptops.stats.correlation import Coefficient
from promptops.stats.metaevaluation import Level, meta_correlation, pair_order

COEFFICIENTS: dict[Coefficient, object] = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall": stats.kendalltau,
}


def scored(
    seed: int, documents: int = 60, systems: int = 8, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return a metric's and human scores (documents, systems), human ones on half points from 1 to 5."""
    rng = np.random.default_rng(seed)
    quality = np.linspace(-0.6, 0.6, systems) + rng.normal(size=(documents, systems))
    quality = quality + rng.normal(size=(documents, 1))
    human = np.clip(np.round(2 * (3 + quality)) / 2, 1, 5)
    return quality + noise * rng.normal(size=quality.shape), human


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("coefficient", COEFFICIENTS)
def test_correlations_are_those_of_scipy_at_each_level(seed: int, coefficient: Coefficient) -> None:
    metric, human = scored(seed)
    theirs = COEFFICIENTS[coefficient]
    expected = {
        "sample": theirs(metric.ravel(), human.ravel())[0],
        "group": np.mean([theirs(a, b)[0] for a, b in zip(metric, human, strict=True)]),
        "system": theirs(metric.mean(axis=0), human.mean(axis=0))[0],
    }
    for level, value in expected.items():
        found = meta_correlation(metric, human, level, coefficient, resamples=100)
        assert found.correlation.value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("level", ["sample", "group", "system"])
@pytest.mark.parametrize("coefficient", COEFFICIENTS)
def test_intervals_are_those_of_a_plain_bootstrap_over_documents(
    level: Level, coefficient: Coefficient
) -> None:
    metric, human = scored(4, documents=40)
    found = meta_correlation(metric, human, level, coefficient, resamples=1500).correlation
    rng, theirs, plain = np.random.default_rng(1), COEFFICIENTS[coefficient], []
    for _ in range(100 if level == "group" else 400):
        rows = rng.integers(0, 40, 40)
        a, b = metric[rows], human[rows]
        if level == "sample":
            plain.append(theirs(a.ravel(), b.ravel())[0])
        elif level == "system":
            plain.append(theirs(a.mean(axis=0), b.mean(axis=0))[0])
        else:
            plain.append(np.mean([theirs(one, other)[0] for one, other in zip(a, b, strict=True)]))
    low, high = np.quantile(plain, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.25 * (high - low))
    assert found.high == pytest.approx(high, abs=0.25 * (high - low))


def test_documents_without_variance_are_left_out_and_counted() -> None:
    metric, human = scored(5, documents=30)
    human[:4] = 3.0
    metric[4] = 0.5
    found = meta_correlation(metric, human, "group", "spearman", resamples=100)
    assert (found.left_out, found.correlation.n) == (5, 25)
    kept = meta_correlation(metric[5:], human[5:], "group", "spearman", resamples=100)
    assert found.correlation.value == pytest.approx(kept.correlation.value)


def test_missing_scores_leave_out_the_output_only() -> None:
    metric, human = scored(6)
    metric[0, 0] = human[3, 2] = np.nan
    known = np.isfinite(metric) & np.isfinite(human)
    found = meta_correlation(metric, human, "sample", "pearson", resamples=50)
    assert (found.left_out, found.correlation.n) == (2, 478)
    assert found.correlation.value == pytest.approx(stats.pearsonr(metric[known], human[known])[0], abs=1e-6)
    means = [np.where(known, side, np.nan) for side in (metric, human)]
    theirs = stats.pearsonr(*(np.nanmean(side, axis=0) for side in means))[0]
    by_system = meta_correlation(metric, human, "system", "pearson", resamples=50)
    assert by_system.correlation.value == pytest.approx(theirs, abs=1e-6)


def test_nothing_that_varies_is_no_correlation() -> None:
    metric, _ = scored(7)
    for level in ("sample", "group", "system"):
        found = meta_correlation(metric, np.full(metric.shape, 3.0), level, "kendall", resamples=20)
        assert found.correlation.value is None
        assert "never varies" in str(found.correlation.reason)


def test_pairs_of_systems_are_counted_by_how_they_are_ordered() -> None:
    human = np.tile([1.0, 2.0, 3.0, 3.0], (5, 1))
    metric = np.tile([0.1, 0.3, 0.3, 0.2], (5, 1))
    found = pair_order(metric, human, resamples=50)
    # 0<1, 0<2, 0<3 agreed; 1-2 tied by the metric; 1<3 reversed; 2-3 tied by people.
    assert (found.agreed, found.reversed, found.metric_ties, found.human_ties) == (3, 1, 1, 1)
    assert found.accuracy.value == pytest.approx(3.5 / 5)
    assert found.accuracy.n == 5
    assert found.accuracy.low is None
    assert "no resample differs" in str(found.accuracy.reason)


def test_accuracy_is_that_of_a_loop_over_pairs() -> None:
    metric, human = scored(8, documents=25, systems=12, noise=2.0)
    ours, theirs = metric.mean(axis=0), human.mean(axis=0)
    pairs = [(i, j) for i in range(12) for j in range(i) if theirs[i] != theirs[j]]
    right = sum((ours[i] - ours[j]) * (theirs[i] - theirs[j]) > 0 for i, j in pairs)
    found = pair_order(metric, human)
    assert found.accuracy.value == pytest.approx(right / len(pairs))
    assert found.accuracy.low < found.accuracy.high
    nobody = pair_order(metric, np.ones_like(human), resamples=20)
    assert (nobody.accuracy.value, nobody.human_ties) == (None, 66)


def test_a_metric_may_correlate_well_and_order_systems_badly() -> None:
    rng = np.random.default_rng(9)
    human = rng.normal(size=(200, 6)) + np.linspace(0, 0.5, 6)
    metric = human + np.linspace(0.9, 0, 6)
    assert meta_correlation(metric, human, "sample", "pearson", resamples=20).correlation.value > 0.9
    assert pair_order(metric, human, resamples=50).accuracy.value == 0.0


def test_one_document_and_unlike_tables_are_refused() -> None:
    metric, human = scored(1)
    with pytest.raises(TooFewClustersError):
        meta_correlation(metric[:1], human[:1], "sample", "pearson")
    with pytest.raises(ValueError, match="two systems or more"):
        pair_order(metric[:, :1], human[:, :1])
    with pytest.raises(ValueError, match="tables of documents"):
        meta_correlation(metric, human[:10], "group", "pearson")


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-10, 10))
def test_units_and_order_do_not_matter(seed: int, factor: float, offset: float) -> None:
    metric, human = scored(seed, documents=12, systems=4)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(12), rng.permutation(4)
    moved = (factor * metric + offset)[rows][:, columns]
    for level in ("sample", "group", "system"):
        for coefficient in COEFFICIENTS:
            plain = meta_correlation(metric, human, level, coefficient, resamples=2).correlation.value
            found = meta_correlation(moved, human[rows][:, columns], level, coefficient, resamples=2)
            if plain is None:
                assert found.correlation.value is None
            else:
                assert found.correlation.value == pytest.approx(plain, abs=1e-6)
