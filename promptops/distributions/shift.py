"""Have texts changed, by how much, and in what? Reference against current, inputs or outputs.

An alarm needs two things: a difference that chance doesn't explain (MMD on the texts' words, or the
panel of plain features, Holm over both) and one that is large enough to tell texts apart (severity).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

import numpy as np

from promptops.distributions.bare import bare
from promptops.distributions.days import DayShift, day_shifts
from promptops.distributions.shiftnotes import missing_notes, psi_notes, thinned_note
from promptops.errors import UsageError
from promptops.noun import Noun
from promptops.stats import Floats, Ints
from promptops.stats.blocktests import Blocks
from promptops.stats.c2st import Classified, equal_texts, tell_apart
from promptops.stats.clusters import Labels
from promptops.stats.featurechange import FeatureChange, Test
from promptops.stats.mmd import Discrepancy, block_mmd_test, mmd_test, paired_mmd_test
from promptops.stats.multiplicity import holm
from promptops.stats.sparse import SparseRows
from promptops.stats.textpanel import Column, block_panel, paired_panel, panel
from promptops.stats.textspace import leading_directions, text_space
from promptops.stats.twosample import EPSILON

Severity = Literal["negligible", "mild", "strong"]
What = Literal["inputs", "outputs"]
Embed = Callable[[Sequence[str]], Floats]
"""Turns texts into rows of numbers, (texts, dimensions)."""


class NamedEmbed(NamedTuple):
    """What turns texts into points, and the model's name as results tell it."""

    embed: Embed
    name: str


FEWEST_TEXTS = 20
MOST_TEXTS = 1000
"""More texts a side are subsampled: with enough of them any two samples differ significantly."""
MOST_CHARACTERS = 20_000

MILD, STRONG = 0.55, 0.65
"""Areas under the curve from which on a change is mild, and over which it is strong."""
_SHOWN_TEXTS = 5
SHOWN_CHARACTERS = 300


class FeatureShift(Noun):
    """One feature on both sides: a number with means, or a category with shares.

    `separation` is the area under the curve of the best single threshold (or set of categories);
    `adjusted_p` is by Holm over all features. PSI is over bins of equal reference share whose inner edges
    are `psi_edges`, or over categories; its p is None where texts are no independent draws.
    """

    name: str
    test: Test
    statistic: float
    reference_n: int
    current_n: int
    p_value: float
    adjusted_p: float
    separation: float
    jensen_shannon: float
    psi: float
    psi_p: float | None
    psi_edges: tuple[float, ...]
    wasserstein: float | None
    energy: float | None
    reference: float | None
    current: float | None
    reference_shares: dict[str, float]
    current_shares: dict[str, float]


class ShownText(Noun):
    """A current text that was shown to no classifier: its place in the sequence, log odds, beginning.

    `where` names it for people: a file's line, a record's or a sample's id.
    """

    index: int
    where: str = ""
    score: float
    text: str


class Shift(Noun):
    """One distribution's movement. Where it isn't measured every figure is None and there is no alarm.

    `auc` says how well a classifier tells unseen texts apart, [`auc_low`, `auc_high`] are its one-sided
    bounds at `alpha`; `severity` goes by `separation`, the larger of it and the separation of those features
    that changed significantly. `p_value` is the smaller of `mmd_p` and `panel_p` after Holm.
    """

    reference_name: str
    current_name: str
    what: What | None = None
    paired: bool
    reference_n: int
    current_n: int
    reference_used: int
    current_used: int
    blocks: tuple[int, int] | None = None
    """Days (or other blocks) on both sides that were shuffled whole; None where texts are independent."""
    alpha: float
    seed: int
    measured: bool = False
    reason: str = ""
    alarmed: bool = False
    severity: Severity | None = None
    separation: float | None = None
    p_value: float | None = None
    mmd: float | None = None
    mmd_p: float | None = None
    permutations: int | None = None
    panel_p: float | None = None
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    auc_p: float | None = None
    auc_n: tuple[int, int] | None = None
    """Texts of either side that the classifier had not seen."""
    representation: Literal["words", "pieces", "embeddings"] | None = None
    """What MMD looks at; the classifier looks at words or pieces of them, and at embeddings too."""
    embedding_model: str | None = None
    features: tuple[FeatureShift, ...] = ()
    psi_epsilon: float = EPSILON
    """The least share of a bin in PSI."""
    reference_tokens: tuple[str, ...] = ()
    current_tokens: tuple[str, ...] = ()
    foreign: tuple[ShownText, ...] = ()
    """Those that look least like the reference, the least alike first."""
    typical: tuple[ShownText, ...] = ()
    """Those that look most like the reference."""
    days: tuple[DayShift, ...] = ()
    """Days of the first side, where its days were asked for, then those of the second, each in order."""
    notes: tuple[str, ...] = ()


