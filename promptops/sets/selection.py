"""Which samples of a set are asked: by name, slice or earlier failure, drawn, or the first ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from promptops.analysis.summary import own_figures
from promptops.errors import NothingToAsk, UnknownName, UsageError
from promptops.files.idfile import Ids
from promptops.metrics import Metric
from promptops.noun import Noun
from promptops.sets.facets import fields_of, written
from promptops.sets.matching import matcher
from promptops.sets.places import facts_of
from promptops.store.spool import spooled
from promptops.texts.figures import listed
from promptops.types import EvalSet, KeptSamples, MetricRecord, Part, PartStep, Result, Sample

TAG_WORDS = ("tag", "tags")


class Selection(Noun):
    """What is wanted of a set: all of it holds together, in the order of the fields."""

    matching: str | None = None
    """An expression of names, as for pytest's -k: of ids, tags and groups."""
    slices: tuple[str, ...] = ()
    """Each a tag, `tag=NAME`, `origin=NAME` or `FIELD=VALUE` of the samples' metadata."""
    failed_from: str | None = None
    """A run: what had no answer there, or was unscored or not fully right in the set's first metric."""
    ids: Ids | None = None
    """A list of samples (`read_ids`); where it has weights, these take the place of the samples' own."""
    sample: int | None = None
    """So many of what is left by then, drawn by `seed`."""
    seed: int = 0
    limit: int | None = None
    """The first so many of what is left by then, in the set's order."""

    @property
    def wanted(self) -> bool:
        """Whether anything less than the whole set is asked for."""
        chosen = (self.ids, self.matching, self.failed_from, self.sample, self.limit)
        return bool(self.slices) or any(each is not None for each in chosen)


@dataclass(frozen=True)
class Failed:
    """Which samples failed in a run, and how that was decided."""

    run_id: str
    ids: frozenset[str]
    how: str


def select(evalset: EvalSet, wanted: Selection, failed: Failed | None = None) -> tuple[EvalSet, Part | None]:
    """Return the part of a set that is wanted, as a set of its own, and what it is a part of.

    The part is None where all samples are left: that is the whole set. `failed` goes with `failed_from`.
    Raises UsageError, with what each flag left, where no sample is.
    """
    _refuse_impossible(wanted)
    samples: Sequence[Sample] = evalset.samples
    steps: list[PartStep] = []

    def left(flag: str, kept: Iterable[Sample]) -> Sequence[Sample]:
        found = spooled(kept) if isinstance(evalset.samples, KeptSamples) else tuple(kept)
        steps.append(PartStep(flag=flag, left=len(found)))
        return found

    if wanted.ids is not None:
        samples = left(f"--ids {wanted.ids.name}", _listed(samples, wanted.ids))
    if wanted.matching is not None:
        matches = matcher(wanted.matching)
        samples = left(f"-k {wanted.matching!r}", (each for each in samples if matches(names_of(each))))
    for name in wanted.slices:
        inside = _members(name, evalset.samples)
        samples = left(f"--slice {name}", (each for each in samples if each.id in inside))
    if failed is not None:
        flag = f"--failed-from {failed.run_id} ({failed.how})"
        before = len(samples)
        samples = left(flag, (each for each in samples if each.id in failed.ids))
        if before and not samples:
            which = f"none of the {before:,} samples" if steps[:-1] else "no sample"
            raise NothingToAsk(
                f"There is nothing to ask: {which} failed in run {failed.run_id} ({failed.how})."
            )
    if wanted.sample is not None:
        drawn = drawn_ids(samples, wanted.sample, wanted.seed)
        flag = f"--sample {wanted.sample} --seed {wanted.seed}"
        samples = left(flag, (each for each in samples if each.id in drawn))
    if wanted.limit is not None:
        samples = left(f"--limit {wanted.limit}", samples[: wanted.limit])
    if not samples and not evalset.samples:
        raise UsageError(f"{evalset.name!r} has no samples.")
    weighted = wanted.ids is not None and wanted.ids.weights is not None
    if len(samples) == len(evalset.samples) and not weighted:
        return evalset, None
    part = Part(
        of=evalset.digest,
        samples=len(evalset.samples),
        steps=tuple(steps),
        failed_from=failed.run_id if failed is not None else None,
    )
    if not samples:
        raise UsageError(f"No sample is left to ask: {part.sentence}")
    # A new one, not a copy: that would carry the digest of the whole along.
    fields = {name: getattr(evalset, name) for name in EvalSet.model_fields}
    return EvalSet(**{**fields, "samples": samples}), part


