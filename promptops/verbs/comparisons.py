"""The verbs of comparisons: compare and accept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.sides import Loaded, load_baseline, load_run, same_outputs
from promptops.analysis.summary import own_figures
from promptops.errors import FileProblems, NotComparable, PromptopsError, UnknownName, UsageError
from promptops.gate.baselines import TIMED, accepted, baseline_path, read_baseline, write_baseline
from promptops.gate.bounds import unbound
from promptops.gate.headline import compared, told_apart
from promptops.gate.missing import missing_warnings, unequal_missing
from promptops.gate.rules import GateRule
from promptops.gate.sight import with_sight
from promptops.instruments import Found
from promptops.judging.certificates import ANEW, certificate_file, scored_by_another
from promptops.judging.changes import Kept, Scored, between, committed_at, void_rules
from promptops.judging.facts import Beside, Ratings, facts_of_both
from promptops.judging.noise import noise_known
from promptops.judging.soundings import sounding_file
from promptops.labels.labels import labels_file, mean_ratings
from promptops.sets.mixing import mixing_notes
from promptops.sets.parts import (
    chosen_by_failures,
    on_common,
    part_warnings,
    refuse_part,
)
from promptops.texts.figures import counted
from promptops.types import Case, EvalSet, MetricRecord, Run, Sample
from promptops.verbs.preferences import Preferences
from promptops.verdicts import CaseChange, Comparison, Delta


class Comparisons(Preferences):
    """Two runs, or a run and an accepted baseline, held against each other."""

    def compare(
        self,
        baseline: str,
        candidate: str,
        *,
        metric: str | None = None,
        slices: bool = True,
        alpha: float = 0.05,
    ) -> Comparison:
        """Compare two runs (or a baseline file with a run), paired by sample.

        Its sentence is about `metric` (default: the first). Raises NotComparable where their figures don't
        mean the same, UnknownName for a metric that one of them lacks.
        """
        first, second = self._common_sides(baseline, candidate, view=True)
        pairing = _paired(first, second)
        names = second.side.table.slices if slices else second.side.table.origins
        from_file = baseline.endswith(".jsonl")
        labels = [label for label in pairing.metrics if not (from_file and _is_timed(second.side.run, label))]
        told = metric or next(iter(labels), "")
        if told not in labels:
            raise UnknownName("metric of both runs", told, labels)
        records = {record.label: record for record in second.side.run.metrics}
        # Slice by slice, for metrics share what is drawn on a slice.
        cells = {
            (label, name): pairing.cell(label, name, alpha) for name in (None, *names) for label in labels
        }
        deltas = tuple(
            _with_swaps(pairing, with_sight(cells[label, name], records[label]))
            for label in labels
            for name in (None, *names)
        )
        if cut_off(first, second) or chosen_by_failures(first.side.run, second.side.run):
            deltas = tuple(unbound(delta) for delta in deltas)
        still = all(not delta.difference for delta in deltas)
        judges = facts_of_both(first, second, self._beside(second.side.run))
        found = Comparison(
            baseline=baseline if baseline.endswith(".jsonl") else first.side.run.id,
            candidate=second.side.run.id,
            evalset=second.side.run.evalset,
            deltas=deltas,
            identical=still and same_outputs(first, second),
            warnings=in_order(
                pairing,
                mixing_notes(pairing),
                part_warnings(first.side.run, second.side.run, len(second.side.table.samples)),
                run_warnings(first, second),
                tuple(dict.fromkeys(warning for each in judges for warning in each.warnings)),
                self._judges_changed(baseline, first.side.run, second.side.run),
                missing_warnings(pairing, deltas),
            ),
            judges=judges,
        )
        sentence = compared(found, told, *told_apart(first.side.run, second.side.run))
        return found.model_copy(update={"sentence": sentence})

    def cases(
        self, baseline: str, candidate: str, metric: str, *, limit: int = 20, offset: int = 0
    ) -> list[CaseChange]:
        """Return samples sorted by how much one metric changed, the largest change first."""
        first, second = self._common_sides(baseline, candidate)
        pairing = _paired(first, second)
        if metric not in pairing.metrics:
            raise UnknownName("metric of both runs", metric, pairing.metrics)
        return [
            CaseChange(
                sample_id=sample.id,
                change=change,
                baseline=first.output(sample.id, 0),
                candidate=second.output(sample.id, 0),
            )
            for sample, change in pairing.changes(metric)[offset : offset + limit]
        ]

    def changes(
        self, baseline: str, candidate: str, metric: str, *, slice: str | None = None
    ) -> dict[str, float | None]:
        """Return each sample's change in one metric, the largest first, on the whole set or on a slice.

        At the end, with None, come the samples that one of the runs has no score for.
        """
        pairing = _paired(*self._common_sides(baseline, candidate))
        if metric not in pairing.metrics:
            raise UnknownName("metric of both runs", metric, pairing.metrics)
        table = pairing.candidate.table
        samples = [table.samples[int(place)] for place in np.flatnonzero(table.mask(slice))]
        wanted = {sample.id for sample in samples}
        moved = {sample.id: change for sample, change in pairing.changes(metric) if sample.id in wanted}
        return {**moved, **{sample.id: None for sample in samples if sample.id not in moved}}

    def paired_cases(
        self, baseline: str, candidate: str, sample_ids: Sequence[str], *, repeat: int = 0
    ) -> dict[str, tuple[Case | None, Case | None]]:
        """Return what both sides of a comparison answered on some samples, with each one's own figures.

        None where a side has no result; a baseline that was accepted without outputs has scores only.
        """
        after = {
            case.result.sample_id: case
            for case in self.cases_of(candidate, sample_ids=sample_ids)
            if case.result.repeat == repeat
        }
        if baseline.endswith(".jsonl"):
            first, _ = self._common_sides(baseline, candidate)
            results = (first.output(name, repeat) for name in sample_ids)
            found = [Case(result=each, figures=own_figures(each, first.metrics)) for each in results if each]
        else:
            found = self.cases_of(baseline, sample_ids=sample_ids)
        before = {case.result.sample_id: case for case in found if case.result.repeat == repeat}
        return {name: (before.get(name), after.get(name)) for name in sample_ids}

    def baselines(self, evalset: str | Path) -> dict[str, Run]:
        """Return the baselines that were accepted for a set, by their file; the unlabelled one first."""
        found = accepted(self.evalset_folder(evalset))
        return {str(path): read_baseline(path)[0] for path in found}

    def accept(
        self,
        reference: str,
        *,
        evalset: str | Path | None = None,
        label: str | None = None,
        outputs: bool = True,
        errors: bool = False,
        unscored: bool = False,
    ) -> Path:
        """Write a finished run as its evaluation set's baseline; returns the file, to be committed.

        `evalset` names the folder of a set that lies elsewhere than the project's sets. A run with samples
        that have no answer is refused unless `errors` says that this is meant, and one from which a rule of
        the gate can't measure any change unless `unscored` does.
        """
        from promptops.gate.readiness import unmeasurable  # loads all of the gate

        run = self.finished_run(reference)
        if run.errors and not errors:
            raise UsageError(
                f"{counted(run.errors, 'sample')} of run {run.id} got no answer; as a baseline it would hide "
                f"a loss. Ask again (promptops resume {run.id} --retry-errors), or accept it as it is with "
                "--errors."
            )
        folder = self.evalset_folder(evalset or run.evalset)
        found = self.evalset(folder)
        digest = found.digest
        refuse_part(run, digest, "it can't be the baseline")
        if digest != run.evalset_digest:
            raise NotComparable(
                f"Run {run.id} answered another state of {folder.name!r} than the files hold now. "
                "Evaluate again."
            )
        blank = "" if unscored else unmeasurable(found, load_run(self.store, run).side.table)
        if blank:
            raise UsageError(
                f"From run {run.id} the gate could measure no change: {blank}. See why (promptops show "
                f"{run.id}), mend it, and score the run anew (promptops score {run.id}); or accept it as it "
                "is with --unscored."
            )
        path = baseline_path(folder, label)
        write_baseline(path, run, self.store.results(run.id), outputs=outputs)
        return path

    def _sides(
        self, baseline: str, candidate: str, samples: Sequence[Sample] | None = None
    ) -> tuple[Loaded, Loaded]:
        """Read two runs' scores; also the second one's samples, unless they were read already."""
        return self._sides_of(baseline, self.run(candidate), samples)

    def _sides_of(
        self, baseline: str, run: Run, samples: Sequence[Sample] | None = None
    ) -> tuple[Loaded, Loaded]:
        second = load_run(self.store, run, samples)
        if baseline.endswith(".jsonl"):
            asked = second.side.table.samples
            return load_baseline(Path(baseline), asked, second.metrics, run), second
        before = self.run(baseline)
        same = before.evalset_digest == run.evalset_digest
        return load_run(self.store, before, beside=second if same else None), second

    def _beside(self, run: Run) -> Beside:
        """Return what people said of outputs, and what was measured of the run's judges.

        A file that can't be read is told of beside the figure: it is no reason to show none.
        """
        people, noise, faults = dict[str, Ratings](), dict[str, Found](), dict[str, str]()
        here = run.evalset in self.evalsets()
        for record in (each for each in run.metrics if each.judge):
            label = record.label
            try:
                measured = noise_known(
                    sounding_file(self.root, run.evalset, label, "noise"), record.signature
                )
                if measured is not None:
                    noise[label] = measured
                if here and (file := labels_file(self.evalset_folder(run.evalset), label, None)).is_file():
                    people[label] = mean_ratings(file)
            except FileProblems as error:
                faults[label] = str(error.problems[0])
        return Beside(people, noise, faults)

    def _common_sides(self, baseline: str, candidate: str, *, view: bool = False) -> tuple[Loaded, Loaded]:
        """Read two runs' scores on the samples that both were asked; the gate never does that.

        Samples of a large set are read when they are looked at where a `view` of them is enough.
        """
        run = self.run(candidate)
        samples = self.store.kept_samples(run.evalset_digest) if view else None
        return on_common(*self._sides_of(baseline, run, samples))

    def _judges_changed(
        self, baseline: str, first: Run, second: Run, folder: Path | None = None
    ) -> list[str]:
        """Say which judges changed between two runs; `folder` is that of their set, where it is known."""
        folder = folder or self._set_of(second)
        return [] if folder is None else between(folder, first, second, Kept(self.store), _file(baseline))

    def _scored_at(self, baseline: str, label: str) -> str | None:
        """Return when a baseline was scored by a judge; None where nobody knows."""
        file = _file(baseline)
        return committed_at(file) if file else Kept(self.store).date(self.run(baseline), label)

    def _refuse_void(
        self, found: EvalSet, folder: Path, draft: Run, against: str, watched: Sequence[str] = ()
    ) -> None:
        """Raise NotComparable where a rule asks more of its judge than it has shown; nothing is asked."""
        void = self._void(found, folder, draft, against, drafted=True, watched=watched)
        if void:
            told = (f"{why[:1].upper()}{why[1:]}." for why in dict.fromkeys(void.values()))
            raise NotComparable(" ".join(told))

    def _void(
        self,
        found: EvalSet,
        folder: Path,
        run: Run,
        against: str,
        *,
        drafted: bool = False,
        watched: Sequence[str] = (),
    ) -> dict[GateRule, str]:
        """Return the rules whose judge has not shown what they ask for, and why."""
        baseline = Scored(partial(self._scored_at, against), None if _file(against) else self.run(against).id)
        kept = Kept(self.store, drafted=drafted)
        void = void_rules(found, folder, run, baseline, kept, watched=watched)
        if drafted:
            return void
        return {
            rule: self._by_another(rule, found, folder, run, against) or why for rule, why in void.items()
        }

    def _by_another(self, rule: GateRule, found: EvalSet, folder: Path, run: Run, against: str) -> str:
        """Say how a run gets scores of the judge that is certified; empty where it has them or none is."""
        now = self._declared(found, folder, rule.metric)
        if now is None:  # whether this is the certified judge can't be told, and why the rule is void stands
            return ""
        record = next(each for each in run.metrics if each.label == rule.metric)
        why = scored_by_another(rule, record, now.signature, certificate_file(folder, rule.metric))
        if not why:
            return ""
        before = "BASELINE_RUN" if _file(against) else self.run(against).id
        then = "then accept the new run that it prints" if _file(against) else "then gate against that"
        return (
            f"{why}, and so was the baseline (promptops score {before}, {then}){ANEW}promptops score {run.id}"
        )

    def _declared(
        self, found: EvalSet, folder: Path, label: str, judge_model: str | None = None
    ) -> MetricRecord | None:
        """Return a metric as its set declares it by now; None where it can't be made here."""
        try:
            specs = [spec for spec in self._run_specs(found) if spec.label == label]
            made = self._metrics(specs, folder, found.card.language, judge_model)
        except PromptopsError:
            return None
        return next((made[spec.label].record(label, spec.metric) for spec in specs), None)


