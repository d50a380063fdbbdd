"""The nouns of promptops: frozen, strict, without behaviour beyond their own data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

from pydantic import Field, InstanceOf, JsonValue

from promptops.canonical import canonical_json, digest_of, digest_of_list
from promptops.errors import FailureKind
from promptops.gate.rules import GateRule
from promptops.jsonvalue import PlainJson
from promptops.noun import Noun

Role = Literal["system", "user", "assistant"]
Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "CANNOT_MEASURE"]
RunStatus = Literal["running", "finished", "interrupted", "stopped"]
"""`stopped`: the gate's verdict was certain, or its first stage over, before every sample had been asked."""
RunState = RunStatus | Literal["paused", "waiting"]
"""A status as it is told (states.py): `paused` is a run whose process is held, `waiting` one that waits for a
batch; neither is stored."""
FinishReason = Literal["stop", "length", "refusal", "tool_calls", "other"]


class Message(Noun):
    """One turn of a conversation; the role is data and can't be forged by an input."""

    role: Role
    content: str


class Prompt(Noun):
    """What is sent: messages with slots, parameters, response format and input schema."""

    name: str | None = None
    messages: tuple[Message, ...] = Field(min_length=1)
    model: str | None = None
    parameters: dict[str, JsonValue] = {}
    response_format: dict[str, JsonValue] | None = None
    inputs: dict[str, JsonValue] | None = None
    template: Literal["plain", "minijinja"] = "plain"
    note: str = ""
    tags: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Identity of the content: all that changes an answer, nothing that doesn't."""
        return digest_of(
            {
                "messages": [message.model_dump() for message in self.messages],
                "parameters": self.parameters,
                "response_format": self.response_format,
                "inputs": self.inputs,
                "template": self.template,
            }
        )


class PromptVersion(Noun):
    """A Prompt as registered; never changes."""

    name: str
    number: int
    prompt: Prompt
    note: str = ""
    author: str = ""
    created_at: str = ""

    @property
    def reference(self) -> str:
        """The short name by which it is found again."""
        return f"{self.name}@{self.number}"


class AliasMove(Noun):
    """One step in the life of an alias."""

    name: str
    alias: str
    from_number: int | None
    to_number: int | None
    actor: str
    reason: str
    moved_at: str


class Sample(Noun):
    """One question of an evaluation set."""

    id: str
    inputs: dict[str, JsonValue]
    target: tuple[JsonValue, ...] = ()
    tags: tuple[str, ...] = ()
    group: str | None = None
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    origin: str | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)  # a default {} is copied deeply for each

    @property
    def references(self) -> tuple[str, ...]:
        """The targets as text: strings as they are, anything else as canonical JSON."""
        return tuple(item if isinstance(item, str) else canonical_json(item) for item in self.target)


class Facts(NamedTuple):
    """What figures need of a sample, without its texts."""

    id: str
    tags: tuple[str, ...]
    group: str | None
    weight: float
    origin: str | None = None


class KeptSamples(Sequence[Sample]):
    """Samples in a set's order that are not all in memory: each is read when it is looked at."""

    @abstractmethod
    def canonical(self) -> Iterator[str]:
        """Yield each sample's canonical JSON, in the order of their ids."""

    def facts(self) -> Iterator[Facts]:
        """Yield what figures need of each, in the set's order."""
        return (Facts(each.id, each.tags, each.group, each.weight, each.origin) for each in self)

    def some(self, places: Sequence[int]) -> Iterator[Sample]:
        """Yield the samples at some places, in the order of these."""
        return (self[place] for place in places)


class MetricSpec(Noun):
    """A metric as asked for: a label, the plugin's name and its options."""

    label: str
    metric: str
    options: dict[str, JsonValue] = {}
    check_anchors: bool = False
    """Whether a judge's anchors are judged at each run's start."""


class MetricRecord(Noun):
    """A metric as used: what it was asked for and everything that its figures depend on."""

    label: str
    metric: str
    options: dict[str, JsonValue] = {}
    signature: str
    higher_is_better: bool
    low: float | None
    high: float | None
    unit: str
    corpus: bool
    judge: bool = False
    stand_in: bool = False


class Card(Noun):
    """What an evaluation set is and where it comes from."""

    description: str
    origin: str = ""
    licence: str = ""
    language: str = "en"
    canary: str = ""
    """A word that stands nowhere else, by which a model shows that it has seen the set."""


class EvalSet(Noun):
    """The questions, how answers are scored and what must hold; tracked in git."""

    name: str
    card: Card
    metrics: tuple[MetricSpec, ...]
    gate: tuple[GateRule, ...] = ()
    shifts: tuple[GateRule, ...] = ()  # about texts and pairs (shiftrules, pairrules): no metric scores them
    slices: tuple[str, ...] = ()
    text: str | None = None
    """The input that stands for a sample where texts are compared; None: all of them."""
    samples: InstanceOf[KeptSamples] | tuple[Sample, ...] = Field(union_mode="left_to_right")
    """In the order of the file; of a large one a view that reads a page at a time."""

    @cached_property
    def digest(self) -> str:
        """Identity of the questions (not of metrics or rules), whatever the order of lines."""
        if isinstance(self.samples, KeptSamples):
            return digest_of_list(self.samples.canonical())
        ordered = sorted(self.samples, key=lambda sample: sample.id)
        return digest_of_list(canonical_json(sample.model_dump(mode="json")) for sample in ordered)


