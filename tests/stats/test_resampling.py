import numpy as np
import pytest
import sacrebleu
from scipy import stats

from promptops.stats import flips
from promptops.stats.resampling import paired_bootstrap, swap_test

ONES = np.ones(60)


def mean(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    return totals[..., 0] / n


def ratio(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    return totals[..., 0] / totals[..., 1]


def pair(shift: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=60)
    return base[:, None] + rng.normal(size=(60, 1)), base[:, None] + rng.normal(size=(60, 1)) + shift


def test_the_swap_test_agrees_with_scipys_permutation_of_pairs() -> None:
    a, b = pair(0.3)
    ours = swap_test(a, b, ONES, None, mean, swaps=20_000)
    theirs = stats.permutation_test(
        (b[:, 0] - a[:, 0],),
        np.mean,
        permutation_type="samples",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    )
    assert ours.difference == pytest.approx(theirs.statistic)
    assert ours.p == pytest.approx(theirs.pvalue, abs=0.01)
    assert ours.p_greater < ours.p_less
    assert ours.p_greater == pytest.approx(ours.p / 2, abs=0.01)


def test_few_pairs_are_swapped_in_every_way() -> None:
    a, b = pair(0.5)
    ours = swap_test(a[:9], b[:9], np.ones(9), None, mean)
    theirs = stats.permutation_test(
        (b[:9, 0] - a[:9, 0],), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert ours.swaps == 512
    assert ours.p == pytest.approx(theirs.pvalue)


def test_identical_outputs_have_p_one() -> None:
    a, _ = pair()
    found = swap_test(a, a, ONES, None, mean)
    assert (found.difference, found.p, found.p_less, found.p_greater) == (0.0, 1.0, 1.0, 1.0)


def test_corpus_bleu_agrees_with_sacrebleus_randomisation() -> None:
    """Oracle: sacrebleu's `paired_ar` on the same segments; both are random, so within 0.02."""
    rng = np.random.default_rng(7)
    vocabulary = [f"word{place}" for place in range(30)]
    references = [" ".join(rng.choice(vocabulary, 12)) for _ in range(60)]

    def spoilt(text: str, share: float) -> str:
        return " ".join(
            word if rng.random() > share else str(rng.choice(vocabulary)) for word in text.split()
        )

    outputs = [[spoilt(text, share) for text in references] for share in (0.25, 0.3)]
    metric = sacrebleu.BLEU()
    counts = [
        np.array(metric._extract_corpus_statistics(side, [references]), dtype=float) for side in outputs
    ]

    def bleu(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        flat = totals.reshape(-1, totals.shape[-1])
        figures = [metric._compute_score_from_stats(list(row)).score for row in flat]
        return np.array(figures).reshape(totals.shape[:-1])

    ours = swap_test(counts[0], counts[1], ONES, None, bleu, swaps=2000)
    from sacrebleu.significance import PairedTest

    test = PairedTest(
        [("a", outputs[0]), ("b", outputs[1])], {"BLEU": metric}, [references], "ar", n_samples=2000
    )
    theirs = test()[1]["BLEU"][1]
    assert ours.difference == pytest.approx(
        metric.corpus_score(outputs[1], [references]).score
        - metric.corpus_score(outputs[0], [references]).score
    )
    assert ours.p == pytest.approx(theirs.p_value, abs=0.04)


def test_every_swap_of_a_few_segments_gives_the_p_of_sacrebleus_own_scores() -> None:
    """Oracle: sacrebleu's corpus score of both systems after each of the 256 swaps of eight segments."""
    rng = np.random.default_rng(11)
    words = [f"word{place}" for place in range(12)]
    references = [" ".join(rng.choice(words, 9)) for _ in range(8)]
    first, second = (
        [" ".join(w if rng.random() > share else "x" for w in text.split()) for text in references]
        for share in (0.15, 0.3)
    )
    metric = sacrebleu.BLEU()

    def gap(swaps: int) -> float:
        sides = [
            (second[place], first[place]) if swaps >> place & 1 else (first[place], second[place])
            for place in range(8)
        ]
        one, other = ([side[which] for side in sides] for which in (0, 1))
        return metric.corpus_score(other, [references]).score - metric.corpus_score(one, [references]).score

    def bleu(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        flat = totals.reshape(-1, totals.shape[-1])
        figures = [metric._compute_score_from_stats(list(row)).score for row in flat]
        return np.array(figures).reshape(totals.shape[:-1])

    counts = [
        np.array(metric._extract_corpus_statistics(side, [references]), dtype=float)
        for side in (first, second)
    ]
    found = swap_test(counts[0], counts[1], np.ones(8), None, bleu)
    gaps = np.array([gap(swaps) for swaps in range(256)])
    assert found.difference == pytest.approx(gaps[0], abs=1e-9)
    assert found.p == pytest.approx((np.abs(gaps) >= abs(gaps[0]) - 1e-9).mean(), abs=1e-9)


def test_clusters_are_swapped_as_one() -> None:
    """Copies of a case in one cluster add no evidence."""
    a, b = pair(0.3)
    labels = np.repeat(np.arange(60), 5)
    once = swap_test(a, b, ONES, None, mean)
    copied = swap_test(np.repeat(a, 5, axis=0), np.repeat(b, 5, axis=0), np.ones(300), labels, mean)
    assert copied.p == once.p


def test_swapping_holds_its_level_for_equal_systems() -> None:
    rng = np.random.default_rng(8)
    rejected = 0
    for run in range(400):
        counts = rng.poisson(4, size=(2, 40, 2)).astype(float) + 1
        rejected += swap_test(counts[0], counts[1], np.ones(40), None, ratio, swaps=199, seed=run).p <= 0.05
    assert 0.025 <= rejected / 400 <= 0.08


def test_the_paired_bootstrap_has_the_ends_of_the_paired_t() -> None:
    a, b = pair(0.3)
    found = paired_bootstrap(a, b, ONES, None, mean, resamples=10_000)
    d = (b - a)[:, 0]
    expected = stats.ttest_1samp(d, 0).confidence_interval(0.9)
    assert found.difference == pytest.approx(d.mean())
    assert found.se == pytest.approx(stats.sem(d), rel=0.05)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.04)


def test_the_recentred_p_is_two_sided() -> None:
    """Not sacrebleu's paired bootstrap, whose p is about half of it."""
    a, b = pair(0.2)
    found = paired_bootstrap(a, b, ONES, None, mean, resamples=10_000)
    d = (b - a)[:, 0]
    assert found.p == pytest.approx(
        2 * stats.norm.sf(abs(found.difference) / (d.std() / np.sqrt(60))), abs=0.02
    )


def test_weights_enter_as_sizes() -> None:
    """A case of weight 3 counts like three copies that stay together."""
    a, b = pair(0.3)
    weights = np.tile([1.0, 3.0], 30)
    heavy = paired_bootstrap(a * weights[:, None], b * weights[:, None], weights, None, mean, resamples=500)
    times = weights.astype(int)
    copied = paired_bootstrap(
        np.repeat(a, times, axis=0),
        np.repeat(b, times, axis=0),
        np.ones(120),
        np.repeat(np.arange(60), times),
        mean,
        resamples=500,
    )
    assert (heavy.low, heavy.high) == pytest.approx((copied.low, copied.high))


def test_pairs_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        swap_test(np.ones((3, 1)), np.ones((4, 1)), 1.0, None, mean)
    with pytest.raises(ValueError, match="one shape"):
        paired_bootstrap(np.ones((3, 1)), np.ones((4, 1)), 1.0, None, mean)


@pytest.mark.parametrize("largest", [9, 2**22], ids=["in single precision", "too large for it"])
@pytest.mark.parametrize("units", [5, 300])
def test_whole_counts_are_swapped_without_any_rounding(units: int, largest: int) -> None:
    table = np.random.default_rng(3).integers(-largest, largest, size=(units, 3)).astype(np.float64)
    wanted = np.concatenate(
        [bits.astype(np.int64) @ table.astype(np.int64) for bits in flips.rows(units, 700, 4)]
    )
    assert np.array_equal(np.concatenate(list(flips.totals(table, 700, 4))), wanted)


def test_counts_with_fractions_keep_double_precision() -> None:
    table = np.random.default_rng(3).normal(size=(300, 2))
    wanted = np.concatenate([bits @ table for bits in flips.rows(300, 700, 4)])
    assert np.array_equal(np.concatenate(list(flips.totals(table, 700, 4))), wanted)
