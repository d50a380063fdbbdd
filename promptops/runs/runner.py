"""The parallel runner: every sample's straight way from question to stored result.

render -> ask -> score -> ask the judges -> store. A result counts as done when it is stored with all
its scores; an answer that a judge must still see is stored first, so that it is never paid for twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pydantic import JsonValue

from promptops.analysis.summary import own_figures
from promptops.calls.brake import Brake, GivenUp
from promptops.calls.call import Answer, Unanswered
from promptops.calls.tracing import Tracing
from promptops.calls.usage import Usage
from promptops.engines import Engine
from promptops.errors import PromptopsError, TemplateError
from promptops.judges import Judge, Reads
from promptops.metrics import scored, sound
from promptops.prompts.templates import Renderer
from promptops.runs.ahead import Ahead
from promptops.runs.progress import Progress, Watch, watched
from promptops.runs.running import Running
from promptops.runs.tasks import Task, Todo
from promptops.runs.turns import Turns
from promptops.store.rows import CallRow, ResultRow
from promptops.types import Completion, Failure, Prompt, Request, Result, Sample, Score

ANSWERS_A_TURN = 4
"""How many answers are scored in one turn of the event loop."""

LEAD = 4
"""Times the concurrency that a run which may stop early goes ahead of the first sample it waits for."""


class Keeper(Protocol):
    """Where calls and results go: the store's Writer, or somebody who only looks at them."""

    def submit(self, *rows: CallRow | ResultRow) -> asyncio.Future[None]: ...


