"""A panel of plain features of texts, each tested for a change; it explains where a shift lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from promptops.stats import Floats, Ints
from promptops.stats.multiplicity import holm
from promptops.stats.paired import category_flip_p, sign_flip_columns
from promptops.stats.textfeatures import FEATURES, dominant_script, text_features, unknown_shares, vocabulary
from promptops.stats.twosample import (
    binned,
    contingency,
    jensen_shannon,
    kolmogorov_smirnov,
    smirnov_greater,
    wasserstein,
)

UNKNOWN_WORDS = "unknown-word share"
SCRIPT = "dominant script"
FLIPS = 9_999

Test = Literal["Kolmogorov-Smirnov", "chi-square", "sign flips"]


@dataclass(frozen=True)
class FeatureChange:
    """One feature on both sides: means (or shares of categories), test, and size of the change.

    `separation` is the area under the curve of the best single threshold (or set of categories), (1 +
    largest gap) / 2; for numbers in pairs, of which of the two has more. Adjusted by Holm over the panel.
    """

    name: str
    test: Test
    statistic: float
    p_value: float
    adjusted_p: float
    separation: float
    jensen_shannon: float
    wasserstein: float | None = None
    reference: float | None = None
    current: float | None = None
    reference_shares: dict[str, float] = field(default_factory=dict)
    current_shares: dict[str, float] = field(default_factory=dict)


def panel(reference: Sequence[str], current: Sequence[str], seed: int = 0) -> tuple[FeatureChange, ...]:
    """Test each feature of two independent samples of texts."""
    plain = _plain_numbers(reference, current)
    unknown = _unknown_words(reference, current, seed, paired=False)
    numbers = [*plain, unknown]
    tests = [
        *(kolmogorov_smirnov(number.first, number.second) for number in plain),
        # Only more unknown words are a shift: texts that stand on both sides (or answer the same
        # questions) know the words of the reference half that made the vocabulary.
        smirnov_greater(unknown.first, unknown.second),
    ]
    scripts = _scripts(reference, current)
    contrast = contingency(scripts.first_counts, scripts.second_counts)
    adjusted = holm([*(float(test.p[0]) for test in tests), contrast.p])
    found = [
        number.change("Kolmogorov-Smirnov", float(test.statistic[0]), float(test.p[0]), float(after))
        for number, test, after in zip(numbers, tests, adjusted[:-1], strict=True)
    ]
    return (*found, scripts.change("chi-square", contrast.statistic, contrast.p, float(adjusted[-1])))


def paired_panel(
    reference: Sequence[str], current: Sequence[str], seed: int = 0
) -> tuple[FeatureChange, ...]:
    """Test each feature's differences within pairs: text i of both sides is about one case."""
    plain = _plain_numbers(reference, current)
    unknown = _unknown_words(reference, current, seed, paired=True)
    differences = np.column_stack([number.second - number.first for number in plain])
    scripts = _scripts(reference, current)
    p_values = [
        *sign_flip_columns(differences, resamples=FLIPS, seed=seed),
        *sign_flip_columns((unknown.second - unknown.first)[:, None], resamples=FLIPS, seed=seed),
    ]
    script_p = category_flip_p(scripts.first, scripts.second, resamples=FLIPS, seed=seed)
    adjusted = holm([*p_values, script_p])
    found = [
        number.paired_change(float(p), float(after))
        for number, p, after in zip([*plain, unknown], p_values, adjusted[:-1], strict=True)
    ]
    moved = float((scripts.first != scripts.second).mean())
    return (*found, scripts.change("sign flips", moved, script_p, float(adjusted[-1])))


@dataclass(frozen=True)
class _Number:
    """A feature that is a number, on both sides."""

    name: str
    first: Floats
    second: Floats

    def change(self, test: Test, gap: float, p: float, adjusted: float) -> FeatureChange:
        return self._made(test, gap, p, adjusted, gap)

    def paired_change(self, p: float, adjusted: float) -> FeatureChange:
        d = self.second - self.first
        more = float((d > 0).mean() - (d < 0).mean())
        return self._made("sign flips", float(d.mean()), p, adjusted, abs(more))

    def _made(self, test: Test, statistic: float, p: float, adjusted: float, gap: float) -> FeatureChange:
        return FeatureChange(
            name=self.name,
            test=test,
            statistic=statistic,
            p_value=p,
            adjusted_p=adjusted,
            separation=(1 + gap) / 2,
            jensen_shannon=jensen_shannon(*binned(self.first, self.second)),
            wasserstein=wasserstein(self.first, self.second),
            reference=float(self.first.mean()),
            current=float(self.second.mean()),
        )


@dataclass(frozen=True)
class _Categories:
    """A feature that is a name, as the place of that name in `names`."""

    names: tuple[str, ...]
    first: Ints
    second: Ints

    @property
    def first_counts(self) -> Floats:
        return np.bincount(self.first, minlength=len(self.names)).astype(np.float64)

    @property
    def second_counts(self) -> Floats:
        return np.bincount(self.second, minlength=len(self.names)).astype(np.float64)

    def change(self, test: Test, statistic: float, p: float, adjusted: float) -> FeatureChange:
        shares = [counts / counts.sum() for counts in (self.first_counts, self.second_counts)]
        named = [{name: float(x) for name, x in zip(self.names, side, strict=True) if x} for side in shares]
        return FeatureChange(
            name=SCRIPT,
            test=test,
            statistic=statistic,
            p_value=p,
            adjusted_p=adjusted,
            separation=(1 + float(np.abs(shares[0] - shares[1]).sum()) / 2) / 2,
            jensen_shannon=jensen_shannon(self.first_counts, self.second_counts),
            reference_shares=named[0],
            current_shares=named[1],
        )


def _plain_numbers(reference: Sequence[str], current: Sequence[str]) -> list[_Number]:
    first, second = text_features(reference), text_features(current)
    return [_Number(name, first[:, column], second[:, column]) for column, name in enumerate(FEATURES)]


def _unknown_words(reference: Sequence[str], current: Sequence[str], seed: int, *, paired: bool) -> _Number:
    """Compare shares of words outside the reference vocabulary, which is made from half of the reference.

    The reference's own words are never unknown to it, so that against a vocabulary of all of it the
    current side would always look shifted. The half that made it is left out, with its pairs.
    """
    order = np.random.default_rng([seed, 1]).permutation(len(reference))
    makers, others = np.array_split(order, 2)
    known = vocabulary([reference[place] for place in makers])
    measured = [current[place] for place in others] if paired else current
    first = unknown_shares([reference[place] for place in others], known)
    return _Number(UNKNOWN_WORDS, first, unknown_shares(measured, known))


def _scripts(reference: Sequence[str], current: Sequence[str]) -> _Categories:
    first, second = ([dominant_script(text) for text in side] for side in (reference, current))
    names = tuple(name for name, _ in Counter([*first, *second]).most_common())
    place = {name: position for position, name in enumerate(names)}
    return _Categories(
        names, np.array([place[name] for name in first]), np.array([place[name] for name in second])
    )
