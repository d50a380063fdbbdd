"""What a set with synthetic samples says where these are told apart from those that people wrote."""

from __future__ import annotations

from promptops.analysis.comparison import Pairing
from promptops.sets.origins import HUMAN_SLICE, ORIGIN_SLICES
from promptops.texts.figures import counted, signed

SHOWN = 3
"""Metrics whose two changes stand in the note; the figures by origin are told of all."""


def mixing_notes(pairing: Pairing, *, bare: bool = False) -> list[str]:
    """Say how many samples are synthetic, and the first metrics' changes on them and on people's.

    `bare` says no change: that of a run that ended when it suited.
    """
    table = pairing.candidate.table
    origins, count = table.origins, len(table.roster.synthetic)
    if not origins:
        return []
    if HUMAN_SLICE not in origins:
        return [f"All {count:,} samples are synthetic: a model wrote them, and nothing is known of people's."]
    wrote = "is synthetic: a model wrote it" if count == 1 else "are synthetic: a model wrote them"
    told = f"{count:,} of {counted(len(table.samples), 'sample')} {wrote}"
    changes = [] if bare else [_change(pairing, label) for label in list(pairing.metrics)[:SHOWN]]
    moved = "; ".join(change for change in changes if change)
    return [f"{told}. {moved}." if moved else f"{told}."]


def _change(pairing: Pairing, label: str) -> str:
    deltas = [pairing.cell(label, name).delta for name in ORIGIN_SLICES]
    if any(delta.difference is None for delta in deltas):
        return ""
    human, synthetic = (signed(delta.difference) for delta in deltas)
    return f"{label} {human} on people's, {synthetic} on synthetic ones"
