"""What people are to rate in a judge's place, as a draw left it and as each of them sees it. Nouns."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from promptops import plugins
from promptops.errors import UsageError
from promptops.judges import Judge
from promptops.labels.copies import Copy, copies
from promptops.labels.labels import (
    PREFERENCES,
    Case,
    check_rater,
    dealt,
    in_order,
    is_swapped,
    left_for,
    share_of,
)
from promptops.types import Sample

_SAME = 1e-9
"""By how much a number may be off a step that is no binary fraction."""


class OwnCase(NamedTuple):
    """A case as one rater sees it: nothing of what others said of it."""

    id: str
    sample: str
    output: str
    rating: float | None
    """What the rater said."""
    unrated: str | None
    """Why the rater can't tell."""
    shown: tuple[str, ...] = ()
    """Its outputs as the rater sees them: one, or both of a pair in the order drawn for the rater."""
    swapped: bool = False
    """Of a pair whether the other output is shown first, so that choosing it is -1."""

    @property
    def done(self) -> bool:
        """Whether the rater has said something."""
        return self.rating is not None or self.unrated is not None


class Drawn(NamedTuple):
    """What a draw came to."""

    wanted: int
    """Samples that were to be drawn."""
    samples: int
    """Samples that were drawn."""
    alike: int
    """Of these, those to which all runs gave the same output, which is one case; of pairs, further ones."""
    pairs: bool = False
    """Whether both runs' outputs to a sample are one case."""
    groups: int | None = None
    """How many groups the set has, where each of them has a sample that was drawn; else none."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Tell what may come unexpected."""
        if self.pairs:
            return self._notes_of_pairs
        few = f"No more than {self.samples} samples have an output that can be rated: all are drawn."
        alike = (
            f"The runs gave the same output to {self.alike} of {self.samples} samples: one case each, which "
            "tells nothing of a change between them."
        )
        return (
            *([few] if self.samples < self.wanted else []),
            *([alike] if self.alike else []),
            *([self._note_of_groups] if self.groups is not None else []),
        )

    @property
    def _note_of_groups(self) -> str:
        return (
            f"Each of the {self.groups} groups has a sample that was drawn: once all are rated, the judge "
            "has nothing to add to people's ratings in `judge correct`. It helps with groups of which no "
            "sample is rated: draw fewer (-n), or add groups."
        )

    @property
    def _notes_of_pairs(self) -> tuple[str, ...]:
        few = f"No more than {self.samples} samples have two outputs that differ: all are drawn."
        alike = (
            f"The runs gave the same output to {self.alike} more: a tie for every judge, and nobody is asked."
        )
        return (*([few] if self.samples < self.wanted else []), *([alike] if self.alike else []))


class Intake(NamedTuple):
    """What a sheet that was taken in says, held against what its rater had said before."""

    new: int
    changed: int
    same: int

    @property
    def said(self) -> int:
        """Of how many cases it says something."""
        return sum(self)


class Labelling(NamedTuple):
    """The labels of a judge: what to rate, on which scale, about which samples."""

    path: Path
    cases: tuple[Case, ...]
    samples: Mapping[str, Sample]
    low: float
    high: float
    judge: Judge
    """Whose scale it is: `rungs` are its steps, `material` what belongs beside a sample's inputs."""
    drawn: Drawn | None = None
    """Of labels that were drawn just now."""

    @property
    def question(self) -> str:
        """Return what people are to look for."""
        kind = type(self.judge).__module__.rpartition(".")[2]
        return self.judge.asked_of_people or plugins.summary("judges", kind)

    @property
    def pairs(self) -> bool:
        """Whether people say which of two outputs is better: 1 the case's own, -1 the other one, 0 a tie."""
        return self.judge.pairs

    def takes(self, rating: float) -> bool:
        """Tell whether a rating is one of this scale, and of its steps where it has some."""
        if self.pairs:
            return rating in PREFERENCES
        steps = [rung.value for rung in self.judge.rungs]
        return any(abs(rating - step) < _SAME for step in steps) if steps else self._within(rating)

    def _within(self, rating: float) -> bool:
        return self.low <= rating <= self.high

    @property
    def scale(self) -> str:
        """Return in words what a rating may be."""
        steps = [rung.value for rung in self.judge.rungs]
        ends = f"{self.low:g} to {self.high:g}"
        if self.pairs or not steps:
            return ends
        if all(step.is_integer() for step in steps) and steps[-1] - steps[0] == len(steps) - 1:
            return f"{ends} in whole numbers"
        gaps = {round(after - before, 9) for before, after in pairwise(steps)}
        return f"{ends} in steps of {gaps.pop():g}" if len(gaps) == 1 else ", ".join(f"{x:g}" for x in steps)

    @property
    def raters(self) -> list[str]:
        """Return who has said something, by name."""
        return sorted({rater for case in self.cases for rater in (*case.ratings, *case.unrated)})

    @property
    def copies(self) -> tuple[Copy, ...]:
        """Return which raters said the same as somebody else of all that both rated."""
        return copies(self.cases)

    def named(self, rater: str) -> str:
        """Return a rater's name. Raises UsageError for one that a known one has but for its case."""
        name, known = check_rater(rater), self.raters
        alike = [each for each in known if each.casefold() == name.casefold()]
        if alike and name not in known:
            raise UsageError(
                f"Nobody rated as {name!r}. Did you mean {alike[0]!r}? Somebody else takes a name that "
                "differs in more than its case."
            )
        return name

    def like(self, rater: str) -> str:
        """Return a known rater for whom a new name may be a slip; empty where there is none."""
        name, known = self.named(rater), self.raters
        near = [] if name in known else get_close_matches(name, known, n=1, cutoff=0.75)
        return near[0] if near else ""

    def left_for(self, rater: str, share: tuple[int, int] | None = None) -> list[Case]:
        """Return what a rater is still to rate, in the rater's own order.

        With a `share`, as (1, 2), only what is in the first of two shares. Raises UsageError.
        """
        left = left_for(self.cases, self.named(rater))
        if share is None:
            return left
        mine = {case.id for case in dealt(self.cases, *share)}
        return [case for case in left if case.id in mine]

    def share_of(self, rater: str) -> list[OwnCase]:
        """Return what a rater has done and is still to do, in the rater's own order.

        Raises UsageError for what is no rater's name.
        """
        name = self.named(rater)
        return [_own(case, name) for case in share_of(self.cases, name)]


def _own(case: Case, rater: str) -> OwnCase:
    said = case.ratings.get(rater), case.unrated.get(rater)
    if case.other is None:
        return OwnCase(case.id, case.sample, case.output, *said, (case.output,))
    swapped = is_swapped(case, rater)
    return OwnCase(case.id, case.sample, case.output, *said, in_order(case, swapped=swapped), swapped)
