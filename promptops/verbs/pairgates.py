"""The gate's rules about pairs: what a judge says of a run and its baseline, asked where it is missing."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from promptops.analysis.sides import Loaded
from promptops.calls.call import Stopped
from promptops.calls.forecast import Part
from promptops.calls.models import build_metric
from promptops.calls.usage import Usage
from promptops.distributions.gate import left_for_later
from promptops.errors import NotComparable, PromptopsError, UsageError
from promptops.gate.baselines import baseline_path, read_header
from promptops.gate.cells import unmeasured
from promptops.gate.followers import relative_to
from promptops.judges.pairwise import Pairwise
from promptops.judging.anchors import now
from promptops.judging.certificates import COMPARE, unfit_pairs
from promptops.judging.changes import unsteady_pairs
from promptops.pairs.gate import Heard, pair_cells
from promptops.pairs.hearing import hear
from promptops.pairs.preference import Bench, Scores
from promptops.pairs.rules import KIND, PairRule
from promptops.pairs.summary import Pair
from promptops.prompts.templates import Renderer
from promptops.replay.recorded import CassetteCaller
from promptops.runs.calling import Count
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.runner import answer_request
from promptops.store.rows import PairRow
from promptops.texts.figures import dollars
from promptops.texts.mends import ACCEPT
from promptops.types import Completion, EvalSet, MetricSpec, Run
from promptops.verbs.paircontest import Contest
from promptops.verbs.preferences import Opposed, WithoutOutputsError
from promptops.verbs.shifts import Shifts
from promptops.verdicts import CellVerdict


@dataclass(frozen=True)
class Asking:
    """What a gate has its judge of pairs asked with."""

    work: Evaluation
    judge_model: str | None = None
    """Another model than the set's."""


@dataclass(frozen=True)
class _Asked:
    """How it went to have a judge asked."""

    short: str = ""
    """What ended it before all was asked."""
    void: Mapping[PairRule, str] = field(default_factory=dict)
    """Rules that its anchors forbid, and why."""
    anchors: str = ""
    """What these showed."""