def measure_shift(
    reference: Sequence[str],
    current: Sequence[str],
    *,
    paired: bool = False,
    blocks: tuple[Labels, Labels] | None = None,
    days: tuple[Sequence[str] | None, Sequence[str]] | None = None,
    columns: Sequence[Column] = (),
    embed: Embed | None = None,
    embedding_model: str | None = None,
    alpha: float = 0.05,
    seed: int = 0,
    permutations: int = 999,
    reference_name: str = "reference",
    current_name: str = "current",
    where: Sequence[str] = (),
    what: What | None = None,
) -> Shift:
    """Measure how far current texts have moved from reference texts.

    `paired` is for two outputs of each sample, in the same order: texts are then only compared
    within their pair. `blocks` name each text's day, on both sides: whole days are shuffled then. `days` name
    it on the second side, and on the first where they may be None: each day is measured by itself. `columns`
    join the panel; `embed` turns the texts that are looked at into points. `where` names current texts.
    Below 20 texts a side nothing is measured; of more than 1,000 a side a seeded sample
    is taken, and of each text the first 20,000 characters. Raises UsageError where pairs don't pair up.
    """
    if paired and len(reference) != len(current):
        raise UsageError(
            f"Pairs need as many {reference_name} as {current_name} texts, in the same order; "
            f"there are {len(reference)} and {len(current)}. Compare the samples that both have."
        )
    if paired and blocks is not None:
        raise UsageError("Texts are compared in pairs or shuffled by days, not both: take one of them away.")
    if paired and days is not None:
        raise UsageError("Texts that are compared in pairs are not looked at day by day.")
    sides = _sides(reference, current, paired, blocks, days, columns, where, seed)
    unmeasured = Shift(
        reference_name=reference_name,
        current_name=current_name,
        what=what,
        paired=paired,
        reference_n=len(reference),
        current_n=len(current),
        reference_used=len(sides.reference),
        current_used=len(sides.current),
        blocks=None if sides.blocks is None else sides.blocks.counts,
        alpha=alpha,
        seed=seed,
    )
    if reason := _too_little(unmeasured, sides.blocks):
        return unmeasured.model_copy(update={"reason": reason})
    if sides.thinned is not None:
        unmeasured = unmeasured.model_copy(
            update={
                "notes": (thinned_note(unmeasured.reference_used, unmeasured.current_used, sides.thinned),)
            }
        )
    vectors = None if embed is None else embed([*sides.reference, *sides.current])
    return _measured(unmeasured, sides, vectors, permutations, embedding_model)


@dataclass(frozen=True)
class _Sides:
    """The texts that are looked at, cut to length and bare, and where the current ones stood."""

    reference: list[str]
    current: list[str]
    shown: list[str]
    """Current texts as they stand."""
    current_places: Ints
    blocks: Blocks | None
    thinned: int | None
    """To how many texts large days were thinned, so that all are alike; None where none was."""
    columns: tuple[Column, ...]
    days: tuple[list[str] | None, list[str]] | None
    where: Sequence[str]
    """What each current text of all is called, where that is known."""


def _sides(
    reference: Sequence[str],
    current: Sequence[str],
    paired: bool,
    blocks: tuple[Labels, Labels] | None,
    days: tuple[Sequence[str] | None, Sequence[str]] | None,
    columns: Sequence[Column],
    where: Sequence[str],
    seed: int,
) -> _Sides:
    rng = np.random.default_rng(seed)
    numbered = None if blocks is None else Blocks.of(blocks[0], len(reference), blocks[1], len(current))
    if numbered is not None:
        first, second = numbered.evened(rng)
        first, second = first[_subsample(len(first), rng)], second[_subsample(len(second), rng)]
    else:
        first = _subsample(len(reference), rng)
        second = first if paired else _subsample(len(current), rng)
    shown = [current[place][:MOST_CHARACTERS] for place in second]
    return _Sides(
        bare(reference[place][:MOST_CHARACTERS] for place in first),
        bare(shown),
        shown,
        second,
        None if numbered is None else numbered.only(first, second),
        None if numbered is None else numbered.thinned_to,
        tuple(column.only(first, second) for column in columns),
        None
        if days is None
        else (
            None if days[0] is None else [days[0][place] for place in first],
            [days[1][place] for place in second],
        ),
        where,
    )


def _subsample(n: int, rng: np.random.Generator) -> Ints:
    return np.arange(n) if n <= MOST_TEXTS else np.sort(rng.permutation(n)[:MOST_TEXTS])


