"""Make a run again from what is stored, the same way as it was made, and without anybody to ask.

render -> content address -> stored completion -> score: the Runner does it, with one in place of the Model
who knows only what the run was told, and one in place of the Writer who only looks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from promptops import plugins
from promptops.calls.call import Answer, Asker, Unanswered, first_fault
from promptops.calls.contentaddress import Asked, content_address, former_request
from promptops.calls.usage import Usage
from promptops.canonical import canonical_json
from promptops.engines import Engine
from promptops.judges import Judge, Reads, judges_of
from promptops.metrics import Metric
from promptops.prompts.templates import Renderer
from promptops.replay.canonicalform import place
from promptops.replay.proofs import Difference
from promptops.runs.eventloop import wait_for
from promptops.runs.runner import Runner
from promptops.runs.tasks import Known, Task
from promptops.store import CallRow, ResultRow, Store
from promptops.store.recordings import Place, Recorded
from promptops.types import Completion, Failure, Request, Result, Run, Sample, Score

PAGE = 500
"""Samples that are looked at together; the rest of a run is not in memory."""
AT_ONCE = 8
ANOTHER_REQUEST = "the request is not the one that was sent (sample, prompt, template, parameters or model)"
_JUDGE_SILENT = "the judge gave no answer: "


@dataclass(frozen=True)
class Heard:
    """One request of a run, and what it was answered."""

    sample_id: str
    purpose: str
    model: str
    request: Request
    prompt_digest: str
    address: str | None
    """None where nobody knows who was asked then."""
    recorded: Recorded
    completion: Completion


@dataclass
class Page:
    """Some samples of a run, as they are stored and as they come out now."""

    samples: tuple[Sample, ...]
    stored: Mapping[tuple[str, int], Result]
    recorded: Mapping[Place, Recorded]
    now: dict[tuple[str, int], Result] = field(default_factory=dict)
    missing: list[Difference] = field(default_factory=list)
    remarks: list[Difference] = field(default_factory=list)
    """Of requests and completions: what is not as it was stored."""
    unchecked: int = 0
    cleaned: set[tuple[str, int]] = field(default_factory=set)
    """Where the answer is not shown to the judges as it was."""


@dataclass(frozen=True)
class Replayer:
    """One run, the metrics as they are now, and who was asked then."""

    store: Store
    run: Run
    metrics: Mapping[str, Metric]
    asked: Mapping[str, Asked]
    """By model name; a model that is not there has requests whose address can't be told."""
    clean: Callable[[Completion], Completion] | None = None
    """Applied to each answer before anybody sees it."""
    hear: Callable[[Heard], None] | None = None

    def pages(self, samples: Sequence[Sample]) -> Iterator[Page]:
        """Yield the run by pages, in the order of the canonical form."""
        ordered = sorted(samples, key=lambda sample: sample.id)
        with Renderer() as renderer:
            for start in range(0, len(ordered), PAGE):
                yield self._page(tuple(ordered[start : start + PAGE]), renderer)

    def _page(self, samples: tuple[Sample, ...], renderer: Renderer) -> Page:
        ids = [sample.id for sample in samples]
        stored = {
            place(result): result
            for result in self.store.results(self.run.id, sample_ids=ids)
            if result.repeat < self.run.repeats
        }
        page = Page(samples, stored, self.store.recorded(self.run.id, ids))
        attempts = self.store.attempts_of(self.run.id, ids)
        judges = judges_of(self.metrics)
        known = Known(
            finished=frozenset(
                (sample.id, repeat)
                for sample in samples
                for repeat in range(self.run.repeats)
                if (sample.id, repeat) not in stored
            ),
            failures={
                where: result.failure
                for where, result in stored.items()
                if result.failure is not None and not _contradicted(page, where, attempts)
            },
        )
        task = Task(
            run=self.run,
            samples=samples,
            caller=_Told(self, page, self.run.model, "answer"),
            metrics={label: each for label, each in self.metrics.items() if label not in judges},
            judges=judges,
            judge_callers=self._told(page, judges),
            ledger=lambda asked: known,
        )
        wait_for(self._carried_out(task, page, renderer))
        return page

    def _told(self, page: Page, judges: Mapping[str, Judge]) -> dict[tuple[str, str], Asker]:
        """Return who answers for each judge's models, which together number what the judge asks."""
        found: dict[tuple[str, str], Asker] = {}
        for label, judge in judges.items():
            times: Counter[tuple[str, int]] = Counter()
            for model in judge.models:
                found[label, model] = _Told(self, page, model, f"judge:{label}", times)
        return found

    async def _carried_out(self, task: Task, page: Page, renderer: Renderer) -> None:
        engine = plugins.find("engines", "local", Engine)()  # type: ignore[type-abstract]
        try:
            await Runner(engine, _Onlooker(page), renderer, Usage()).carry_out([task], AT_ONCE)
        except BaseExceptionGroup as group:
            raise first_fault(group) from None


