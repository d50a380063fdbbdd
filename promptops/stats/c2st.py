"""Can a classifier tell two samples of texts apart? (C2ST, Lopez-Paz & Oquab 2017)

L2-regularised logistic regression on TF-IDF learns from one half of the texts and is asked about the
other; how often it is right is an effect size that needs no unit, and its weights name the words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats, Ints, logistic
from promptops.stats.student import binomial_cdf
from promptops.stats.textspace import TextSpace
from promptops.stats.twosample import mann_whitney

SHOWN_TOKENS = 10


@dataclass(frozen=True)
class Classified:
    """Area under the curve on unseen texts, its one-sided p, and what speaks for each side.

    `foreign` are the places of unseen current texts, the least reference-like first, `odds` their log odds.
    In pairs the area is the share of unseen pairs whose current text has the higher odds.
    """

    auc: float
    p: float
    reference_tokens: tuple[str, ...]
    current_tokens: tuple[str, ...]
    foreign: Ints
    odds: Floats


def tell_apart(space: TextSpace, reference: int, *, paired: bool = False, seed: int = 0) -> Classified:
    """Classify rows of `space`, of which the first `reference` are reference texts and the rest current ones.

    p is of Mann & Whitney's test of the unseen halves' odds, or of the sign test of unseen pairs.
    """
    rng = np.random.default_rng([seed, 2])
    seen, unseen = np.array_split(rng.permutation(reference), 2)
    current = space.rows.shape[0] - reference
    seen_current, unseen_current = (seen, unseen) if paired else np.array_split(rng.permutation(current), 2)
    labels = np.repeat([False, True], [len(seen), len(seen_current)])
    model = logistic.fit(space.rows.take(np.concatenate([seen, reference + seen_current])), labels)
    first = model.scores(space.rows.take(unseen))
    second = model.scores(space.rows.take(reference + unseen_current))
    auc, p = _pair_wins(second - first) if paired else _wins(first, second)
    order = np.argsort(-second, kind="stable")
    return Classified(
        auc=auc,
        p=p,
        reference_tokens=_tokens(space, -model.weights),
        current_tokens=_tokens(space, model.weights),
        foreign=unseen_current[order],
        odds=second[order],
    )


def _wins(first: Floats, second: Floats) -> tuple[float, float]:
    ranks = mann_whitney(first, second)
    return ranks.auc, ranks.p_greater


def _pair_wins(d: Floats) -> tuple[float, float]:
    wins, losses = int((d > 0).sum()), int((d < 0).sum())
    return 0.5 + (wins - losses) / (2 * len(d)), binomial_cdf(losses, wins + losses, 0.5)


def _tokens(space: TextSpace, weights: Floats) -> tuple[str, ...]:
    if not space.terms:
        return ()
    order = np.argsort(-weights, kind="stable")[:SHOWN_TOKENS]
    return tuple(space.terms[place] for place in order if weights[place] > 0)