def _too_little(shift: Shift, blocks: Blocks | None) -> str:
    """Say why nothing can be measured; empty where something can."""
    fewest = min(shift.reference_n, shift.current_n)
    if fewest < FEWEST_TEXTS:
        return f"a shift needs at least {FEWEST_TEXTS} texts a side; there are {fewest}"
    # Holm over two tests: the smaller p-value must be below half of alpha.
    if blocks is not None and (min(blocks.counts) < 2 or blocks.smallest_p >= shift.alpha / 2):
        days = "{} and {} days".format(*blocks.counts)
        return f"{days} can be shuffled in too few ways for an alarm; take more days, for example 4 and 4"
    left = min(shift.reference_used, shift.current_used)
    if left < FEWEST_TEXTS:
        return (
            f"days have so unequally many texts that {left} are left on a side where all are thinned to the "
            f"usual size, and {FEWEST_TEXTS} are needed; take days with more texts, or with alike many"
        )
    return ""


def _measured(
    shift: Shift, sides: _Sides, vectors: Floats | None, permutations: int, embedding_model: str | None
) -> Shift:
    space = text_space([*sides.reference, *sides.current])
    rows = space.rows if vectors is None else SparseRows.of_dense(vectors).normalised()
    border = len(sides.reference)
    points = leading_directions(rows, seed=shift.seed)
    moved = _discrepancy(points[:border], points[border:], shift, sides, permutations)
    changes = _changes(shift, sides, permutations)
    level = 1 - 2 * shift.alpha

    twins = equal_texts(sides.reference, sides.current)

    def apart(rows: SparseRows, terms: Sequence[str]) -> Classified:
        return tell_apart(
            rows,
            border,
            terms,
            paired=shift.paired,
            blocks=sides.blocks,
            twins=twins,
            level=level,
            seed=shift.seed,
        )

    by_words = apart(space.rows, space.terms)
    told = by_words if vectors is None else max(by_words, apart(rows, ()), key=lambda each: each.auc)
    panel_p = min(change.adjusted_p for change in changes)
    p_value = float(holm([moved.p, panel_p]).min())
    separation = max([told.auc, *(item.separation for item in changes if item.adjusted_p < shift.alpha)])
    severity = severity_of(separation)
    words: Literal["words", "pieces"] = "words" if space.terms else "pieces"
    return shift.model_copy(
        update={
            "measured": True,
            "alarmed": p_value < shift.alpha and severity != "negligible",
            "severity": severity,
            "separation": separation,
            "p_value": p_value,
            "mmd": moved.statistic,
            "mmd_p": moved.p,
            "permutations": moved.permutations,
            "panel_p": panel_p,
            "auc": told.auc,
            "auc_low": told.area.low,
            "auc_high": told.area.high,
            "auc_p": told.p,
            "auc_n": told.unseen,
            "representation": words if vectors is None else "embeddings",
            "embedding_model": None if vectors is None else embedding_model,
            "features": tuple(FeatureShift.model_validate(asdict(change)) for change in changes),
            "reference_tokens": by_words.reference_tokens,
            "current_tokens": by_words.current_tokens,
            "foreign": _shown(told, sides, range(_SHOWN_TEXTS)),
            "typical": _shown(told, sides, range(-1, -1 - _SHOWN_TEXTS, -1)),
            "days": ()
            if sides.days is None
            else day_shifts(
                points[:border],
                points[border:],
                *sides.days,
                permutations=permutations,
                seed=shift.seed,
            ),
            "notes": (
                *shift.notes,
                *missing_notes((shift.reference_used, shift.current_used), sides.columns, changes),
                *psi_notes(changes, paired=shift.paired, by_day=sides.blocks is not None),
            ),
        }
    )


def _discrepancy(x: Floats, y: Floats, shift: Shift, sides: _Sides, permutations: int) -> Discrepancy:
    if sides.blocks is not None:
        return block_mmd_test(x, y, sides.blocks, permutations, shift.seed)
    return (paired_mmd_test if shift.paired else mmd_test)(x, y, permutations, shift.seed)


def _changes(shift: Shift, sides: _Sides, permutations: int) -> tuple[FeatureChange, ...]:
    first, second, columns = sides.reference, sides.current, sides.columns
    if sides.blocks is not None:
        return block_panel(
            first, second, sides.blocks, permutations=permutations, seed=shift.seed, columns=columns
        )
    return (paired_panel if shift.paired else panel)(first, second, shift.seed, columns)


def _shown(told: Classified, sides: _Sides, which: range) -> tuple[ShownText, ...]:
    ranks = [rank for rank in which if -len(told.foreign) <= rank < len(told.foreign)]
    return tuple(_shown_text(sides, int(told.foreign[rank]), float(told.odds[rank])) for rank in ranks)


def _shown_text(sides: _Sides, number: int, score: float) -> ShownText:
    place = int(sides.current_places[number])
    where = sides.where[place] if sides.where else ""
    return ShownText(index=place, where=where, score=score, text=sides.shown[number][:SHOWN_CHARACTERS])


def severity_of(separation: float) -> Severity:
    """Name how well texts can be told apart: below .55 negligible, up to .65 mild, above strong."""
    if separation < MILD:
        return "negligible"
    return "mild" if separation <= STRONG else "strong"
