"""Who watches a run that may end early: what an order is drawn from, and when there is enough."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import JsonValue

from promptops.analysis.comparison import Pairing
from promptops.canonical import digest_of
from promptops.errors import RunInterrupted, UsageError
from promptops.gate import decision as gate
from promptops.gate.rules import GateRule
from promptops.gate.stopper import FirstStage, Stopper
from promptops.gate.stopping import drawn, first_groups, parts_of, stakes_of
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
    enough = int((rank < until).sum())
    if enough >= len(samples):
        raise UsageError(
            f"Groups stay together, so a first stage of {kept['first']} samples is all {len(samples)} of "
            "them. Choose a smaller one."
        )
    return FirstStage(run, tuple(samples), rank, enough=enough)


def settled(found: EvalSet, against: str) -> str:
    """Return a digest of what a verdict in two stages rests on: rules, slices and the baseline."""
    baseline = Path(against).read_bytes() if against.endswith(".jsonl") else against.encode()
    rules: list[JsonValue] = [rule.model_dump(mode="json") for rule in (*found.gate, *found.shifts)]
    asked = {"rules": rules, "slices": list(found.slices), "baseline": hashlib.sha256(baseline).hexdigest()}
    return digest_of(asked)[:16]


def stopper_of(pairing: Pairing, found: EvalSet, seed: str) -> Stopper:
    """Return who ends a run once the bets on its samples are certain."""
    samples = tuple(pairing.candidate.table.samples)
    rules, _ = gate.spread(found.gate, samples, found.slices)
    records = {label: pairing.candidate.table.columns[label].record for label in pairing.metrics}
    stakes = stakes_of(parts_of(rules), samples, records)
    rank = drawn(samples, seed)
    return Stopper(pairing.candidate.run, samples, rank, pairing.baseline, pairing.metrics, stakes)


def relative_to(against: str, root: Path) -> str:
    """Return a baseline as it is found again when the project's folder has moved."""
    path = Path(against).absolute()
    inside = against.endswith(".jsonl") and path.is_relative_to(root.absolute())
    return str(path.relative_to(root.absolute())) if inside else against


def at_look(found: EvalSet, look: int | None) -> EvalSet:
    """Return the set with the alpha of the k-th look: 6/(pi k)^2 of it, which adds up to the whole."""
    if look is None:
        return found
    if look < 1:
        raise UsageError(f"Looks are counted from 1, not {look}.")
    share = 6 / (math.pi * look) ** 2

    def spent(rules: Sequence[GateRule]) -> tuple[GateRule, ...]:
        return tuple(rule.model_copy(update={"alpha": rule.alpha * share}) for rule in rules)

    return found.model_copy(update={"gate": spent(found.gate), "shifts": spent(found.shifts)})


def declared_look(look: int | None, before: JsonValue, run: str) -> int | None:
    """Return the look that a run was started at: how much may be spent is settled before."""
    began = before if isinstance(before, int) else None
    if look not in (None, began):
        how = "without --look" if began is None else f"as look {began}"
        raise UsageError(f"Run {run} was started {how}, and what may be spent was settled then.")
    return began


def extending(run: Run) -> str:
    """Return the command that asks what a first stage left out, and decides."""
    return f"promptops gate {run.evalset} --run {run.id} --inconclusive extend"


@contextmanager
def told_how_to_go_on(run: Run, *, extend: bool) -> Iterator[None]:
    """Say of an interrupted run how its verdict comes about, not just its answers."""
    try:
        yield
    except RunInterrupted as error:
        again = extending(run)
        if not extend:
            again = f"promptops resume {run.id} && promptops gate {run.evalset} --run {run.id}"
        raise RunInterrupted(f"Go on with: {again}", error.exit_code, error.lost) from None
