"""The verbs by which a judge earns its say: hold it, or any metric, against what people said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from promptops.calls.budget import Budget
from promptops.calls.call import Stopped
from promptops.calls.forecast import Forecast
from promptops.errors import UsageError
from promptops.gate.rules import allowed_bias
from promptops.judges import Judge
from promptops.judges.pairwise import Pairwise
from promptops.judging.certificates import (
    Certificate,
    certificate_file,
    read_certificate,
    write_certificate,
)
from promptops.judging.watched import Facing
from promptops.labels.labelling import Labelling
from promptops.labels.labels import Case
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.progress import Watch
from promptops.types import EvalSet, Sample
from promptops.verbs.judging import make_ready
from promptops.verbs.labelled import Labelled

if TYPE_CHECKING:
    from promptops.judging.agreeing import MetaEvaluation
    from promptops.judging.trials import Trial


class Certification(Labelled):
    """Judges against people."""

    def certify_judge(
        self,
        judge: str,
        *,
        judge_model: str | None = None,
        labels: str | Path | None = None,
        replace: bool = False,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Certificate:
        """Ask a judge about the cases that people rated, and write its certificate beside the set.

        What the judge said is kept in .promptops/certify, so that an interrupted one pays for nothing twice.
        Raises UsageError before the first call, NotMeasured where the cases are too few, and Stopped. A
        certificate that rests on another file of ratings than `labels` is overwritten with `replace` alone.
        """
        from promptops.judging.certifying import certificate_of, refuse_silent
        from promptops.judging.trials import carry_out, mend

        work = self._evaluation(concurrency, cache, watch, None, budget)
        held, folder, evalset, trial, path = self._to_certify(
            work, judge, judge_model, labels, replace=replace
        )
        built, label = trial.judge, trial.label
        for file in (path, work.kept.path):
            make_ready(file, ignored=True)
        mend(path)
        notebook = self._notebook(trial, path, cache, work.kept)
        try:
            wait_for(carry_out(work, trial, self._trial_run(work, evalset, trial), notebook))
        except Stopped as error:
            raise Stopped(
                f"{error}\nNo certificate was written; what was said is kept. When that is mended, go on "
                f"with: promptops judge certify {judge}"
            ) from None
        if work.budget.stopped:
            raise Stopped(
                f"{work.budget.stopped}: the judge was asked about {len(notebook.said)} of "
                f"{len(trial.places)} cases, which is kept. Run the same again for the others."
            )
        scores = {place: said.score for place, said in notebook.said.items()}
        silent = [str(said.score.unscored) for said in notebook.said.values() if said.silent]
        refuse_silent(silent, len(trial.places), f"{evalset.name}:{label}", work.usage.failed)
        certificate = certificate_of(
            built,
            evalset.name,
            label,
            held.cases,
            held.samples,
            scores,
            _shown(held.path, folder),
            allowed_bias((*evalset.gate, *evalset.shifts), label),
            len(silent),
        )
        write_certificate(certificate_file(folder, label), certificate)
        return certificate

    def forecast_certify(
        self,
        judge: str,
        *,
        judge_model: str | None = None,
        labels: str | Path | None = None,
        replace: bool = False,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `certify_judge` with the same arguments would take, as `forecast` does."""
        work = self._dry(concurrency, cache, budget, None)
        _, _, evalset, trial, path = self._to_certify(work, judge, judge_model, labels, replace=replace)
        said = self._notebook(trial, path, cache).said
        left = [sample for sample in trial.samples if sample.id not in said]
        return self._forecast_trial(work, evalset, trial, left)

    def _to_certify(
        self,
        work: Evaluation,
        judge: str,
        judge_model: str | None,
        labels: str | Path | None,
        *,
        replace: bool,
    ) -> tuple[Labelling, Path, EvalSet, Trial, Path]:
        """Check all that a certificate needs; nothing is asked.

        Return the labels, the set's folder, the set and trial of the rated cases, and the file of what the
        judge says. Raises UsageError, and NotMeasured for fewer than 20 independent cases.
        """
        from promptops.judging.certifying import refuse_few

        held = self.labelling(judge, labels=labels)
        rated = [case for case in held.cases if case.ratings]
        refuse_few(held.cases, held.samples, judge, pairs=held.pairs)
        found, folder, built, label = self._certified(judge, judge_model)
        if labels is not None and not replace:
            _refuse_other_ratings(certificate_file(folder, label), _shown(held.path, folder))
        work.open_models(built.models)
        trial = _trial(built, label, rated, held.samples)
        evalset = found.model_copy(update={"samples": trial.samples})
        work.check(evalset, [], {label: built})
        if built.pairs:  # what `compare` was replied is not paid for again
            work.kept.know(self.store.pair_replies(built.signature))
        path = self.root / ".promptops" / "certify" / f"{found.name}.{label}.jsonl"
        return held, folder, evalset, trial, path

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
        from promptops.judging.agreeing import agree

        return agree(Path(path), human, metrics, document=document, system=system)


def _trial(judge: Judge, label: str, cases: Sequence[Case], samples: Mapping[str, Sample]) -> Trial:
    from promptops.judging.attacks import Wrong
    from promptops.judging.trials import Trial

    others = {case.id: case.other for case in cases if case.other is not None}
    return Trial(
        Facing.of(judge, others) if isinstance(judge, Pairwise) else judge,
        label,
        {
            case.id: (None, Wrong(sample=samples[case.sample], answer=case.output), case.output)
            for case in cases
        },
        others,
    )


def _refuse_other_ratings(path: Path, labels: str) -> None:
    """Raise UsageError where a certificate rests on another file of ratings."""
    if path.is_file() and (before := read_certificate(path).labels) != labels:
        raise UsageError(
            f"The certificate of {path.stem} rests on the ratings in {before!r}, and one by those in "
            f"{labels!r} would take its place. If it is to, write --replace."
        )


def _shown(path: Path, folder: Path) -> str:
    """Return a path as a file in git may hold it: below the set's folder, or its name alone."""
    inside = path.is_relative_to(folder)
    return str(path.relative_to(folder)) if inside else path.name
