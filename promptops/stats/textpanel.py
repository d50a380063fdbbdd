"""A panel of plain features of texts, each tested for a change; it explains where a shift lies.

Figures and names that come with the texts (a judge's score, a predicted label) can join it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats, Ints
from promptops.stats.blocktests import Blocks, block_categories, block_smirnov
from promptops.stats.featurechange import FeatureChange, Names, Number, Tested
from promptops.stats.multiplicity import holm
from promptops.stats.paired import category_flip_p, sign_flip_columns
from promptops.stats.textfeatures import FEATURES, dominant_script, text_features, unknown_shares, vocabulary
from promptops.stats.textlanguage import language
from promptops.stats.twosample import contingency, kolmogorov_smirnov, smirnov_greater

UNKNOWN_WORDS = "unknown-word share"
SCRIPT = "dominant script"
LANGUAGE = "language"
PANEL = (*FEATURES, UNKNOWN_WORDS, SCRIPT, LANGUAGE)
FLIPS = 9_999
FEWEST_VALUES = 5
"""Texts a side that must have a column's figure or name."""


@dataclass(frozen=True)
class Column:
    """A figure or a name for each text of both sides, in their order; NaN or None where a text has none."""

    name: str
    first: Floats | Sequence[str | None]
    second: Floats | Sequence[str | None]

    def only(self, first: Ints, second: Ints) -> Column:
        """Return the column of some texts."""
        return Column(self.name, _taken(self.first, first), _taken(self.second, second))


def panel(
    reference: Sequence[str], current: Sequence[str], seed: int = 0, columns: Sequence[Column] = ()
) -> tuple[FeatureChange, ...]:
    """Test each feature of two independent samples of texts."""
    halves = _half_of(np.arange(len(reference)), seed)
    return _changes(_features(reference, current, halves, columns), _plain_number, _plain_names)


def paired_panel(
    reference: Sequence[str], current: Sequence[str], seed: int = 0, columns: Sequence[Column] = ()
) -> tuple[FeatureChange, ...]:
    """Test each feature's differences within pairs: text i of both sides is about one case."""

    def number(values: Number) -> Tested:
        d = values.second - values.first
        [p] = sign_flip_columns(d[:, None], resamples=FLIPS, seed=seed)
        return Tested("sign flips", float(d.mean()), float(p), abs(float((d > 0).mean() - (d < 0).mean())))

    def names(values: Names) -> Tested:
        p = category_flip_p(values.first, values.second, resamples=FLIPS, seed=seed)
        return Tested("sign flips", float((values.first != values.second).mean()), p, values.gap)

    halves = _half_of(np.arange(len(reference)), seed)
    return _changes(_features(reference, current, halves, columns, paired=True), number, names)


def block_panel(
    reference: Sequence[str],
    current: Sequence[str],
    blocks: Blocks,
    *,
    permutations: int = 999,
    seed: int = 0,
    columns: Sequence[Column] = (),
) -> tuple[FeatureChange, ...]:
    """Test each feature by shuffling whole blocks of texts (a day, a conversation)."""

    def number(values: Number) -> Tested:
        inside = blocks.only(values.first_places, values.second_places).relabelled(permutations, seed)
        pooled = np.concatenate([values.first, values.second])
        found = block_smirnov(pooled, inside, greater=values.only_more)
        return Tested("block permutation", found.gap, found.p, found.gap)

    def names(values: Names) -> Tested:
        inside = blocks.only(values.first_places, values.second_places).relabelled(permutations, seed)
        p = block_categories(np.concatenate([values.first, values.second]), inside)
        return Tested("block permutation", values.gap, p, values.gap)

    return _changes(_features(reference, current, _half_of(blocks.first, seed), columns), number, names)


def _taken(values: Floats | Sequence[str | None], places: Ints) -> Floats | Sequence[str | None]:
    return values[places] if isinstance(values, np.ndarray) else [values[place] for place in places]


