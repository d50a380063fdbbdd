"""How different generated samples are, and how far they lie from production, beside those of people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptops.distributions.bare import bare
from promptops.distributions.coverage import FEWEST_TEXTS, MOST_TEXTS
from promptops.distributions.shift import MOST_CHARACTERS
from promptops.generation import Nearness, Variety
from promptops.stats import Floats
from promptops.stats.mmd import mmd_test
from promptops.stats.neighbours import distances, unit
from promptops.stats.sparse import SparseRows
from promptops.stats.textspace import leading_directions, text_space
from promptops.stats.vendi import mean_distance, vendi_score


def measure_variety(
    generated: Sequence[str], human: Sequence[str], seed: int = 0
) -> tuple[Variety | None, Variety | None]:
    """Return how different generated texts are, and as many of people's, by cosines of TF-IDF of all.

    The number grows with that of the texts, so that people's are drawn by lot. None where there is no text.
    """
    rng = np.random.default_rng(seed)
    own = _some(generated, MOST_TEXTS, rng)
    others = _some(human, MOST_TEXTS, rng)
    if not own:
        return None, None
    rows = text_space(_cut([*own, *others])).rows
    drawn = len(own) + np.sort(rng.permutation(len(others))[: len(own)])
    return _variety(rows, list(range(len(own)))), _variety(rows, [int(place) for place in drawn])


def measure_nearness(
    generated: Sequence[str], human: Sequence[str], production: Sequence[str], seed: int = 0
) -> tuple[Nearness | None, Nearness | None]:
    """Return how far generated texts lie from production, and how far as many of people's do, in one space.

    As many, drawn by lot, since a p-value falls with the number of texts. Of more than 2,000 texts a side a
    seeded sample is taken. None for under 2 texts, or 20 of production.
    """
    rng = np.random.default_rng(seed)
    own, asked = (_some(texts, MOST_TEXTS, rng) for texts in (generated, production))
    others = _some(human, len(own), rng)
    if len(asked) < FEWEST_TEXTS or len(own) < 2:
        return None, None
    points = unit(leading_directions(text_space(_cut([*own, *others, *asked])).rows, seed=seed))
    last = points[len(own) + len(others) :]
    return _nearness(points[: len(own)], last, seed), _nearness(points[len(own) : -len(last)], last, seed)


def _some(texts: Sequence[str], most: int, rng: np.random.Generator) -> Sequence[str]:
    if len(texts) <= most:
        return texts
    return [texts[int(place)] for place in np.sort(rng.permutation(len(texts))[:most])]


def _cut(texts: Sequence[str]) -> list[str]:
    return bare(text[:MOST_CHARACTERS] for text in texts)


def _variety(rows: SparseRows, places: Sequence[int]) -> Variety | None:
    if not places:
        return None
    similarity = rows.take(places).gram()
    np.fill_diagonal(similarity, 1.0)  # a text without a word is like itself, too
    return Variety(texts=len(places), effective=vendi_score(similarity), distance=mean_distance(similarity))


def _nearness(own: Floats, production: Floats, seed: int) -> Nearness | None:
    if len(own) < 2:
        return None
    apart = mmd_test(own, production, seed=seed)
    return Nearness(
        texts=len(own),
        nearest=float(distances(own, production).min(axis=1).mean()),
        discrepancy=apart.statistic,
        p_value=apart.p,
    )
