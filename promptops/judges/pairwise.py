"""Say which of two outputs is better, asked in both orders (an LLM judge of a comparison)."""

from __future__ import annotations

import json
from typing import ClassVar

from pydantic import JsonValue

from promptops.canonical import canonical_json
from promptops.judges import CANDIDATE_LIMIT, Ask, Judge, enclosed, mark_for, read_verdict
from promptops.types import Completion, Prompt, Sample, Score

CREDIT = {"A": 1.0, "tie": 0.5, "B": 0.0}


class Pairwise(Judge):
    """Preference for the candidate over the baseline: the mean of both orders, a tie counts half."""

    prompt_file: ClassVar[str] = "pairwise.prompt.yaml"
    pairs: ClassVar[bool] = True
    unit: ClassVar[str] = "share won"

    criteria: str = "The better answer does what the task asks, is right, and leaves out nothing important."

    @property
    def asked_of_people(self) -> str:
        """Return what makes an answer the better one."""
        return self.criteria

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Compare an output with the sample's first target."""
        if not sample.references:
            return Score.missing("there is no target to compare with")
        return await self.prefer(Completion(text=sample.references[0]), completion, sample, ask)

    async def prefer(self, baseline: Completion, candidate: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask in both orders; the count is the candidate's share, evidence holds both replies."""
        if max(len(baseline.text), len(candidate.text)) > CANDIDATE_LIMIT:
            return Score.missing("an answer is longer than a judge is shown")
        if baseline.text == candidate.text:
            return Score.of(0.5, reason="Both answers are the same.", orders=["tie", "tie"])
        first = await self._ask(candidate.text, baseline.text, sample, ask)
        second = await self._ask(baseline.text, candidate.text, sample, ask)
        for reply in (first, second):
            if "unread" in reply:
                return Score.missing(reply["unread"], reply=reply["reply"])
        share = (CREDIT[first["winner"]] + 1.0 - CREDIT[second["winner"]]) / 2
        return Score.of(
            share,
            reason=first["reason"],
            orders=[first["winner"], second["winner"]],
            other_reason=second["reason"],
        )

    async def _ask(self, first: str, second: str, sample: Sample, ask: Ask) -> dict[str, str]:
        task = canonical_json(sample.inputs)
        mark = mark_for(first, second, task, *sample.references)
        judged = (first, second, task, *sample.references)
        references = "\n".join(enclosed("reference", text, mark) for text in sample.references)
        reply = await ask(
            self.prompt,
            {
                "task": enclosed("task", task, mark),
                "references": "Reference answers:\n" + references
                if references
                else "There is no reference answer.",
                "first": enclosed("answer-a", first, mark),
                "second": enclosed("answer-b", second, mark),
                "criteria": self.criteria,
            },
            _reply_format(),
            reads=lambda reply: "winner" in _read(reply, mark, judged),
        )
        return _read(reply, mark, judged)

    @classmethod
    def example(cls) -> Pairwise:
        """Return a judge with a prompt of one line."""
        return cls.model_validate(
            {"prompt": Prompt.model_validate({"messages": [{"role": "user", "content": "x"}]})}
        )


def _read(reply: Completion, mark: str, judged: tuple[str, ...]) -> dict[str, str]:
    """Return the winner and the reason, or why none can be read and the reply."""
    verdict = read_verdict(reply.text, frozenset({"winner"}), mark, judged)
    if isinstance(verdict, str):
        return {"unread": verdict, "reply": reply.text[:2000]}
    winner = verdict["winner"]
    if not isinstance(winner, str) or winner not in CREDIT:
        told = f"the winner {json.dumps(winner)[:40]} is none of A, B, tie"
        return {"unread": told, "reply": reply.text[:2000]}
    return {"winner": winner, "reason": str(verdict.get("reason", ""))[:2000]}


def _reply_format() -> dict[str, JsonValue]:
    return {
        "type": "json_schema",
        "name": "preference",
        "schema": {
            "type": "object",
            "properties": {"reason": {"type": "string"}, "winner": {"enum": ["A", "B", "tie"]}},
            "required": ["reason", "winner"],
            "additionalProperties": False,
        },
    }
