"""Reviewed candidates taken into a set: checked against what it holds, then appended, all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import JsonValue

from promptops.distributions.leaks import Pair, pairs_across
from promptops.distributions.textrows import joined
from promptops.errors import FileProblems, Problem, UnknownName, UsageError
from promptops.files.filelock import one_writer
from promptops.files.textfile import check_inside, file_name, open_regular, replacing
from promptops.gate.baselines import accepted
from promptops.metrics import Metric
from promptops.noun import Noun
from promptops.sets.candidates import TAG, row_of, sample_row
from promptops.sets.kindtags import KindRule, kind_rules
from promptops.sets.origins import is_synthetic
from promptops.sets.samplefiles import read_samples
from promptops.types import EvalSet, Sample

SAMPLES = "samples.jsonl"


class Added(Noun):
    """What was taken into a set, or would be."""

    evalset: str
    file: str
    """The set's file of samples."""
    samples: tuple[str, ...]
    """Ids, in their order."""
    synthetic: int
    """How many of these a model wrote."""
    before: int
    """Samples that the set had."""
    alike: tuple[Pair, ...] = ()
    """Those that are nearly the same as a sample that is there: to be looked at, no fault."""
    baselines: tuple[str, ...] = ()
    """Files of accepted runs beside the set, which answered fewer samples than it has now."""
    rules: tuple[KindRule, ...] = ()
    """For each kind among them that no rule of the gate is about."""
    dry_run: bool = False


def adding(root: Path) -> AbstractContextManager[None]:
    """Let no one else of this project add samples to a set meanwhile, or one of two would be lost."""
    return one_writer(root / ".promptops" / "evalsets" / "lock")


def read_candidates(path: Path, only: Sequence[str] = ()) -> tuple[Sample, ...]:
    """Return the samples of a file of candidates, or those named. Raises FileProblems, UnknownName."""
    found, problems = read_samples(path)
    if problems:
        raise FileProblems(problems)
    by_id = {sample.id: sample for sample in found}
    for name in only:
        if name not in by_id:
            raise UnknownName(f"sample in {file_name(path)}", name, by_id)
    return tuple(by_id[name] for name in dict.fromkeys(only)) if only else tuple(found)


def add_samples(
    evalset: EvalSet,
    folder: Path,
    candidates: Sequence[Sample],
    metrics: Mapping[str, Metric],
    source: Path,
    *,
    dry_run: bool = False,
) -> Added:
    """Append candidates to a set's samples.jsonl, without the tag `candidate`; the file is replaced whole.

    `evalset` is what the file holds at this moment: nobody else may add meanwhile (`adding`).
    What the set's metrics need must be there, and no id and no inputs may be there already. Raises
    FileProblems with all faults at once, and nothing is added then; UsageError for samples in another form.
    """
    path = folder / SAMPLES
    if not path.exists():
        raise UsageError(
            f"{file_name(folder)} keeps its samples in another file than {SAMPLES}, and lines are added to "
            f"that only. Save them as {SAMPLES} first."
        )
    check_inside(path, folder)
    new = [_accepted(sample) for sample in candidates]
    problems = [*_taken(evalset.samples, new, source), *_unfit(new, metrics, source)]
    if problems:
        raise FileProblems(problems)
    if not dry_run:
        _append(path, new)
    texts = {sample.id: joined(sample.inputs) or "" for sample in evalset.samples}
    return Added(
        evalset=evalset.name,
        file=str(path),
        samples=tuple(sample.id for sample in new),
        synthetic=sum(map(is_synthetic, new)),
        before=len(evalset.samples),
        alike=pairs_across(new, texts),
        baselines=tuple(file.name for file in accepted(folder)),
        rules=kind_rules(evalset, new),
        dry_run=dry_run,
    )


def plain_inputs(inputs: Mapping[str, JsonValue]) -> str:
    """Return inputs as one text, whatever their capitals and spaces."""
    names = " ".join(sorted(inputs))
    return f"{names}\n{' '.join((joined(dict(inputs)) or '').casefold().split())}"


def _accepted(sample: Sample) -> Sample:
    return sample.model_copy(update={"tags": tuple(tag for tag in sample.tags if tag != TAG)})


def _taken(present: Sequence[Sample], new: Sequence[Sample], source: Path) -> list[Problem]:
    ids = {sample.id for sample in present}
    texts = {plain_inputs(sample.inputs): sample.id for sample in present}
    problems = []
    for sample in new:
        if sample.id in ids:
            problems.append(_problem(source, sample, "the set has a sample with this id"))
        elif plain_inputs(sample.inputs) in texts:
            told = f"its inputs are those of {texts[plain_inputs(sample.inputs)]!r}"
            problems.append(_problem(source, sample, told))
        texts.setdefault(plain_inputs(sample.inputs), sample.id)
    return problems


def _unfit(new: Sequence[Sample], metrics: Mapping[str, Metric], source: Path) -> list[Problem]:
    return [
        _problem(source, sample, f"{reason} (metric {label})")
        for sample in new
        for label, metric in metrics.items()
        if (reason := metric.check(sample))
    ]


def _problem(source: Path, sample: Sample, reason: str) -> Problem:
    return Problem(file_name(source), reason, field=f"sample {sample.id!r}")


def _append(path: Path, new: Sequence[Sample]) -> None:
    with open_regular(path) as file:
        before = file.read()
    with replacing(path) as file:
        file.write(before)
        if before and not before.endswith(b"\n"):
            file.write(b"\n")
        for sample in new:
            file.write(row_of(sample_row(sample)))
