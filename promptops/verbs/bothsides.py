"""Two sides whose texts are held against each other, ready to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptops.distributions.coverage import SetCoverage, measure_coverage
from promptops.distributions.shift import NamedEmbed, Shift, measure_shift
from promptops.distributions.windows import Wanted, Window, columns_of, field_notes
from promptops.types import EvalSet


@dataclass(frozen=True)
class Both:
    """Both sides of a shift, in pairs or by days where they are."""

    first: Window
    second: Window
    paired: bool
    blocks: tuple[Sequence[str], Sequence[str]] | None
    wanted: Wanted
    notes: tuple[str, ...]

    def measure(self, points: NamedEmbed | None, *, alpha: float = 0.05, seed: int = 0) -> Shift:
        """Measure how far they lie apart."""
        first, second = self.first, self.second
        found = measure_shift(
            first.texts,
            second.texts,
            paired=self.paired,
            blocks=self.blocks,
            days=None if second.days is None else (first.days, second.days),
            columns=columns_of(first, second, self.wanted.columns),
            embed=None if points is None else points.embed,
            embedding_model=None if points is None else points.name,
            alpha=alpha,
            seed=seed,
            reference_name=first.name,
            current_name=second.name,
            where=second.where,
            what=self.wanted.what,
        )
        return found.model_copy(update={"notes": (*self.notes, *found.notes)})


def covered(
    found: EvalSet,
    source: str,
    cases: Window,
    production: Window,
    points: NamedEmbed | None,
    *,
    suggest: int = 0,
    kind: str | Sequence[str] | None = None,
    mapped: bool = False,
    seed: int = 0,
    field: str | None = None,
) -> SetCoverage:
    """Measure how much of production's texts a set's cases cover."""
    notes = field_notes(cases, production, field)
    measured = measure_coverage(
        cases.texts,
        [sample.id for sample in found.samples],
        production.texts,
        groups=[sample.group for sample in found.samples],
        evalset=found.name,
        source=source,
        where=production.where,
        suggest=suggest,
        kind=kind,
        mapped=mapped,
        embed=None if points is None else points.embed,
        embedding_model=None if points is None else points.name,
        seed=seed,
    )
    return measured.model_copy(update={"notes": notes})
