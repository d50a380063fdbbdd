"""What samples are to be made from, as a user says it, turned into one seed for each call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from promptops.errors import UnknownName, UsageError
from promptops.generation import checked_hows
from promptops.generation.passages import read_passages
from promptops.generation.seeds import Seed, description_seeds, document_seeds, sample_seeds
from promptops.generation.shape import Material as Kind
from promptops.sets.origins import is_synthetic
from promptops.types import Sample

MOST = 10_000
"""Samples that one command may ask for."""
LONGEST_DESCRIPTION = 20_000
TAG = "tag:"


class Seeds(NamedTuple):
    """What is to be asked for, and how many passages of documents were too short to ask about."""

    seeds: tuple[Seed, ...]
    short: int = 0


@dataclass(frozen=True)
class Material:
    """Documents, present samples, or a description: one of the three."""

    documents: tuple[Path, ...] = ()
    like: tuple[str, ...] | None = None
    """Ids and `tag:NAME`; empty for all samples that people wrote. None where others are the material."""
    hows: tuple[str, ...] = ()
    description: str | None = None

    def __post_init__(self) -> None:
        given = (bool(self.documents), self.like is not None, self.description is not None)
        if sum(given) != 1:
            raise UsageError(
                "Say what samples are made from, and one thing only: documents (--from), present samples "
                "(--like), or a description (--describe)."
            )
        if self.hows and self.like is None:
            raise UsageError("--how says what is made of present samples: it goes with --like.")
        if self.description is not None and not self.description.strip():
            raise UsageError("An empty description describes nothing. Say what the samples are to ask.")
        if self.description is not None and len(self.description) > LONGEST_DESCRIPTION:
            raise UsageError(f"A description has {LONGEST_DESCRIPTION:,} characters at most. Use --from.")

    @property
    def kind(self) -> Kind:
        """Which of the three it is."""
        if self.documents:
            return "documents"
        return "samples" if self.like is not None else "description"

    def seeds(self, samples: Sequence[Sample], count: int, root: Path) -> Seeds:
        """Return a seed for each call. Raises UsageError, UnknownName, FileProblems for documents."""
        if not 1 <= count <= MOST:
            raise UsageError(f"Ask for 1 to {MOST:,} samples at a time, not {count:,}.")
        if self.documents:
            passages = read_passages(self.documents, root)
            return Seeds(document_seeds(passages.kept, count), passages.short)
        if self.description is not None:
            return Seeds(description_seeds(self.description.strip(), count))
        hows = checked_hows(self.hows or ("paraphrase",))
        return Seeds(sample_seeds(self._chosen(samples), hows, count))

    def _chosen(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """Return the samples that are named; by a tag, or none, only those that people wrote."""
        human = [sample for sample in samples if not is_synthetic(sample)]
        if not self.like:
            if not human:
                raise UsageError("The set holds no sample that people wrote. Name samples by their ids.")
            return tuple(human)
        by_id = {sample.id: sample for sample in samples}
        found: dict[str, Sample] = {}
        for name in self.like:
            tag = name.removeprefix(TAG)
            tagged = [sample for sample in human if tag in sample.tags] if name.startswith(TAG) else []
            if name in by_id:
                tagged = [by_id[name]]
            if not tagged and name.startswith(TAG):
                raise UnknownName("tag of samples that people wrote", tag, {t for s in human for t in s.tags})
            if not tagged:
                raise UnknownName("sample", name, by_id, hint="A tag is written tag:NAME.")
            found.update((sample.id, sample) for sample in tagged)
        return tuple(found.values())
