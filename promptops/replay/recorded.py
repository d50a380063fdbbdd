"""Ask a cassette in place of a Model: what it does not hold is an error, never a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from promptops.calls.call import Answer, Caller
from promptops.calls.contentaddress import former_request
from promptops.calls.models import rebuild_metric
from promptops.errors import CallFailed, NotRecorded, UsageError
from promptops.judges import Judge, Reads, judges_of
from promptops.prompts.templates import Renderer
from promptops.replay.cassettes import Cassette
from promptops.runs.runner import judge_request
from promptops.texts.redaction import REDACTED
from promptops.types import Completion, Prompt, Request, Run, Sample

_NAMED = 5


@dataclass
class CassetteCaller(Caller):
    """Answers from a cassette on behalf of a run. Its Model is never asked and needs no key."""

    cassette: Cassette = field(kw_only=True)

    async def ask(
        self,
        request: Request,
        prompt_digest: str = "",
        *,
        finishing: bool = False,
        address: str | None = None,
        reads: Reads | None = None,
    ) -> Answer:
        """Return the recorded answer, readable or not.

        Raises GivenUp, or NotRecorded, which ends the run.
        """
        if self.brake is not None:
            self.brake.check()
        address = address or self.address(request, prompt_digest)
        found = self.cassette.find(address, request.sample_id) or self.find(request, prompt_digest)
        if found is None:
            raise NotRecorded(
                f"{self.cassette.name} has no answer of {self.name} for sample {request.sample_id!r}: record "
                "again with a key (promptops record RUN)."
            )
        self.usage.cached += 1
        # Without a key: whoever asks for real later must not get what a file said.
        return Answer(found, None, cached=True, address=address)

    def find(
        self, request: Request, prompt_digest: str = "", reads: Reads | None = None
    ) -> Completion | None:
        """Return the recorded answer, if there is one.

        In older cassettes, judges of a jury that asked the same have one reply; what a judge by itself was
        told is none of two.
        """
        found = self.cassette.find(self.address(request, prompt_digest), request.sample_id)
        if found is None and self.cassette.has_juries:
            former = self.address(former_request(request), prompt_digest)
            found = self.cassette.find(former, request.sample_id)
        return found


@dataclass
class _Miss:
    """Requests of one prompt to one model that a cassette does not hold."""

    samples: list[str] = field(default_factory=list)
    of: int = 0


async def refuse_unrecorded(
    cassette: Cassette, runs: Iterable[Run], samples: Sequence[Sample], caller_of: Callable[[str], Caller]
) -> None:
    """Raise NotRecorded with all that new runs need and a cassette does not hold, if there is anything."""
    told: list[str] = []
    for run in runs:
        judges = judges_of({record.label: rebuild_metric(record) for record in run.metrics})
        callers = {
            (label, model): caller_of(model) for label, judge in judges.items() for model in judge.models
        }
        told += await unrecorded(cassette, run, samples, caller_of(run.model), judges, callers)
    if told:
        what = f"{cassette.name} does not hold all that is needed, and nobody else is asked."
        raise NotRecorded("\n".join([f"{what} Record again with a key: promptops record RUN.", *told]))


def refuse_other_cassette(run_id: str, was: JsonValue, cassette: Cassette | None) -> None:
    """Raise UsageError unless a run goes on with the cassette, or with the servers, with which it began."""
    if was == (None if cassette is None else cassette.sha256):
        return
    if was is None:
        raise UsageError(f"Run {run_id} was started without a cassette. Finish it so, or start a new run.")
    another = "another cassette" if cassette is not None else "a cassette"
    raise UsageError(
        f"Run {run_id} was started from {another}. Finish it with promptops resume {run_id} --cassette FILE, "
        "or start a new run."
    )


async def unrecorded(
    cassette: Cassette,
    run: Run,
    samples: Sequence[Sample],
    caller: Caller,
    judges: Mapping[str, Judge],
    judge_callers: Mapping[tuple[str, str], Caller],
) -> list[str]:
    """Return a sentence for each prompt of which a run would need answers that a cassette does not hold.

    Everything is rendered and looked up, the judges' questions too where there is an answer to judge; nothing
    is scored or stored. Local models (rules, recorded outputs) answer by themselves.
    """
    answers, replies = _Miss(), {place: _Miss() for place in judge_callers}
    with Renderer() as renderer:
        for repeat in range(run.repeats):
            for sample in samples:
                messages = renderer.render(run.prompt, sample.inputs)
                request = Request(
                    messages=messages,
                    parameters=run.prompt.parameters,
                    response_format=run.prompt.response_format,
                    inputs=sample.inputs,
                    sample_id=sample.id,
                    repeat=repeat,
                )
                answers.of += 1
                completion = await _answer(caller, request, run.prompt.digest)
                if completion is None:
                    answers.samples.append(sample.id)
                for label, judge in judges.items():
                    if completion is not None and judge.not_asked(completion, sample) is None:
                        bench = _Bench(renderer, judge_callers, replies, label, judge, sample.id, repeat)
                        await bench.hear(completion, sample)
    return [
        *_told(cassette, f"{run.prompt_ref} on {run.model}", answers, run.prompt.digest, caller),
        *(
            line
            for (label, model), miss in replies.items()
            for line in _told(
                cassette,
                f"judge {label} on {model}",
                miss,
                judges[label].prompt.digest,
                judge_callers[label, model],
            )
        ),
    ]


async def _answer(caller: Caller, request: Request, prompt_digest: str) -> Completion | None:
    """Return what is recorded; None where nothing is. A local model's failure leaves nothing to judge."""
    if isinstance(caller, CassetteCaller):
        return caller.find(request, prompt_digest)
    try:
        return await caller.model.generate(request)
    except CallFailed:
        return Completion(text="")


