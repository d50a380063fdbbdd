"""What people said of the outputs of runs, beside each sample, and which samples were drawn at random.

A rating belongs to an output of a sample, word for word, whichever prompt wrote it. A sample counts as drawn
if all that comes before it in the order of the draw is in the file of labels too: so a hand-picked label, or
one of an output that another version happened to give as well, is never taken for a random one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.analysis.sides import Loaded
from promptops.analysis.summary import Bools, Floats
from promptops.canonical import digest_of
from promptops.labels.labels import Case, people_in, said_by
from promptops.labels.lots import lots, turns

_HALVES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class People:
    """Ratings beside a set's samples, for one run or for both sides of a pair."""

    ratings: tuple[Floats, ...]
    """Of each run, (n,): the mean over raters; NaN where nobody rated the output that comes first."""
    failed: tuple[Bools, ...]
    """Of each run, (n,): whether the answer that comes first did not come."""
    drawn: Bools
    """(n,) whether the sample is of the part that was drawn at random."""
    seed: int | None
    raters: int
    same_judge: bool
    file: str = ""
    draw: str = ""
    """The command that draws more."""


def people_of(cases: Sequence[Case], runs: Sequence[Loaded], signature: str, file: str = "") -> People:
    """Lay people's ratings beside the samples of runs on one set, in the set's order.

    `signature` is that of the judge that is to be corrected.
    """
    samples = runs[0].side.table.samples
    said = [_said(run) for run in runs]
    by_id = {case.id: case for case in cases}
    names = [sample.id for sample in samples]
    marked = {case.id for case in cases if case.seed is not None}
    rated = [_rated(each, names, 0) for each in said]
    drawn, found = np.zeros(len(names), dtype=bool), None
    for seed in sorted({case.seed for case in cases if case.seed is not None}):
        in_turn = [_rated(each, names, seed) for each in said]
        part = _random_part(lots(samples, seed), in_turn, marked)
        if found is None or part.sum() > drawn.sum():
            rated, drawn, found = in_turn, part, seed
    mark = judge_mark(signature)
    used = [by_id[key] for each in rated for key in each.ids if key in by_id and by_id[key].ratings]
    return People(
        ratings=tuple(_means(each.ids, by_id) for each in rated),
        failed=tuple(each.failed for each in rated),
        drawn=drawn,
        seed=found if drawn.any() else None,
        raters=people_in(said_by(used).values()),
        same_judge=all(case.judge == mark for case in used if case.seed is not None),
        file=file,
    )


def judge_mark(signature: str) -> str:
    """Return what a drawn case keeps of the judge for whose sake it was drawn."""
    return digest_of(signature)[:12]


def ratable(run: Loaded, seed: int) -> dict[str, str]:
    """Return by sample the output of a run that people are to rate; no sample that has none."""
    said = _said(run, texts=True)
    names = [sample.id for sample in run.side.table.samples]
    found = {name: _first(said.get(name, {}), name, seed)[0] for name in names}
    return {name: text for name, text in found.items() if text is not None}


@dataclass(frozen=True)
class _Rated:
    ids: list[str | None]
    failed: Bools


_Said = Mapping[str, Mapping[int, str | None]]
"""By sample and repeat the case's id (or the text); None where no answer came, no entry for a blank one."""


def _said(run: Loaded, *, texts: bool = False) -> _Said:
    found: dict[str, dict[int, str | None]] = {}
    for result in run.outputs():
        text = None if result.completion is None else result.completion.text
        if text is not None and not text.strip():
            continue  # no judge is asked about it, so that it has no score to correct
        if text is not None and _HALVES.search(text):
            continue  # half a character can't be sent to a judge, nor kept in a file of text
        if text is None and result.failure is None:
            continue  # left out of a baseline
        key = text if text is None or texts else Case(sample=result.sample_id, output=text).id
        found.setdefault(result.sample_id, {})[result.repeat] = key
    return found


def _rated(said: _Said, names: Sequence[str], seed: int) -> _Rated:
    first = [_first(said.get(name, {}), name, seed) for name in names]
    return _Rated([key for key, _ in first], np.array([failed for _, failed in first], dtype=bool))


def _first(said: Mapping[int, str | None], sample: str, seed: int) -> tuple[str | None, bool]:
    """Return the first answer in the order of turns, and whether a failure comes before it."""
    in_turn = [said[turn] for turn in turns(sample, max(said, default=0) + 1, seed) if turn in said]
    answer = next((each for each in in_turn if each is not None), None)
    return answer, bool(in_turn) and in_turn[0] is None


def _random_part(order: npt.NDArray[np.intp], rated: Sequence[_Rated], marked: set[str]) -> Bools:
    """(n,) the samples up to the first one in the order of the draw of which an output was not drawn."""
    drawn = np.zeros(len(order), dtype=bool)
    for place in map(int, order):
        if any((key := each.ids[place]) is not None and key not in marked for each in rated):
            break
        drawn[place] = True
    return drawn


def _means(ids: Sequence[str | None], cases: Mapping[str, Case]) -> Floats:
    found = np.full(len(ids), np.nan)
    for place, key in enumerate(ids):
        case = cases.get(key) if key is not None else None
        if case is not None and case.ratings:
            found[place] = float(np.mean(list(case.ratings.values())))
    return found