def names_of(sample: Sample) -> tuple[str, ...]:
    """Return the names by which -k finds a sample: its id, its tags, its group."""
    return (sample.id, *sample.tags, *([sample.group] if sample.group is not None else []))


def drawn_ids(samples: Sequence[Sample], number: int, seed: int) -> frozenset[str]:
    """Draw samples by the hashes of their ids: the same on every machine, fewer are a part of more.

    Each sample by itself, not whole groups: every one is as likely as any other, and as many answers reach
    more groups. A sample that is added to the set displaces at most one.
    """

    def key(sample_id: str) -> bytes:
        return hashlib.sha256(f"{seed}\nsample:{sample_id}".encode("utf-8", "surrogatepass")).digest()

    return frozenset(nsmallest(number, (sample.id for sample in facts_of(samples)), key=key))


def failed_in(run_id: str, results: Iterable[Result], record: MetricRecord, metric: Metric) -> Failed:
    """Return which samples of a run failed: without an answer, or unscored or not fully right in one metric.

    One repeat that failed is enough; what was never asked did not fail. A metric whose range has no best end
    knows no "fully right".
    """
    best = record.high if record.higher_is_better else record.low
    failed: set[str] = set()
    for result in results:
        value = own_figures(result, {record.label: metric})[record.label]
        if value is None or (best is not None and abs(value - best) > 1e-9 * max(1.0, abs(best))):
            failed.add(result.sample_id)
    how = "no answer" + (
        f", or {record.label} not {best:g}" if best is not None else f" or no {record.label}"
    )
    return Failed(run_id, frozenset(failed), how)


def _refuse_impossible(wanted: Selection) -> None:
    for flag, number in (("--sample", wanted.sample), ("--limit", wanted.limit)):
        if number is not None and number < 1:
            raise UsageError(f"{flag} takes a number from 1 on, not {number}.")


def _listed(samples: Sequence[Sample], wanted: Ids) -> Iterator[Sample]:
    """Yield the listed samples in the set's order, with the list's weights. Raises UsageError."""
    known = {sample.id for sample in facts_of(samples)}
    strange = [sample_id for sample_id in wanted.ids if sample_id not in known]
    if strange:
        raise UsageError(
            f"{wanted.name}: {len(strange)} of {len(wanted.ids)} ids are no samples of this set: "
            f"{listed([repr(each) for each in strange])}. The set has changed, or the list is another's."
        )
    weights = dict(zip(wanted.ids, wanted.weights or (), strict=False))
    chosen = frozenset(wanted.ids)
    for sample in samples:
        if sample.id in chosen:
            weight = weights.get(sample.id, sample.weight)
            yield sample if weight == sample.weight else sample.model_copy(update={"weight": weight})


def _members(name: str, samples: Sequence[Sample]) -> frozenset[str]:
    """Return the ids of a slice's samples. Raises UnknownName where there is no such tag, field or value."""
    tags = {tag for sample in samples for tag in sample.tags}
    field, equals, value = name.partition("=")
    fields = fields_of(samples)
    if name in tags or not equals or (field in TAG_WORDS and field not in fields.keys() - {"tags"}):
        tag = name if name in tags or not equals else value
        if tag not in tags:
            hint = "A metadata field is written FIELD=VALUE." if not equals else ""
            raise UnknownName("tag of these samples", tag, tags, hint=hint)
        return frozenset(sample.id for sample in samples if tag in sample.tags)
    if field not in fields:
        raise UnknownName(
            "field of these samples", field, [*fields, "tag"], hint="Metadata fields, tag, origin."
        )
    read = fields[field]
    values = {
        sample.id: written(found)
        for sample in samples
        if isinstance(found := read(sample), str | bool | int | float)
    }
    inside = frozenset(place for place, found in values.items() if found == value)
    if not inside:
        raise UnknownName(f"value of {field!r}", value, values.values())
    return inside
