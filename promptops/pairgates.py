"""The gate's rules about pairs: what a judge said of a run and its baseline; nobody is asked."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

from promptops.baselines import read_header
from promptops.certificates import COMPARE
from promptops.errors import NotComparable, PromptopsError, UsageError
from promptops.eventloop import wait_for
from promptops.figures import dollars
from promptops.followers import relative_to
from promptops.gatecells import unmeasured
from promptops.judgechanges import unsteady_pairs
from promptops.judges.pairwise import Pairwise
from promptops.models import build_metric
from promptops.pairgate import Heard, pair_cells
from promptops.pairrules import PairRule
from promptops.preference import Bench, Scores
from promptops.preferences import Opposed
from promptops.shiftgate import left_for_later
from promptops.shifts import Shifts
from promptops.sides import Loaded
from promptops.stopping import UNSCORED_LIMIT
from promptops.types import EvalSet, Score
from promptops.verdicts import CellVerdict


class PairGates(Shifts):
    """Which answers a judge holds to be better, as a rule."""

    def _pair_cells(
        self, found: EvalSet, folder: Path, first: Loaded, second: Loaded, against: str
    ) -> tuple[CellVerdict, ...]:
        """Decide a set's rules about pairs by the verdicts that are stored."""
        return tuple(
            cell
            for rule in found.shifts
            if isinstance(rule, PairRule)
            for cell in self._pair_rule(rule, found, folder, first, second, against)
        )

    def _pair_rule(
        self, rule: PairRule, found: EvalSet, folder: Path, first: Loaded, second: Loaded, against: str
    ) -> list[CellVerdict]:
        judge = self._judge_of_pairs(rule, found, folder)
        if second.side.run.status != "finished":
            return [left_for_later(rule)]
        try:
            opposed = self._opposed(against, second.side.run.id)
        except UsageError as error:
            return [unmeasured(rule, str(error).rstrip("."))]
        hearing, pairs = opposed.before(rule.metric, judge), opposed.pairs
        rows = self.store.pair_scores(hearing.baseline, hearing.candidate, hearing.label, judge.signature)
        scores: Scores = {place: row.score for place, row in rows.items()}
        scores |= {pair.place: Score.of(0.5) for pair in pairs if pair.same}
        told = self._missing(rule, judge, scores, opposed, relative_to(against, self.root))
        if not told and rule.max_drift is not None:
            dates = [row.created_at for row in rows.values()] or [second.side.run.created_at]
            cached = not rows or any(row.content.get("cached") for row in rows.values())
            record, span = judge.record(rule.metric, "pairwise"), (min(dates), max(dates))
            told = unsteady_pairs(rule, record, folder, found.name, span, cached=cached)
        if told:
            return [unmeasured(rule, told)]
        said = self._preference(hearing, pairs, scores, opposed.answerers)
        return pair_cells(rule, Heard(judge, rule.metric, pairs, scores, said), first, second, found.slices)

    def _missing(
        self, rule: PairRule, judge: Pairwise, scores: Scores, opposed: Opposed, against: str
    ) -> str:
        """Say which command has the judge asked about what has no verdict, and what that takes.

        What it replied about other runs with the same answers is added to the scores first. Empty where
        enough of the pairs have a verdict.
        """
        run, hearing = opposed.second.id, opposed.before(rule.metric, judge)
        left = [pair for pair in opposed.pairs if pair.place not in scores]
        cost = f"{2 * len(left)} calls at most"
        if left:
            with contextlib.suppress(PromptopsError):  # a judge that can't be asked here may still be read
                caller = self._evaluation(None, cache=True, watch=None).caller(judge.model)
                bench = Bench(self.store, caller, judge, hearing)
                scores |= wait_for(bench.known(left))
                left = [pair for pair in left if pair.place not in scores]
                part = bench.taking(wait_for(bench.counted(left)), len(left))
                cost = f"{part.calls} calls, {dollars(part.cost)}"
        command = f"{COMPARE}promptops compare {shlex.quote(against)} {run} --pairwise"
        if left:
            return (
                f"the judge was not asked about {len(left)} of {len(opposed.pairs)} pairs of this baseline's "
                f"answers and run {run}'s ({cost}){command}"
            )
        blank = sum(scores[pair.place].unscored is not None for pair in opposed.pairs)
        if blank > UNSCORED_LIMIT * len(opposed.pairs):
            return (
                f"{blank} of {len(opposed.pairs)} pairs ({blank / len(opposed.pairs):.0%}) have no verdict "
                f"that can be read, more than {UNSCORED_LIMIT:.0%}; only they are asked again{command}"
            )
        return ""

    def _refuse_pairless(self, found: EvalSet, folder: Path, against: str) -> None:
        """Raise what a rule about pairs would meet whatever a new run answers, before it is paid for."""
        for rule in found.shifts:
            if isinstance(rule, PairRule):
                self._judge_of_pairs(rule, found, folder)
                if against.endswith(".jsonl") and not read_header(Path(against)).outputs:
                    raise NotComparable(
                        f"The baseline {Path(against).name} was accepted without outputs, so that the judge "
                        f"{rule.metric} has nothing to see. Accept one with its outputs: promptops accept RUN"
                    )

    def _judge_of_pairs(self, rule: PairRule, found: EvalSet, folder: Path) -> Pairwise:
        spec = next(spec for spec in found.metrics if spec.label == rule.metric)
        judge = build_metric(spec, folder=folder, language="", judge_model=None, settings=self.settings)
        if not isinstance(judge, Pairwise):
            raise UsageError(
                f"[[gate]] pairwise = {rule.metric!r}: [metrics.{rule.metric}] looks at single outputs. "
                f"Write `metric = {rule.metric!r}`, or name a judge of pairs."
            )
        return judge
