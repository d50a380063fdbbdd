"""Let several judges vote on one output, or one of them several times; how far they disagree is told."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from promptops import plugins
from promptops.canonical import digest_of
from promptops.errors import PromptopsError
from promptops.judges import JUDGES_APART, Ask, Judge, Reads, Rung
from promptops.judges._polls import LEAST_READ, noise_of, refuse_sure
from promptops.judges._votes import Rule, Votes, combined, counted, disagreement, read_votes
from promptops.types import Completion, Message, MetricRecord, Prompt, Sample, Score

POLLS_APART = 1000
"""Polls of a judge within the jury lie so far apart, since it may poll by itself."""


class Jury(Judge):
    """Several judges of any kinds, each with its model, prompt and options, asked `polls` times each (Verga
    et al., "Replacing Judges with Juries", arXiv 2404.18796: small models of different families together).

    The score is the votes' mean, median or majority. A majority is the score with the most votes; where two
    have as many, the jury is split and there is no score. All judges must have one scale. A vote that can't
    be read is none; with fewer than half of the votes there is no score.
    """

    prompt_file: ClassVar[str] = ""
    members: ClassVar[str | None] = "judges"

    judges: dict[str, dict[str, JsonValue]] = Field(min_length=1, max_length=20)
    """By name, each with its kind as `metric`, and its options."""
    polls: int = Field(default=1, ge=1, le=100)
    combine_by: Rule = "mean"

    @model_validator(mode="before")
    @classmethod
    def _what_judges_have(cls, given: Any) -> Any:
        """Take the prompt, and whether it only stands in, from the judges."""
        judges = given.get("judges") if isinstance(given, dict) else None
        if not isinstance(judges, dict) or not all(isinstance(each, dict) for each in judges.values()):
            return given
        prompts = [each["prompt"] for each in judges.values() if each.get("prompt")]
        stand_in = any(each.get("stand_in") for each in judges.values())
        return {**({"prompt": prompts[0]} if prompts else {}), "stand_in": stand_in, **given}

    @model_validator(mode="after")
    def _votes_can_be_counted(self) -> Self:
        members = self.sitting
        if len(members) * self.polls < 2:
            raise ValueError("one judge that is asked once is no jury; name more judges, or write polls = 3")
        for name, judge in members.items():
            try:
                refuse_sure(judge.prompt, self.polls)
            except ValueError as error:
                raise ValueError(f"judges.{name}: {error}") from None
        scales = {name: _scale(judge) for name, judge in members.items()}
        (first, scale), *others = scales.items()
        for name, other in others:
            if other != scale:
                raise ValueError(
                    f"judges {first!r} and {name!r} have different scales: {_told(scale)} and {_told(other)}"
                )
        return self

    @cached_property
    def sitting(self) -> dict[str, Judge]:
        """The judges by name. Raises ValueError where one can't be made."""
        return {name: _judge(name, options) for name, options in self.judges.items()}

    def unreferenced(self) -> Judge | None:
        """Return the jury whose judges show no reference; None where none of them does."""
        bare = {name: judge.unreferenced() for name, judge in self.sitting.items()}
        if not any(bare.values()):
            return None
        judges = {
            name: written
            if (without := bare[name]) is None
            else {**written, **_others(without, self.sitting[name])}
            for name, written in self.judges.items()
        }
        return self.changed(judges=judges)

    def ordered_as(self, signature: str) -> Judge:
        """Return the jury with its judges in the order of a signature; keys that were sorted tell none."""
        places = {name: signature.find(f"{name} = {own}") for name, own in self.signatures.items()}
        return self.changed(
            judges={name: self.judges[name] for name in sorted(places, key=places.__getitem__)}
        )

    @property
    def models(self) -> tuple[str, ...]:
        """Return the judges' models, each once."""
        return tuple(dict.fromkeys(judge.model for judge in self.sitting.values()))

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]  # as its judges have it
        return next(iter(self.sitting.values())).higher_is_better

    @property
    def unit(self) -> str:  # type: ignore[override]
        return next(iter(self.sitting.values())).unit

    @property
    def shows_candidate(self) -> bool:  # type: ignore[override]
        return any(judge.shows_candidate for judge in self.sitting.values())

    @property
    def compares(self) -> bool:
        """Whether one of its judges sees other answers beside the one that it judges."""
        return any(judge.compares for judge in self.sitting.values())

    def prompts_at(self, model: str) -> tuple[Prompt, ...]:
        """Return the prompts of those judges that ask a model."""
        asking = [judge for judge in self.sitting.values() if model in judge.models]
        return tuple(prompt for judge in asking for prompt in judge.prompts_at(model))

    @property
    def outlook(self) -> str:
        """Repeat what its judges say of theirs."""
        told = ((name, judge.outlook) for name, judge in self.sitting.items())
        return "; ".join(f"{name} {outlook}" for name, outlook in told if outlook)

    def check(self, sample: Sample) -> str | None:
        """Return which judge can't judge a sample."""
        faults = ((name, judge.check(sample)) for name, judge in self.sitting.items())
        return next((f"judge {name}: {fault}" for name, fault in faults if fault), None)

    def not_asked(self, completion: Completion, sample: Sample) -> Score | None:
        """Return why no judge has anything to judge; None where one has."""
        found = [judge.not_asked(completion, sample) for judge in self.sitting.values()]
        return None if None in found else found[0]

    @property
    def asked_of_people(self) -> str:
        """Return what its first judge looks for."""
        return next(iter(self.sitting.values())).asked_of_people

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return the values of its first judge; all have one scale."""
        return next(iter(self.sitting.values())).rungs

    def material(self, sample: Sample) -> dict[str, JsonValue]:
        """Return what people must see for any of its judges."""
        return {
            name: value for judge in self.sitting.values() for name, value in judge.material(sample).items()
        }

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask every judge as often as there are polls, and count."""
        idle = {name: judge.not_asked(completion, sample) for name, judge in self.sitting.items()}
        if None not in idle.values():  # whoever calls this all the same wants to see them ask
            idle = {}
        votes: Votes = {name: [] for name in self.sitting}
        reasons: list[tuple[float, str, str]] = []
        missing: list[Score] = []
        asked_by: dict[str, int] = {}
        for poll in range(self.polls):
            for name, judge in self.sitting.items():
                asked = _asking_as(judge, ask, self._poll(name, poll), asked_by, self._seat(name))
                score = idle.get(name) or await judge.judge(completion, sample, asked)
                vote = judge.value(score)
                votes[name].append(vote)
                if vote is None:
                    why = f"{name}: {score.unscored}"
                    missing.append(score.model_copy(update={"unscored": why}))
                else:
                    reasons.append((vote, name, score.reason))
        given = [vote for vote, _, _ in reasons]
        total = len(given) + len(missing)
        kept: dict[str, Any] = {"votes": votes, **_unread(missing)}
        if not given or len(given) < LEAST_READ * total:
            why = f"{len(missing)} of {total} votes are missing; {missing[0].unscored}"
            return Score.missing(why, **kept)
        value = combined(self.combine_by, given)
        if value is None:
            return Score.missing(f"the jury is split: {counted(given)}", split=True, **kept)
        _, nearest, reason = min(reasons, key=lambda vote: abs(vote[0] - value))
        told = f"{counted(given)}; {nearest}: {reason}"
        return Score.of(value, reason=told, spread=max(given) - min(given), **kept)

    def _poll(self, name: str, poll: int) -> int:
        """Return the number of a judge's poll; judges that are the same in all count as polls of one."""
        same = [each for each in self.sitting if self.signatures[each] == self.signatures[name]]
        return (poll * len(same) + same.index(name)) * POLLS_APART

    def _seat(self, name: str) -> int:
        """Return a judge's place in the jury; judges that are the same in all share that of the first."""
        return next(
            place for place, each in enumerate(self.sitting) if self.signatures[each] == self.signatures[name]
        )

    @cached_property
    def signatures(self) -> dict[str, str]:
        """What each judge's votes depend on, by name."""
        return {name: judge.signature for name, judge in self.sitting.items()}

    def parts(self) -> dict[str, str]:
        """Name the judges by their signatures."""
        members = "; ".join(f"{name} = {signature}" for name, signature in self.signatures.items())
        return {**super().parts(), "judges": members}

    def notes(self, scores: Iterable[Score]) -> tuple[str, ...]:
        """Tell each judge's mean, how far votes agree, how often they are split, and the noise of polls."""
        found = list(scores)
        kept = [votes for score in found if isinstance(votes := score.evidence.get("votes"), dict)]
        tables = [read_votes(votes, self.sitting) for votes in kept]
        if not tables:
            return ()
        means = {
            name: [vote for votes in tables for vote in votes[name] if vote is not None]
            for name in self.sitting
        }
        told = [f"{name} {statistics.fmean(votes):.4g}" for name, votes in means.items() if votes]
        noise = noise_of(
            [vote for vote in votes if vote is not None] for table in tables for votes in table.values()
        )
        split = sum(score.evidence.get("split") is True for score in found)
        return (
            *(["means: " + ", ".join(told)] if told else []),
            *disagreement(tables),
            *([f"split on {split} of {len(tables)} answers, which have no score"] if split else []),
            *noise,
        )

    def record(self, label: str, name: str) -> MetricRecord:
        """Return what a run keeps, with the judges' scale as the range."""
        low, high, _ = _scale(next(iter(self.sitting.values())))
        return super().record(label, name).model_copy(update={"low": low, "high": high})

    @classmethod
    def example(cls) -> Jury:
        """Return a jury of one that is asked three times."""
        prompt = Prompt(messages=(Message(role="user", content="x"),)).model_dump(mode="json")
        return cls.model_validate({"judges": {"a": {"metric": "rubric", "prompt": prompt}}, "polls": 3})