class Request(Noun):
    """What a Model is asked: rendered messages and how to answer them."""

    messages: tuple[Message, ...]
    parameters: dict[str, PlainJson] = {}
    response_format: dict[str, PlainJson] | None = None
    inputs: dict[str, PlainJson] = {}
    sample_id: str = ""
    repeat: int = 0
    attempt: int = 0
    """Which result of its sample and repeat it is for; no part of what is asked."""
    poll: int = 0
    """Of a judge that asks the same thing several times about one answer: which time it is."""


class Attempt(Noun):
    """One try at a call: how long it took and how it failed, if it did."""

    seconds: float
    failure: FailureKind | None = None
    status: int | None = None
    message: str = ""
    waited: float = 0.0


class Alternative(NamedTuple):
    """A token that could have stood in a place, with its log-probability."""

    token: str
    logprob: float | None


class TokenLogprob(Noun):
    """One token of an answer and how likely it was, as the server tells it."""

    token: str
    logprob: float | None = None
    """Natural logarithm, at most 0; None where the server says no more than that it is very unlikely."""
    bytes: tuple[int, ...] | None = None
    """Its UTF-8 bytes, where the token's text is not just these (a part of a character)."""
    top: tuple[Alternative, ...] = ()
    """The likeliest tokens in its place, the likeliest first; the token itself is mostly among them."""


class Completion(Noun):
    """What a Model answered. Unknown figures are None, never zero."""

    text: str
    finish_reason: FinishReason = "stop"
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float | None = None
    ttft: float | None = None
    """Seconds to the first token, of an answer that was streamed."""
    cost: float | None = None
    model: str | None = None
    request_id: str | None = None
    attempts: tuple[Attempt, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of each token of the text, in order; empty unless the request asked for them and the server told."""
    raw: PlainJson = None


class Failure(Noun):
    """Why a sample has no answer."""

    kind: FailureKind
    message: str
    status: int | None = None
    attempts: tuple[Attempt, ...] = ()


class Score(Noun):
    """One metric on one output: counts that add, or the reason why there are none."""

    counts: tuple[float, ...] = ()
    unscored: str | None = None
    reason: str = ""
    evidence: dict[str, JsonValue] = {}

    @classmethod
    def of(cls, *counts: float, reason: str = "", **evidence: Any) -> Score:
        """Make a Score from its counts."""
        return cls(counts=tuple(float(count) for count in counts), reason=reason, evidence=evidence)

    @classmethod
    def missing(cls, why: str, **evidence: Any) -> Score:
        """Make a Score that could not be measured, with the reason."""
        return cls(unscored=why, evidence=evidence)


class Result(Noun):
    """One sample's whole way: its answer or failure, and every Score."""

    sample_id: str
    repeat: int = 0
    completion: Completion | None = None
    failure: Failure | None = None
    scores: dict[str, Score] = {}
    cached: bool = False


class PartStep(Noun):
    """One flag of a selection, and how many samples it left."""

    flag: str
    left: int


class Part(Noun):
    """Which part of its set a run asked, where not all of it; the run's own digest is that of the part."""

    of: str
    """The digest of the whole set."""
    samples: int
    """How many samples the whole set has."""
    steps: tuple[PartStep, ...] = Field(min_length=1)
    """What chose the part, one flag after the other."""
    failed_from: str | None = None
    """The run whose failures chose it: on these samples figures are not comparable without bias."""

    @property
    def sentence(self) -> str:
        """How many samples are asked of how many, and what each flag left."""
        steps = ", ".join(f"{step.flag} left {step.left}" for step in self.steps)
        return f"{self.steps[-1].left} of {self.samples} samples: {steps}."


class Run(Noun):
    """All results of one prompt and one model on one evaluation set, with what shaped them."""

    id: str
    created_at: str
    status: RunState
    evalset: str
    evalset_digest: str
    prompt: Prompt
    prompt_ref: str
    model: str
    metrics: tuple[MetricRecord, ...]
    repeats: int = 1
    samples: int = 0
    done: int = 0
    errors: int = 0
    parent: str | None = None
    actor: str = ""
    part: Part | None = None
    waiting_since: str | None = None
    """When the batch was handed in that it waits for; None where it waits for none."""
    cancelled_at: str | None = None
    """When its batch was cancelled, while what that had answered by then is not brought; else None."""

    @property
    def standing(self) -> str:
        """How it stands, in words."""
        if self.waiting_since is not None:
            return f"waiting, in a batch since {self.waiting_since[:16].replace('T', ' ')}"
        if self.cancelled_at is not None:
            when = self.cancelled_at[:16].replace("T", " ")
            return f"{self.status}, its batch cancelled at {when} and its answers not brought yet"
        return self.status

    @property
    def judged(self) -> bool:
        """Whether a judge is among its metrics."""
        return any(record.judge for record in self.metrics)

    @property
    def at_work(self) -> bool:
        """Whether a process works on it, held or not."""
        return self.status in ("running", "paused")


class Estimate(Noun):
    """One metric on a run or on a slice of it, with its interval."""

    label: str
    slice: str | None = None
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    clusters: int | None = None
    """Groups that the n samples are in; None of a figure without an interval of its own."""
    unscored: int = 0
    absent: int = 0
    """Samples that were not asked yet, in a run that is not whole."""
    level: float = 0.95


class Case(Noun):
    """One sample in one run, with each metric's own figure."""

    result: Result
    figures: dict[str, float | None]


class FailureCount(Noun):
    """How many samples of a run have no answer for one reason, with the words of the first."""

    kind: FailureKind
    count: int
    example: str
