"""Bounds of a corpus figure's change: of a mean they are the gate's own, and they err no more often."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from scipy import stats

from promptops.stats import bootstrap, decision
from promptops.stats.corpus import as_of_a_mean, corpus_bound
from promptops.stats.paired import terminal_bound
from tests.stats.simulated import MARGINS, drawn, grouping


def mean(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    return totals[..., 0] / n


def ratio(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    return totals[..., 0] / totals[..., 1]


def test_cases_of_a_mean_have_their_own_differences() -> None:
    rng = np.random.default_rng(1)
    values, weights = rng.normal(size=(2, 30)), rng.uniform(0.5, 3, 30)
    a, b = (side[:, None] * weights[:, None] for side in values)
    assert as_of_a_mean(a, b, weights, mean) == pytest.approx(values[1] - values[0], abs=1e-10)


def test_a_ratio_has_the_error_of_the_delta_method() -> None:
    rng = np.random.default_rng(2)
    counts = np.column_stack([rng.poisson(30, 4000), rng.poisson(90, 4000) + 1]).astype(float)
    zero = np.tile([0.0, 1.0], (4000, 1))
    d = as_of_a_mean(zero, counts, np.ones(4000), ratio)
    share = counts[:, 0].sum() / counts[:, 1].sum()
    expected = stats.sem(counts[:, 0] - share * counts[:, 1]) / counts[:, 1].mean()
    assert stats.sem(d) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("size", [1, 4])
def test_no_bound_is_narrower_than_that_of_a_mean_or_that_of_bca(size: int) -> None:
    rng = np.random.default_rng(3)
    d, groups = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.7, 0.2], size=60), np.arange(60) // size
    zero, changes = np.zeros((60, 1)), d[:, None]
    found = corpus_bound(zero, changes, 1.0, groups, mean, resamples=500, seed=1)
    plain = terminal_bound(d, groups)
    bca = bootstrap.resampled([zero, changes], 1.0, groups, mean, resamples=500, seed=1)
    assert found.difference == pytest.approx(d.mean())
    assert found.low == pytest.approx(min(plain.low, bootstrap.quantile(bca, 0.05)), abs=1e-9)
    assert found.high == pytest.approx(max(plain.high, bootstrap.quantile(bca, 0.95)), abs=1e-9)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("shift", [-0.3, -0.15, 0.0, 0.2])
def test_p_values_are_below_alpha_where_the_bound_excludes_no_change(alpha: float, shift: float) -> None:
    d = np.random.default_rng(4).normal(shift, 1, size=(50, 1))
    found = corpus_bound(np.zeros((50, 1)), d, 1.0, None, mean, alpha, resamples=2000, seed=2)
    assert (found.p_below < alpha) == (found.high < 0)
    assert (found.p_above < alpha) == (found.low > 0)


def wrong(shape: str, n: int, runs: int, *, alone: bool) -> tuple[float, float]:
    """Return how often a loss of one margin passes, and no change fails, by a figure of summed counts."""
    margin, groups = MARGINS[shape], grouping("1", n)
    rng, rates = np.random.default_rng(6), []
    for true, outcome in ((-margin, decision.PASS), (0.0, decision.FAIL)):
        hits = 0
        for d in drawn(shape, groups, true, runs, rng).T:
            sides = (np.zeros((n, 1)), d[:, None])
            if alone:
                boot = bootstrap.resampled(list(sides), 1.0, groups, mean, resamples=400, seed=3)
                low, high = bootstrap.quantile(boot, 0.05), bootstrap.quantile(boot, 0.95)
            else:
                found = corpus_bound(*sides, 1.0, groups, mean, resamples=400, seed=3)
                low, high = found.low, found.high
            hits += int(decision.settle(low, high, margin)) == outcome
        rates.append(hits / runs)
    return rates[0], rates[1]


@pytest.mark.parametrize("shape", ["binary 10 %", "ROUGE"])
def test_rare_losses_pass_seldom_and_a_bootstrap_alone_does_not_get_through(shape: str) -> None:
    """400 runs: 5 % and three standard errors are 8.3 %."""
    assert max(wrong(shape, 30, 400, alone=False)) <= 0.083
    assert max(wrong(shape, 30, 400, alone=True)) > 0.083


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 30, 50, 100])
@pytest.mark.parametrize("shape", list(MARGINS))
def test_error_rates_of_corpus_figures_are_at_most_six_percent(shape: str, n: int) -> None:
    """3,000 runs: 5 % and three standard errors are 6.2 %."""
    assert max(wrong(shape, n, 3000, alone=False)) <= 0.062


def test_bleu_of_sacrebleu_has_bounds_around_its_own_difference() -> None:
    rng = np.random.default_rng(9)
    words = np.array([f"w{place}" for place in range(30)])
    targets = [" ".join(rng.choice(words, 12)) for _ in range(40)]

    def spoilt(share: float) -> list[str]:
        return [
            " ".join(word if rng.random() > share else str(rng.choice(words)) for word in text.split())
            for text in targets
        ]

    metric, sides = sacrebleu.BLEU(), [spoilt(0.1), spoilt(0.3)]
    counts = [np.array(metric._extract_corpus_statistics(side, [targets]), dtype=float) for side in sides]
    found = corpus_bound(*counts, 1.0, None, _by_sacrebleu, resamples=300, seed=4)
    expected = metric.corpus_score(sides[1], [targets]).score - metric.corpus_score(sides[0], [targets]).score
    assert found.difference == pytest.approx(expected, abs=1e-9)
    assert found.low < expected < found.high < 0


def _by_sacrebleu(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    flat = totals.reshape(-1, totals.shape[-1])
    figures = [sacrebleu.BLEU()._compute_score_from_stats(list(row)).score for row in flat]
    return np.array(figures).reshape(totals.shape[:-1])