def _file(baseline: str) -> Path | None:
    return Path(baseline) if baseline.endswith(".jsonl") else None


def _with_swaps(pairing: Pairing, delta: Delta) -> Delta:
    """Put the permutation test beside a corpus metric's bounds, on the whole set."""
    corpus = pairing.candidate.table.columns[delta.label].record.corpus
    if not corpus or delta.slice is not None or delta.difference is None:
        return delta
    return delta.model_copy(update={"p_swap": pairing.swap_p(delta.label)})


def _paired(first: Loaded, second: Loaded) -> Pairing:
    return pair(first.side, second.side, second.metrics)


def in_order(pairing: Pairing, *notes: Sequence[str]) -> tuple[str, ...]:
    """Put first that one side fails to answer more often: all other figures are read with that in mind."""
    return tuple(dict.fromkeys([*unequal_missing(pairing), *chain.from_iterable(notes)]))


def run_warnings(first: Loaded, second: Loaded, *, stopped: bool = False) -> tuple[str, ...]:
    """Say what in two runs makes their comparison less than it seems.

    `stopped` where the second one was to stop early, and is told of as such.
    """
    found: list[str] = []
    if first.side.run.model != second.side.run.model:
        found.append(f"The models differ: {first.side.run.model} and {second.side.run.model}.")
    if first.side.run.id and first.side.run.id == second.side.run.id:
        found.append("A run is compared with itself.")
    for run in (first.side.run, second.side.run):
        if run.status != "finished" and not (stopped and run is second.side.run):
            more = " `promptops gate` tells bounds that hold." if run.status == "stopped" else ""
            found.append(f"Run {run.id} is {run.standing}: what it has not answered yet is left out.{more}")
    stand_ins = [record.label for record in second.side.run.metrics if record.stand_in]
    if stand_ins:
        found.append(
            f"{', '.join(stand_ins)}: a rule-based stand-in, not an LLM, is the judge; "
            "its scores only show the way."
        )
    alone = {record.label for record in first.side.run.metrics} ^ {
        record.label for record in second.side.run.metrics
    }
    if alone:
        found.append(f"Measured in one of the runs only, so left out: {', '.join(sorted(alone))}.")
    return tuple(found)


def cut_off(first: Loaded, second: Loaded) -> bool:
    """Tell whether one of two runs has not asked all: no bounds hold for what is there."""
    return any(loaded.side.run.status != "finished" for loaded in (first, second))


def _is_timed(run: Run, label: str) -> bool:
    """Tell whether a baseline file leaves a metric out: seconds and cost have absolute rules only."""
    return any(record.label == label and record.metric in TIMED for record in run.metrics)