def _judge(name: str, options: Mapping[str, JsonValue]) -> Judge:
    kind = options.get("metric")
    if not isinstance(kind, str):
        raise ValueError(f'judges.{name}: needs its kind, as in metric = "rubric"')
    try:
        chosen = plugins.find("judges", kind, Judge)  # type: ignore[type-abstract]
    except PromptopsError as error:
        raise ValueError(f"judges.{name}: {error}") from None
    if chosen.pairs or chosen.members:
        raise ValueError(f"judges.{name}: a {kind} can't sit in a jury")
    try:
        return chosen.model_validate({key: value for key, value in options.items() if key != "metric"})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("judges", name, *first["loc"])))
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


def _others(judge: Judge, than: Judge) -> dict[str, Any]:
    """Return the options by which a judge is another than one of the same kind."""
    options = {name: getattr(judge, name) for name in type(judge).model_fields}
    return {name: value for name, value in options.items() if value != getattr(than, name)}


def _asking_as(judge: Judge, ask: Ask, first: int, asked_by: dict[str, int], seat: int) -> Ask:
    """Return an Ask that goes to a judge's own model, with polls numbered from `first` on.

    What a judge before has asked word for word, by `asked_by`, is another question: two votes are two
    replies. Whoever asked it first has the number that it has without the other.
    """

    async def asked(
        prompt: Prompt,
        slots: Mapping[str, JsonValue],
        form: dict[str, JsonValue] | None,
        *,
        model: str = "",
        poll: int = 0,
        reads: Reads | None = None,
    ) -> Completion:
        whom, number = model or judge.model, first + poll
        words = digest_of([whom, prompt.digest, dict(slots), form, number])
        if asked_by.setdefault(words, seat) != seat:
            number += seat * JUDGES_APART
        return await ask(prompt, slots, form, model=whom, poll=number, reads=reads)

    return asked


def _scale(judge: Judge) -> tuple[float | None, float | None, bool]:
    record = judge.record("", "")
    return record.low, record.high, record.higher_is_better


def _told(scale: tuple[float | None, float | None, bool]) -> str:
    low, high, rising = scale
    return f"{low} to {high}, {'higher' if rising else 'lower'} is better"


def _unread(missing: list[Score]) -> dict[str, Any]:
    """Return what is kept of votes that are missing."""
    if not missing:
        return {}
    first = missing[0].evidence
    reply = {"reply": first["reply"]} if "reply" in first else {}
    return {"unread": len(missing), "unread_why": missing[0].unscored, **reply}