@dataclass(frozen=True)
class _Half:
    """The reference texts that make the vocabulary of known words, and those that are measured by it."""

    makers: Ints
    others: Ints


def _half_of(blocks: Ints, seed: int) -> _Half:
    """Part the reference by whole blocks.

    The reference's own words are never unknown to it, so that against a vocabulary of all of it the
    current side would always look shifted. The half that made it is left out, with its pairs.
    """
    order = np.random.default_rng([seed, 1]).permutation(int(blocks.max(initial=0)) + 1)
    makers = np.isin(blocks, np.array_split(order, 2)[0])
    return _Half(np.flatnonzero(makers), np.flatnonzero(~makers))


def _features(
    reference: Sequence[str],
    current: Sequence[str],
    half: _Half,
    columns: Sequence[Column],
    *,
    paired: bool = False,
) -> list[Number | Names]:
    first, second = text_features(reference), text_features(current)
    every, each = np.arange(len(reference)), np.arange(len(current))
    return [
        *(
            Number(name, first[:, column], second[:, column], every, each)
            for column, name in enumerate(FEATURES)
        ),
        _unknown_words(reference, current, half, paired=paired),
        *(
            Names.of(name, [told(text) for text in reference], [told(text) for text in current])
            for name, told in ((SCRIPT, dominant_script), (LANGUAGE, language))
        ),
        *(joined for column in columns if (joined := _joined(column, paired=paired)) is not None),
    ]


def _unknown_words(reference: Sequence[str], current: Sequence[str], half: _Half, *, paired: bool) -> Number:
    """Compare shares of words outside the vocabulary of half the reference.

    Only more unknown words are a shift: texts that stand on both sides (or answer the same questions)
    know the words of the reference half that made the vocabulary.
    """
    known = vocabulary([reference[place] for place in half.makers])
    places = half.others if paired else np.arange(len(current))
    first = unknown_shares([reference[place] for place in half.others], known)
    second = unknown_shares([current[place] for place in places], known)
    return Number(UNKNOWN_WORDS, first, second, half.others, places, only_more=not paired)


def _joined(column: Column, *, paired: bool) -> Number | Names | None:
    """Return a column as a feature, of the texts that have a value (in pairs: both of them).

    None where these are so few that nothing can be said.
    """
    there = [
        np.isfinite(side) if isinstance(side, np.ndarray) else np.array([each is not None for each in side])
        for side in (column.first, column.second)
    ]
    if paired:
        there = [there[0] & there[1]] * 2
    first, second = (np.flatnonzero(side) for side in there)
    if min(len(first), len(second)) < FEWEST_VALUES:
        return None
    if isinstance(column.first, np.ndarray) and isinstance(column.second, np.ndarray):
        return Number(column.name, column.first[first], column.second[second], first, second)
    return Names.of(
        column.name,
        *(
            [str(each) if told else None for each, told in zip(side, has, strict=True)]
            for side, has in zip((column.first, column.second), there, strict=True)
        ),
    )


def _changes(
    features: Sequence[Number | Names],
    number: Callable[[Number], Tested],
    names: Callable[[Names], Tested],
) -> tuple[FeatureChange, ...]:
    found = [number(each) if isinstance(each, Number) else names(each) for each in features]
    adjusted = holm([each.p for each in found])
    return tuple(
        feature.changed(tested, float(after))
        for feature, tested, after in zip(features, found, adjusted, strict=True)
    )


def _plain_number(values: Number) -> Tested:
    test = (smirnov_greater if values.only_more else kolmogorov_smirnov)(values.first, values.second)
    gap = float(test.statistic[0])
    return Tested("Kolmogorov-Smirnov", gap, float(test.p[0]), gap)


def _plain_names(values: Names) -> Tested:
    contrast = contingency(*values.counts)
    return Tested("chi-square", contrast.statistic, contrast.p, values.gap)