@dataclass
class Runner:
    """Carries out Tasks with one engine, one writer and one renderer."""

    engine: Engine
    writer: Keeper
    renderer: Renderer
    usage: Usage
    watch: Watch | None = None
    running: Mapping[str, Running] = field(default_factory=dict)
    """By run, who follows its main metric for the watch."""
    brake: Brake = field(default_factory=Brake)
    """What the tasks' callers watch, held while the command is paused."""
    tracing: Tracing | None = None
    """Makes a span of each run and sample."""
    remarks: tuple[str, ...] = ()
    """What whoever watches is told before the first call."""
    check: Callable[[], None] | None = None
    """Called after each stored result; what it raises ends everything."""
    whole: Callable[[Task], Awaitable[None]] | None = None
    """Called when the last result of a task is stored."""
    _progress: Progress | None = None
    _turns: Turns = field(default_factory=lambda: Turns(ANSWERS_A_TURN))
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def carry_out(self, tasks: Iterable[Task], concurrency: int) -> Progress:
        """Finish all tasks; a sample that fails never ends the run.

        Raises what the store raises (a result that can't be kept ends everything) and Stopped.
        """
        tasks = list(tasks)
        counts = [task.count() for task in tasks]
        left = Counter({task.run.id: count for task, count in zip(tasks, counts, strict=True)})
        runs = tuple(task.run for task in tasks)
        progress = Progress(
            total=sum(counts), usage=self.usage, runs=runs, brake=self.brake, remarks=self.remarks
        )
        progress.at_once = min(concurrency, progress.total)
        self._progress = progress
        if self.tracing is not None:
            for task, count in zip(tasks, counts, strict=True):
                self.tracing.expect(task.run, count)
        if self.watch:
            self.watch(progress)

        async def one(item: _Item) -> None:
            task, todo = item.task, item.todo
            if task.at_an_end or not await self._may_go_ahead(task, todo.number, concurrency):
                return
            began = progress.seconds
            result = await (self._finish(item) if self.tracing is None else self._traced(item, self.tracing))
            if result is None:
                self._stir()
                return
            took = progress.seconds - began
            progress.add(task.run, result, self.running.get(task.run.id), todo.number, took)
            progress.enough = self._followed(task, result)
            if self.watch:
                self.watch(progress)
            if self.check is not None:
                self.check()
            left[task.run.id] -= 1
            if left[task.run.id] == 0 and self.whole is not None:
                await self.whole(task)

        told = watched(progress, self.watch)
        async with told, Ahead(_items(tasks), self._ready, concurrency) as items:
            await self.engine.run(one, items, concurrency)
        return progress

    def _ready(self, item: _Item) -> _Item:
        """Return an item with its request; what can't be rendered is told when its turn has come."""
        task, todo, asked = item
        if task.caller is None or todo.answered("answer") is not None:
            return item
        try:
            asked = self._asked(task, todo)
        except PromptopsError:
            return item
        return _Item(task, todo, asked)

    def _asked(self, task: Task, todo: Todo) -> _Asked:
        prompt = task.run.prompt
        request = answer_request(self.renderer, prompt, todo.sample, todo.repeat, todo.attempt)
        return _Asked(request, task.caller.address(request, prompt.digest) if task.caller else None)

    def pause(self) -> None:
        """Let no further call begin, or let them go on; those under way come to their end and are stored."""
        if self.brake.held:
            self.brake.release()
        else:
            self.brake.hold()
        if self.watch and self._progress:
            self.watch(self._progress)

    async def _may_go_ahead(self, task: Task, number: int, concurrency: int) -> bool:
        """Wait while a run that may stop early is far ahead of the sample it waits for; False once it ends.

        One slow answer would otherwise let all others be paid for, though they can't count before it.
        """
        follower, lead = task.follower, LEAD * concurrency // task.run.repeats + 1
        while follower is not None and not task.at_an_end and number > follower.through + lead:
            await self._moved.wait()
        return follower is None or not task.at_an_end

    def _followed(self, task: Task, result: Result) -> bool:
        """Tell the follower; let go who waits. Return whether nothing more is needed."""
        if task.follower is None:
            return False
        if task.follower.add(result) and task.brake is not None:
            task.brake.pull()
        self._stir()
        return task.follower.certain

    def _stir(self) -> None:
        """Let all who wait to go ahead look again."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def _traced(self, item: _Item, tracing: Tracing) -> Result | None:
        task, todo, _ = item
        with tracing.sample(task.run, todo.sample.id, todo.repeat) as span:
            result = await self._finish(item)
            if result is not None:
                span.finished(result, own_figures(result, {**task.metrics, **task.judges}))
            return result

    async def _finish(self, item: _Item) -> Result | None:
        """Carry out one sample; None where it was given up, with its answer stored if there was one."""
        kept = _Kept(self.writer)
        try:
            return await self._carried_out(item, kept)
        except GivenUp:
            kept.send()
            await kept.stored()
            return None

    async def _carried_out(self, item: _Item, kept: _Kept) -> Result:
        task, todo, _ = item
        sample, repeat = todo.sample, todo.repeat
        try:
            answer = await self._answer(item, kept)
        except Unanswered as error:
            result = Result(sample_id=sample.id, repeat=repeat, failure=error.failure)
        else:
            await self._turns.take()
            records = task.records
            scores = {
                label: scored(metric, records[label], answer.completion, sample)
                for label, metric in task.metrics.items()
            }
            for label, judge in task.judges.items():
                said = await self._judged(task, todo, label, judge, answer.completion, kept)
                scores[label] = sound(judge, records[label], said)
            result = Result(
                sample_id=sample.id,
                repeat=repeat,
                completion=answer.completion,
                scores=scores,
                cached=answer.cached,
            )
        kept.add(ResultRow(run_id=task.run.id, attempt=todo.attempt, result=result))
        kept.send()
        await kept.stored()
        return result

    async def _answer(self, item: _Item, kept: _Kept) -> Answer:
        task, todo, asked = item
        stored = todo.answered("answer")
        if stored is not None:
            return Answer(stored, None, cached=False)
        failed = todo.known.failures.get((todo.sample.id, todo.repeat))
        if failed is not None:
            raise Unanswered(failed)
        if task.caller is None:
            missing = "the run that is scored anew has no answer"
            raise Unanswered(Failure(kind="missing_output", message=missing))
        request, address = asked or self._asked(task, todo)
        answer = await task.caller.ask(request, task.run.prompt.digest, address=address)
        kept.add(_call(task, todo, "answer", answer))
        return answer

    async def _judged(
        self,
        task: Task,
        todo: Todo,
        label: str,
        judge: Judge,
        completion: Completion,
        kept: _Kept,
    ) -> Score:
        sample, asked = todo.sample, 0

        async def ask(
            prompt: Prompt,
            slots: Mapping[str, JsonValue],
            form: dict[str, JsonValue] | None,
            *,
            model: str = "",
            poll: int = 0,
            reads: Reads | None = None,
        ) -> Completion:
            nonlocal asked
            asked += 1
            purpose = judge_purpose(label, asked)
            stored = todo.answered(purpose)
            if stored is not None:
                return stored
            request = judge_request(self.renderer, prompt, slots, form, sample.id, todo.repeat, poll)
            # What was paid for is stored before the next call begins: a kill costs one call a place at most.
            kept.send()
            await kept.stored()
            caller = task.judge_callers[label, model or judge.model]
            answer = await caller.ask(request, prompt.digest, finishing=True, reads=reads)
            kept.add(_call(task, todo, purpose, answer))
            return answer.completion

        nothing = judge.not_asked(completion, sample)
        if nothing is not None:
            return nothing
        try:
            return await judge.judge(completion, sample, ask)
        except Unanswered as error:
            return Score.missing(
                f"the judge gave no answer: {error.failure.message}", kind=error.failure.kind
            )
        except TemplateError as error:  # of an answer that can't be sent on: the set was checked before
            return Score.missing(f"the judge could not be asked about this answer: {error}"[:500])
        except (PromptopsError, GivenUp):
            raise
        except Exception as error:  # a judge's own fault concerns its score only, as a metric's does
            return Score.missing(f"{type(error).__name__}: {error}"[:500])


class _Asked(NamedTuple):
    """A sample's request and its content address."""

    request: Request
    address: str | None


