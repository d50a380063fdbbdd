"""What one call is to make samples of: a passage, a present sample, or a description."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptops.generation.passages import Passage
from promptops.types import Sample

AT_ONCE = 5
"""Samples that one call is asked for at most: of more, models repeat themselves."""
DESCRIPTION = "description"
DOCUMENT = "document"


@dataclass(frozen=True)
class Seed:
    """One call for so many samples."""

    how: str
    count: int
    poll: int = 0
    """Which call of the same material it is."""
    passage: Passage | None = None
    sample: Sample | None = None
    description: str = ""

    @property
    def source(self) -> str:
        """What it is made of, by name."""
        if self.passage is not None:
            return self.passage.document
        return self.sample.id if self.sample is not None else DESCRIPTION

    @property
    def kind(self) -> str:
        """Which prompt it takes: its `how` without a language."""
        return self.how.partition(":")[0]

    @property
    def language(self) -> str:
        """The code of the language that it is to be written in; empty for that of its material."""
        return self.how.partition(":")[2]


def document_seeds(passages: Sequence[Passage], count: int) -> tuple[Seed, ...]:
    """Spread `count` samples evenly over passages."""
    return tuple(
        Seed(DOCUMENT, size, poll, passage=passages[place])
        for place, poll, size in _calls(count, len(passages))
    )


def sample_seeds(samples: Sequence[Sample], hows: Sequence[str], count: int) -> tuple[Seed, ...]:
    """Spread `count` samples evenly over what is to be made, and each part evenly over present samples."""
    return tuple(
        Seed(how, size, poll, sample=samples[place])
        for how, share in zip(hows, _shares(count, len(hows)), strict=True)
        for place, poll, size in _calls(share, len(samples))
    )


def description_seeds(description: str, count: int) -> tuple[Seed, ...]:
    """Ask for `count` samples of one description."""
    return tuple(Seed(DESCRIPTION, size, poll, description=description) for _, poll, size in _calls(count, 1))


def _calls(count: int, places: int) -> Iterator[tuple[int, int, int]]:
    """Yield for each call the place that it is about, its number there, and how many samples it asks for."""
    for place, share in enumerate(_shares(count, places)):
        for poll, first in enumerate(range(0, share, AT_ONCE)):
            yield place, poll, min(AT_ONCE, share - first)


def _shares(count: int, places: int) -> list[int]:
    """Return how many each place gets, those with one more evenly between the others."""
    return [(place + 1) * count // places - place * count // places for place in range(places)]
