"""A gate rule about pairs: do losses outnumber wins by more than the margin, before a judge of both answers?

The figure is the net preference: the share of samples that the candidate wins less the share that it loses,
a tie counting for neither. Per sample it is what the candidate won less what the baseline won of both orders,
a number from -1 to 1, so that it is decided as any change on a range of 1 is: by the same bounds, bets,
clusters and slices, and with the same rules for answers that did not come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.sides import Loaded
from promptops.analysis.summary import Row, Side, tally
from promptops.gate.cells import margin_cell, name_of, unmeasured
from promptops.gate.decision import spread
from promptops.gate.rules import GateRule
from promptops.gate.stopping import parts_of, stakes_of
from promptops.instruments import Preference
from promptops.judges.pairwise import Pairwise
from promptops.pairs.summary import Pair
from promptops.texts.figures import interval
from promptops.types import MetricRecord, Result, Score
from promptops.verdicts import CellVerdict

Place = tuple[str, int]


@dataclass(frozen=True)
class Heard:
    """What a judge said of two runs, pair by pair."""

    judge: Pairwise
    label: str
    pairs: Sequence[Pair]
    scores: Mapping[Place, Score]
    """Of every pair; without a verdict where it can't be read or the judge gave no answer."""
    preference: Preference
    """The same summed up."""


def pair_cells(
    rule: GateRule, heard: Heard, first: Loaded, second: Loaded, slices: Sequence[str] = ()
) -> list[CellVerdict]:
    """Decide a rule about pairs, and on each slice where it speaks of the worst."""
    pairing = _pairing(heard, first, second)
    samples = pairing.candidate.table.samples
    rules, _ = spread([rule], samples, slices)
    record = pairing.candidate.table.columns[heard.label].record
    same = (
        all(each.same for each in heard.pairs) and len(heard.pairs) == len(samples) * second.side.run.repeats
    )
    cells: list[CellVerdict] = []
    for stake in stakes_of(parts_of(rules), samples, {heard.label: record}):
        if stake.rule.margin is None:
            cells.append(unmeasured(stake.rule, "no slice is large enough to judge"))
            continue
        cell = margin_cell(pairing, stake.rule, stake, identical=same)
        name = name_of(stake.rule)
        figure = cell.sentence.replace(f"{name} changed by ", f"{name} has a net preference of ", 1)
        told = f"{figure} {_order(heard.preference)}".rstrip()
        cells.append(cell.model_copy(update={"sentence": told, "preference": heard.preference}))
    return cells


def _order(found: Preference) -> str:
    """Say what the order of answers did to the judge."""
    if found.flip_rate is None or found.first_rate is None:
        return ""
    return (
        f"The verdict changed with the order in {found.flip_rate:.0%} "
        f"{interval(found.flip_low, found.flip_high)} of the pairs; the answer shown first was chosen in "
        f"{found.first_rate:.0%} {interval(found.first_low, found.first_high)} of the decided replies."
    )


def _pairing(heard: Heard, first: Loaded, second: Loaded) -> Pairing:
    """Lay what each side won beside the other: the candidate's share, and what is left for the baseline."""
    record = heard.judge.record(heard.label, "pairwise").model_copy(
        update={"low": 0.0, "high": 1.0, "higher_is_better": True, "unit": "net preference"}
    )
    before, after = _rows(heard, first, second)
    sides = [_side(each, record, rows, second) for each, rows in ((first, before), (second, after))]
    return pair(sides[0], sides[1], {heard.label: heard.judge})


def _side(loaded: Loaded, record: MetricRecord, rows: Sequence[Row], second: Loaded) -> Side:
    run = loaded.side.run.model_copy(update={"metrics": (record,)})
    table = tally(second.side.table.samples, rows, [record])
    return replace(loaded.side, run=run, table=table)


def _rows(heard: Heard, first: Loaded, second: Loaded) -> tuple[list[Row], list[Row]]:
    """Return what each side won at each place.

    Where the candidate gave no answer it counts as the worst, and the baseline has won. Where the baseline
    gave none the pair is dropped; where that was one of several repeats, it has no score.
    """
    failures = [_failures(each) for each in (first, second)]
    answered = {result.sample_id for result in first.outputs() if result.failure is None}
    before: list[Row] = []
    after: list[Row] = []

    def add(rows: list[Row], place: Place, won: float | None) -> None:
        score: dict[str, object] = {"counts": [] if won is None else [won], "unscored": None}
        if won is None:
            score["unscored"] = "no verdict"
        rows.append((*place, None, {heard.label: score}))

    for place in sorted({*failures[0], *failures[1], *(each.place for each in heard.pairs)}):
        lost, silent = failures[0].get(place), failures[1].get(place)
        score = heard.scores.get(place)
        if lost is not None and place[0] in answered:
            add(before, place, None)
            add(after, place, None)
        elif lost is not None:
            before.append((*place, lost, {}))
            add(after, place, 0.0) if silent is None else after.append((*place, silent, {}))
        elif silent is not None:
            add(before, place, 1.0)
            after.append((*place, silent, {}))
        else:
            won = None if score is None or score.unscored is not None else score.counts[0]
            add(before, place, None if won is None else 1.0 - won)
            add(after, place, won)
    return before, after


def _failures(loaded: Loaded) -> dict[Place, str]:
    def kind(result: Result) -> str | None:
        return None if result.failure is None else result.failure.kind

    kinds = ((result, kind(result)) for result in loaded.outputs())
    return {(result.sample_id, result.repeat): told for result, told in kinds if told is not None}