class _Item(NamedTuple):
    """One sample of one task, with its request where that was made ahead."""

    task: Task
    todo: Todo
    asked: _Asked | None = None


class _Kept:
    """Rows of one sample on their way into the store."""

    def __init__(self, writer: Keeper) -> None:
        self._writer = writer
        self._rows: list[CallRow | ResultRow] = []
        self._sent: list[asyncio.Future[None]] = []

    def add(self, row: CallRow | ResultRow) -> None:
        self._rows.append(row)

    def send(self) -> None:
        if self._rows:
            self._sent.append(self._writer.submit(*self._rows))
            self._rows = []

    async def stored(self) -> None:
        """Wait for all that was sent. Raises StoreError where something could not be kept."""
        for sent in self._sent:
            await sent


def answer_request(
    renderer: Renderer, prompt: Prompt, sample: Sample, repeat: int, attempt: int = 0
) -> Request:
    """Render a prompt for a sample into the request that is sent. Raises TemplateError."""
    return Request(
        messages=renderer.render(prompt, sample.inputs),
        parameters=prompt.parameters,
        response_format=prompt.response_format,
        inputs=sample.inputs,
        sample_id=sample.id,
        repeat=repeat,
        attempt=attempt,
    )


def judge_purpose(label: str, asked: int) -> str:
    """Return what a judge's call is kept as: its first one, or the one that it asked as its n-th."""
    return f"judge:{label}" if asked == 1 else f"judge:{label}:{asked}"


def judge_request(
    renderer: Renderer,
    prompt: Prompt,
    slots: Mapping[str, JsonValue],
    response_format: dict[str, JsonValue] | None,
    sample_id: str,
    repeat: int,
    poll: int = 0,
) -> Request:
    """Render a judge's prompt into the request that is sent."""
    return Request(
        messages=renderer.render(prompt, slots),
        parameters=prompt.parameters,
        response_format=prompt.response_format or response_format,
        sample_id=sample_id,
        repeat=repeat,
        poll=poll,
    )


def _items(tasks: list[Task]) -> Iterator[_Item]:
    for task in tasks:
        for todo in task.places():
            if task.at_an_end:
                break
            yield _Item(task, todo)


def _call(task: Task, todo: Todo, purpose: str, answer: Answer) -> CallRow:
    return CallRow(
        run_id=task.run.id,
        sample_id=todo.sample.id,
        repeat=todo.repeat,
        purpose=purpose,
        attempt=todo.attempt,
        cache_key=answer.cache_key,
        cached=answer.cached,
        completion=answer.completion,
        address=answer.address,
    )
