"""Can a classifier tell two samples of texts apart? (C2ST, Lopez-Paz & Oquab 2017)

L2-regularised logistic regression on TF-IDF learns from one half of the texts and is asked about the
other; how often it is right is an effect size that needs no unit, and its weights name the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats, Ints, logistic
from promptops.stats.auc import auc_interval, pairs_interval
from promptops.stats.blocktests import Blocks
from promptops.stats.intervals import Interval
from promptops.stats.sparse import SparseRows
from promptops.stats.student import binomial_cdf
from promptops.stats.twosample import mann_whitney

SHOWN_TOKENS = 10


@dataclass(frozen=True)
class Classified:
    """Area under the curve on unseen texts, its interval and one-sided p, and what speaks for each side.

    `foreign` are the places of unseen current texts, the least reference-like first, `odds` their log odds.
    In pairs the area is the share of unseen pairs whose current text has the higher odds. With blocks there
    is no p.
    """

    area: Interval
    p: float | None
    reference_tokens: tuple[str, ...]
    current_tokens: tuple[str, ...]
    foreign: Ints
    odds: Floats
    unseen: tuple[int, int]
    """Texts of either side that the area is about."""

    @property
    def auc(self) -> float:
        """The area under the curve."""
        return self.area.value


def tell_apart(
    rows: SparseRows,
    reference: int,
    terms: Sequence[str] = (),
    *,
    paired: bool = False,
    blocks: Blocks | None = None,
    twins: tuple[Ints, Ints] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Classified:
    """Classify rows of which the first `reference` are reference texts and the rest current ones.

    `terms` name the columns. p is of Mann & Whitney's test of the unseen halves' odds, or of the sign test
    of unseen pairs; `level` is that of the area's interval. Blocks stay whole in either half; so do `twins`,
    places of equal texts on both sides: seen as one side's, a text would be taken for it on the other too.
    """
    rng = np.random.default_rng([seed, 2])
    current = rows.shape[0] - reference
    if blocks is not None:
        (seen, unseen), (seen_current, unseen_current) = (
            _block_halves(side, rng) for side in (blocks.first, blocks.second)
        )
    else:
        every = np.arange(reference)
        matched = (every, every) if paired else twins or (every[:0], every[:0])
        (seen, unseen), (seen_current, unseen_current) = _halves(reference, current, matched, rng)
    labels = np.repeat([False, True], [len(seen), len(seen_current)])
    model = logistic.fit(rows.take(np.concatenate([seen, reference + seen_current])), labels)
    first = model.scores(rows.take(unseen))
    second = model.scores(rows.take(reference + unseen_current))
    if paired:
        area, p = _pair_wins(second - first, level)
    elif blocks is None:
        area, p = auc_interval(first, second, level), mann_whitney(first, second).p_greater
    else:
        inside = blocks.first[unseen], blocks.second[unseen_current]
        area, p = auc_interval(first, second, level, *inside), None
    order = np.argsort(-second, kind="stable")
    return Classified(
        area=area,
        p=p,
        reference_tokens=_tokens(terms, -model.weights),
        current_tokens=_tokens(terms, model.weights),
        foreign=unseen_current[order],
        odds=second[order],
        unseen=(len(first), len(second)),
    )


def _block_halves(blocks: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    order = rng.permutation(int(blocks.max(initial=0)) + 1)
    seen = np.isin(blocks, np.array_split(order, 2)[0])
    return np.flatnonzero(seen), np.flatnonzero(~seen)


def _halves(
    first: int, second: int, matched: tuple[Ints, Ints], rng: np.random.Generator
) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
    """Part both sides; what is matched falls into the same half, and the rest of each side by itself."""
    together = np.array_split(rng.permutation(len(matched[0])), 2)
    parted = []
    for size, places in zip((first, second), matched, strict=True):
        rest = rng.permutation(np.setdiff1d(np.arange(size), places))
        # The larger half of one goes with the smaller of the other, so that sizes differ by one at most.
        alone = np.array_split(rest, 2)[:: -1 if len(places) % 2 else 1]
        seen, unseen = (
            np.concatenate([places[part], other]) for part, other in zip(together, alone, strict=True)
        )
        parted.append((seen, unseen))
    return parted[0], parted[1]


def equal_texts(reference: Sequence[str], current: Sequence[str]) -> tuple[Ints, Ints]:
    """Return places of equal texts on both sides, each text matched once with one of the other side."""
    waiting: dict[str, list[int]] = {}
    for place in range(len(reference) - 1, -1, -1):
        waiting.setdefault(reference[place], []).append(place)
    found = [(waiting[text].pop(), place) for place, text in enumerate(current) if waiting.get(text)]
    first, second = np.array(found, dtype=np.intp).reshape(len(found), 2).T
    return first, second


def _pair_wins(d: Floats, level: float) -> tuple[Interval, float | None]:
    wins, losses = int((d > 0).sum()), int((d < 0).sum())
    area = pairs_interval(wins + (len(d) - wins - losses) / 2, len(d), level)
    return area, binomial_cdf(losses, wins + losses, 0.5)


def _tokens(terms: Sequence[str], weights: Floats) -> tuple[str, ...]:
    if not terms:
        return ()
    order = np.argsort(-weights, kind="stable")[:SHOWN_TOKENS]
    return tuple(terms[place] for place in order if weights[place] > 0)
