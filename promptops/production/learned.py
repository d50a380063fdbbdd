"""The verbs of learning from production: what bad feedback is about, and cases made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from promptops.calls.brake import GivenUp
from promptops.calls.budget import Budget
from promptops.calls.embedding import EmbeddingForecast
from promptops.calls.forecast import Forecast, Usual, Wanted, part_of
from promptops.calls.tokenlimit import token_limit
from promptops.distributions.shift import NamedEmbed
from promptops.distributions.textrows import joined
from promptops.distributions.windows import INPUTS
from promptops.errors import UsageError
from promptops.labels.labels import Case, labels_file, read_cases, write_cases
from promptops.production.censor import Censor
from promptops.production.cleaning import Cleaner
from promptops.production.monitored import SINCE
from promptops.production.periods import chosen_records
from promptops.production.records import RecordFilter
from promptops.production.recordwindows import record_value
from promptops.production.ringing import Ringing
from promptops.production.themes import About, Opinion, Themes, measure_themes
from promptops.production.usercases import MadeCases, ratings_of, samples_of
from promptops.prompts.templates import Renderer
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.sets.additions import add_samples, adding
from promptops.sets.candidates import refuse_candidates_file, sample_row, write_rows
from promptops.sets.evalset import declared_text
from promptops.sets.unchanged import unchanged_evalset
from promptops.texts.figures import counted
from promptops.types import EvalSet
from promptops.verbs.judging import make_ready

EACH = 3
"""Cases of one person at most: a gate counts people, so that a fourth adds little to three."""


class Learned(Ringing):
    """What users said becomes cases."""

    def themes(
        self,
        prompt: str | None = None,
        *,
        since: str | None = SINCE,
        until: str | None = None,
        about: About = "requests",
        field: str | None = None,
        count: int | None = None,
        embed: str | None = None,
        name_by: str | None = None,
        budget: Budget | None = None,
        seed: int = 0,
        now: datetime | None = None,
    ) -> Themes:
        """Sort records that users judged into themes: how often each is bad, whether it grows, examples.

        `about` requests sorts what was asked (`field` names one of several inputs), `about` comments what was
        said of bad answers. There are as many themes as lie apart, eight at most, or `count`. `embed` names
        an embedding model that turns texts into points. `name_by` names a model that is shown five examples
        of each theme and calls it something: a call for each, whose replies are kept.
        Raises UsageError for moments and prompts that are none.
        """
        work = None if name_by is None else self._evaluation(None, True, None, None, budget)
        if work is not None and name_by is not None:
            work.open_models([name_by])
        wanted = self._within(prompt, since, until, now)
        points = None if embed is None else self._points(embed, budget=budget)
        found = self._sorted(wanted, about, field, count, points, seed)
        return found if work is None or name_by is None else self._named(found, work, name_by)

    def forecast_theme_points(
        self,
        embed: str,
        prompt: str | None = None,
        *,
        since: str | None = SINCE,
        until: str | None = None,
        about: About = "requests",
        field: str | None = None,
        count: int | None = None,
        seed: int = 0,
        now: datetime | None = None,
    ) -> EmbeddingForecast:
        """Return what `themes` with this embedding model would take to turn texts into points."""
        wanted = self._within(prompt, since, until, now)
        return self._foreseen(embed, lambda points: self._sorted(wanted, about, field, count, points, seed))

    def forecast_theme_names(
        self,
        name_by: str,
        prompt: str | None = None,
        *,
        since: str | None = SINCE,
        until: str | None = None,
        about: About = "requests",
        field: str | None = None,
        count: int | None = None,
        embed: str | None = None,
        budget: Budget | None = None,
        seed: int = 0,
        now: datetime | None = None,
    ) -> Forecast:
        """Return what `themes` with `name_by` would take for names, as `forecast` does.

        Raises UsageError where themes by `embed` are not known, as its points are still to be asked for.
        """
        from promptops.generation.replylog import ReplyLog, generated_file
        from promptops.production.naming import TOKENS, outlook
        from promptops.production.naming import prompt as naming_prompt

        work = self._dry(None, True, budget, None)
        caller = work.caller(name_by)
        moment = now or datetime.now(UTC)
        wanted = self._within(prompt, since, until, moment)
        if embed is not None:
            given = {
                "since": since,
                "until": until,
                "about": about,
                "field": field,
                "seed": seed,
                "now": moment,
            }
            points = self.forecast_theme_points(embed, prompt, **given)  # type: ignore[arg-type]
            if points.calls:
                raise UsageError(f"Which themes there are is known only with points. {points.sentence}")
        found = self._sorted(
            wanted, about, field, count, None if embed is None else self._points(embed), seed
        )
        with Renderer() as renderer:
            names = outlook(found, caller, renderer, ReplyLog(generated_file(self.root, "themes")))
        part = part_of(
            Wanted(
                kind="answers",
                name="name",
                model=name_by,
                places=len(found.themes),
                stored=names.stored,
                cached=names.cached,
                characters=names.characters,
                limit=token_limit((naming_prompt(),), caller),
            ),
            caller.model,
            Usual(tokens_out=TOKENS, source="the longest name"),
        )
        notes = () if found.measured else (f"There are no themes: {found.reason}.",)
        return self._forecast(work, "themes", len(found.themes), 1, [part], notes)

    def _within(
        self, prompt: str | None, since: str | None, until: str | None, now: datetime | None
    ) -> RecordFilter:
        moment = now or datetime.now(UTC)
        return self.with_known_prompt(chosen_records(now=moment, prompt=prompt, since=since, until=until))

    def _sorted(
        self,
        wanted: RecordFilter,
        about: About,
        field: str | None,
        count: int | None,
        points: NamedEmbed | None,
        seed: int,
    ) -> Themes:
        usual = self._theme_field(wanted) if field is None and about == "requests" else None
        found = measure_themes(
            self._opinions(wanted, field or usual),
            about=about,
            count=count,
            embed=None if points is None else points.embed,
            embedding_model=None if points is None else points.name,
            seed=seed,
        )
        told = f"Sorted by {usual}, which a set says is its text; --field inputs takes all inputs."
        return found if usual is None else found.model_copy(update={"notes": (told, *found.notes)})

    def _theme_field(self, wanted: RecordFilter) -> str | None:
        """Return the input that the project's sets say is their text, where a record has just one such."""
        folder = self.root / self.settings.evalsets
        texts = {declared_text(folder / name) for name in self.evalsets()} - {None}
        newest = (
            self.store.records(wanted.model_copy(update={"with_feedback": True}), limit=1) if texts else ()
        )
        found = [name for record in newest for name in record.inputs if name in texts]
        return f"{INPUTS}.{found[0]}" if len(found) == 1 else None

    def _named(self, found: Themes, work: Evaluation, model: str) -> Themes:
        """Have a model name themes; a limit leaves them as they are, and says so."""
        from promptops.generation.replylog import ReplyLog, generated_file, mend
        from promptops.production.naming import named

        path = generated_file(self.root, "themes")
        make_ready(path, ignored=True)
        mend(path)

        async def ask() -> Themes:
            caller = work.caller(model)
            try:
                with Renderer() as renderer:
                    return await named(found, caller, renderer, ReplyLog(path), self._redactor())
            finally:
                await caller.model.close()
                work.engine.close()

        try:
            return wait_for(ask())
        except GivenUp:
            note = f"{model} was not asked for all names: {work.budget.stopped or 'a limit was met'}"
            return found.model_copy(update={"notes": (*found.notes, note)})

    def spread_records(self, records: Sequence[str], *, most: int, each: int = EACH) -> tuple[str, ...]:
        """Return the first `most` of some records (by id), with at most `each` of one person."""
        counted: Counter[str] = Counter()
        taken: list[str] = []
        for record in map(self.find_record, records):
            if len(taken) == most:
                break
            person = record.subject or record.session or record.id
            if counted[person] < each:
                counted[person] += 1
                taken.append(record.id)
        return tuple(taken)

    def make_cases(
        self,
        evalset: str | Path,
        records: Sequence[str],
        *,
        file: str | Path | None = None,
        add: bool = False,
        labels: str | None = None,
        tags: Sequence[str] = (),
        keep_people: bool = False,
    ) -> MadeCases:
        """Make samples of records (by id), for review in a `file` or to `add` to the set at once.

        With `labels`, the name of a judge of the set, thumbs and stars become ratings of the old answers, by
        which the judge can be certified: of new samples, and of those that have a record's inputs already.
        Texts are without secrets, and without addresses unless `keep_people`. Raises UsageError, UnknownName,
        FileProblems; then nothing was written.
        """
        if (file is None) == (not add):
            raise UsageError("Say where the samples go: to a file for review, or into the set with `add`.")
        if labels is not None and not add:
            raise UsageError(
                f"--labels {labels} writes thumbs and stars as ratings of old answers, by samples' ids, "
                "which must be in the set: say --add instead of --output. Or leave --labels away: what "
                "users said stays with the records."
            )
        folder = self.evalset_folder(evalset)
        with adding(self.root) if add else nullcontext():
            found = unchanged_evalset(folder)
            if file is not None:
                refuse_candidates_file(Path(file))
            chosen = [self.find_record(each) for each in dict.fromkeys(records)]
            said = self.feedback_of(chosen)
            cleaner = Cleaner(Censor(self.settings, self.environment, keep_people=keep_people or None))
            made = samples_of(chosen, said, found.samples, cleaner, tags)
            outputs = {record.id: cleaner.record(record).output for record in chosen}
            made = made.model_copy(update={"rated": len(ratings_of(made, outputs, said, 0.0, 1.0))})
            scale = None if labels is None else self._scale_of(found, labels, folder)
            if file is not None:
                write_rows([sample_row(sample) for sample in made.samples], Path(file))
                return made.model_copy(update={"file": str(file)})
            if made.samples:
                metrics = self._rule_metrics(found, folder)
                added = add_samples(found, folder, made.samples, metrics, Path("records"))
                made = made.model_copy(update={"file": added.file, "added": True, "rules": added.rules})
            if scale is None or labels is None or not made.rated:
                return made
            return self._with_ratings(made, ratings_of(made, outputs, said, *scale), folder, labels, scale)

    def _opinions(self, wanted: RecordFilter, field: str | None) -> list[Opinion]:
        """Return the records of which somebody said whether they were good; the newest word counts."""
        good: dict[str, bool] = {}
        comments: dict[str, list[str]] = {}
        for each in self.record_store.feedback(wanted):
            if each.good is not None:
                good[each.record] = each.good
            if each.comment:
                comments.setdefault(each.record, []).append(each.comment)
        judged = wanted.model_copy(update={"with_feedback": True})
        found = [
            Opinion(
                record=record.id,
                at=record.at,
                request=joined(record.inputs if field is None else record_value(record, field)) or "",
                comment="\n".join(comments.get(record.id, ())),
                bad=not good[record.id],
                subject=record.subject,
                session=record.session,
            )
            for page in self.record_store.record_pages(judged)
            for record in page
            if record.id in good
        ]
        if field is not None and found and not any(each.request for each in found):
            raise UsageError(
                f"Of {counted(len(found), 'judged record')} none has a text in {field!r}. Name an input "
                "as it stands in `promptops records show ID`: inputs.NAME."
            )
        return found

    def _scale_of(self, found: EvalSet, label: str, folder: Path) -> tuple[float, float]:
        """Return the worst and the best that a judge of a set can say. Raises UsageError without a scale."""
        judge = self._judge_of(found, label, folder, None)
        record = judge.record(label, label)
        if record.low is None or record.high is None:
            raise UsageError(f"The judge {label!r} has no scale, so that thumbs can't be ratings on it.")
        return (record.low, record.high) if record.higher_is_better else (record.high, record.low)

    def _with_ratings(
        self,
        made: MadeCases,
        rated: Sequence[Case],
        folder: Path,
        label: str,
        scale: tuple[float, float],
    ) -> MadeCases:
        """Write thumbs down as ratings, beside what is in the labels already: that stays as it is."""
        path = labels_file(folder, label)
        low, high = sorted(scale)
        with self._alone():
            kept = read_cases(path, low, high) if path.exists() else ()
            known = {case.id for case in kept}
            new = [case for case in rated if case.id not in known]
            path.parent.mkdir(exist_ok=True)
            write_cases(path, (*kept, *new))
        return made.model_copy(
            update={"labels": str(path), "ratings": sum(len(case.ratings) for case in new)}
        )
