"""Who wrote a sample: people, or a model. Figures of the two are told apart, never mixed silently."""

from __future__ import annotations

from promptops.types import Facts, Sample

SYNTHETIC = "synthetic"
"""The tag of samples that a model wrote, and the beginning of their origin."""
HUMAN_SLICE = "origin: human"
SYNTHETIC_SLICE = "origin: synthetic"
ORIGIN_SLICES = (HUMAN_SLICE, SYNTHETIC_SLICE)


def origin_slices(synthetic: int, samples: int) -> tuple[str, ...]:
    """Return the slices that tell the two apart; none where no sample of so many is synthetic."""
    if not synthetic:
        return ()
    return ORIGIN_SLICES if synthetic < samples else (SYNTHETIC_SLICE,)


def is_synthetic(sample: Sample | Facts) -> bool:
    """Tell whether a model wrote a sample: its origin begins with `synthetic`, or it has that tag."""
    if SYNTHETIC in sample.tags:
        return True
    return sample.origin is not None and sample.origin.partition(":")[0] == SYNTHETIC
