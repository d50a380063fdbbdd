"""What is next before a judge has a certificate that will do: draw cases, rate them, certify, or mend it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from promptops.labels.labels import DRAW, DRAWN, Case, labels_file, ratings_digest, read_cases
from promptops.types import Sample

FEWEST = 20
"""Independent cases with a rating and a score below which there is no certificate."""
LABEL = ". Rate them: "
RENEW = ". Certify it: "
MORE = ". Mend the judge, or rate more: "
MEND = ". Mend the judge, then certify it: "
APART = ". Rate outputs that differ more as well, as of a worse prompt: "
STEPS = (DRAW, LABEL, RENEW, MORE, MEND, APART)
"""What stands between the reason and the command of each step."""


class Step(NamedTuple):
    """What is next, and why."""

    kind: str
    """One of STEPS."""
    command: str
    why: str = ""
    """What is too few, in words; empty where there is enough to certify."""

    @property
    def told(self) -> str:
        """Return it as the end of a sentence about what is missing."""
        return f"{f': {self.why}' if self.why else ''}{self.kind}{self.command}"


def step_towards(
    name: str,
    cases: Iterable[Case],
    samples: Iterable[Sample],
    weak: str = "",
    *,
    pairs: bool = False,
    alike: bool = False,
) -> Step:
    """Return the next step towards a certificate of a judge, SET:LABEL, by its labels.

    `weak` is the digest of the ratings of a certificate that fits the judge and is too weak: certifying it by
    the same ratings would change nothing; its cases are `alike` where they left it without an interval. A
    judge of `pairs` takes two runs to draw.
    """
    cases = tuple(cases)
    draw = f"promptops judge draw {name} {'--run OLD --run NEW' if pairs else '--run RUN'}"
    wanted = {case.sample for case in cases}
    groups, there = {}, 0
    for there, each in enumerate(samples, start=1):  # noqa: B007 - a large set is read as a stream, once
        if each.id in wanted:
            groups[each.id] = each.group or f"\0{each.id}"
    drawn = {groups.get(case.sample, case.sample) for case in cases}
    rated = {groups.get(case.sample, case.sample) for case in cases if case.ratings}
    if len(rated) >= FEWEST and weak and weak == ratings_digest(cases):
        return _stronger(name, cases, draw, len(wanted), there, alike=alike)
    if len(rated) >= FEWEST:
        return Step(RENEW, f"promptops judge certify {name}")
    if not cases:
        return Step(DRAW, draw, "nobody has rated what it judges")
    why = f"a certificate takes {FEWEST} independent rated cases, and there are {len(rated)}"
    if len(drawn) >= FEWEST:
        waiting = sum(not case.ratings for case in cases)
        told = f"{why}; {waiting} that were drawn wait for a rating"
        return Step(LABEL, f"promptops judge label {name} --rater NAME", told)
    more = f"{why}; {len(drawn)} are drawn"
    return Step(DRAW, f"{draw} -n {DRAWN}", more)


def step_of(
    name: str,
    label: str,
    folder: Path,
    samples: Iterable[Sample],
    weak: str = "",
    *,
    pairs: bool = False,
    alike: bool = False,
) -> Step:
    """Return the same by the labels beside a set. Raises FileProblems where they can't be read."""
    path = labels_file(folder, label)
    cases = read_cases(path) if path.is_file() else ()
    return step_towards(name, cases, samples, weak, pairs=pairs, alike=alike)


def _stronger(name: str, cases: tuple[Case, ...], draw: str, drawn: int, there: int, *, alike: bool) -> Step:
    """Return what can make a certificate stronger: cases that wait, more of them, or another judge."""
    if not all(case.ratings or case.unrated for case in cases):
        return Step(MORE, f"promptops judge label {name} --rater NAME")
    if alike:
        return Step(APART, f"{draw} -n {there}")
    if drawn < there:
        return Step(MORE, f"{draw} -n {min(2 * drawn, there)}")
    return Step(MEND, f"promptops judge certify {name}")
