"""Whether a gate on a prompt could begin: what would be in vain is refused before a call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from promptops.analysis.comparison import Pairing
from promptops.analysis.summary import Tally, slice_mask
from promptops.errors import NotComparable
from promptops.gate import decision as gate
from promptops.gate.stopping import UNSCORED_LIMIT, parts_of
from promptops.types import EvalSet, Run


@dataclass(frozen=True)
class Ready:
    """A gate on a prompt that could begin."""

    evalset: EvalSet
    folder: Path
    draft: Run
    against: str
    """The baseline's file, or a run."""
    pairing: Pairing
    """The baseline, and no answers yet."""


def unmeasurable(found: EvalSet, table: Tally) -> str:
    """Say why no change from a run can be measured by a rule of its set; empty where any rule can.

    That is a metric that the run lacks, or that could not score more than 5 % of its answers.
    """
    missing = sorted({rule.metric for rule in found.gate} - set(table.columns))
    if missing:
        return f"it has no scores of {', '.join(missing)}, and a rule is about them"
    for rule in found.gate:
        mask, column = slice_mask(table.samples, rule.slice), table.columns[rule.metric]
        blank = float(np.where(column.failed > 0, 0.0, column.blank)[mask].mean()) if mask.any() else 0.0
        if rule.margin is not None and blank > UNSCORED_LIMIT:
            where = f" on slice {rule.slice!r}" if rule.slice else ""
            return f"{blank:.0%} of it could not be scored by {rule.metric}{where}"
    return ""


def refuse_unmeasured(found: EvalSet, pairing: Pairing, against: str) -> None:
    """Raise NotComparable where a rule can't be decided whatever is answered: all would be in vain."""
    samples, name = pairing.candidate.table.samples, Path(against).name
    again = "Evaluate its prompt again and accept that run: promptops accept RUN"
    missing = {rule.metric for rule in found.gate} - set(pairing.metrics)
    if missing:
        what = ", ".join(sorted(missing))
        raise NotComparable(f"The baseline {name} has no scores of {what}, and a rule is about them. {again}")
    for part in parts_of(gate.spread(found.gate, samples, found.slices)[0]):
        mask, column = slice_mask(samples, part.slice), pairing.baseline.table.columns[part.metric]
        where = f" on slice {part.slice!r}" if part.slice else ""
        if not part.decides:
            raise NotComparable(
                f"No slice is large enough for the `worst_slice_margin` of {part.metric}. Add cases to "
                "the slices, or take it away."
            )
        if not mask.any():
            raise NotComparable(f"The rule on {part.metric}{where} is about no sample: none has the tag.")
        blank = float(np.where(column.failed > 0, 0.0, column.blank)[mask].mean())
        if part.margin is not None and blank > UNSCORED_LIMIT:
            raise NotComparable(
                f"{blank:.0%} of the baseline {name} could not be scored by {part.metric}{where}, so no "
                f"change can be measured. {again}"
            )
