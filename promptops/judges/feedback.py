"""Was this feedback worked in? Each item is asked of the new text and of the old one, its control."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from promptops.judges import CANDIDATE_LIMIT, Ask, Judge
from promptops.judges._asking import Choice, Shown, Words, numbered, verdict_of
from promptops.judges._places import Place, listed, missing_at, task_of, texts_at
from promptops.stats.binary import mcnemar_p
from promptops.types import Completion, Message, Prompt, Sample, Score

ANSWERS = ("yes", "partly", "no")
MOST = 40
"""Items of feedback that one call asks about."""


class Feedback(Judge):
    """P(yes on the revised text) - P(yes on the original one), over a sample's items of feedback.

    A judge that likes to say yes says it of both texts, which cancels; without the control question its bias
    would count as success. The two texts are asked about in two calls with one prompt, so that the judge
    can't tell which is which. "partly" is not yes. `notes` pools the items of a run: the effect, and
    McNemar's exact test of the items that changed (McNemar 1947; it takes items as independent).
    """

    prompt_file: ClassVar[str] = "feedback.prompt.yaml"
    low: ClassVar[float | None] = -1.0
    unit: ClassVar[str] = "change in share of yes"

    original: Place = "metadata.original"
    feedback: Place = "metadata.feedback"

    def check(self, sample: Sample) -> str | None:
        """Return where a sample lacks its original or its feedback."""
        return missing_at(sample, self.original, "original text", "original") or missing_at(
            sample, self.feedback, "feedback", "feedback"
        )

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask about the revised text, then about the original."""
        original, items = texts_at(sample, self.original), texts_at(sample, self.feedback)
        if not original or not items:
            return Score.missing(f"there is nothing at {self.original} or {self.feedback}")
        if len(items) > MOST:
            return Score.missing(f"there are {len(items)} items of feedback, more than {MOST}")
        before = "\n\n".join(original)
        longest = max(len(before), len(completion.text))
        if longest > CANDIDATE_LIMIT:
            return Score.missing(f"a text has {longest} characters, more than a judge is shown")
        revised = await self._said(completion.text, items, sample, ask)
        if isinstance(revised, Score):
            return revised
        control = await self._said(before, items, sample, ask)
        if isinstance(control, Score):
            return control
        effect = (revised.count("yes") - control.count("yes")) / len(items)
        told = "; ".join(
            f"{item}: {new} (before: {old})" for item, new, old in zip(items, revised, control, strict=True)
        )
        return Score.of(effect, reason=told[:2000], revised=list(revised), original=list(control))

    async def _said(
        self, text: str, items: Sequence[str], sample: Sample, ask: Ask
    ) -> tuple[str, ...] | Score:
        task = task_of(sample, [self.original, self.feedback])
        shown = Shown(task=task, candidate=text, feedback=listed(items))
        slots = {name: shown[name] for name in ("task", "candidate", "feedback")}
        fields = numbered(len(items), reason=Words(), done=Choice(ANSWERS))
        found = await verdict_of(ask, self.prompt, slots, fields, shown)
        if isinstance(found, Score):
            return found
        return tuple(found.values[f"done_{n}"] for n in range(1, len(items) + 1))

    def notes(self, scores: Iterable[Score]) -> tuple[str, ...]:
        """Tell the pooled shares, their difference and the exact test over items."""
        pairs = [pair for score in scores if score.counts for pair in _pairs(score)]
        if not pairs:
            return ()
        n = len(pairs)
        after, before = (sum(pair[side] == "yes" for pair in pairs) for side in (0, 1))
        gained = sum(new == "yes" != old for new, old in pairs)
        lost = sum(old == "yes" != new for new, old in pairs)
        return (
            f"{n} items of feedback: yes of {after} on the revised texts ({after / n:.0%}) and of {before} "
            f"on the originals ({before / n:.0%}), effect {(after - before) / n:+.3f}",
            f"{gained} items became yes and {lost} ceased to be: "
            f"McNemar's exact p = {mcnemar_p(gained, lost):.3g}",
        )

    @classmethod
    def example(cls) -> Feedback:
        """Return a judge with a prompt of one line."""
        return cls(prompt=Prompt(messages=(Message(role="user", content="x"),)))


def _pairs(score: Score) -> list[tuple[str, str]]:
    revised, original = score.evidence.get("revised"), score.evidence.get("original")
    if not isinstance(revised, list) or not isinstance(original, list):
        return []
    return [(str(new), str(old)) for new, old in zip(revised, original, strict=True)]
