"""Who is asked how good an output is? The contract of the wing; each neighbour file is one kind of judge.

A Judge is a metric that asks a Model. Its prompt is a prompt file that users can replace; text that it
judges is enclosed in marks that the text can't know; a reply that can't be read is unscored, never a
number. Marks and parser live here because every kind shares them.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, NamedTuple, Protocol

from pydantic import JsonValue

from promptops.judging.contentfree import is_content_free
from promptops.metrics import Metric
from promptops.types import Alternative, Completion, MetricRecord, Prompt, Sample, Score, TokenLogprob

CANDIDATE_LIMIT = 40_000
"""Characters of a text that a judge is shown; a longer one is unscored rather than cut."""
REPLY_LIMIT = 200_000
"""Characters of a reply that are searched for a verdict; all calls wait while that is done."""


JUDGES_APART = 10_000_000
"""So far from its own polls lies what a judge of a jury asks word for word as one before it."""

Reads = Callable[[Completion], bool]
"""Tells whether a judge can read a reply."""


class Ask(Protocol):
    """Who asks for a judge."""

    async def __call__(
        self,
        prompt: Prompt,
        slots: Mapping[str, JsonValue],
        response_format: dict[str, JsonValue] | None,
        /,
        *,
        model: str = "",
        poll: int = 0,
        reads: Reads | None = None,
    ) -> Completion:
        """Render a prompt with these slots, send it with this response format, return what was replied.

        `model` is one of the judge's `models` where it has several. Another `poll` is another question though
        it be word for word the same: each has a reply of its own, which is stored and found again. What
        `reads` can't read is stored, too, but asked for anew.
        """


class Rung(NamedTuple):
    """One value of a scale, as people choose it who rate in a judge's place."""

    value: float
    word: str = ""


class Judge(Metric):
    """Scores one output by asking a Model."""

    needs_target: ClassVar[bool] = False
    prompt_file: ClassVar[str]
    """The shipped prompt, a file beside the judge's own; empty where it has the prompts of others."""
    more_prompts: ClassVar[Mapping[str, str]] = {}
    """Further prompts of a judge that asks in steps: option and shipped file."""
    shows_candidate: ClassVar[bool] = True
    """False where something else than the output is judged, such as the context it was made from."""
    pairs: ClassVar[bool] = False
    """True where two outputs are compared, a step of a Comparison and not of a Run."""

    members: ClassVar[str | None] = None
    """The option that holds further judges, each with its own model and prompts."""

    prompt: Prompt
    model: str = ""
    stand_in: bool = False

    @property
    def models(self) -> tuple[str, ...]:
        """Return whom it asks, each once."""
        return (self.model,)

    @property
    def compares(self) -> bool:
        """Whether it sees other answers beside the one that it judges."""
        return self.pairs or "others" in type(self).model_fields

    def prompts_at(self, model: str) -> tuple[Prompt, ...]:
        """Return the prompts by which it asks one of its models."""
        return tuple(getattr(self, name) for name in ("prompt", *self.more_prompts))

    @property
    def asked_of_people(self) -> str:
        """Return what people are to look for who rate in its place; empty where its kind says it all."""
        return ""

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return the values that people choose from, the lowest first; empty for any number of its scale."""
        return ()

    def material(self, sample: Sample) -> dict[str, JsonValue]:
        """Return what of a sample's metadata people must see who rate in its place: an original, feedback."""
        options = [getattr(self, name) for name in type(self).model_fields]
        names = [each.partition(".")[2] for each in options if str(each).startswith("metadata.")]
        return {name: sample.metadata[name] for name in names if name in sample.metadata}

    @property
    def outlook(self) -> str:
        """Say what can't be foretold of its calls; nothing for most."""
        return ""

    @abstractmethod
    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask about one output. Raises CallFailed where the judge gave no answer at all."""

    def unreferenced(self) -> Judge | None:
        """Return this judge without the reference; None where it shows none, or can't do without.

        By default the one whose option `show_reference` is off.
        """
        return self.changed(show_reference=False) if getattr(self, "show_reference", False) else None

    def changed(self, **options: object) -> Judge:
        """Return this judge with other options. Raises ValueError for wrong ones."""
        return type(self).model_validate(
            {**{name: getattr(self, name) for name in type(self).model_fields}, **options}
        )

    def ordered_as(self, signature: str) -> Judge:
        """Return this judge with its members, if any, in the order in which a signature names them."""
        return self

    def not_asked(self, completion: Completion, sample: Sample) -> Score | None:
        """Return why there is nothing to judge, before anything is paid for; None where there is."""
        if not completion.text.strip():
            return Score.missing("the answer is empty, so the judge was not asked")
        if is_content_free(completion.text, sample.references):
            told = f"the answer {completion.text.strip()[:40]!r} says nothing, so the judge was not asked"
            return Score.missing(told, content_free=True)
        return None

    def score(self, completion: Completion, sample: Sample) -> Score:
        """Tell that a judge can't score by itself."""
        return Score.missing("a judge must be asked")

    def parts(self) -> dict[str, str]:
        """Name the prompts by their digests: layout and comments may change, content may not."""
        prompts: dict[str, Prompt] = {name: getattr(self, name) for name in ("prompt", *self.more_prompts)}
        digests = {name: prompt.digest[:16] for name, prompt in prompts.items()}
        return {**digests, "stand_in": "yes" if self.stand_in else "no"}

    def notes(self, scores: Iterable[Score]) -> tuple[str, ...]:
        """Return sentences that belong beside the figure of a run with these scores."""
        return ()

    def record(self, label: str, name: str) -> MetricRecord:
        """Return what a run keeps of this judge."""
        return (
            super()
            .record(label, name)
            .model_copy(update={"judge": True, "stand_in": self.stand_in, "unit": self.unit})
        )


