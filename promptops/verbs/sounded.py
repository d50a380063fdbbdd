"""The verbs that ask a judge about the same answers again: its noise, and what the reference does to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from promptops.calls.budget import Budget
from promptops.calls.forecast import Forecast, Wanted, part_of
from promptops.calls.tokenlimit import token_limit
from promptops.errors import UsageError
from promptops.instruments import JudgeNoise, ReferenceEffect
from promptops.judges import Judge
from promptops.labels.lots import lots
from promptops.prompts.templates import Renderer
from promptops.runs.calling import Outlook
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.progress import Watch
from promptops.texts.figures import counted
from promptops.types import Card, Completion, EvalSet, Run
from promptops.verbs.forecasts import with_outlook
from promptops.verbs.judging import Judging, make_ready

if TYPE_CHECKING:
    from promptops.judging.soundings import Listener, Log, Sounding

ANSWERS = 50
"""Answers that a judge is asked about, unless said otherwise."""
TIMES = 5


class Sounded(Judging):
    """Judges, asked again."""

    def measure_noise(
        self,
        judge: str,
        run: str = "latest",
        *,
        judge_model: str | None = None,
        count: int = ANSWERS,
        times: int = TIMES,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> JudgeNoise:
        """Ask a judge, `SET:LABEL`, several times about the same answers of a run: how much it varies.

        It is asked as it is declared, with its own temperature. At most `count` answers, chosen by hashes.
        What it said is kept in .promptops/soundings and not asked again unless `cache` is off. Raises
        UsageError and UnknownName before the first call.
        """
        from promptops.judging.noise import noise_figures, noise_sentence  # only these verbs need them

        work = self._evaluation(concurrency, cache, watch, None, budget)
        sounding, draft, label = self._noise_sounding(work, judge, run, judge_model, count, times)
        log = self._sound(work, sounding, draft, self._sounding_file(judge, "noise"), cache)
        found = JudgeNoise.model_validate(
            {
                **self._told(work, judge, sounding.ways[label], sounding.run, log.path),
                **noise_figures(log.heard.values()),
            }
        )
        return found.model_copy(update={"sentence": noise_sentence(found)})

    def reference_effect(
        self,
        judge: str,
        run: str = "latest",
        *,
        judge_model: str | None = None,
        count: int = ANSWERS,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> ReferenceEffect:
        """Ask a judge, `SET:LABEL`, about answers of a run with the reference and without: what it does.

        Answers, file and limits as in `measure_noise`. Raises UsageError for a judge that shows no reference,
        or is nothing without it.
        """
        from promptops.judging.referenceeffect import WITH, effect_figures, effect_sentence

        work = self._evaluation(concurrency, cache, watch, None, budget)
        sounding, draft = self._reference_sounding(work, judge, run, judge_model, count)
        log = self._sound(work, sounding, draft, self._sounding_file(judge, "reference"), cache)
        found = ReferenceEffect.model_validate(
            {
                **self._told(work, judge, sounding.ways[WITH], sounding.run, log.path),
                **effect_figures(log.heard.values()),
            }
        )
        return found.model_copy(update={"sentence": effect_sentence(found)})

    def forecast_noise(
        self,
        judge: str,
        run: str = "latest",
        *,
        judge_model: str | None = None,
        count: int = ANSWERS,
        times: int = TIMES,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `measure_noise` with the same arguments would take, as `forecast` does."""
        work = self._dry(concurrency, cache, budget, None)
        sounding, draft, _ = self._noise_sounding(work, judge, run, judge_model, count, times)
        return self._forecast_sounding(work, sounding, draft, self._sounding_file(judge, "noise"), cache)

    def forecast_reference(
        self,
        judge: str,
        run: str = "latest",
        *,
        judge_model: str | None = None,
        count: int = ANSWERS,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `reference_effect` with the same arguments would take, as `forecast` does."""
        work = self._dry(concurrency, cache, budget, None)
        sounding, draft = self._reference_sounding(work, judge, run, judge_model, count)
        return self._forecast_sounding(work, sounding, draft, self._sounding_file(judge, "reference"), cache)

    def _noise_sounding(
        self, work: Evaluation, judge: str, run: str, judge_model: str | None, count: int, times: int
    ) -> tuple[Sounding, Run, str]:
        if not 2 <= times <= 1000:
            raise UsageError(f"Noise shows where the same is asked 2 times or more, not {times}.")
        label = judge.rpartition(":")[2]
        built, found = self._sounded_judge(judge, run, judge_model)
        return *self._sounding(work, found, {label: built}, count, times), label

    def _reference_sounding(
        self, work: Evaluation, judge: str, run: str, judge_model: str | None, count: int
    ) -> tuple[Sounding, Run]:
        from promptops.judging.referenceeffect import WITH, WITHOUT

        built, found = self._sounded_judge(judge, run, judge_model)
        bare = built.unreferenced()
        if bare is None:
            raise UsageError(
                f"{judge!r} is a {type(built).__name__} whose reference can't be taken away: it shows none, "
                "or is nothing without it. Of a rubric, write show_reference = true."
            )
        return self._sounding(work, found, {WITH: built, WITHOUT: bare}, count, 1)

    def _sounded_judge(self, judge: str, run: str, judge_model: str | None) -> tuple[Judge, Run]:
        """Return a set's judge and the run whose answers it is asked about."""
        name, _, label = judge.rpartition(":")
        if not name:
            raise UsageError(
                f"{judge!r} is no judge of an evaluation set. Write it as SET:LABEL, as in replies:quality."
            )
        folder = self.evalset_folder(name)
        evalset = self.evalset(folder)
        built = self._judge_of(evalset, label, folder, judge_model)
        if built.pairs or not built.shows_candidate:
            raise UsageError(
                f"{label!r} is a {type(built).__name__}, which grades no single answer of a run."
            )
        found = self.run(run)
        if found.evalset != evalset.name:
            raise UsageError(
                f"Run {found.id} is one of {found.evalset!r}, so it has no answers for {judge!r}. Name "
                "another: --run RUN"
            )
        return built, found

    def _sounding(
        self, work: Evaluation, run: Run, ways: dict[str, Judge], count: int, times: int
    ) -> tuple[Sounding, Run]:
        """Choose answers and check everything; nothing is asked."""
        from promptops.judging.soundings import Sounding

        if count < 2:
            raise UsageError(f"A judge is asked about 2 answers or more, not {count}.")
        samples = {sample.id: sample for sample in self.store.snapshot_samples(run.evalset_digest)}
        answers: dict[str, str] = {}
        for result in self.store.results(run.id):
            if result.completion is not None:
                answers.setdefault(result.sample_id, result.completion.text)
        fit = [
            name
            for name, text in answers.items()
            if all(
                judge.check(samples[name]) is None
                and judge.not_asked(Completion(text=text), samples[name]) is None
                for judge in ways.values()
            )
        ]
        order = lots([samples[name] for name in fit], 0)[:count]
        chosen = [fit[int(place)] for place in order]
        if len(chosen) < 2:
            raise UsageError(
                f"Run {run.id} has {counted(len(chosen), 'answer')} that this judge can be asked about."
            )
        for judge in ways.values():
            work.open_models(judge.models)
        evalset = self.store.snapshot_card(run.evalset_digest)
        sounding = Sounding(run.id, ways, {name: (samples[name], answers[name]) for name in chosen}, times)
        return sounding, self._sounding_run(work, run, sounding, evalset)

    def _sounding_run(self, work: Evaluation, run: Run, sounding: Sounding, card: Card) -> Run:
        """Return the draft of a run that stands for a sounding; it is never stored."""
        found = EvalSet(name=run.evalset, card=card, metrics=(), samples=sounding.samples)
        work.check(found, [], sounding.ways)
        return work.draft(
            found,
            run.prompt,
            run.prompt_ref,
            run.model,
            sounding.ways,
            {way: way for way in sounding.ways},
            sounding.times,
        )

    def _sound(self, work: Evaluation, sounding: Sounding, draft: Run, path: Path, cache: bool) -> Log:
        """Ask about all that the file doesn't hold, and return the log."""
        from promptops.judging.soundings import log_of, mend, sound

        make_ready(path, ignored=True)
        log = log_of(sounding, path, cache=cache)
        mend(path)
        wait_for(sound(work, draft, log))
        return log

    def _forecast_sounding(
        self, work: Evaluation, sounding: Sounding, draft: Run, path: Path, cache: bool
    ) -> Forecast:
        from promptops.judging.soundings import log_of

        return self._forecast_heard(work, draft, log_of(sounding, path, cache=cache))

    def _forecast_heard(self, work: Evaluation, draft: Run, log: Listener) -> Forecast:
        """Return what it takes to ask what a listener has not heard yet."""
        sounding = log.sounding
        outlook = Outlook(
            run=draft,
            samples=sounding.samples,
            caller=None,
            judges=sounding.ways,
            judge_callers=work.judge_callers(sounding.ways),
            ledger=log.known,
        )
        with Renderer() as renderer:
            _, judged = wait_for(outlook.counted(renderer))
        places = len(sounding.cases) * sounding.times
        parts = []
        for (way, model), count in judged.items():
            caller, judge = outlook.judge_callers[way, model], sounding.ways[way]
            wanted = Wanted(
                kind="judge",
                name=way,
                model=model,
                places=places,
                stored=count.stored,
                cached=count.cached,
                characters=count.characters,
                limit=token_limit(judge.prompts_at(model), caller),
            )
            part = part_of(wanted, caller.model, self._usual_judgements(draft, way))
            parts.append(with_outlook(part, judge))
        return self._forecast(work, draft.evalset, len(sounding.cases), sounding.times, parts)

    def _sounding_file(self, judge: str, kind: str) -> Path:
        from promptops.judging.soundings import sounding_file

        name, _, label = judge.rpartition(":")
        return sounding_file(self.root, Path(name).name, label, kind)

    def _told(self, work: Evaluation, judge: str, built: Judge, run: str, path: Path) -> dict[str, object]:
        name, _, label = judge.rpartition(":")
        usage = work.usage
        return {
            "evalset": Path(name).name,
            "label": label,
            "judge": " + ".join(built.models),
            "signature": built.signature,
            "run": run,
            "stand_in": built.stand_in,
            "file": str(path.relative_to(self.root)),
            "calls": usage.calls + usage.failed,
            "cost": None if usage.unpriced else usage.cost,
            "stopped": work.budget.stopped or None,
        }
