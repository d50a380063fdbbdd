"""Take a text apart into statements and have each checked against a context (RAGAS, arXiv 2309.15217).

Two steps: the first sees no context, so that statements can't be chosen to suit it; the second sees no
more of the text than its statements. Statements come from a text that is judged, so they are judged text.
"""

from __future__ import annotations

from collections.abc import Sequence

from promptops.judges import Ask
from promptops.judges._asking import Choice, Listed, Shown, Verdict, Words, numbered, verdict_of
from promptops.judges._places import listed
from promptops.types import Prompt, Score

MOST = 40
"""Statements that one call checks; a text with more is unscored."""


async def statements_of(ask: Ask, prompt: Prompt, task: str, text: str) -> tuple[str, ...] | Score:
    """Return a text's statements, or a missing Score where none were told."""
    shown = Shown(task=task, text=text)
    slots = {"task": shown["task"], "text": shown["text"]}
    found = await verdict_of(ask, prompt, slots, {"statements": Listed(Words(), most=MOST)}, shown)
    if isinstance(found, Score):
        return found
    return tuple(each for each in found.values["statements"] if each.strip())


async def share_supported(
    ask: Ask, prompt: Prompt, task: str, statements: Sequence[str], context: Sequence[str]
) -> Score:
    """Return the share of statements that the context supports; evidence tells which are not."""
    shown = Shown(task=task, context=context, statements=listed(statements))
    fields = {
        **numbered(len(statements), reason=Words(), supported=Choice(("yes", "no"))),
        "quotes": Listed(Words()),
    }
    slots = {name: shown[name] for name in ("task", "context", "statements")}
    found = await verdict_of(ask, prompt, slots, fields, shown)
    if isinstance(found, Score):
        return found
    against = [n for n in range(1, len(statements) + 1) if found.values[f"supported_{n}"] == "no"]
    return Score.of(
        1 - len(against) / len(statements),
        reason=_reason(found, statements, against),
        statements=list(statements),
        unsupported=[statements[n - 1] for n in against],
        **found.evidence,
    )


def _reason(found: Verdict, statements: Sequence[str], against: Sequence[int]) -> str:
    if not against:
        return f"The context supports all {len(statements)} statements."
    told = "; ".join(f"{statements[n - 1]} ({found.values[f'reason_{n}']})" for n in against)
    return f"Not supported, {len(against)} of {len(statements)}: {told}"[:2000]
