"""The verbs of rankings by pairs: of runs before a judge, and of what others recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from promptops.calls.budget import Budget
from promptops.calls.call import Stopped
from promptops.calls.forecast import Forecast
from promptops.errors import NotComparable, UnknownName
from promptops.judging.families import kinship
from promptops.runs.eventloop import wait_for
from promptops.runs.progress import Watch
from promptops.sets.parts import refuse_chosen, refuse_mixed
from promptops.verbs.correcting import Correcting

if TYPE_CHECKING:
    from promptops.pairs.standings import Anchor, PairRanking
    from promptops.pairs.tournament import Schedule, Tournament
    from promptops.runs.evaluation import Evaluation
    from promptops.verbs.preferences import Called


class Tournaments(Correcting):
    """Systems ranked by who was preferred to whom."""

    def rank_by_pairs(
        self,
        runs: Sequence[str] = (),
        *,
        evalset: str | Path | None = None,
        schedule: Schedule = "all",
        judge_model: str | None = None,
        anchor: str | None = None,
        anchor_elo: float = 1000.0,
        level: float = 0.95,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> PairRanking:
        """Rank runs of one set by a pairwise judge, asked about each two answers in both orders.

        `schedule` is `all`, or `adaptive`, which asks where ranks are unsure. What was judged before, here or
        by `prefer`, is not asked again. Where a `budget` runs out, the ranking is of the pairs up to there.
        The judge is the set's pairwise metric where it declares one, else the shipped one. Raises UsageError,
        NotComparable for runs on other questions, Stopped where the budget leaves nothing to rank, and
        RunInterrupted after a signal; the same once more goes on.
        """
        from promptops.analysis.ranking import labels_of
        from promptops.pairs.asked import asked_of, warnings_of
        from promptops.pairs.ranking import rank_pairs

        work = self._evaluation(concurrency, cache=True, watch=watch, budget=budget)
        play, point, called = self._tournament(
            work, runs, evalset, schedule, judge_model, anchor, anchor_elo, level
        )
        anchors = self._anchors_first(work, called.spec, called.folder, play.benches())
        play.play()
        pairs, unscored = play.judged()
        try:
            found = rank_pairs(
                pairs,
                dict(zip([run.id for run in play.runs], labels_of(play.runs)[1], strict=True)),
                point,
                level,
                source=play.runs[0].evalset,
                judges=(play.bench.hearing.judge,),
                style="runs",
                group="group",
                unscored=unscored,
                looks=play.planned,
            )
        except NotComparable as error:
            if not work.budget.stopped:
                raise
            raise Stopped(
                f"{work.budget.stopped}: {len(pairs)} of {play.total} pairs have a verdict, which is kept, "
                f"and that is too little for a ranking. Run the same again for the others. ({error})"
            ) from None
        asked, judge = asked_of(play).model_copy(update={"anchors": anchors}), play.bench.hearing
        kin = kinship(judge.label, [judge.judge], [run.model for run in play.runs])
        heard = [(bench.hearing, pairs) for bench, pairs in play.benches()]
        marks = self._pair_marks(heard, play.runs[0], play.bench.judge.signature)
        warnings = (*warnings_of(asked), *found.warnings, *kin, *marks)
        return found.model_copy(update={"asked": asked, "warnings": warnings})

    def forecast_pairs(
        self,
        runs: Sequence[str] = (),
        *,
        evalset: str | Path | None = None,
        schedule: Schedule = "all",
        judge_model: str | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `rank_by_pairs` with the same arguments would take; nobody is asked.

        That is at most, with the adaptive schedule.
        """
        from promptops.runs.calling import Count

        work = self._dry(concurrency, True, budget, None)
        play, _, called = self._tournament(work, runs, evalset, schedule, judge_model, None, 1000.0, 0.95)
        whole = Count()
        for bench, pairs in play.benches():
            count = wait_for(bench.counted(pairs))
            whole.stored += count.stored
            whole.cached += count.cached
            whole.characters.extend(count.characters)
        part = play.bench.taking(whole, play.total)
        notes = [f"{play.total} pairs of {len(play.runs)} runs, each in both orders."]
        if schedule == "adaptive":
            notes.append("That is at most: the schedule ends as soon as all orders are sure.")
        repeats = play.runs[0].repeats
        parts = [*self._pair_anchor_parts(work, called.spec, called.folder, play.bench.judge, part), part]
        return self._forecast(work, play.runs[0].evalset, len(play.samples), repeats, parts, notes)

    def rank_recorded(
        self,
        path: str | Path,
        *,
        first: str | None = None,
        second: str | None = None,
        winner: str | None = None,
        group: str | None = None,
        judge: str | None = None,
        baseline: str | None = None,
        anchor: str | None = None,
        anchor_elo: float = 1000.0,
        level: float = 0.95,
    ) -> PairRanking:
        """Rank systems by recorded judgements of pairs of them, without a call.

        The file's format is told by its first row; `first`, `second`, `winner` and `group` name keys of your
        own, `judge` keeps one judge's rows. Strengths are stated against `anchor` (default: the mean of all).
        Raises FileProblems, UsageError, and NotComparable where systems were never compared.
        """
        from promptops.pairs.ranking import rank_recorded
        from promptops.pairs.recorded import read_pairs
        from promptops.pairs.standings import Anchor

        found = read_pairs(
            Path(path),
            first=first,
            second=second,
            winner=winner,
            group=group,
            judge=judge,
            baseline=baseline,
        )
        return rank_recorded(found, Anchor(anchor, anchor_elo), level)

    def _tournament(
        self,
        work: Evaluation,
        runs: Sequence[str],
        evalset: str | Path | None,
        schedule: Schedule,
        judge_model: str | None,
        anchor: str | None,
        anchor_elo: float,
        level: float,
    ) -> tuple[Tournament, Anchor, Called]:
        """Check everything that a ranking by a judge needs; nothing is asked."""
        from promptops.analysis.ranking import refuse_twice
        from promptops.pairs.ranking import check
        from promptops.pairs.standings import Anchor
        from promptops.pairs.tournament import Schedule, Tournament

        if schedule not in get_args(Schedule):
            raise UnknownName("schedule", schedule, get_args(Schedule))
        chosen = self._chosen_runs(runs, evalset)
        point = Anchor(None if anchor is None else self.run(anchor).id, anchor_elo)
        check([run.id for run in chosen], point, level)
        refuse_twice(chosen)
        refuse_chosen(*chosen)
        refuse_mixed(*chosen)
        if len({run.evalset_digest for run in chosen}) > 1:
            raise NotComparable("The runs answer different questions, so their answers can't be compared.")
        called = self._called(work, chosen[0].id, chosen[1].id, judge_model)
        samples = {each.id: each for each in self.store.snapshot_samples(chosen[0].evalset_digest)}
        answers = [
            {(result.sample_id, result.repeat): result.completion for result in self.store.results(run.id)}
            for run in chosen
        ]
        return Tournament(work, called.bench, chosen, answers, samples, schedule, level), point, called