class PairGates(Shifts):
    """Which answers a judge holds to be better, as a rule."""

    def _pair_cells(
        self,
        found: EvalSet,
        folder: Path,
        first: Loaded,
        second: Loaded,
        against: str,
        *,
        look: int | None = None,
        asking: Asking | None = None,
    ) -> tuple[CellVerdict, ...]:
        """Decide a set's rules about pairs by the verdicts that are stored.

        With `asking` the judge is asked first where these are not enough, and otherwise nobody.
        """
        rules, run = pair_rules(found), second.side.run
        if not rules or run.status != "finished":
            return tuple(left_for_later(rule) for rule in rules)
        try:
            contest = self._contest(found, folder, run, against, look=look, asking=asking)
        except WithoutOutputsError:
            return tuple(unmeasured(rule, _blind(rule, against)) for rule in rules)
        unfit = unfit_pairs(found, contest.judge.record(contest.label, KIND), folder)
        if unfit:
            return tuple(unmeasured(rule, unfit) for rule in rules)
        usage = Usage() if asking is None else asking.work.usage
        calls, paid, unpriced = usage.calls + usage.failed, usage.cost, usage.unpriced
        asked = _Asked() if asking is None else self._asked(contest, asking.work, found, folder)
        if len(asked.void) == len(rules):
            return tuple(unmeasured(rule, why) for rule, why in asked.void.items())
        rows = self._rows(contest)
        scores = {**{place: row.score for place, row in rows.items()}, **contest.ties}
        told = self._missing(contest, scores, asked.short, asking)
        if told:
            return tuple(unmeasured(rule, told) for rule in rules)
        said = self._preference(contest.hearing, contest.opposed, scores, contest.judge.signature)
        cost = usage.cost - paid if usage.unpriced == unpriced else None
        spent = {"calls": usage.calls + usage.failed - calls, "cost": cost, "anchors": asked.anchors}
        said = said.model_copy(update=spent)
        heard = Heard(contest.judge, contest.label, contest.pairs, scores, said)
        cells: list[CellVerdict] = []
        for rule in rules:
            told = _unsteady(rule, contest, folder, found.name, rows)
            cells += (
                [unmeasured(rule, told)] if told else pair_cells(rule, heard, first, second, found.slices)
            )
        return tuple(cells)

    def _contest(
        self,
        found: EvalSet,
        folder: Path,
        run: Run,
        against: str,
        *,
        look: int | None = None,
        asking: Asking | None = None,
    ) -> Contest:
        """Lay a run beside its baseline before the judge of a set's rules about pairs.

        Raises WithoutOutputsError for a baseline that has none.
        """
        rules, judge_model = pair_rules(found), None if asking is None else asking.judge_model
        judge = self._judge_of_pairs(rules[0], found, folder, judge_model)
        again = ["promptops", "gate", found.name, "--run", run.id]
        if against != str(baseline_path(folder, None)):
            again += ["--baseline", relative_to(against, self.root)]
        again += [] if look is None else ["--look", str(look)]
        again += [] if judge_model is None else ["--judge-model", judge_model]
        return Contest(rules, judge, self._opposed(against, run.id), shlex.join(again))

    def _rows(self, contest: Contest) -> dict[tuple[str, int], PairRow]:
        """Return what is stored of these very runs."""
        hearing = contest.hearing
        return self.store.pair_scores(
            hearing.baseline, hearing.candidate, hearing.label, contest.judge.signature
        )

    def _wants(self, contest: Contest, work: Evaluation) -> bool:
        """Tell whether the judge is to be asked.

        A verdict that was reached stays: where enough is stored, nobody is asked but without the cache.
        """
        stored = {place: row.score for place, row in self._rows(contest).items()}
        return not work.use_cache or not contest.enough(stored)

    def _asked(self, contest: Contest, work: Evaluation, found: EvalSet, folder: Path) -> _Asked:
        """Have the judge asked what is missing, and keep what it says.

        The anchors of a watched one are judged first; where they show what all rules forbid, it is not asked.
        Raises RunInterrupted, and UsageError where a limit can't be kept.
        """
        if not self._wants(contest, work):
            return _Asked()
        try:
            caller = work.caller(contest.judge.model)
        except UsageError as error:
            if work.budget.limited:
                raise
            return _Asked(str(error).rstrip("."))
        if isinstance(caller, CassetteCaller):
            return _Asked("answers come from a cassette, so that nobody else is asked")
        bench = Bench(self.store, caller, contest.judge, contest.hearing, not work.use_cache)
        spec = spec_of(found, contest.label)
        self._refuse_unwatched_pairs(spec, folder, contest.judge)
        void, anchors = dict[PairRule, str](), ""
        try:
            anchors = self._anchors_first(work, spec, folder, [(bench, contest.pairs)])
            void = _void_now(contest.rules, contest.judge, folder, found.name)
            if len(void) < len(contest.rules):
                hear(work, bench, contest.pairs, f"Go on with: {contest.again}")
        except Stopped as error:
            return _Asked(str(error).rstrip("."), void, anchors)
        return _Asked(work.budget.stopped, void, anchors)

    def _missing(self, contest: Contest, scores: Scores, short: str, asking: Asking | None) -> str:
        """Say which command has the judge asked about what has no verdict, and what that takes.

        What it replied about other runs with the same answers is added to the scores first. `short` is what
        ended it just now. Empty where enough of the pairs have a verdict.
        """
        anew = asking is not None and not asking.work.use_cache
        left, why = contest.left(scores), f": {short[:1].lower()}{short[1:]}" if short else ""
        mend = f"{COMPARE}{contest.again}"
        if anew and short and not left:
            return f"the judge was not asked anew about all pairs{why}{mend} --no-cache"
        cost = f"{2 * len(left)} calls at most"
        if left:
            with contextlib.suppress(PromptopsError):  # a judge that can't be asked here may still be read
                work = self._evaluation(None, cache=True, watch=None) if asking is None else asking.work
                bench = Bench(
                    self.store, work.caller(contest.judge.model), contest.judge, contest.hearing, anew
                )
                scores |= wait_for(bench.known(left))
                left = contest.left(scores)
                part = bench.taking(wait_for(bench.counted(left)), len(left))
                cost = f"{part.calls} calls, {dollars(part.cost)}"
        if left:
            return (
                f"the judge was not asked about {len(left)} of {len(contest.pairs)} pairs of this baseline's "
                f"answers and run {contest.opposed.second.id}'s ({cost}){why}{mend}"
            )
        unread = contest.unread(scores)
        return f"{unread}{why}{mend}" if unread else ""

    def _contest_part(self, work: Evaluation, contest: Contest) -> Part:
        """Return the calls about a stored run."""
        caller, anew = work.caller(contest.judge.model), not work.use_cache
        bench, places = Bench(self.store, caller, contest.judge, contest.hearing, anew), len(contest.pairs)
        wanted = self._wants(contest, work)
        return bench.taking(
            wait_for(bench.counted(contest.pairs)) if wanted else Count(stored=places), places
        )

    def _pairs_ahead(
        self,
        work: Evaluation,
        found: EvalSet,
        folder: Path,
        against: str,
        draft: Run,
        judge_model: str | None,
    ) -> tuple[Bench, Count] | None:
        """Return who would be asked about a run that is not there yet, and its calls at most.

        Answers that an earlier run has to the same requests are looked up. None without a rule about pairs.
        """
        rules = pair_rules(found)
        if not rules:
            return None
        judge = self._judge_of_pairs(rules[0], found, folder, judge_model)
        first, known_as, before = self._answers(against)
        bench = Bench(
            self.store,
            work.caller(judge.model),
            judge,
            Opposed(first, draft, known_as, []).before(rules[0].metric, judge),
            not work.use_cache,
        )
        answerer, seen, unseen = work.caller(draft.model), list[Pair](), list[Pair]()
        with Renderer() as renderer:
            for sample in found.samples:
                for repeat in range(draft.repeats):
                    old = before.get((sample.id, repeat))
                    if old is None:
                        continue
                    request = answer_request(renderer, draft.prompt, sample, repeat)
                    new = answerer.find(request, draft.prompt.digest)
                    place = Pair(sample, repeat, old, new or Completion(text="-"))
                    (unseen if new is None else seen).append(place)
        return bench, wait_for(bench.counted(seen, unseen))

    def _refuse_pairless(
        self, work: Evaluation, found: EvalSet, folder: Path, against: str, judge_model: str | None
    ) -> None:
        """Raise what a rule about pairs would meet whatever a new run answers, before it is paid for."""
        for rule in pair_rules(found)[:1]:
            judge = self._judge_of_pairs(rule, found, folder, judge_model)
            if against.endswith(".jsonl") and not read_header(Path(against)).outputs:
                told = _blind(rule, against)
                raise NotComparable(f"{told[:1].upper()}{told[1:]}.")
            refuse_unfit(found, folder, rule.metric, judge)
            work.open_models(judge.models)
            work.check(found, [], {rule.metric: judge})
            spec = spec_of(found, rule.metric)
            self._refuse_unwatched_pairs(spec, folder, judge)
            rules = pair_rules(found)
            void = _void_now(rules, judge, folder, found.name, watched=spec.check_anchors)
            if len(void) == len(rules):
                why = void[rule]
                raise NotComparable(f"{why[:1].upper()}{why[1:]}.")

    def _judge_of_pairs(
        self, rule: PairRule, found: EvalSet, folder: Path, judge_model: str | None
    ) -> Pairwise:
        spec = spec_of(found, rule.metric)
        judge = build_metric(
            spec, folder=folder, language="", judge_model=judge_model, settings=self.settings
        )
        if not isinstance(judge, Pairwise):
            raise UsageError(
                f"[[gate]] pairwise = {rule.metric!r}: [metrics.{rule.metric}] looks at single outputs. "
                f"Write `metric = {rule.metric!r}`, or name a judge of pairs."
            )
        return judge


