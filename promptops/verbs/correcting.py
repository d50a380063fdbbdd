"""The verb that corrects a judge's figures by people's ratings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from promptops.analysis.comparison import pair
from promptops.analysis.sides import Loaded, load_run
from promptops.analysis.summary import sample_values, slice_names
from promptops.errors import FileProblems, NotMeasured, UnknownName, UsageError
from promptops.gate.followers import relative_to
from promptops.gate.rules import allowed_bias
from promptops.instruments import BiasPart
from promptops.judging.biasparts import bias_parts
from promptops.judging.corrected import JudgeCorrection, corrected_change, corrected_mean, corrected_share
from promptops.judging.correctionwords import correction_notes
from promptops.labels.labels import Case, draw_command, labels_file, read_cases
from promptops.labels.ratings import people_of
from promptops.sets.parts import chosen_by_failures
from promptops.types import MetricRecord, Run
from promptops.verbs.anchoring import Anchoring
from promptops.verdicts import CorrectedShare, Correction


class Correcting(Anchoring):
    """Judges' figures, corrected."""

    def correct_judge(
        self,
        judge: str,
        run: str = "latest",
        *,
        baseline: str | None = None,
        labels: str | Path | None = None,
        slice: str | None = None,
        alpha: float = 0.05,
    ) -> JudgeCorrection:
        """Correct a judge's mean on a run by people's ratings of a part of its outputs; nobody is asked.

        The judge is SET:LABEL. With `baseline` (a label, a file or a run) also the paired change from it,
        between one-sided bounds at `alpha` each. Raises UsageError where nothing was drawn, NotMeasured where
        nothing is rated, and UnknownName for a judge that the run lacks.
        """
        name, label = self._set_and_label(judge)
        folder = self.evalset_folder(name)
        chosen = self.finished_run(run if run != "latest" else self._newest_whole(folder.name))
        record = _record(chosen, label)
        path = labels_file(folder, label, labels)
        against = None if baseline is None else self._against(folder, baseline)
        runs = [*([] if against is None else [relative_to(against, self.root)]), chosen.id]
        draw = draw_command(judge, runs)
        cases = _rated_cases(path, record, judge, draw)
        file = str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name
        if against is None:
            first, second = None, load_run(self.store, chosen)
        else:
            first, second = self._sides(against, chosen.id)
        _refuse_no_slice(second, slice)
        mean, change, share = _corrected(first, second, label, cases, file, slice, alpha)
        notes = correction_notes(mean, draw)
        if change is not None:
            also = [note for note in correction_notes(change, draw) if note not in notes]
            notes = (*notes, *(f"Change: {note}" for note in also))
        return JudgeCorrection(
            evalset=folder.name,
            label=label,
            run=chosen.id,
            baseline=against,
            low=record.low or 0.0,
            high=record.high or 0.0,
            mean=mean,
            parts=_parts(second, label, cases, file, record),
            allowed=allowed_bias(self.evalset(folder).gate, label),
            share=share,
            change=change,
            notes=notes,
            stand_in=record.stand_in,
        )

    def corrections(
        self, run: str, baseline: str | None = None, *, alpha: float = 0.05
    ) -> dict[str, Correction]:
        """Return by label the corrected means of a run's judges, where its set has ratings.

        With `baseline` (a run or a file) the corrected changes from it, on the samples that both were asked.
        Ratings that can't be read are told in the correction's `why`.
        """
        chosen, found = self.run(run), dict[str, Correction]()
        if chosen.evalset not in self.evalsets():
            return found
        folder = self.evalset_folder(chosen.evalset)
        held = {
            record.label: (record, labels_file(folder, record.label, None))
            for record in chosen.metrics
            if record.judge and (record.low, record.high) != (None, None)
        }
        held = {label: (record, path) for label, (record, path) in held.items() if path.is_file()}
        if not held:
            return found
        first, second = None, load_run(self.store, chosen)
        if baseline is not None:
            first, second = self._common_sides(baseline, chosen.id)
        sides = [side for side in (first, second) if side is not None]
        if any(side.side.run.status != "finished" for side in sides) or chosen_by_failures(
            *(side.side.run for side in sides)
        ):
            return found
        for label, (record, path) in held.items():
            if first is not None and label not in first.side.table.columns:
                continue
            try:
                cases = read_cases(path, record.low or 0.0, record.high or 0.0)
            except FileProblems as error:
                found[label] = Correction(label=label, why=str(error.problems[0]))
                continue
            if any(case.ratings for case in cases):
                mean, change, _ = _corrected(first, second, label, cases, path.name, None, alpha)
                found[label] = mean if change is None else change
        return found


def _corrected(
    first: Loaded | None,
    second: Loaded,
    label: str,
    cases: Sequence[Case],
    file: str,
    name: str | None,
    alpha: float,
) -> tuple[Correction, Correction | None, CorrectedShare | None]:
    metric, record = second.metrics[label], second.side.table.columns[label].record
    people = people_of(cases, [second], record.signature, file)
    mean = corrected_mean(second.side.table, metric, label, people, name=name)
    share = corrected_share(second.side.table, metric, label, people) if name is None else None
    if first is None:
        return mean, None, share
    pairing = pair(first.side, second.side, second.metrics)
    both = people_of(cases, [first, second], record.signature, file)
    return mean, corrected_change(pairing.cell(label, name, alpha), record, both).correction, share


def _parts(
    loaded: Loaded, label: str, cases: Sequence[Case], file: str, record: MetricRecord
) -> tuple[BiasPart, ...]:
    """Return where the judge is off, by the rated outputs of a run."""
    table, metric = loaded.side.table, loaded.metrics[label]
    people = people_of(cases, [loaded], record.signature, file)
    lengths = {
        result.sample_id: float(len(result.completion.text))
        for result in loaded.outputs()
        if result.completion is not None and not result.repeat
    }
    return bias_parts(
        sample_values(table.columns[label], metric),
        people.ratings[0][:, None],
        np.array([lengths.get(sample.id, 0.0) for sample in table.samples]),
        table.clusters.tolist(),
        record.low or 0.0,
        1.0 if record.high is None else record.high,
    )


def _refuse_no_slice(loaded: Loaded, name: str | None) -> None:
    """Raise UnknownName for a slice that no sample of a run is in."""
    table = loaded.side.table
    if name is not None and not table.mask(name).any():
        raise UnknownName(f"slice of run {loaded.side.run.id}", name, slice_names(table.samples))


def _record(run: Run, label: str) -> MetricRecord:
    judges = {record.label: record for record in run.metrics if record.judge}
    if label not in judges:
        raise UnknownName(f"judge of run {run.id}", label, judges)
    record = judges[label]
    if record.low is None or record.high is None:
        raise UsageError(f"The judge {label!r} has no scale, so that people can't rate on it.")
    return record


def _rated_cases(path: Path, record: MetricRecord, judge: str, draw: str) -> Sequence[Case]:
    if not path.is_file():
        raise UsageError(f"There are no labels at {path.name!r} beside the set. Draw cases: {draw}")
    cases = read_cases(path, record.low or 0.0, record.high or 0.0)
    if not any(case.ratings for case in cases):
        raise NotMeasured(
            f"Nobody has rated a case of {path.name!r} yet: promptops judge label {judge} --rater NAME"
        )
    return cases
