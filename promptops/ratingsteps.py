"""What is next before a judge can be certified: draw cases, rate them, or certify."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from promptops.labels import DRAW, DRAWN, Case, labels_file, read_cases
from promptops.types import Sample

FEWEST = 20
"""Independent cases with a rating and a score below which there is no certificate."""
LABEL = ". Rate them: "
RENEW = ". Certify it: "
STEPS = (DRAW, LABEL, RENEW)
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


def step_towards(name: str, cases: Iterable[Case], samples: Iterable[Sample]) -> Step:
    """Return the next step towards a certificate of a judge, SET:LABEL, by its labels."""
    cases = tuple(cases)
    wanted = {case.sample for case in cases}
    groups = {each.id: each.group or f"\0{each.id}" for each in samples if each.id in wanted}
    drawn = {groups.get(case.sample, case.sample) for case in cases}
    rated = {groups.get(case.sample, case.sample) for case in cases if case.ratings}
    if len(rated) >= FEWEST:
        return Step(RENEW, f"promptops judge certify {name}")
    if not cases:
        return Step(DRAW, f"promptops judge draw {name} --run RUN", "nobody has rated what it judges")
    why = f"a certificate takes {FEWEST} independent rated cases, and there are {len(rated)}"
    if len(drawn) >= FEWEST:
        waiting = sum(not case.ratings for case in cases)
        told = f"{why}; {waiting} that were drawn wait for a rating"
        return Step(LABEL, f"promptops judge label {name} --rater NAME", told)
    more = f"{why}; {len(drawn)} are drawn"
    return Step(DRAW, f"promptops judge draw {name} --run RUN -n {DRAWN}", more)


def step_of(name: str, label: str, folder: Path, samples: Iterable[Sample]) -> Step:
    """Return the same by the labels beside a set. Raises FileProblems where they can't be read."""
    path = labels_file(folder, label)
    cases = read_cases(path, -math.inf, math.inf) if path.is_file() else ()
    return step_towards(name, cases, samples)
