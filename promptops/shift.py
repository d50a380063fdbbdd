"""Have texts changed, by how much, and in what? Reference against current, inputs or outputs.

An alarm needs two things: a difference that chance doesn't explain (MMD on the texts' words, or the
panel of plain features, Holm over both) and one that is large enough to tell texts apart (severity).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from promptops.errors import UsageError
from promptops.stats import Ints
from promptops.stats.c2st import Classified, tell_apart
from promptops.stats.mmd import mmd_test, paired_mmd_test
from promptops.stats.multiplicity import holm
from promptops.stats.textpanel import Test, paired_panel, panel
from promptops.stats.textspace import leading_directions, text_space
from promptops.types import Noun

Severity = Literal["negligible", "mild", "strong"]

FEWEST_TEXTS = 20
MOST_TEXTS = 1000
"""More texts a side are subsampled: with enough of them any two samples differ significantly."""
MOST_CHARACTERS = 20_000

_MILD, _STRONG = 0.55, 0.65
_SHOWN_TEXTS = 5
_SHOWN_CHARACTERS = 300


class FeatureShift(Noun):
    """One plain feature of the texts on both sides: a number with means, or a category with shares.

    `separation` is the area under the curve of the best single threshold (or set of categories);
    `adjusted_p` is by Holm over all features.
    """

    name: str
    test: Test
    statistic: float
    p_value: float
    adjusted_p: float
    separation: float
    jensen_shannon: float
    wasserstein: float | None
    reference: float | None
    current: float | None
    reference_shares: dict[str, float]
    current_shares: dict[str, float]


class ForeignText(Noun):
    """A current text that looks least like the reference: its place in the sequence, log odds, beginning."""

    index: int
    score: float
    text: str


class Shift(Noun):
    """One distribution's movement. Where it isn't measured every figure is None and there is no alarm.

    `auc` says how well a classifier tells unseen texts apart; `severity` goes by it and by the
    separation of those features that changed significantly. `p_value` is the smaller of `mmd_p` and
    `panel_p` after Holm.
    """

    reference_name: str
    current_name: str
    paired: bool
    reference_n: int
    current_n: int
    reference_used: int
    current_used: int
    alpha: float
    seed: int
    measured: bool = False
    reason: str = ""
    alarmed: bool = False
    severity: Severity | None = None
    p_value: float | None = None
    mmd: float | None = None
    mmd_p: float | None = None
    permutations: int | None = None
    panel_p: float | None = None
    auc: float | None = None
    auc_p: float | None = None
    representation: Literal["words", "pieces"] | None = None
    features: tuple[FeatureShift, ...] = ()
    reference_tokens: tuple[str, ...] = ()
    current_tokens: tuple[str, ...] = ()
    foreign: tuple[ForeignText, ...] = ()


def measure_shift(
    reference: Sequence[str],
    current: Sequence[str],
    *,
    paired: bool = False,
    alpha: float = 0.05,
    seed: int = 0,
    permutations: int = 999,
    reference_name: str = "reference",
    current_name: str = "current",
) -> Shift:
    """Measure how far current texts have moved from reference texts.

    `paired` is for two outputs of each sample, in the same order: texts are then only compared
    within their pair. Below 20 texts a side nothing is measured; of more than 1,000 a side a seeded sample
    is taken, and of each text the first 20,000 characters. Raises UsageError where pairs don't pair up.
    """
    if paired and len(reference) != len(current):
        raise UsageError(
            f"Pairs need as many {reference_name} as {current_name} texts, in the same order; "
            f"there are {len(reference)} and {len(current)}. Compare the samples that both have."
        )
    sides = _sides(reference, current, paired, seed)
    unmeasured = Shift(
        reference_name=reference_name,
        current_name=current_name,
        paired=paired,
        reference_n=len(reference),
        current_n=len(current),
        reference_used=len(sides.reference),
        current_used=len(sides.current),
        alpha=alpha,
        seed=seed,
    )
    fewest = min(len(reference), len(current))
    if fewest < FEWEST_TEXTS:
        reason = f"a shift needs at least {FEWEST_TEXTS} texts a side; there are {fewest}"
        return unmeasured.model_copy(update={"reason": reason})
    return _measured(unmeasured, sides, permutations)


@dataclass(frozen=True)
class _Sides:
    """The texts that are looked at, cut to length, and where the current ones stood."""

    reference: list[str]
    current: list[str]
    current_places: Ints


def _sides(reference: Sequence[str], current: Sequence[str], paired: bool, seed: int) -> _Sides:
    rng = np.random.default_rng(seed)
    first = _subsample(len(reference), rng)
    second = first if paired else _subsample(len(current), rng)
    return _Sides(
        [reference[place][:MOST_CHARACTERS] for place in first],
        [current[place][:MOST_CHARACTERS] for place in second],
        second,
    )


def _subsample(n: int, rng: np.random.Generator) -> Ints:
    return np.arange(n) if n <= MOST_TEXTS else np.sort(rng.permutation(n)[:MOST_TEXTS])


def _measured(shift: Shift, sides: _Sides, permutations: int) -> Shift:
    space = text_space([*sides.reference, *sides.current])
    points = leading_directions(space.rows, seed=shift.seed)
    border = len(sides.reference)
    test = paired_mmd_test if shift.paired else mmd_test
    moved = test(points[:border], points[border:], permutations, shift.seed)
    changes = (paired_panel if shift.paired else panel)(sides.reference, sides.current, shift.seed)
    told = tell_apart(space, border, paired=shift.paired, seed=shift.seed)
    panel_p = min(change.adjusted_p for change in changes)
    p_value = float(holm([moved.p, panel_p]).min())
    severity = _severity(
        max([told.auc, *(item.separation for item in changes if item.adjusted_p < shift.alpha)])
    )
    return shift.model_copy(
        update={
            "measured": True,
            "alarmed": p_value < shift.alpha and severity != "negligible",
            "severity": severity,
            "p_value": p_value,
            "mmd": moved.statistic,
            "mmd_p": moved.p,
            "permutations": moved.permutations,
            "panel_p": panel_p,
            "auc": told.auc,
            "auc_p": told.p,
            "representation": "words" if space.terms else "pieces",
            "features": tuple(FeatureShift.model_validate(asdict(change)) for change in changes),
            "reference_tokens": told.reference_tokens,
            "current_tokens": told.current_tokens,
            "foreign": _foreign(told, sides),
        }
    )


def _foreign(told: Classified, sides: _Sides) -> tuple[ForeignText, ...]:
    return tuple(
        ForeignText(
            index=int(sides.current_places[place]),
            score=float(odds),
            text=sides.current[place][:_SHOWN_CHARACTERS],
        )
        for place, odds in list(zip(told.foreign, told.odds, strict=True))[:_SHOWN_TEXTS]
    )


def _severity(separation: float) -> Severity:
    if separation < _MILD:
        return "negligible"
    return "mild" if separation <= _STRONG else "strong"