def spec_of(found: EvalSet, label: str) -> MetricSpec:
    """Return how a set declares a metric."""
    return next(spec for spec in found.metrics if spec.label == label)


def _void_now(
    rules: Sequence[PairRule], judge: Pairwise, folder: Path, evalset: str, *, watched: bool = False
) -> dict[PairRule, str]:
    """Return the rules whose judge, asked now, would not have shown their `max_drift`, and why.

    Of a `watched` one the anchors are still to be judged.
    """
    when, found = now(), dict[PairRule, str]()
    for rule in (each for each in rules if each.max_drift is not None):
        record = judge.record(rule.metric, "pairwise")
        why = unsteady_pairs(
            rule, record, folder, evalset, (when, when), cached=False, again="", watched=watched
        )
        if why:
            found[rule] = why
    return found


def _unsteady(
    rule: PairRule, contest: Contest, folder: Path, evalset: str, rows: Mapping[tuple[str, int], PairRow]
) -> str:
    """Say why the judge has not shown the `max_drift` of a rule; empty where it has, or none is asked for."""
    if rule.max_drift is None:
        return ""
    dates = [row.created_at for row in rows.values()] or [contest.opposed.second.created_at]
    cached = not rows or any(row.content.get("cached") for row in rows.values())
    record, span = contest.judge.record(rule.metric, "pairwise"), (min(dates), max(dates))
    again = f"{contest.again} --no-cache"
    return unsteady_pairs(rule, record, folder, evalset, span, cached=cached, again=again)


def _blind(rule: PairRule, against: str) -> str:
    return (
        f"the baseline {Path(against).name} was accepted without outputs, so that the judge {rule.metric} "
        f"has nothing to see{ACCEPT}promptops accept RUN"
    )


def refuse_unfit(found: EvalSet, folder: Path, label: str, judge: Pairwise) -> None:
    """Raise NotComparable where a judge of pairs has not shown against people what a rule asks for."""
    told = unfit_pairs(found, judge.record(label, KIND), folder)
    if told:
        raise NotComparable(f"{told[:1].upper()}{told[1:]}.")


def pair_rules(found: EvalSet) -> tuple[PairRule, ...]:
    """Return a set's rules about pairs: all of one judge."""
    return tuple(rule for rule in found.shifts if isinstance(rule, PairRule))


def refuse_unasked(judge_model: str | None, *, cache: bool = True, limited: bool = False) -> None:
    """Raise UsageError where a stored run is decided and something is said of calls that nobody makes."""
    where = "with --prompt, or where a rule is about pairs"
    if judge_model is not None:
        raise UsageError(
            f"--judge-model goes {where}; a stored run has its judges already (promptops score RUN "
            "--judge-model MODEL asks another one)."
        )
    if not cache:
        raise UsageError(
            f"--no-cache goes {where}; a stored run is judged as it is (promptops score RUN --no-cache asks "
            "its judges again)."
        )
    if limited:
        raise UsageError(
            "--max-calls and --max-cost go with --prompt or extend, or where a rule is about pairs; else "
            "nobody is asked."
        )