MOST_RUNGS = 1000
YES_NO = (Rung(0.0, "no"), Rung(1.0, "yes"))


def whole_points(low: float, high: float) -> tuple[Rung, ...]:
    """Return a rung for each whole point of a scale; none where they are more than people choose from."""
    if high - low > MOST_RUNGS:
        return ()
    return tuple(Rung(float(point)) for point in range(math.ceil(low), math.floor(high) + 1))


def in_words(values: Iterable[tuple[str, float]]) -> tuple[Rung, ...]:
    """Return a rung for each value that some words have; words of one value share it."""
    words: dict[float, list[str]] = {}
    for word, value in values:
        words.setdefault(float(value), []).append(word)
    return tuple(Rung(value, " / ".join(words[value])) for value in sorted(words))


def judges_of(metrics: Mapping[str, Metric]) -> dict[str, Judge]:
    """Return those of some metrics that ask a model, by label."""
    return {label: metric for label, metric in metrics.items() if isinstance(metric, Judge)}


def models_of(records: Iterable[MetricRecord]) -> tuple[str, ...]:
    """Return the models that the judges of a run ask, each once."""
    asked = (asked_models(record.options) for record in records if record.judge)
    return tuple(dict.fromkeys(name for names in asked for name in names))


def asked_models(options: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Return the models that a judge with these options asks, each once."""
    model, members = options.get("model"), options.get("judges")
    if not isinstance(members, dict):
        return (model,) if isinstance(model, str) and model else ()
    asked = (asked_models(member) for member in members.values() if isinstance(member, dict))
    return tuple(dict.fromkeys(name for names in asked for name in names))


def trial_reply(
    form: Mapping[str, JsonValue] | None, *, turn: int = 0, top: bool = False, words: str = "-"
) -> str:
    """Return a short reply that fits a response format, so that a judge's later steps can be tried.

    `turn` is which of a choice's options is taken, `top` whether numbers are the largest.
    """
    schema = form.get("schema") if form else None
    return json.dumps(_fitting(schema, turn, top, words)) if isinstance(schema, dict) else words


def trial_completion(prompt: Prompt, form: Mapping[str, JsonValue] | None) -> Completion:
    """Return a short reply that fits, of which a model is certain where the prompt asks how sure it is."""
    text = trial_reply(form)
    if prompt.parameters.get("logprobs") is not True:
        return Completion(text=text)
    sure = tuple(TokenLogprob(token=each, logprob=0.0, top=(Alternative(each, 0.0),)) for each in text)
    return Completion(text=text, logprobs=sure)


def mark_for(*texts: str) -> str:
    """Return a mark that none of the texts can contain on purpose: it depends on all of them.

    The mark is the same for the same texts, so that stored replies can be found again.
    """
    salt = 0
    while True:
        joined = "\x00".join([str(salt), *texts])
        mark = hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        if not any(mark in text for text in texts):
            return mark
        salt += 1


def enclosed(kind: str, text: str, mark: str) -> str:
    """Enclose a text so that its end can't be forged from within."""
    return f"<{kind}-{mark}>\n{text}\n</{kind}-{mark}>"


def read_verdict(
    reply: str, keys: frozenset[str], mark: str, judged: tuple[str, ...], *, what: str = "verdict"
) -> dict[str, JsonValue] | str:
    """Return the one JSON object with `keys` that the judge wrote, or the reason why there is none.

    `what` is what it is called in the reason.

    Fences and prose around it are fine. Whatever stands between marks is the candidate's own text and
    is not read; an object that stands in a judged text, in whatever layout, is an echo; two objects that
    disagree are no verdict.
    """
    if len(reply) > REPLY_LIMIT:
        return f"the reply has {len(reply)} characters, more than a {what} needs"
    own = reply
    if mark in reply:  # few replies repeat one, and a pattern with a mark in it is compiled for each
        own = re.sub(rf"<([a-z-]+)-{mark}>.*?(</\1-{mark}>|\Z)", " ", reply, flags=re.DOTALL)
    found: list[dict[str, JsonValue]] = []
    written = [(text, value) for text, value in _objects(own) if keys <= value.keys()]
    baits = (
        [value for item in judged for text in _readings(item) for _, value in _objects(text)]
        if written
        else []
    )
    for text, value in written:
        if value not in baits and not any(text in item for item in judged):
            found.append(value)
    if not found:
        return f"the reply holds no readable {what}"
    first = {key: found[0][key] for key in keys}
    if any({key: item[key] for key in keys} != first for item in found[1:]):
        return f"the reply holds {what}s that disagree"
    return found[0]


def read_score(value: JsonValue, low: float, high: float) -> float | str:
    """Return a number within the scale, or why it is none. Nothing is clamped."""
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"the score {str(value)[:40]!r} is no number"
    if not low <= value <= high:
        return f"the score {str(value)[:40]} lies outside {low:g} to {high:g}"
    return float(value)


def _readings(text: str) -> tuple[str, ...]:
    """Return a text, and as a model reads it aloud: no invisible characters, wide letters made plain."""
    if text.isascii():
        return (text,)
    plain = unicodedata.normalize("NFKC", text)
    return text, "".join(each for each in plain if unicodedata.category(each) != "Cf")


def _objects(text: str) -> list[tuple[str, dict[str, JsonValue]]]:
    decoder = json.JSONDecoder()
    found: list[tuple[str, dict[str, JsonValue]]] = []
    position = text.find("{")
    while position != -1:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):  # also a number of thousands of digits
            position = text.find("{", position + 1)
            continue
        if isinstance(value, dict):
            found.append((text[position:end], value))
        position = text.find("{", end)
    return found


def _fitting(schema: Mapping[str, JsonValue], turn: int, top: bool, words: str) -> JsonValue:
    options, members, items = schema.get("enum"), schema.get("properties"), schema.get("items")
    if isinstance(options, list):
        return options[turn % len(options)]
    if isinstance(members, dict):
        known = {name: member for name, member in members.items() if isinstance(member, dict)}
        return {name: _fitting(member, turn, top, words) for name, member in known.items()}
    if isinstance(items, dict):
        return [_fitting(items, turn, top, words)]
    return schema.get("maximum" if top else "minimum", words)
