import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support
from statsmodels.stats.inter_rater import cohens_kappa

from promptops.stats.agreement import MEASURES, Measure, agreement, bias
from promptops.stats.alpha import Scale, krippendorff_alpha
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.confusion import confusion
from promptops.stats.correlation import Coefficient, correlation, correlation_figure
from promptops.stats.kappa import Distance, cohen_kappa

NAN = float("nan")


def rated(
    seed: int, n: int = 120, raters: int = 3, missing: float = 0.15, noise: float = 0.7
) -> tuple[np.ndarray, np.ndarray]:
    """Return a judge's (n,) and humans' (n, raters) ratings from 1 to 5 of one hidden quality."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=n)[:, None]
    table = np.clip(np.round(3 + quality + noise * rng.normal(size=(n, raters + 1))), 1, 5)
    humans = np.where(rng.random((n, raters)) < missing, NAN, table[:, 1:])
    return table[:, 0], humans


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("distance", ["nominal", "linear", "quadratic"])
def test_kappa_is_that_of_scikit_learn_and_statsmodels(seed: int, distance: Distance) -> None:
    judge, humans = rated(seed, raters=1, missing=0)
    weights = None if distance == "nominal" else distance
    labels = [1, 2, 3, 4, 5]
    ours = cohen_kappa(judge, humans[:, 0], distance)
    assert ours == pytest.approx(
        cohen_kappa_score(judge, humans[:, 0], labels=labels, weights=weights), abs=1e-6
    )
    table = np.array([[((judge == a) & (humans[:, 0] == b)).sum() for b in labels] for a in labels])
    power = {"nominal": None, "linear": np.abs, "quadratic": np.square}[distance]
    theirs = cohens_kappa(table, weights=None if power is None else power(np.subtract.outer(labels, labels)))
    assert ours == pytest.approx(theirs.kappa, abs=1e-6)


def test_a_step_that_nobody_used_still_counts() -> None:
    a, b = [1, 1, 5, 5, 1, 4], [1, 4, 5, 5, 4, 4]
    assert cohen_kappa(a, b, "quadratic") == pytest.approx(
        cohen_kappa_score(a, b, labels=[1, 2, 3, 4, 5], weights="quadratic"), abs=1e-6
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize(("raters", "missing"), [(2, 0.0), (3, 0.3), (6, 0.6)])
def test_alpha_is_that_of_the_package_krippendorff(
    seed: int, scale: Scale, raters: int, missing: float
) -> None:
    _, humans = rated(seed, raters=raters, missing=missing)
    theirs = krippendorff.alpha(humans.T, level_of_measurement=scale)
    assert krippendorff_alpha(humans, scale) == pytest.approx(theirs, abs=1e-6)


def test_alpha_is_krippendorffs_own_example() -> None:
    """The 12 units and 4 observers of Krippendorff 2011: .743, .815 and .849."""
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
    table = np.array(observers).T
    found = [krippendorff_alpha(table, scale) for scale in ("nominal", "ordinal", "interval")]
    assert found == pytest.approx([0.743, 0.815, 0.849], abs=5e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("steps", [4, 1000])
def test_correlations_are_those_of_scipy(seed: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=150)
    y = np.round(steps * (x + rng.normal(size=150)) / 4)
    x = np.round(steps * x / 4)
    assert correlation(x, y, "pearson") == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-6)
    assert correlation(x, y, "spearman") == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-6)
    assert correlation(x, y, "kendall") == pytest.approx(stats.kendalltau(x, y)[0], abs=1e-6)


@pytest.mark.parametrize("coefficient", ["pearson", "spearman", "kendall"])
@pytest.mark.parametrize("steps", [3, 1000])
def test_a_case_that_is_drawn_twice_counts_as_two_cases(coefficient: Coefficient, steps: int) -> None:
    rng = np.random.default_rng(7)
    x, y = np.round(steps * rng.normal(size=(2, 60)))
    y += x
    weights = rng.integers(0, 4, size=(5, 60))
    found = correlation_figure(x, y, coefficient)(weights.astype(float))
    expected = [correlation(np.repeat(x, row), np.repeat(y, row), coefficient) for row in weights]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_judge_and_humans_are_compared_as_pairs_of_single_raters(measure: Measure) -> None:
    judge, humans = rated(3, missing=0)
    found = agreement(judge, humans, measure, resamples=200)
    with_judge = [agreement(judge, rater, measure, resamples=2).judge_human.value for rater in humans.T]
    assert found.judge_human.value == pytest.approx(np.mean(with_judge), abs=1e-9)
    among = [
        agreement(humans[:, i], humans[:, j], measure, resamples=2).judge_human.value
        for i, j in [(0, 1), (0, 2), (1, 2)]
    ]
    assert found.human_human.value == pytest.approx(np.mean(among), abs=1e-9)
    assert found.gap.value == pytest.approx(np.mean(with_judge) - np.mean(among), abs=1e-9)
    for each in (found.judge_human, found.human_human, found.gap):
        assert each.low is not None
        assert each.high is not None
        assert each.low < each.value < each.high


@pytest.mark.parametrize("measure", sorted(set(MEASURES) - {"accuracy"}))
def test_identical_ratings_have_no_figure_and_a_reason(measure: Measure) -> None:
    found = agreement(np.full(30, 3.0), np.full((30, 2), 3.0), measure, resamples=50)
    for each in (found.judge_human, found.human_human, found.gap):
        assert each.value is None
        assert each.low is None
        assert "same" in str(each.reason)
    assert found.undefined_pairs == 3


def test_full_agreement_has_no_interval_without_width() -> None:
    judge, _ = rated(1)
    found = agreement(judge, judge, "kappa", resamples=200).judge_human
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert "no resample differs" in str(found.reason)


def test_one_rater_says_nothing_of_humans_among_themselves() -> None:
    judge, humans = rated(1, raters=1)
    found = agreement(judge, humans, "quadratic_kappa", resamples=100)
    assert found.judge_human.value is not None
    assert found.human_human.value is None
    assert found.human_human.reason == "no case has both ratings"
    assert found.gap.value is None


def test_a_rater_with_few_cases_weighs_little() -> None:
    judge, humans = rated(5, n=200, raters=2, missing=0)
    humans[4:, 1] = NAN
    humans[:4, 1] = [5, 1, 5, 1]
    both = agreement(judge, humans, "quadratic_kappa", resamples=50).judge_human
    first, second = (
        agreement(judge, humans[:, k], "quadratic_kappa", resamples=50).judge_human.value for k in (0, 1)
    )
    assert both.n == 204
    assert both.value == pytest.approx((200 * first + 4 * second) / 204)


def test_cases_of_one_document_make_intervals_wider() -> None:
    judge, humans = rated(2, n=60)
    judge, humans = np.repeat(judge, 5), np.repeat(humans, 5, axis=0)
    alone = agreement(judge, humans, "kappa", resamples=500).judge_human
    grouped = agreement(judge, humans, "kappa", np.repeat(np.arange(60), 5), resamples=500).judge_human
    assert grouped.high - grouped.low > 1.8 * (alone.high - alone.low)
    with pytest.raises(TooFewClustersError):
        agreement(judge, humans, "kappa", np.zeros(300, dtype=int))


@pytest.mark.parametrize("draws", [150, pytest.param(400, marks=pytest.mark.slow)])
def test_intervals_cover_the_truth(draws: int) -> None:
    """Draws of 60 cases each: within three Monte Carlo errors of .95."""
    truth = agreement(*rated(99, n=200_000, raters=1, missing=0), "quadratic_kappa", resamples=2)
    covered = 0
    for seed in range(draws):
        found = agreement(*rated(seed, n=60, raters=2), "quadratic_kappa", resamples=500).judge_human
        covered += found.low <= truth.judge_human.value <= found.high
    assert covered / draws == pytest.approx(0.95, abs=3 * (0.95 * 0.05 / draws) ** 0.5)


ratings = st.lists(st.tuples(*[st.sampled_from([1.0, 2.0, 3.0, 4.0, NAN])] * 3), min_size=4, max_size=25).map(
    np.array
)


@settings(deadline=None, max_examples=40)
@given(ratings, st.randoms(use_true_random=False))
def test_figures_do_not_depend_on_the_order_of_cases_or_raters(table: np.ndarray, random: object) -> None:
    rows, columns = np.random.default_rng(1).permutation(len(table)), [2, 0, 1]
    for scale in ("nominal", "ordinal", "interval"):
        assert _same(krippendorff_alpha(table, scale), krippendorff_alpha(table[rows][:, columns], scale))
    for distance in ("nominal", "linear", "quadratic"):
        straight = cohen_kappa(table[:, 0], table[:, 1], distance)
        assert _same(straight, cohen_kappa(table[rows, 1], table[rows, 0], distance))


@settings(deadline=None, max_examples=40)
@given(ratings, st.floats(0.001, 1000), st.floats(-100, 100))
def test_figures_do_not_depend_on_names_or_units(table: np.ndarray, factor: float, offset: float) -> None:
    moved = table * factor + offset
    renamed = np.where(
        np.isnan(table), NAN, np.array([0, 30.0, 7.0, -2.0, 11.0])[np.nan_to_num(table).astype(int)]
    )
    stretched = np.where(np.isnan(table), NAN, np.exp(table))
    assert _same(krippendorff_alpha(table, "nominal"), krippendorff_alpha(renamed, "nominal"))
    assert _same(krippendorff_alpha(table, "ordinal"), krippendorff_alpha(stretched, "ordinal"))
    assert _same(krippendorff_alpha(table, "interval"), krippendorff_alpha(moved, "interval"))
    assert _same(cohen_kappa(table[:, 0], table[:, 1]), cohen_kappa(renamed[:, 0], renamed[:, 1]))
    for distance in ("linear", "quadratic"):
        assert _same(
            cohen_kappa(table[:, 0], table[:, 1], distance), cohen_kappa(moved[:, 0], moved[:, 1], distance)
        )
    for coefficient in ("spearman", "kendall"):
        assert _same(
            correlation(table[:, 0], table[:, 1], coefficient),
            correlation(stretched[:, 0], moved[:, 1], coefficient),
        )


def _same(first: float | None, second: float | None) -> bool:
    return second is None if first is None else second == pytest.approx(first, abs=1e-6)


def test_bias_is_the_mean_difference_with_its_t_interval() -> None:
    judge, humans = rated(4, n=80)
    found = bias(judge + 1, humans)
    differences = judge + 1 - np.nanmean(humans, axis=1)
    low, high = stats.t.interval(0.95, len(differences) - 1, differences.mean(), stats.sem(differences))
    assert found.difference.mean == pytest.approx(differences.mean())
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))


def test_bias_leaves_out_cases_without_both_sides_and_says_how_many() -> None:
    found = bias([3, NAN, 4, 5], [[2, 3], [1, 1], [NAN, NAN], [5, NAN]], clusters=["a", "b", "c", "d"])
    assert found.unlabelled == 2
    assert found.difference.mean == pytest.approx((0.5 + 0.0) / 2)


def test_the_confusion_table_has_the_precision_and_recall_of_scikit_learn() -> None:
    judge, humans = rated(6, n=300, raters=1, missing=0)
    found = confusion(judge, humans, labels=[1, 2, 3, 4, 5], resamples=300)
    precision, recall, _, _ = precision_recall_fscore_support(humans[:, 0], judge, labels=[1, 2, 3, 4, 5])
    assert [each.precision.value for each in found.classes] == pytest.approx(precision)
    assert [each.recall.value for each in found.classes] == pytest.approx(recall)
    assert found.table.sum() == 300
    assert found.accuracy.value == pytest.approx((judge == humans[:, 0]).mean())
    for place, each in enumerate(found.classes):
        assert each.missed == found.table[place].sum() - found.table[place, place]
        assert each.false == found.table[:, place].sum() - found.table[place, place]
        assert each.recall.low <= each.recall.value <= each.recall.high


def test_a_class_that_was_never_missed_has_wilsons_interval() -> None:
    found = confusion([1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 1], resamples=100)
    precision = found.classes[1].precision
    assert (precision.value, precision.high) == (1.0, 1.0)
    assert precision.low == pytest.approx(0.4385, abs=1e-4)  # Wilson 3 of 3


def test_a_class_that_nobody_used_has_no_figure() -> None:
    found = confusion([1, 0, 1, 0], [1, 0, 0, 1], labels=[0, 1, 2], resamples=50)
    assert found.classes[2].precision.value is None
    assert "no rating of this class" in str(found.classes[2].recall.reason)
    with pytest.raises(ValueError, match="none of"):
        confusion([1, 3], [1, 0], labels=[0, 1])


def test_tables_of_unlike_length_are_refused() -> None:
    with pytest.raises(ValueError, match="same cases"):
        agreement([1, 2, 3], [[1], [2]], "kappa")
