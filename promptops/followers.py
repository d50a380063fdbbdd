"""Who watches a run that may end early: what an order is drawn from, and when there is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from promptops import gate
from promptops.canonical import digest_of
from promptops.comparison import Pairing
from promptops.errors import UsageError
from promptops.stopper import FirstStage, Stopper
from promptops.stopping import drawn, first_groups, parts_of, stakes_of
from promptops.types import EvalSet, Run, Sample


def seed_of(run: Run, number: int) -> str:
    """Return what a run's order is drawn from: the same question gets the same order, on every machine."""
    asked = {
        "evalset": run.evalset_digest,
        "prompt": run.prompt.digest,
        "model": run.model,
        "repeats": run.repeats,
        "seed": number,
    }
    return digest_of(asked)[:16]


def first_of(wanted: int | None, samples: int) -> int:
    """Return how many samples the first stage is to have: half of them where nothing else is wanted."""
    first = samples // 2 if wanted is None else wanted
    if not 0 < first < samples:
        raise UsageError(
            f"The first of two stages has between 1 and {max(samples - 1, 1)} of the {samples} samples, not "
            f"{first}."
        )
    return first


def first_stage(run: Run, samples: Sequence[Sample], kept: Mapping[str, JsonValue]) -> FirstStage:
    """Return who ends a run after its first stage, by what it was started with."""
    rank = drawn(samples, str(kept["seed"]))
    until = first_groups(rank, int(str(kept["first"])))
    return FirstStage(run, tuple(samples), rank, enough=int((rank < until).sum()))


def stopper_of(pairing: Pairing, found: EvalSet, seed: str) -> Stopper:
    """Return who ends a run once the bets on its samples are certain."""
    samples = pairing.candidate.table.samples
    rules, _ = gate.spread(found.gate, samples, found.slices)
    records = {label: pairing.candidate.table.columns[label].record for label in pairing.metrics}
    stakes = stakes_of(parts_of(rules), samples, records)
    rank = drawn(samples, seed)
    return Stopper(pairing.candidate.run, samples, rank, pairing.baseline, pairing.metrics, stakes)
