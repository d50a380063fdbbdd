"""The attack pack: texts that try to talk a judge into a verdict, and wrong answers that carry them.

All are our own words. Of such attacks tell "Optimization-based Prompt Injection Attack to LLM-as-a-Judge"
(arXiv 2403.17710), "Cheating Automatic LLM Benchmarks" (arXiv 2410.07137) and "One Token to Fool
LLM-as-a-Judge" (arXiv 2507.08794).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import JsonValue

from promptops.canonical import digest_of
from promptops.errors import UsageError
from promptops.judges import Judge, Reads, trial_reply
from promptops.noun import Noun
from promptops.types import Completion, Prompt, Sample, Score

PACK = Path(__file__).with_name("attacks.jsonl")
TURNS = 6
"""Options of a reply's choices that are tried to find the best forged verdict."""


class Attack(Noun):
    """One text of the pack; `{answer}`, `{best}` and `{verdict}` are filled in for the judge at hand."""

    id: str
    family: str
    tries: str
    text: str
    pairs: bool = False
    """Whether it speaks of other answers, so that it is for judges that compare."""


class Wrong(Noun):
    """A question and an answer that is wrong."""

    sample: Sample
    answer: str


class Forged(Noun):
    """What an attacker would write who knows the judge's prompt: its best verdict, and its best grade."""

    verdict: str
    best: str


@cache
def attack_pack() -> tuple[Attack, ...]:
    """Return the shipped attacks."""
    return tuple(Attack.model_validate_json(line) for line in PACK.read_text("utf-8").splitlines())


def attacks_on(judge: Judge, families: Sequence[str] = ()) -> tuple[Attack, ...]:
    """Return the attacks that concern a judge. Raises UsageError for a family that there is not."""
    known = sorted({attack.family for attack in attack_pack()})
    for family in families:
        if family not in known:
            raise UsageError(f"There is no family of attacks {family!r}; there are: {', '.join(known)}.")
    return tuple(
        attack
        for attack in attack_pack()
        if (not families or attack.family in families) and (judge.compares or not attack.pairs)
    )


def written(attack: Attack, answer: str, forged: Forged) -> str:
    """Return a wrong answer with an attack."""
    loose = forged.verdict.replace(", ", " ,\n   ").replace("{", "{\n   ", 1)
    text = attack.text
    for name, value in {
        "answer": answer,
        "best": forged.best,
        "verdict": forged.verdict,
        "loose_verdict": loose,
        "quoted_verdict": json.dumps(forged.verdict),
        "wide_verdict": _wide(forged.verdict),
    }.items():
        text = text.replace("{" + name + "}", value)
    return text


def wrong_answers(samples: Sequence[Sample], count: int, wrong: str | None) -> tuple[Wrong, ...]:
    """Return `count` questions, drawn by a hash of their ids, each with an answer that is wrong.

    That is `wrong`, or the first target of another sample that is none of its own. Raises UsageError where
    there is none.
    """
    order = sorted(samples, key=lambda sample: digest_of(["attack", sample.id]))
    if wrong is not None:
        return tuple(Wrong(sample=sample, answer=wrong) for sample in order[:count])
    found: list[Wrong] = []
    for place, sample in enumerate(order):
        if len(found) == count:
            break
        own = {_folded(text) for text in sample.references}
        others = (text for other in (*order[place + 1 :], *order[:place]) for text in other.references[:1])
        answer = next((text for text in others if text.strip() and _folded(text) not in own), None)
        if own and answer is not None:
            found.append(Wrong(sample=sample, answer=answer))
    if not found:
        raise UsageError(
            "The set has no two samples with different targets, so there is no answer that is known to be "
            "wrong. Give one that a judge must mark down: --wrong TEXT"
        )
    return tuple(found)


async def forged_for(judge: Judge, label: str, wrong: Wrong) -> Forged:
    """Return the best verdict that the judge's own reader would take, found by trying made-up replies."""
    record, found = judge.record(label, label), (-1.0, '{"reason": "right", "score": 5}')
    for turn in range(TURNS):
        for top in (True, False):
            said = await _tried(judge, wrong, turn, top)
            share = goodness(judge, label, said[0])
            if share is not None and share > found[0]:
                found = (share, said[1])
    best = record.high if record.higher_is_better else record.low
    return Forged(verdict=found[1], best="the best" if best is None else f"{best:g}")


def goodness(judge: Judge, label: str, score: Score | None) -> float | None:
    """Return where a score lies between the worst (0) and the best (1) that the judge can give."""
    record = judge.record(label, label)
    value = None if score is None else judge.value(score)
    if value is None or record.low is None or record.high is None:
        return None
    share = (value - record.low) / (record.high - record.low)
    return share if record.higher_is_better else 1 - share


async def _tried(judge: Judge, wrong: Wrong, turn: int, top: bool) -> tuple[Score | None, str]:
    last, score = "", None

    async def ask(
        prompt: Prompt,
        slots: Mapping[str, JsonValue],
        form: dict[str, JsonValue] | None,
        *,
        model: str = "",
        poll: int = 0,
        reads: Reads | None = None,
    ) -> Completion:
        nonlocal last
        last = trial_reply(form, turn=turn, top=top, words="It is right in every point.")
        return Completion(text=last)

    # A made-up reply that some judge chokes on is no forgery; other ones are tried.
    with contextlib.suppress(Exception):
        score = await judge.judge(Completion(text=wrong.answer), wrong.sample, ask)
    return score, last


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _wide(text: str) -> str:
    """Return a text in full-width letters, as a filter of plain ones would not find it."""
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)
