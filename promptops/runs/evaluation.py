"""Prepare runs, check everything before the first call, carry them out, and leave them resumable."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from promptops import plugins
from promptops.calls.brake import Brake
from promptops.calls.budget import Budget
from promptops.calls.call import Caller, Stopped, first_fault
from promptops.calls.limits import Limits
from promptops.calls.models import model_traits, open_model, rebuild_metric
from promptops.calls.prices import batch_priced
from promptops.calls.tracing import Tracing, tracing
from promptops.calls.usage import Usage
from promptops.config import Settings
from promptops.engines import Engine
from promptops.errors import FileProblems, Problem, RunInterrupted, UsageError
from promptops.files.located import MAX_PROBLEMS
from promptops.judges import Judge, judges_of
from promptops.judging.keptreplies import KeptReplies
from promptops.judging.prompts import judge_problems
from promptops.metrics import Metric
from promptops.prompts.templates import Renderer, render_problems
from promptops.providers import BatchServer, Model
from promptops.replay.cassettes import Cassette
from promptops.replay.recorded import CassetteCaller, refuse_unrecorded
from promptops.runs.eventloop import interruptible, signals, wait_for
from promptops.runs.holding import Holding
from promptops.runs.ledger import StoredLedger
from promptops.runs.pausing import listening, say
from promptops.runs.progress import Progress, Watch
from promptops.runs.runner import Runner, answer_request
from promptops.runs.running import Running
from promptops.runs.tasks import Follower, Task
from promptops.store import Store
from promptops.store.writer import Writer
from promptops.types import Completion, EvalSet, Prompt, Run, RunStatus, Sample


@dataclass
class Evaluation:
    """Everything that one `eval`, `resume` or `score` needs; used once."""

    store: Store
    settings: Settings
    environment: Mapping[str, str]
    root: Path
    actor: str
    concurrency: int
    use_cache: bool = True
    cassette: Cassette | None = None
    """Answers in place of all models that are not local; none of these is asked, or needs a key."""
    watch: Watch | None = None
    usage: Usage = field(default_factory=Usage)
    brake: Brake = field(default_factory=Brake)
    """Pulled when a run stops early or its budget has run out; no call begins after that."""
    budget: Budget = field(default_factory=Budget)
    tracing: Tracing | None = field(default_factory=tracing)
    """Makes spans, where this process traces."""
    limits: Limits = field(default_factory=Limits)
    remarks: tuple[str, ...] = ()
    """What whoever watches is told before the first call."""
    _engine: Engine | None = None
    _models: dict[str, Model] = field(default_factory=dict)
    _callers: dict[str, Caller] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.brake.when_pulled(self.limits.let_go)
        self.usage.held_back = self.limits.told
        self.kept = KeptReplies(self.root)
        self.holding = Holding(self.store, self.root)

    def check(
        self, evalset: EvalSet, prompts: Sequence[tuple[Prompt, str]], metrics: Mapping[str, Metric]
    ) -> None:
        """Render every prompt for every sample and ask every metric; raises all problems at once."""
        problems: list[Problem] = []
        with Renderer() as renderer:
            for prompt, reference in prompts:
                problems.extend(render_problems(renderer, prompt, reference, evalset.samples))
            for label, metric in metrics.items():
                if isinstance(metric, Judge):
                    problems.extend(judge_problems(renderer, label, metric, evalset.samples[:1]))
        for sample in evalset.samples:
            for label, metric in metrics.items():
                reason = metric.check(sample)
                if reason and len(problems) < MAX_PROBLEMS:
                    where = f"sample {sample.id!r}, metric {label}"
                    problems.append(Problem(file=evalset.name, field=where, reason=reason))
        if problems:
            raise FileProblems(problems)

    def open_models(self, names: Sequence[str]) -> None:
        """Open every model, so that a wrong name, key or file shows before the first call."""
        for name in names:
            self.caller(name)

    def refuse_parameters(self, prompt: Prompt, reference: str, model: str) -> None:
        """Raise UsageError where a prompt has a parameter that can't be sent to a model."""
        told = self._models[model].unfit(prompt.parameters)
        if told:
            raise UsageError(f"{reference}, for {model}: {told}")

    def draft(
        self,
        evalset: EvalSet,
        prompt: Prompt,
        prompt_ref: str,
        model: str,
        metrics: Mapping[str, Metric],
        names: Mapping[str, str],
        repeats: int,
        parent: str | None = None,
    ) -> Run:
        """Return a new run as it would be written down."""
        return Run(
            id=secrets.token_hex(6),
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            status="running",
            evalset=evalset.name,
            evalset_digest=evalset.digest,
            prompt=prompt,
            prompt_ref=prompt_ref,
            model=model,
            metrics=tuple(metric.record(label, names[label]) for label, metric in metrics.items()),
            repeats=repeats,
            samples=len(evalset.samples),
            parent=parent,
            actor=self.actor,
        )

    def start(self, run: Run, **config: JsonValue) -> Run:
        """Write down a new run, with what a resume needs; nothing is asked yet."""
        origins: dict[str, JsonValue] = {name: model.origin for name, model in self._models.items()}
        bodies: dict[str, JsonValue] = {name: model.settings.body for name, model in self._models.items()}
        kept: dict[str, JsonValue] = {"origins": origins, "bodies": bodies, "cache": self.use_cache}
        if self.cassette is not None:
            kept["cassette"] = self.cassette.sha256
        self.store.create_run(run, {"concurrency": self.concurrency, **kept, **config})
        return run

    def refuse_idle(self, runs: Sequence[Run], samples: Sequence[Sample]) -> None:
        """Raise UsageError where no call may be made and no answer of new runs is stored before."""
        if self.budget.max_calls != 0:
            return
        with Renderer() as renderer:
            for run in runs:
                for sample in samples:
                    request = answer_request(renderer, run.prompt, sample, 0)
                    if self.caller(run.model).find(request, run.prompt.digest) is not None:
                        return
        raise UsageError(
            "--max-calls 0 lets no call begin, and no earlier run has an answer to any of these "
            f"{len(samples):,} samples. No run was made; --dry-run tells what one takes."
        )

    def check_recorded(self, runs: Sequence[Run], samples: Sequence[Sample]) -> None:
        """Raise NotRecorded with all that new runs need and the cassette, if there is one, does not hold."""
        if self.cassette is not None:
            wait_for(refuse_unrecorded(self.cassette, runs, samples, self.caller))

    def refuse_other_servers(self, run: Run) -> None:
        """Raise UsageError where a model of the run is now reached elsewhere: answers would be mixed."""
        before = self.store.run_config(run.id).get("origins")
        for name, model in self._models.items():
            was = before.get(name) if isinstance(before, dict) else None
            if was is not None and was != model.origin:
                raise UsageError(
                    f"Run {run.id} was started with {name} at {was!r}; the settings now say "
                    f"{model.origin!r}. Put them back to finish it, or start a new run."
                )

    def task(
        self,
        run: Run,
        samples: Sequence[Sample],
        *,
        retry_errors: bool = False,
        follower: Follower | None = None,
    ) -> Task:
        """Return what is left to do of a run; a follower wants the samples in the order of its own."""
        built = {record.label: rebuild_metric(record) for record in run.metrics}
        judges = judges_of(built)
        if run.parent is not None:
            # Once more, should the first time have been cut off: what a run has is left alone.
            self.store.copy_answers(run.parent, run.id)
        begun = run.parent is not None or self.store.is_begun(run.id)
        ledger = StoredLedger(self.store, run, retry_errors) if begun else None
        return Task(
            run=run,
            samples=samples,
            caller=self.caller(run.model) if run.parent is None or retry_errors else None,
            metrics={label: metric for label, metric in built.items() if label not in judges},
            judges=judges,
            judge_callers=self.judge_callers(judges),
            ledger=ledger,
            left=ledger.left() if ledger is not None and len(samples) == run.samples else None,
            follower=follower,
            brake=self.brake,
        )

    def carry_out(self, tasks: Sequence[Task]) -> Progress:
        """Run the tasks to their end; a signal leaves them resumable and raises RunInterrupted."""
        self.holding.claim([task.run.id for task in tasks])
        stopped: list[int] = []
        try:
            progress = wait_for(self._carry_out(tasks, stopped))
        except Stopped as error:
            left = self._interrupt(tasks)
            again = " && ".join(f"promptops resume {run_id} --retry-errors" for run_id in left)
            lost = " ".join(filter(None, [self.usage.told_under_way(), "When that is mended, finish with:"]))
            raise Stopped(f"{error}\n{lost} {again}") from None
        except BaseException:
            self._interrupt(tasks)
            raise
        if progress is None:
            again = " && ".join(f"promptops resume {run_id}" for run_id in self._interrupt(tasks))
            told = f"Finish it with: {again}" if again else "All of it is stored."
            raise RunInterrupted(told, 128 + stopped[0], self.usage.told_under_way())
        for task in tasks:
            if task.run.id in self.holding.held:
                self.holding.leave([task.run.id], self._ended(task))
        return progress

    def _interrupt(self, tasks: Sequence[Task]) -> list[str]:
        """Leave runs to be finished later; one that had stopped early and was asked for all stays so.

        Returns their ids.
        """
        left = list(self.holding.held)
        for task in tasks:
            if task.run.id in left:
                self.holding.leave(
                    [task.run.id], "stopped" if task.run.status == "stopped" else "interrupted"
                )
        return left

    def _ended(self, task: Task) -> RunStatus:
        """Return how a run ended: whole, early as it was to, or cut off by its budget and to be resumed."""
        if task.follower is None and not self.budget.stopped and not task.in_parts:
            return "finished"
        ledger = StoredLedger(self.store, task.run)
        if ledger.left() <= 0:
            return "finished"
        certain = task.follower is not None and task.follower.certain
        whole = next(replace(task, ledger=ledger).places(), None) is None
        return "stopped" if certain or whole or task.run.status == "stopped" else "interrupted"

    def _refuse_more(self) -> None:
        """Raise Stopped where no call to one of the models can succeed: those that wait are let go, too."""
        for caller in self._callers.values():
            caller.refuse_more()

    async def _whole(self, task: Task) -> None:
        """Leave a run whose last result is stored, whatever others of the command have still to do."""
        await asyncio.to_thread(lambda: self.holding.leave([task.run.id], self._ended(task)))

    async def _carry_out(self, tasks: Sequence[Task], stopped: list[int]) -> Progress | None:
        writer = Writer(self.store)
        stop = asyncio.Event()
        keeper, owner = asyncio.create_task(self.holding.keep()), self.holding.owner
        try:
            with Renderer() as renderer:
                running = self._running(tasks)
                runner = Runner(
                    self.engine, writer, renderer, self.usage, self.watch, running, self.brake, self.tracing
                )
                runner.remarks = self.remarks
                runner.check, runner.whole = self._refuse_more, self._whole
                ids = [task.run.id for task in tasks]

                def pause() -> None:
                    runner.pause()
                    say(self.root, ids, owner, held=self.brake.held)

                with (
                    signals(stop, stopped, pause) as heard,
                    listening(self.root, ids if heard else [], owner),
                ):
                    work = asyncio.create_task(runner.carry_out(tasks, self.concurrency))
                    return await interruptible(work, stop)
        except BaseExceptionGroup as group:
            raise first_fault(group) from None
        finally:
            keeper.cancel()
            writer.close()
            if self.tracing is not None:
                self.tracing.end()
            for caller in self._callers.values():
                await caller.model.close()
            self.engine.close()

    def _running(self, tasks: Sequence[Task]) -> dict[str, Running]:
        """Return who follows each run's first metric; nobody where nobody watches."""
        found: dict[str, Running] = {}
        for task in tasks if self.watch else ():
            if task.run.metrics:
                first = task.run.metrics[0]
                metric = {**task.metrics, **task.judges}[first.label]
                earlier = self.store.score_pages(task.run.id, [first.label]) if task.ledger else ()
                found[task.run.id] = Running(task.run, task.samples, metric, earlier)
        return found

    @property
    def engine(self) -> Engine:
        """Where models are asked from, started when first needed. Raises UsageError where it can't be."""
        if self._engine is None:
            chosen = plugins.find("engines", self.settings.engine, Engine)()  # type: ignore[type-abstract]
            chosen.start()
            self._engine = chosen
        return self._engine

    def batch_caller(self, name: str) -> tuple[Caller, BatchServer]:
        """Return who knows a model's requests, at the prices of a batch, and the batches of its server.

        Raises UsageError where it has none.
        """
        model = open_model(name, self.settings, self.environment, self.root)
        model.settings = batch_priced(model.settings)
        server = model.batches()
        if server is None:
            raise UsageError(
                f"{name} has no batches: they are files for a server of the OpenAI API. Leave --batch out."
            )
        self._models[name] = model
        limits = self.settings.attempts, self.settings.deadline
        return Caller(model, name, *limits, self.usage, self._lookup(model)), server

    def _lookup(self, model: Model) -> Callable[[str], Completion | None] | None:
        """Return who finds stored answers; None where none may be used again."""
        find = self.store.cached_completion
        return (lambda key: find(key) or self.kept.find(key)) if self.use_cache and model.cacheable else None

    def judge_callers(self, judges: Mapping[str, Judge]) -> dict[tuple[str, str], Caller]:
        """Return who asks, by judge and model."""
        return {(label, name): self.caller(name) for label, judge in judges.items() for name in judge.models}

    def caller(self, name: str) -> Caller:
        if name not in self._callers:
            cassette = None if model_traits(name, self.settings).local else self.cassette
            model = open_model(name, self.settings, self.environment, self.root, keyless=cassette is not None)
            self.budget.refuse_unpriced(name, priced=model.priced, by_usage=model.by_usage)
            self._models[name] = model
            kind = Caller if cassette is None else partial(CassetteCaller, cassette=cassette)
            self._callers[name] = kind(
                model=model if cassette is not None else self.engine.reach(model),
                name=name,
                attempts=self.settings.attempts,
                deadline=self.settings.deadline,
                usage=self.usage,
                lookup=self._lookup(model),
                brake=self.brake,
                tracing=self.tracing,
                limiter=self.limits.of(model, name),
                budget=self.budget,
            )
        return self._callers[name]
