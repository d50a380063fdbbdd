"""The best few samples of a set, and how far their differences between versions may be off."""

from __future__ import annotations

import math

from promptops.errors import NotMeasured, UsageError
from promptops.noun import Noun
from promptops.stats import Floats
from promptops.stats.subsets import (
    LEAST_VERSIONS,
    Chosen,
    Errors,
    Gain,
    choose,
    gain,
    held_out_errors,
    random_errors,
)

LEAST = 8
"""Samples of a subset at least."""


class SubsetMember(Noun):
    """A sample that was chosen, and its weight: how many samples it stands for, times its own."""

    id: str
    weight: float


class Subset(Noun):
    """So many samples in place of all, with their error on versions that the choice did not know."""

    size: int
    samples: int
    seed: int
    strata: int
    """Groups of samples on which versions scored alike; some of each were drawn."""
    members: tuple[SubsetMember, ...]
    typical: float
    """The root mean square error of a difference, one of its versions held out."""
    bound: float
    """What 95 % of the subsets stay within, on the version held out that is hardest."""
    random_typical: float
    random_bound: float
    """The same for as many samples drawn plainly, each as likely as any other."""
    ratio: float | None
    """The chosen one's error over a random one's; None where there is no error to compare."""
    ratio_low: float | None
    ratio_high: float | None
    better: bool
    """Whether the chosen one is better than a random one beyond doubt."""
    sentence: str


def refuse_subset(size: int, samples: int, versions: int) -> None:
    """Raise UsageError for a size that is no subset, NotMeasured where there are too few versions to tell."""
    if not LEAST <= size < samples:
        told = f"from {LEAST} up to {samples - 1}" if samples > LEAST else "none, the set is too small"
        raise UsageError(f"A subset of {size} of {samples} samples makes no sense; sizes: {told}.")
    if versions < LEAST_VERSIONS:
        raise NotMeasured(
            f"A subset's error is measured on a version that did not help to choose it, and that takes "
            f"{LEAST_VERSIONS} versions (prompts or models); there are {versions}. Evaluate "
            f"{LEAST_VERSIONS - versions} more on the whole set."
        )


def best_subset(
    ids: list[str], scores: Floats, weights: Floats, size: int, *, label: str, seed: int = 0
) -> Subset:
    """Choose samples by the versions' scores (V, n) and measure what that costs.

    `weights` are the samples' own. Raises what refuse_subset does.
    """
    refuse_subset(size, len(ids), len(scores))
    chosen = choose(scores, size, weights=weights, seed=seed)
    mine = held_out_errors(scores, size, weights=weights, seed=seed)
    plain = random_errors(scores, size, weights=weights, seed=seed)
    found = gain(mine, plain)
    return Subset(
        size=size,
        samples=len(ids),
        seed=seed,
        strata=chosen.strata,
        members=_members(ids, chosen),
        typical=mine.typical,
        bound=mine.bound,
        random_typical=plain.typical,
        random_bound=plain.bound,
        ratio=None if found is None else found.ratio,
        ratio_low=None if found is None else _finite(found.low),
        ratio_high=None if found is None else _finite(found.high),
        better=found is not None and found.better,
        sentence=_sentence(len(scores), size, len(ids), label, mine, plain, found),
    )


def _members(ids: list[str], chosen: Chosen) -> tuple[SubsetMember, ...]:
    pairs = zip(chosen.places, chosen.weights, strict=True)
    return tuple(SubsetMember(id=ids[int(place)], weight=float(weight)) for place, weight in pairs)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _sentence(
    versions: int, size: int, samples: int, label: str, mine: Errors, plain: Errors, found: Gain | None
) -> str:
    head = (
        f"{size} of {samples} samples tell the change of {label} between a new version and a known one with "
        f"an error of {mine.typical:.3g} (typical) and up to {mine.bound:.3g} (95 %), as measured on "
        f"{versions} versions, each held out in turn."
    )
    if found is None:
        return f"{head} Versions held out differ from the others by nothing, so there is little to go wrong."
    beside = (
        f"A random {size} have {plain.typical:.3g} and {plain.bound:.3g}: the chosen ones have "
        f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}] times their error"
    )
    if found.better:
        return f"{head} {beside}."
    return (
        f"{head} {beside}, which is no better beyond doubt: `--sample {size}` does as well, "
        "and needs no list to be kept up."
    )
