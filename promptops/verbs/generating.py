"""The verbs that have a model write samples for a set, and take reviewed candidates into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from promptops.calls.budget import Budget
from promptops.calls.forecast import Forecast, Part, Usual, Wanted, part_of
from promptops.calls.models import build_metric, is_judge, stands_in
from promptops.calls.tokenlimit import token_limit
from promptops.distributions.textrows import joined
from promptops.distributions.windows import Wanted as Looked
from promptops.errors import UsageError
from promptops.metrics import Metric
from promptops.runs.calling import Count
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.progress import Watch
from promptops.sets.additions import Added, add_samples, adding, read_candidates
from promptops.sets.candidates import refuse_candidates_file, sample_row, write_rows
from promptops.sets.origins import is_synthetic
from promptops.types import EvalSet, Prompt, Sample
from promptops.verbs.curation import Curation
from promptops.verbs.judging import make_ready

if TYPE_CHECKING:
    from promptops.generation import Generated, Nearness, Variety
    from promptops.generation.material import Material
    from promptops.generation.shape import Shape
    from promptops.generation.writing import Assignment, Outcome, Writer
    from promptops.prompts.templates import Renderer

_DRAFT_TOKENS = 100.0
"""What a draft is taken to have that is not there yet, for what its check will read."""
COUNT = 20
"""Samples that are asked for, unless said otherwise."""


@dataclass(frozen=True)
class _Ready:
    """What a generation needs, checked; nothing has been asked."""

    work: Evaluation
    evalset: EvalSet
    shape: Shape
    assignment: Assignment
    model: str
    checker: str
    log: Path
    cache: bool = True
    short: int = 0
    """Passages that are not asked about."""

    @property
    def human(self) -> list[Sample]:
        """The samples of the set that people wrote."""
        return [sample for sample in self.evalset.samples if not is_synthetic(sample)]


class Generating(Curation):
    """Samples that a model writes, and samples that a person lets in."""

    def generate(
        self,
        evalset: str | Path,
        *,
        model: str | None = None,
        checker: str | None = None,
        documents: Sequence[str | Path] = (),
        like: Sequence[str] | None = None,
        hows: Sequence[str] = (),
        description: str | None = None,
        count: int = COUNT,
        keep: Sequence[str] = (),
        passage_in: str | None = None,
        production: str | None = None,
        field: str | None = None,
        file: str | Path | None = None,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Generated:
        """Have a model write `count` samples for a set, each checked by a second call; none enters the set.

        They are made from documents, from present samples (`like`: ids and `tag:NAME`, empty for all; `hows`:
        paraphrase, harder, edge, adversarial, language:CODE) or from a description. Candidates go to `file`,
        to be reviewed, unless a limit ended it. Replies are kept in .promptops/generated and not asked for
        again unless `cache` is off. Raises UsageError, UnknownName and FileProblems before the first call.
        """
        from promptops.generation import Generated  # here and below: only these verbs need them
        from promptops.generation.drafts import Maker
        from promptops.generation.telling import notes_of, sentence_of

        written = None if file is None else Path(file)
        if written is not None:
            refuse_candidates_file(written)
        texts = [] if production is None else self._window(production, Looked("inputs", field)).texts
        work = self._evaluation(concurrency, cache, watch, None, budget)
        material = _material(documents, like, hows, description)
        ready = self._ready_generation(work, evalset, material, count, keep, passage_in, model, checker)
        ready = replace(ready, cache=cache)
        make_ready(ready.log, ignored=True)
        outcome, reused = wait_for(self._written(ready))
        maker = Maker(ready.model, ready.checker, self._redactor())
        candidates = maker.samples(outcome.drafts, ready.shape, [each.id for each in ready.evalset.samples])
        usage = work.usage
        found = Generated(
            evalset=ready.evalset.name,
            model=ready.model,
            checker=ready.checker,
            hows=tuple(dict.fromkeys(seed.how for seed in ready.assignment.seeds)),
            wanted=count,
            short=ready.short,
            candidates=candidates,
            rejected=tuple(outcome.rejected),
            unheard=tuple(outcome.unheard),
            fewer=outcome.fewer,
            surplus=outcome.surplus,
            left=outcome.left,
            production=production,
            calls=usage.calls + usage.failed,
            reused=reused,
            cost=None if usage.unpriced else usage.cost,
            stopped=work.budget.stopped or None,
            **_spread_of(outcome, candidates, ready, texts),
        )
        found = found.model_copy(update={"notes": (*ready.shape.notes, *notes_of(found))})
        found = found.model_copy(update={"sentence": sentence_of(found)})
        if written is None or found.stopped or not candidates:
            return found
        write_rows([sample_row(sample) for sample in candidates], written)
        return found.model_copy(update={"file": str(written)})

    def forecast_generate(
        self,
        evalset: str | Path,
        *,
        model: str | None = None,
        checker: str | None = None,
        documents: Sequence[str | Path] = (),
        like: Sequence[str] | None = None,
        hows: Sequence[str] = (),
        description: str | None = None,
        count: int = COUNT,
        keep: Sequence[str] = (),
        passage_in: str | None = None,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `generate` with the same arguments would take, as `forecast` does."""
        from promptops.generation.requests import prompt_for
        from promptops.generation.telling import short_note
        from promptops.prompts.templates import Renderer

        work = self._dry(concurrency, cache, budget, None)
        material = _material(documents, like, hows, description)
        ready = self._ready_generation(work, evalset, material, count, keep, passage_in, model, checker)
        ready = replace(ready, cache=cache)
        with Renderer() as renderer:
            writing, checking = self._writer(ready, renderer).outlook(ready.assignment)
        prompts = tuple(prompt_for(kind) for kind in {seed.kind for seed in ready.assignment.seeds})
        parts = [
            _part(work, "generate", ready.model, writing, len(ready.assignment.seeds), prompts),
            _part(work, "check", ready.checker, checking, count, (prompt_for("check"),)),
        ]
        notes = ["That is at most: samples that can't be read or repeat others are not checked."]
        notes += [short_note(ready.short)] if ready.short else []
        return self._forecast(work, ready.evalset.name, count, 1, parts, notes)

    def add_samples(
        self, evalset: str | Path, candidates: str | Path, *, only: Sequence[str] = (), dry_run: bool = False
    ) -> Added:
        """Take reviewed candidates of a file (those in `only`, else all) into a set, all or none of them.

        Lines are appended to samples.jsonl as they are, without the tag `candidate`. Raises FileProblems with
        every id and text that the set has already and every sample that its metrics can't score.
        """
        folder, source = self.evalset_folder(evalset), Path(candidates)
        with nullcontext() if dry_run else adding(self.root):
            found = self.evalset(folder)
            metrics = self._rule_metrics(found, folder)
            return add_samples(found, folder, read_candidates(source, only), metrics, source, dry_run=dry_run)

    def _rule_metrics(self, found: EvalSet, folder: Path) -> dict[str, Metric]:
        """Return a set's metrics that ask no model, by which a new sample is checked."""
        return {
            spec.label: build_metric(
                spec, folder=folder, language=found.card.language, judge_model=None, settings=self.settings
            )
            for spec in found.metrics
            if not is_judge(spec)
        }

    def _ready_generation(
        self,
        work: Evaluation,
        evalset: str | Path,
        material: Material,
        count: int,
        keep: Sequence[str],
        passage_in: str | None,
        model: str | None,
        checker: str | None,
    ) -> _Ready:
        """Check everything that a generation needs; nothing is asked."""
        from promptops.generation.replylog import generated_file
        from promptops.generation.requests import prompt_for
        from promptops.generation.shape import shape_of
        from promptops.generation.writing import Assignment

        chosen = model or self.settings.model
        if not chosen:
            raise UsageError(
                "Name who writes the samples: --model PROVIDER/MODEL, or `model` in the settings."
            )
        usual = self.settings.judge_model
        # A rule that stands in for a judge knows judges' prompts only.
        second = checker or (usual if usual and not stands_in(usual, self.settings) else chosen)
        if keep and material.kind != "samples":
            raise UsageError("--keep copies inputs of present samples: it goes with --like.")
        if passage_in is not None and material.kind != "documents":
            raise UsageError("--passage-in names the input for a document's passage: it goes with --from.")
        found = self.evalset(evalset)
        shape = shape_of(found.samples, material.kind, keep=keep, passage_in=passage_in)
        seeds, short = material.seeds(found.samples, count, self.root)
        work.open_models([chosen, second])
        for kind in dict.fromkeys(seed.kind for seed in seeds):
            work.refuse_parameters(prompt_for(kind), f"The shipped prompt {kind!r}", chosen)
        work.refuse_parameters(prompt_for("check"), "The shipped prompt of the check", second)
        cards = {name: self.evalset(name).card for name in self.evalsets()}
        cards[found.name] = found.card
        canaries = {name: card.canary for name, card in cards.items() if card.canary}
        log = generated_file(self.root, found.name)
        prompts = {name: self.prompt(name)[0] for name in self.prompt_names()}
        assignment = Assignment(seeds, found.samples, canaries, prompts)
        return _Ready(work, found, shape, assignment, chosen, second, log, short=short)

    def _writer(self, ready: _Ready, renderer: Renderer) -> Writer:
        from promptops.generation.replylog import ReplyLog
        from promptops.generation.requests import Desk
        from promptops.generation.writing import Writer

        return Writer(
            desk=Desk.of(ready.evalset, ready.human, ready.shape, renderer),
            writer=ready.work.caller(ready.model),
            checker=ready.work.caller(ready.checker),
            log=ReplyLog(ready.log, use=ready.cache),
            redactor=self._redactor(),
            usage=ready.work.usage,
            watch=ready.work.watch,
        )

    async def _written(self, ready: _Ready) -> tuple[Outcome, int]:
        """Ask for everything; return what became of it, and how many replies were there before."""
        from promptops.generation.replylog import mend
        from promptops.prompts.templates import Renderer

        mend(ready.log)
        work = ready.work
        try:
            with Renderer() as renderer:
                writer = self._writer(ready, renderer)
                outcome = await writer.carry_out(ready.assignment, work.engine, work.concurrency)
                return outcome, writer.reused
        finally:
            for name in {ready.model, ready.checker}:
                await work.caller(name).model.close()
            work.engine.close()


