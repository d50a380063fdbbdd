"""The verbs of judges themselves: what belongs beside their figures, and how they stand attacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from promptops.analysis.sides import metrics_of
from promptops.calls.budget import Budget
from promptops.calls.forecast import Forecast, Part, Wanted, part_of
from promptops.calls.models import build_metric, refuse_unlisted_metric, shipped_prompt
from promptops.calls.tokenlimit import token_limit
from promptops.config import Settings
from promptops.errors import UnknownName, UsageError
from promptops.files.textfile import replacing
from promptops.instruments import JudgeFacts
from promptops.judges import Judge, judges_of
from promptops.judging.declared import ShippedPrompt
from promptops.judging.facts import judge_facts
from promptops.judging.text import judge_sentences
from promptops.prompts.templates import Renderer
from promptops.runs.calling import Outlook
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.progress import Watch
from promptops.types import EvalSet, Run, Sample, Score
from promptops.verbs.forecasts import with_outlook
from promptops.verbs.rescoring import Rescoring

if TYPE_CHECKING:
    from promptops.judging.attacking import AttackReport
    from promptops.judging.attacks import Attack
    from promptops.judging.keptreplies import KeptReplies
    from promptops.judging.recordedreplies import Replies
    from promptops.judging.trials import Notebook, Trial

QUESTIONS = 10
"""Questions over which the attacks are dealt out, unless said otherwise."""


class Judging(Rescoring):
    """Judges, looked at as instruments."""

    def judge_facts(self, reference: str) -> tuple[JudgeFacts, ...]:
        """Return what belongs beside the figure of each judge of a run.

        How many outputs are distinct, how scores hang together with length, what has no score and why, and
        what to be wary of.
        """
        loaded = self._scored(reference)
        return judge_facts(loaded, self._beside(loaded.side.run))

    def judge_notes(
        self, reference: str, *, facts: Sequence[JudgeFacts] | None = None
    ) -> dict[str, tuple[str, ...]]:
        """Return sentences that belong beside the figures of a run's judges, by label.

        What the kind of judge tells (the histogram of ratings, the places that were chosen, the exact test of
        feedback: what a mean hides), then the facts of `judge_facts`.
        """
        run = self.run(reference)
        judges = judges_of(metrics_of(run))
        telling = {label: judge for label, judge in judges.items() if type(judge).notes is not Judge.notes}
        scores: dict[str, list[Score]] = {label: [] for label in telling}
        for result in self.store.results(run.id) if telling else ():
            for label in telling:
                if label in result.scores:
                    scores[label].append(result.scores[label])
        known = self.judge_facts(run.id) if facts is None else facts
        found = {each.label: judge_sentences(each) for each in known if each.judged}
        for label, judge in telling.items():
            found[label] = (*judge.notes(scores[label]), *found.get(label, ()))
        return {label: notes for label, notes in found.items() if notes}

    def attack_judge(
        self,
        judge: str,
        *,
        judge_model: str | None = None,
        families: Sequence[str] = (),
        questions: int = QUESTIONS,
        wrong: str | None = None,
        file: str | Path | None = None,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> AttackReport:
        """Ask a judge, `SET:LABEL`, about wrong answers with each attack of the pack and without.

        A wrong answer is another sample's target, or `wrong`. What the judge says is written to `file`
        (default: in .promptops/attacks) as it comes, and what stands there is not asked again unless `cache`
        is off. Raises UsageError and UnknownName before the first call.
        """
        from promptops.judging.attacking import summed_up  # here and below: only these verbs need them
        from promptops.judging.trials import carry_out, mend

        work = self._evaluation(concurrency, cache, watch, None, budget)
        evalset, trial, attacks = self._trial(work, judge, judge_model, families, questions, wrong)
        path = Path(file) if file is not None else self._attack_file(evalset.name, trial.label)
        make_ready(path, ignored=file is None)
        notebook = self._notebook(trial, path, cache)
        mend(path)
        run = self._trial_run(work, evalset, trial)
        wait_for(carry_out(work, trial, run, notebook))
        return summed_up(trial, evalset.name, notebook, work, attacks)

    def read_replies(
        self,
        path: str | Path,
        scale: tuple[float, float] | None = None,
        *,
        style: str | None = None,
        field: str | None = None,
        judged: Sequence[str] = (),
        out: str | Path | None = None,
        key: str = "score",
    ) -> Replies:
        """Read recorded replies of any judge into scores, without a call.

        `scale` is the lowest and highest score; a `style` that is not stated is found out and told. Scores go
        to `out` as `key`. Raises FileProblems, and UsageError where the style can't be told or the scale is
        missing.
        """
        from promptops.judging.recordedreplies import read_replies

        written = None if out is None else Path(out)
        return read_replies(Path(path), scale, style=style, field=field, judged=judged, out=written, key=key)

    def judge_prompt(
        self, kind: str, option: str = "prompt", *, to: str | Path | None = None
    ) -> ShippedPrompt:
        """Return the shipped prompt of a kind of judges; with `to`, written to a file to be changed.

        `option` is that of the judge which takes a file in its place: `prompt`, or another one of those that
        ask in steps. Raises UnknownName, UsageError for a kind without a prompt, and where the file is there.
        """
        text = shipped_prompt(kind, option)
        path = None if to is None else Path(to)
        if path is not None and path.exists():
            raise UsageError(f"{str(path)!r} is there already. Name another, or take it away first.")
        if path is not None:
            with replacing(path) as file:
                file.write(text.encode("utf-8"))
        inside = None if path is None else self._set_around(path)
        name = f"{kind}.prompt.yaml" if path is None else path.name
        if path is not None and inside is not None:
            name = path.resolve().relative_to(inside).as_posix()
        return ShippedPrompt(
            kind=kind,
            option=option,
            text=text,
            file=None if path is None else str(path),
            beside=None if inside is None else f"{self.settings.evalsets}/{inside.name}",
            wiring=f'[metrics.LABEL]\nmetric = "{kind}"\n{option} = {json.dumps(name)}',
        )

    def _set_around(self, path: Path) -> Path | None:
        """Return the folder of the set in which a file lies; None where it lies in none."""
        folders = (self.evalset_folder(name).resolve() for name in self.evalsets())
        return next((folder for folder in folders if path.resolve().is_relative_to(folder)), None)

    def forecast_attack(
        self,
        judge: str,
        *,
        judge_model: str | None = None,
        families: Sequence[str] = (),
        questions: int = QUESTIONS,
        wrong: str | None = None,
        file: str | Path | None = None,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `attack_judge` with the same arguments would take, as `forecast` does."""
        work = self._dry(concurrency, cache, budget, None)
        evalset, trial, _ = self._trial(work, judge, judge_model, families, questions, wrong)
        path = Path(file) if file is not None else self._attack_file(evalset.name, trial.label)
        notebook = self._notebook(trial, path, cache)
        left = [sample for sample in trial.samples if sample.id not in notebook.said]
        return self._forecast_trial(work, evalset, trial, left)

    def _trial(
        self,
        work: Evaluation,
        judge: str,
        judge_model: str | None,
        families: Sequence[str],
        questions: int,
        wrong: str | None,
    ) -> tuple[EvalSet, Trial, tuple[Attack, ...]]:
        """Check everything that a trial needs; nothing is asked."""
        from promptops.judging.attacks import attacks_on, forged_for, wrong_answers
        from promptops.judging.trials import trial_of

        name, _, label = judge.rpartition(":")
        if not name:
            raise UsageError(
                f"{judge!r} is no judge of an evaluation set. Write it as SET:LABEL, as in replies:quality."
            )
        if questions < 1:
            raise UsageError(f"The attacks need at least one question, not {questions}.")
        if wrong is not None and not wrong.strip():
            raise UsageError("An empty answer is never shown to a judge. Give a wrong one: --wrong TEXT")
        folder = self.evalset_folder(name)
        found = self.evalset(folder)
        built = self._judge_of(found, label, folder, judge_model)
        if not built.shows_candidate:
            raise UsageError(
                f"{label!r} is a {type(built).__name__}, which does not look at the answer, so that no "
                "answer can talk it round."
            )
        work.open_models(built.models)
        samples = [sample for sample in found.samples if built.check(sample) is None]
        if not samples:
            raise UsageError(
                f"No sample of {name!r} can be judged by {label!r}: {built.check(found.samples[0])}"
            )
        chosen = wrong_answers(samples, questions, wrong)
        work.check(
            found.model_copy(update={"samples": tuple(each.sample for each in chosen)}), [], {label: built}
        )
        forged = wait_for(forged_for(built, label, chosen[0]))
        attacks = attacks_on(built, families)
        return found, trial_of(built, label, attacks, chosen, forged), attacks

    def _forecast_trial(
        self, work: Evaluation, evalset: EvalSet, trial: Trial, left: Sequence[Sample]
    ) -> Forecast:
        """Return what it takes to ask a judge about those places of a trial that are left."""
        return self._forecast(
            work, evalset.name, len(trial.places), 1, self._trial_parts(work, evalset, trial, left)
        )

    def _trial_parts(
        self, work: Evaluation, evalset: EvalSet, trial: Trial, left: Sequence[Sample]
    ) -> list[Part]:
        """Return the calls by which a judge is asked about those places of a trial that are left."""
        run, judges = self._trial_run(work, evalset, trial), {trial.label: trial.judge}
        outlook = Outlook(
            run=run,
            samples=left,
            caller=None,
            judges=judges,
            judge_callers=work.judge_callers(judges),
            ledger=trial.known,
        )
        with Renderer() as renderer:
            _, judged = wait_for(outlook.counted(renderer))
        parts = []
        for (label, model), count in judged.items():
            caller = outlook.judge_callers[label, model]
            wanted = Wanted(
                kind="judge",
                name=label,
                model=model,
                places=len(trial.places),
                stored=len(trial.places) - len(left),
                cached=count.cached,
                characters=count.characters,
                limit=token_limit(trial.judge.prompts_at(model), caller),
            )
            part = part_of(wanted, caller.model, self._usual_judgements(run, label))
            parts.append(with_outlook(part, trial.judge))
        return parts

    def _judge_of(
        self, found: EvalSet, label: str, folder: Path, judge_model: str | None, *, asked: bool = True
    ) -> Judge:
        """Return a set's judge by its label. Raises UnknownName, and UsageError where it is none.

        Unless it is to be `asked`, it need have no model.
        """
        specs = {spec.label: spec for spec in found.metrics}
        if label not in specs:
            raise UnknownName(f"metric of {found.name}", label, specs)
        refuse_unlisted_metric(specs[label], self.settings)
        built = build_metric(
            specs[label],
            folder=folder,
            language=found.card.language,
            judge_model=judge_model,
            settings=self.settings if asked or self.settings.judge_model else self._unasked,
        )
        if not isinstance(built, Judge):
            raise UsageError(f"[metrics.{label}] of {found.name!r} asks no model, so it is no judge.")
        return built

    @property
    def _unasked(self) -> Settings:
        """The settings with a model for judges that nobody will ask."""
        return self.settings.model_copy(update={"judge_model": "mock/nobody"})

    def _trial_run(self, work: Evaluation, evalset: EvalSet, trial: Trial) -> Run:
        """Return the draft of a run that stands for a trial; it is never stored."""
        shown = evalset.model_copy(update={"samples": trial.samples})
        label = trial.label
        return work.draft(
            shown,
            trial.judge.prompt,
            "",
            trial.judge.models[0],
            {label: trial.judge},
            {label: label},
            trial.repeats,
        )

    def _attack_file(self, evalset: str, label: str) -> Path:
        """Return where a judge's trial is kept, in a folder that stays out of git."""
        return self.root / ".promptops" / "attacks" / f"{evalset}.{label}.jsonl"

    @staticmethod
    def _notebook(trial: Trial, path: Path, cache: bool, shared: KeptReplies | None = None) -> Notebook:
        from promptops.judging.trials import Notebook, read_said

        before = read_said(path)
        known = {place: before[key] for place in trial.places if (key := trial.key(place)) in before}
        return Notebook(trial, path, known if cache else {}, shared)


def make_ready(path: Path, *, ignored: bool) -> None:
    """Make a file's folder and see that it can be written, before anything is paid for. Raises UsageError."""
    try:
        if ignored:  # what judges were shown may be private, as in the database
            path.parent.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        if ignored:
            (path.parent / ".gitignore").write_text("*\n", "utf-8")
        path.open("ab").close()
    except OSError as error:
        raise UsageError(
            f"{str(path)!r} can't be written: {error.strerror}. Name another by --out FILE"
        ) from None
