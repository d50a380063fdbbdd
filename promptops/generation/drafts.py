"""Drafts as samples of a set: marked as synthetic, with where they come from, for a person to review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from promptops.generation.replies import Check, Draft
from promptops.generation.requests import prompt_for
from promptops.generation.shape import COPIED, Shape
from promptops.sets.candidates import TAG, sample_id
from promptops.sets.origins import SYNTHETIC
from promptops.texts.personal import without_people
from promptops.texts.redaction import Redactor
from promptops.types import Sample


@dataclass(frozen=True)
class Maker:
    """Who wrote and who checked."""

    model: str
    checker: str
    redactor: Redactor
    """Takes secrets out of what is copied from documents; of what was written they are out already."""

    def samples(
        self, drafts: Sequence[tuple[Draft, Check]], shape: Shape, taken: Sequence[str]
    ) -> tuple[Sample, ...]:
        """Return drafts as samples with ids that the set has not given yet."""
        ids = set(taken)
        found = []
        for draft, check in drafts:
            inputs = self._inputs(draft, shape)
            name = sample_id(SYNTHETIC, inputs, ids)
            ids.add(name)
            found.append(
                Sample(
                    id=name,
                    inputs=inputs,
                    target=_target(draft),
                    tags=_tags(draft),
                    group=_group(draft),
                    origin=f"{SYNTHETIC}:{draft.seed.how}",
                    metadata={"made": self._made(draft, check)},
                )
            )
        return tuple(found)

    def _inputs(self, draft: Draft, shape: Shape) -> dict[str, JsonValue]:
        """Return what was written with what is copied, in the order of the original's inputs."""
        seed = draft.seed
        if seed.sample is not None:
            return {**seed.sample.inputs, **draft.inputs}
        if seed.passage is not None and shape.passage_in is not None:
            return {shape.passage_in: without_people(self.redactor.text(seed.passage.text)), **draft.inputs}
        return dict(draft.inputs)

    def _made(self, draft: Draft, check: Check) -> dict[str, JsonValue]:
        seed = draft.seed
        made: dict[str, JsonValue] = {
            "how": seed.how,
            "source": seed.source,
            "model": self.model,
            "prompt": prompt_for(seed.kind).digest[:16],
            "checker": self.checker,
            "check_prompt": prompt_for("check").digest[:16],
            "check": check.reason,
        }
        if seed.passage is not None:
            made["span"] = [seed.passage.start, seed.passage.end]
        return made


def _target(draft: Draft) -> tuple[JsonValue, ...]:
    seed = draft.seed
    if seed.sample is not None and seed.kind in COPIED:
        return seed.sample.target
    return () if draft.target is None else (draft.target,)


def _tags(draft: Draft) -> tuple[str, ...]:
    own = draft.seed.sample.tags if draft.seed.sample is not None else ()
    return tuple(dict.fromkeys([*own, SYNTHETIC, TAG]))


def _group(draft: Draft) -> str | None:
    """Return what is made of one thing as one group: such samples are not independent."""
    seed = draft.seed
    if seed.sample is not None:
        return seed.sample.group or f"made of {seed.sample.id}"
    return f"made of {seed.passage.document}" if seed.passage is not None else None