def _material(
    documents: Sequence[str | Path], like: Sequence[str] | None, hows: Sequence[str], description: str | None
) -> Material:
    from promptops.generation.material import Material

    return Material(
        documents=tuple(map(Path, documents)),
        like=None if like is None else tuple(like),
        hows=tuple(hows),
        description=description,
    )


def _spread_of(
    outcome: Outcome, candidates: Sequence[Sample], ready: _Ready, production: Sequence[str]
) -> Mapping[str, Variety | Nearness | None]:
    """Measure how different the inputs are that were written, and how far whole samples lie from production.

    Each beside those of people.
    """
    from promptops.generation.spread import measure_nearness, measure_variety

    written, human = ready.shape.written, ready.human
    theirs = [joined({name: sample.inputs[name] for name in written}) or "" for sample in human]
    variety = measure_variety([draft.text for draft, _ in outcome.drafts], theirs)
    sides = [[joined(sample.inputs) or "" for sample in each] for each in (candidates, human)]
    nearness = measure_nearness(sides[0], sides[1], production)
    return {
        "variety": variety[0],
        "human_variety": variety[1],
        "nearness": nearness[0],
        "human_nearness": nearness[1],
    }


def _part(
    work: Evaluation, name: str, model: str, count: Count, places: int, prompts: Sequence[Prompt]
) -> Part:
    caller = work.caller(model)
    wanted = Wanted(
        kind="answers" if name == "generate" else "judge",
        name=name,
        model=model,
        places=places,
        stored=count.stored,
        cached=count.cached,
        characters=count.characters + count.unseen,
        limit=token_limit(prompts, caller),
        unseen=len(count.unseen),
        answer=_DRAFT_TOKENS,
    )
    return part_of(wanted, caller.model, Usual())