def differences_of(page: Page, labels: Sequence[str], why: Mapping[str, str]) -> Iterator[Difference]:
    """Yield where a page's results are not those that are stored; `why` knows metrics that changed."""
    told = {(each.sample_id, each.repeat, each.label): each.why for each in page.remarks}
    lost = {(each.sample_id, each.repeat, each.label) for each in page.missing}
    yield from page.remarks
    for where in sorted(page.stored):
        before, after = page.stored[where], page.now[where]
        if (*where, None) in lost:
            continue
        if before.failure != after.failure:
            yield Difference(
                sample_id=where[0],
                repeat=where[1],
                stored=_failure(before.failure),
                now=_failure(after.failure),
                why=told.get((*where, None)) or "stored as failed, though its answer is stored",
            )
            continue
        for label in labels:
            old, new = before.scores.get(label), after.scores.get(label)
            if (*where, label) in lost or _spelled(old) == _spelled(new):
                continue
            yield Difference(
                sample_id=where[0],
                repeat=where[1],
                label=label,
                stored=_score(old),
                now=_score(new),
                why=why.get(label)
                or told.get((*where, label))
                or told.get((*where, None))
                or "the stored score is not what the stored answer gives",
            )


class _Told:
    """Answers with what the run was told, and raises Unanswered for all else. Knows of no network."""

    def __init__(
        self,
        replayer: Replayer,
        page: Page,
        model: str,
        purpose: str,
        times: Counter[tuple[str, int]] | None = None,
    ) -> None:
        self._replayer = replayer
        self._page = page
        self._model = model
        self._purpose = purpose
        self._times = Counter() if times is None else times

    def address(self, request: Request, prompt_digest: str = "") -> None:
        """Nothing: each stored completion has the address of who was asked then."""

    async def ask(
        self,
        request: Request,
        prompt_digest: str = "",
        *,
        finishing: bool = False,
        address: str | None = None,
        reads: Reads | None = None,
    ) -> Answer:
        """Return the stored completion."""
        where = (request.sample_id, request.repeat)
        self._times[where] += 1
        number = self._times[where]
        purpose = self._purpose if number == 1 else f"{self._purpose}:{number}"
        recorded = self._page.recorded.get((*where, purpose))
        if recorded is None:
            raise Unanswered(self._silence(where, purpose))
        checked = self._checked(request, prompt_digest, purpose, recorded)
        completion = recorded.completion
        if self._replayer.clean is not None:
            completion = self._replayer.clean(completion)
            if completion.text != recorded.completion.text:
                self._page.cleaned.add(where)
        if self._replayer.hear is not None:
            heard = Heard(
                request.sample_id,
                purpose,
                self._model,
                request,
                prompt_digest,
                checked,
                recorded,
                completion,
            )
            self._replayer.hear(heard)
        return Answer(completion, None, cached=True, address=recorded.address)

    def _silence(self, where: tuple[str, int], purpose: str) -> Failure:
        """Return why there is no answer: a judge may have failed then, too."""
        label = purpose.split(":")[1] if purpose != "answer" else ""
        stored = self._page.stored[where].scores.get(label)
        if stored is not None and (stored.unscored or "").startswith(_JUDGE_SILENT):
            kind = stored.evidence.get("kind")
            message = str(stored.unscored).removeprefix(_JUDGE_SILENT)
            return Failure.model_validate({"kind": kind, "message": message})
        what = "the answer" if purpose == "answer" else f"what the judge {label!r} replied"
        self._page.missing.append(
            Difference(sample_id=where[0], repeat=where[1], label=label or None, why=f"{what} is not stored")
        )
        return Failure(kind="missing_output", message=f"{what} is not stored")

    def _checked(self, request: Request, prompt_digest: str, purpose: str, recorded: Recorded) -> str | None:
        """Note what is not as it was; return the request's content address, as it is now."""
        where = (request.sample_id, request.repeat)
        label = None if purpose == "answer" else purpose.split(":")[1]
        asked = self._replayer.asked.get(self._model)
        known = {
            content_address(asked, each, prompt_digest): None
            for each in (request, former_request(request))
            if asked is not None
        }
        address = next(iter(known), None)
        why = ""
        if recorded.sealed is False:
            what = "answer" if label is None else "reply of the judge"
            why = f"the stored {what} is not the one that was stored when it came"
        elif address is None and self._replayer.asked:
            why = f"{self._model} is none of the models that were asked"
        elif address is None or recorded.address is None:
            self._page.unchecked += 1
        elif recorded.address not in known and (label is None or where not in self._page.cleaned):
            why = ANOTHER_REQUEST
        if why:
            remark = Difference(sample_id=request.sample_id, repeat=request.repeat, label=label, why=why)
            self._page.remarks.append(remark)
        return address


class _Onlooker:
    """In place of the Writer: keeps a page's results in memory."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def submit(self, *rows: CallRow | ResultRow) -> asyncio.Future[None]:
        """Take results in; nothing is written."""
        for row in rows:
            if isinstance(row, ResultRow):
                self._page.now[place(row.result)] = row.result
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def _contradicted(page: Page, where: tuple[str, int], attempts: Mapping[tuple[str, int], int]) -> bool:
    """Tell whether the very attempt that is stored as failed has an answer."""
    answer = page.recorded.get((*where, "answer"))
    return answer is not None and answer.attempt == attempts.get(where)


def _failure(failure: Failure | None) -> str:
    return "answered" if failure is None else f"{failure.kind}: {failure.message}"[:300]


def _spelled(score: Score | None) -> str | None:
    return None if score is None else canonical_json(score.model_dump())


def _score(score: Score | None) -> str:
    if score is None:
        return "no score"
    if score.unscored is not None:
        return f"unscored: {score.unscored}"[:300]
    counts = ", ".join(f"{count:.17g}" for count in score.counts)
    return f"{counts} ({score.reason})"[:300] if score.reason else counts