@dataclass
class _Bench:
    """One judge before one answer."""

    renderer: Renderer
    callers: Mapping[tuple[str, str], Caller]
    misses: Mapping[tuple[str, str], _Miss]
    label: str
    judge: Judge
    sample_id: str
    repeat: int

    async def hear(self, completion: Completion, sample: Sample) -> None:
        """Let a judge ask what it would ask, up to the first reply that is not there."""
        try:
            await self.judge.judge(completion, sample, self._ask)
        except _Silent as silent:
            self.misses[silent.place].samples.append(self.sample_id)
        except Exception:  # noqa: S110 - a judge's own fault is told in the run, as that score's
            pass

    async def _ask(
        self,
        prompt: Prompt,
        slots: Mapping[str, JsonValue],
        form: dict[str, JsonValue] | None,
        *,
        model: str = "",
        poll: int = 0,
        reads: Reads | None = None,
    ) -> Completion:
        place = (self.label, model or self.judge.model)
        self.misses[place].of += 1
        request = judge_request(self.renderer, prompt, slots, form, self.sample_id, self.repeat, poll)
        found = await _answer(self.callers[place], request, prompt.digest)
        if found is None:
            raise _Silent(place)
        return found


class _Silent(Exception):
    """A reply that is not there."""

    def __init__(self, place: tuple[str, str]) -> None:
        super().__init__(*place)
        self.place = place


def _told(cassette: Cassette, who: str, miss: _Miss, prompt_digest: str, caller: Caller) -> list[str]:
    if not miss.samples:
        return []
    named = ", ".join(map(repr, miss.samples[:_NAMED])) + (" ..." if len(miss.samples) > _NAMED else "")
    why = _why(cassette, prompt_digest, caller.name, caller.model.origin)
    return [f"{who}: {len(miss.samples)} of {miss.of} not recorded{why}; samples {named}"]


def _why(cassette: Cassette, prompt_digest: str, model: str, origin: str) -> str:
    """Return the likeliest reason, by the cassette's first line."""
    if model not in cassette.head.models:
        known = ", ".join(sorted(cassette.head.models)) or "none"
        return f" (the cassette has answers of {known})"
    recorded = cassette.head.models[model]
    if recorded != origin and REDACTED not in recorded:
        there, here = recorded.partition("#")[0], origin.partition("#")[0]
        if there == here:
            return " (`body` or `headers` of its provider are not those of the recording)"
        return (
            f" (recorded at {there}, and {model} is at {here} here: the address is a part of what was asked, "
            "so set base_url as it was then)"
        )
    digests = {shape.prompt_digest for shape in cassette.head.runs if shape.model == model}
    if digests and prompt_digest not in digests:
        return " (the prompt has changed since)"
    return ""
