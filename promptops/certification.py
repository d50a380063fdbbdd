"""The verbs by which a judge earns its say: draw cases, have people rate them, hold it against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from promptops.budget import Budget
from promptops.calls import Stopped
from promptops.certificates import Certificate, certificate_file, read_certificate, write_certificate
from promptops.errors import UsageError
from promptops.eventloop import wait_for
from promptops.judges import Judge
from promptops.judging import Judging, make_ready
from promptops.labels import (
    Case,
    draw,
    left_for,
    read_cases,
    read_sheet,
    with_ratings,
    write_cases,
    write_sheet,
)
from promptops.labels import check_rater as checked_rater
from promptops.lots import lots
from promptops.progress import Watch
from promptops.ratings import judge_mark, ratable
from promptops.sides import Loaded, load_accepted, load_run
from promptops.types import EvalSet, Sample

if TYPE_CHECKING:
    from promptops.agreeing import MetaEvaluation
    from promptops.pairstandings import PairRanking
    from promptops.trials import Trial

DRAWN = 60
"""Samples that are drawn unless said otherwise: enough for an interval that is worth reading."""
SECOND = 0.3
"""The share of them that a second person rates, so that people can be held against people."""


class Labelling(NamedTuple):
    """The labels of a judge: what to rate, on which scale, about which samples."""

    path: Path
    cases: tuple[Case, ...]
    samples: Mapping[str, Sample]
    low: float
    high: float


class Certification(Judging):
    """Judges against people."""

    def draw_cases(
        self,
        judge: str,
        runs: Sequence[str] = ("latest",),
        *,
        count: int = DRAWN,
        seed: int = 0,
        second: float = SECOND,
        labels: str | Path | None = None,
    ) -> Labelling:
        """Draw samples at random, and write what runs answered to them to the judge's labels, to be rated.

        A run may be a baseline file. `count` is that of samples; of two runs the same ones are drawn, so that
        people's difference can be told. What was rated stays with its ratings. Raises UsageError where a run
        is not one of the set, or too few samples have an output.
        """
        if not 1 <= count <= 100_000 or not 0 <= second <= 1:
            raise UsageError("Draw 1 sample or more, and a share of 0 to 1 of them for a second rater.")
        found, folder, built, label = self._certified(judge, None)
        sides = [self._rated_side(reference, found, judge) for reference in runs]
        shown = [ratable(side, seed) for side in sides]
        answers = [
            [(sample.id, side[sample.id]) for side in shown if sample.id in side]
            for sample in (found.samples[int(place)] for place in lots(found.samples, seed))
        ]
        path = labels_file(folder, label, labels)
        low, high = _scale(built, label)
        before = read_cases(path, low, high) if path.exists() else ()
        rateable = sum(map(bool, answers))
        if rateable < count:
            raise UsageError(
                f"{rateable} samples have an output that can be rated, and {count} were to be drawn. Draw "
                f"fewer: -n {rateable}"
            )
        mark = judge_mark(_signature(sides, label) or built.signature)
        drawn = {case.id: case for case in draw(answers, count, seed, second, mark)}
        rated = {case.id: case for case in before if case.ratings}
        again = [
            case.model_copy(update={"seed": seed, "judge": mark, "twice": drawn[case.id].twice or case.twice})
            if case.id in drawn
            else case
            for case in rated.values()
        ]
        kept = (*again, *(case for case in drawn.values() if case.id not in rated))
        write_cases(path, kept)
        return Labelling(path, kept, {s.id: s for s in found.samples}, low, high)

    def _rated_side(self, reference: str, found: EvalSet, judge: str) -> Loaded:
        """Read a run or baseline file whose outputs people rate. Raises UsageError for another set's."""
        if reference.endswith(".jsonl"):
            loaded = load_accepted(Path(reference), found.samples)
        else:
            loaded = load_run(self.store, self.run(reference))
        if loaded.side.run.evalset != found.name:
            raise UsageError(
                f"{reference!r} answers {loaded.side.run.evalset!r}, so it has no outputs for {judge!r}."
            )
        return loaded

    def labelling(self, judge: str, *, labels: str | Path | None = None) -> Labelling:
        """Return a judge's labels. Raises UsageError where none were drawn, FileProblems for bad ones."""
        found, folder, built, label = self._certified(judge, None)
        path = labels_file(folder, label, labels)
        if not path.is_file():
            raise UsageError(
                f"There are no labels at {str(path)!r}. Draw cases: promptops judge draw {judge} --run RUN"
            )
        low, high = _scale(built, label)
        cases, samples = read_cases(path, low, high), {sample.id: sample for sample in found.samples}
        gone = sorted({case.sample for case in cases} - set(samples))
        if gone:
            raise UsageError(
                f"{len(gone)} samples of {str(path)!r} are not in {found.name!r} (the first: {gone[0]!r}). "
                "Take their lines away, or put the samples back."
            )
        return Labelling(path, cases, samples, low, high)

    def rate_cases(
        self, judge: str, rater: str, ratings: Mapping[str, float], *, labels: str | Path | None = None
    ) -> int:
        """Write down what a rater said, by case id, in place of what was said before. Return how many.

        Raises UsageError for a rating off the scale or of a case that was not drawn.
        """
        held, name = self.labelling(judge, labels=labels), checked_rater(rater)
        unknown = set(ratings) - {case.id for case in held.cases}
        wrong = [value for value in ratings.values() if not held.low <= value <= held.high]
        if unknown or wrong:
            what = f"{sorted(unknown)[0]!r} is no case" if unknown else f"{wrong[0]:g} is off the scale"
            raise UsageError(f"{what} of {str(held.path)!r} ({held.low:g} to {held.high:g}).")
        write_cases(held.path, with_ratings(held.cases, name, ratings))
        return len(ratings)

    def write_sheet(
        self, judge: str, rater: str, file: str | Path, *, labels: str | Path | None = None
    ) -> int:
        """Write what a rater is still to rate as a CSV file, in blind order. Return how many cases."""
        held = self.labelling(judge, labels=labels)
        wanted = left_for(held.cases, checked_rater(rater))
        write_sheet(Path(file), wanted, held.samples)
        return len(wanted)

    def read_sheet(
        self, judge: str, rater: str, file: str | Path, *, labels: str | Path | None = None
    ) -> int:
        """Take in a CSV file that a rater filled in. Return how many ratings. Raises FileProblems."""
        held = self.labelling(judge, labels=labels)
        said = read_sheet(Path(file), held.cases, held.low, held.high)
        return self.rate_cases(judge, rater, said, labels=labels)

    def certify_judge(
        self,
        judge: str,
        *,
        judge_model: str | None = None,
        labels: str | Path | None = None,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Certificate:
        """Ask a judge about the cases that people rated, and write its certificate beside the set.

        What the judge said is kept in .promptops/certify, so that an interrupted one pays for nothing twice.
        Raises UsageError before the first call, and where the cases are too few; Stopped.
        """
        from promptops.certifying import certificate_of
        from promptops.trials import Notebook, carry_out, mend, read_said

        held = self.labelling(judge, labels=labels)
        rated = [case for case in held.cases if case.ratings]
        if not rated:
            raise UsageError(
                f"Nobody has rated a case of {str(held.path)!r}: promptops judge label {judge} --rater NAME"
            )
        found, folder, built, label = self._certified(judge, judge_model)
        work = self._evaluation(concurrency, cache, watch, None, budget)
        work.open_models(built.models)
        trial = _trial(built, label, rated, held.samples)
        evalset = found.model_copy(update={"samples": trial.samples})
        work.check(evalset, [], {label: built})
        path = self.root / ".promptops" / "certify" / f"{found.name}.{label}.jsonl"
        make_ready(path, ignored=True)
        mend(path)
        before = read_said(path) if cache else {}
        notebook = Notebook(
            trial, path, {place: before[key] for place in trial.places if (key := trial.key(place)) in before}
        )
        wait_for(carry_out(work, trial, self._trial_run(work, evalset, trial), notebook))
        if work.budget.stopped:
            raise Stopped(
                f"{work.budget.stopped}: the judge was asked about {len(notebook.said)} of {len(rated)} "
                "cases, which is kept. Run the same again for the others."
            )
        scores = {place: built.value(said.score) for place, said in notebook.said.items()}
        certificate = certificate_of(
            built, found.name, label, rated, held.samples, scores, _shown(held.path, folder)
        )
        write_certificate(certificate_file(folder, label), certificate)
        return certificate

    def certificate(self, judge: str) -> Certificate | None:
        """Return a judge's certificate as it stands, whether it fits the judge of now or not."""
        _, folder, _, label = self._certified(judge, None)
        path = certificate_file(folder, label)
        return read_certificate(path) if path.is_file() else None

    def agree(
        self,
        path: str | Path,
        human: Sequence[str],
        metrics: Sequence[str] = (),
        *,
        document: str = "sample",
        system: str = "system",
    ) -> MetaEvaluation:
        """Hold recorded scores of metrics or judges against people's; nothing is asked.

        Raises FileProblems, and UsageError for keys that no row has or fewer than two documents or systems.
        """
        from promptops.agreeing import agree

        return agree(Path(path), human, metrics, document=document, system=system)

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
        from promptops.pairranking import rank_recorded
        from promptops.pairstandings import Anchor
        from promptops.recordedpairs import read_pairs

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

    @staticmethod
    def _set_and_label(judge: str) -> tuple[str, str]:
        name, _, label = judge.rpartition(":")
        if not name:
            raise UsageError(
                f"{judge!r} is no judge of an evaluation set. Write it as SET:LABEL, as in replies:quality."
            )
        return name, label

    def _certified(self, judge: str, judge_model: str | None) -> tuple[EvalSet, Path, Judge, str]:
        name, label = self._set_and_label(judge)
        folder = self.evalset_folder(name)
        found = self.evalset(folder)
        return found, folder, self._judge_of(found, label, folder, judge_model), label


def _trial(judge: Judge, label: str, cases: Sequence[Case], samples: Mapping[str, Sample]) -> Trial:
    from promptops.attacks import Wrong
    from promptops.trials import Trial

    return Trial(
        judge,
        label,
        {
            case.id: (None, Wrong(sample=samples[case.sample], answer=case.output), case.output)
            for case in cases
        },
    )


def labels_file(folder: Path, label: str, labels: str | Path | None) -> Path:
    """Return where the labels of a set's judge stand, unless another file is named."""
    return folder / "labels" / f"{label}.jsonl" if labels is None else Path(labels)


def _scale(judge: Judge, label: str) -> tuple[float, float]:
    record = judge.record(label, label)
    if record.low is None or record.high is None:
        raise UsageError(f"The judge {label!r} has no scale, so that people can't rate on it.")
    return record.low, record.high


def _signature(sides: Sequence[Loaded], label: str) -> str | None:
    """Return by which judge the runs were scored, if by any; the last one's where they differ."""
    records = [record for side in sides for record in side.side.run.metrics if record.label == label]
    return records[-1].signature if records else None


def _shown(path: Path, folder: Path) -> str:
    """Return a path as a file in git may hold it: below the set's folder, or its name alone."""
    inside = path.is_relative_to(folder)
    return str(path.relative_to(folder)) if inside else path.name
