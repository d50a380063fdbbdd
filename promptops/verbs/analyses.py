"""The verbs that look deeper: what a set can resolve, where a change lies, which of many is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from promptops.analysis.comparison import pair
from promptops.analysis.grid import grid_of, grids_for
from promptops.analysis.sides import load_run
from promptops.errors import UnknownName, UsageError
from promptops.gate.baselines import TIMED
from promptops.judging.facts import facts_of_both
from promptops.sets.parts import part_warnings, refuse_chosen, refuse_mixed, refuse_part
from promptops.types import EvalSet, Run
from promptops.verbs.comparisons import cut_off, run_warnings
from promptops.verbs.gates import Gates
from promptops.verdicts import Comparison, Verdict

if TYPE_CHECKING:
    from promptops.analysis.noise import Noise
    from promptops.analysis.ranking import By, Ranking, Rule
    from promptops.analysis.slices import Slices
    from promptops.gate.planning import Plan
    from promptops.gate.selftest import SelfTest
    from promptops.instruments import Preference
    from promptops.reports import Report


class Analyses(Gates):
    """Questions about runs beyond one comparison and one verdict."""

    def plan(
        self,
        evalset: str | Path,
        *,
        runs: tuple[str, str] | None = None,
        sd: Mapping[str, float] | None = None,
        changes: Mapping[str, float] | None = None,
        alpha: float = 0.05,
        power: float = 0.8,
        case_cost: float = 0.0,
        concurrency: int | None = None,
    ) -> Plan:
        """Say what a set can see: the smallest change, the cases that each margin needs, and the price.

        From how two `runs` of the set differed (default: the two newest of different prompts or models),
        or from declared standard deviations of paired differences (`sd`, by metric). `case_cost` is what
        writing a new sample costs, in answers. Asks nobody.
        """
        from promptops.analysis.noise import Asked, change_noise
        from promptops.calls.pricing import price_of
        from promptops.gate import planning, reach

        found = self.evalset(self.evalset_folder(evalset))
        labels = [spec.label for spec in found.metrics]
        planning.refuse_unknown(changes or {}, labels, "--change")
        planning.refuse_unknown(sd or {}, labels, "--sd")
        newest = self._finished_on(found)
        at_once = concurrency or self.settings.concurrency
        price = None
        if newest:
            last = newest[0]
            price = price_of(last.id, last.samples, last.repeats, self.store.spent(last.id))
        wanted = reach.Wanted(changes or {}, alpha, power)
        whole = None
        if sd:
            history = "declared standard deviations; a group counts as one case"
            repeats: tuple[str, ...] = ("What repeats would bring is not known without runs that have some.",)
            reaches = reach.from_declared(found, sd, wanted)
        else:
            first, second = self._two_runs(found, newest, runs)
            old, new = load_run(self.store, first), load_run(self.store, second)
            pairing = pair(old.side, new.side, new.metrics)
            history = f"how {first.prompt_ref} ({first.id}) and {second.prompt_ref} ({second.id}) differ"
            reaches = reach.from_history(pairing, found, wanted, grids_for(found.gate, old, new))
            reaches, whole = planning.with_early(reaches, pairing, found)
            repeats = ("What repeats would bring is not known: each sample was asked once (--repeats 3).",)
            if min(first.repeats, second.repeats) > 1:
                noise = change_noise(old, new, Asked(case_cost=case_cost))
                repeats = planning.repeats_advice(noise, found.gate, price)
        reaches = tuple(planning.priced(each, price) for each in reaches)
        early = planning.early_advice(whole, declared=bool(sd))
        return planning.Plan(
            evalset=found.name,
            samples=len(found.samples),
            history=history,
            alpha=alpha,
            power=power,
            reaches=reaches,
            early=whole,
            price=price,
            concurrency=at_once,
            advice=(*planning.advice(reaches, power, at_once), *early, *repeats),
        )

    def noise(
        self,
        reference: str,
        other: str | None = None,
        *,
        metric: str | None = None,
        threshold: float | None = None,
        margin: float | None = None,
        case_cost: float = 0.0,
    ) -> Noise:
        """Tell how much of a run's scores, or of the change to another run, is luck, and what to do.

        Needs runs with repeats. `threshold` says from which score on an answer is a success (pass@k),
        `margin` what is to be told apart, `case_cost` what a new case costs, in answers.
        """
        from promptops.analysis.noise import Asked, change_noise, run_noise

        asked = Asked(metric=metric, threshold=threshold, margin=margin, case_cost=case_cost)
        if other is None:
            return run_noise(load_run(self.store, self.run(reference)), asked)
        first, second = self._common_sides(reference, other)
        refuse_chosen(first.side.run, second.side.run)
        return change_noise(first, second, asked)

    def rank(
        self,
        runs: Sequence[str] = (),
        *,
        evalset: str | Path | None = None,
        metric: str | None = None,
        baseline: str | None = None,
        best: Rule = "quality",
        margin: float | None = None,
        by: By = "cost",
        level: float = 0.95,
    ) -> Ranking:
        """Rank runs of one set, or the newest of each prompt and model on it, and name the best by a rule.

        Differences are to `baseline` (default: the first run); intervals and ranks of all runs hold together.
        Raises NotComparable where figures don't mean the same, UsageError where a rule lacks its margin.
        """
        from promptops.analysis import ranking

        chosen = self._chosen_runs(runs, evalset)
        first = chosen[0].id if baseline is None else self.finished_run(baseline).id
        if first not in [run.id for run in chosen]:
            chosen.insert(0, self.finished_run(first))
        refuse_chosen(*chosen)
        refuse_mixed(*chosen)
        asked = {run.evalset_digest for run in chosen}
        samples = {digest: tuple(self.store.snapshot_samples(digest)) for digest in asked}
        loaded = [load_run(self.store, run, samples[run.evalset_digest]) for run in chosen]
        place = [run.id for run in chosen].index(first)
        return ranking.rank(
            loaded, baseline=place, metric=metric, best=best, margin=margin, by=by, level=level
        )

    def slices(
        self,
        baseline: str,
        candidate: str,
        metric: str | None = None,
        *,
        by: Sequence[str] = (),
        find: bool = False,
        alpha: float = 0.05,
        seed: int = 0,
    ) -> Slices:
        """Say in which groups of samples one metric changed, and find the slice that got worse.

        Groups are tags, origin and metadata fields, or those named in `by`; tags that the set's file declares
        or gates are confirmatory, all others exploratory. `find` searches all groups and their pairs.
        """
        from promptops.analysis.slices import slice_up, without_bounds

        first, second = self._common_sides(baseline, candidate)
        refuse_chosen(first.side.run, second.side.run)
        pairing = pair(first.side, second.side, second.metrics)
        timed = {record.label for record in second.side.run.metrics if record.metric in TIMED}
        labels = [label for label in pairing.metrics if not (baseline.endswith(".jsonl") and label in timed)]
        label = metric or next(iter(labels), "")
        if label not in labels:
            raise UnknownName("metric of both runs", label, labels)
        found = slice_up(
            pairing,
            label,
            declared=self._declared_slices(second.side.run.evalset, label),
            by=by,
            find=find,
            alpha=alpha,
            seed=seed,
        )
        if cut_off(first, second):
            found = without_bounds(found)
        return found.model_copy(
            update={
                "baseline": baseline if baseline.endswith(".jsonl") else first.side.run.id,
                "notes": (
                    *part_warnings(first.side.run, second.side.run, len(pairing.candidate.table.samples)),
                    *run_warnings(first, second),
                    *found.notes,
                ),
            }
        )

    def _declared_slices(self, evalset: str, label: str) -> tuple[str, ...]:
        """Return the tags that a set's file declares or gates by this metric; none where the set is gone."""
        if evalset not in self.evalsets():
            return ()
        found = self.evalset(evalset)
        gated = (rule.slice for rule in found.gate if rule.metric == label and rule.slice is not None)
        return tuple(dict.fromkeys([*found.slices, *gated]))

    def report(
        self,
        evalset: str | Path,
        *,
        run: str = "latest",
        baseline: str | None = None,
        inconclusive: Literal["block", "warn"] = "block",
    ) -> Report:
        """Return the gate's verdict with all that is needed to tell it: figures, worst cases, facts to check.

        Raises what `gate` raises. `write_report` and `render_report` make Markdown, HTML, JUnit XML or JSON.
        """
        verdict = self.gate(evalset, run=run, baseline=baseline)
        return self.verdict_report(evalset, verdict, inconclusive=inconclusive)

    def verdict_report(
        self,
        evalset: str | Path,
        verdict: Verdict,
        *,
        inconclusive: Literal["block", "warn"] = "block",
    ) -> Report:
        """Return a verdict that `gate` has given as a report; the runs are read again, nothing is asked."""
        from promptops.analysis.reporting import gate_report, refusal_report
        from promptops.analysis.reportplaces import placed

        folder = self.evalset_folder(evalset)
        found = self.evalset(folder)
        if not verdict.cells:
            # What is there decides nothing, so no figure of it is shown as if it did.
            report = refusal_report(found.name, verdict.reason)
            return placed(report, folder, (), self.root, self.environment)
        sides = self._sides(verdict.baseline, verdict.candidate)
        report = gate_report(verdict, found, *sides, blocks=inconclusive == "block")
        if report.comparison is not None:
            judges = facts_of_both(*sides, self._beside(sides[1].side.run))
            told = report.comparison.model_copy(update={"judges": judges})
            report = report.model_copy(update={"comparison": told})
        return placed(report, folder, (*found.gate, *found.shifts), self.root, self.environment)

    def comparison_report(
        self, comparison: Comparison, *, metric: str | None = None, preference: Preference | None = None
    ) -> Report:
        """Return a comparison with its worst cases (in the first metric, if none is named), to be told.

        With what a pairwise judge said (`prefer`), if it was asked.
        """
        from promptops.analysis.reporting import comparison_report
        from promptops.analysis.reportplaces import placed

        label = metric or comparison.deltas[0].label
        sides = self._common_sides(comparison.baseline, comparison.candidate)
        report = comparison_report(comparison, label, *sides).model_copy(update={"preference": preference})
        return placed(report, None, (), self.root, self.environment)

    def self_test(
        self,
        evalset: str | Path,
        *,
        runs: tuple[str, str] | None = None,
        trials: int = 2000,
        seed: int = 1,
        early_stop: bool = False,
    ) -> SelfTest:
        """Try the gate out on a set's own stored answers: how often it is wrong, and how often it sees.

        With the two runs named, else the two newest of different prompts or models. Asks nobody. With
        `early_stop` it is the gate that stops as soon as it is certain, and says how many cases it took.
        """
        from promptops.gate.selftest import self_test

        found = self.evalset(self.evalset_folder(evalset))
        if not any(rule.margin or rule.worst_slice_margin for rule in found.gate):
            raise UsageError(f"{found.name!r} has no rule with a margin, so there is no gate to try out.")
        first, second = self._two_runs(found, self._finished_on(found), runs)
        old, new = load_run(self.store, first), load_run(self.store, second)
        grid = grid_of(new) if second.repeats > 1 else None
        pairing = pair(old.side, new.side, new.metrics)
        return self_test(pairing, found, grid, trials=trials, seed=seed, early_stop=early_stop)

    def _chosen_runs(self, runs: Sequence[str], evalset: str | Path | None) -> list[Run]:
        """Return the runs that are named, or the newest of each prompt and model on a set."""
        from promptops.analysis.ranking import newest_of_each

        if (evalset is None) == (not runs):
            raise UsageError("Name runs, or an evaluation set (--evalset NAME) whose newest runs are meant.")
        if evalset is None:
            return [self.finished_run(reference) for reference in runs]
        found = self.evalset(evalset)
        stored = self.runs(limit=self.run_count(evalset=found.name), evalset=found.name)
        return newest_of_each(stored, found.digest)

    def _finished_on(self, evalset: EvalSet) -> list[Run]:
        return [
            run
            for run in self.runs(limit=200, evalset=evalset.name)
            if run.status == "finished" and run.evalset_digest == evalset.digest
        ]

    def _two_runs(
        self, evalset: EvalSet, newest: list[Run], named: tuple[str, str] | None
    ) -> tuple[Run, Run]:
        if named is not None:
            first, second = self.finished_run(named[0]), self.finished_run(named[1])
            for run in (first, second):
                refuse_part(run, evalset.digest, "neither a plan nor a self-test can rest on it")
            return first, second
        for second in newest:
            for first in newest:
                if (first.prompt.digest, first.model) != (second.prompt.digest, second.model):
                    return first, second
        raise UsageError(
            f"There are no two finished runs of different prompts or models on {evalset.name!r} as it is, "
            "and without them nobody knows how much paired scores vary. Evaluate two versions first "
            f"(promptops eval {evalset.name} --prompt A --prompt B); `plan` takes --sd METRIC=NUMBER instead."
        )
