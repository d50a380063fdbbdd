"""Candidates for a set: samples to be reviewed, redacted, with their origin, in a file of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from promptops.distributions.coverage import SetCoverage, Suggestion
from promptops.errors import UsageError
from promptops.files.textfile import file_name, replacing
from promptops.sets.kindtags import kind_tags
from promptops.texts.personal import value_without_people
from promptops.texts.redaction import Redactor, without_named_secrets
from promptops.types import Sample

TAG = "candidate"
ORIGIN = "production"


def write_candidates(
    found: SetCoverage,
    sources: Sequence[JsonValue],
    samples: Sequence[Sample],
    path: Path,
    redactor: Redactor,
    targets: Mapping[int, str] | None = None,
    records: Sequence[str] = (),
) -> int:
    """Write a sample for each suggestion to a JSONL file that isn't there yet; returns how many.

    `sources` is what each text of production was made of, `records` its id where it is a record. An object
    becomes the inputs; a plain text the set's input where it has one only, else `text`. `targets` are by the
    suggestion's index. Secrets, e-mail addresses, telephone, card and account numbers are taken out. Raises
    UsageError where the file is there, FileProblems where it can't be written.
    """
    refuse_candidates_file(path)
    return write_rows(list(_rows(found, sources, samples, redactor, targets or {}, records)), path)


def refuse_candidates_file(path: Path) -> None:
    """Raise UsageError where candidates can't be written to a file: it is there, or is no JSONL."""
    if path.suffix != ".jsonl":
        raise UsageError(
            f"{file_name(path)!r}: candidates are JSON lines; name a file that ends with .jsonl."
        )
    if path.exists():
        raise UsageError(f"{file_name(path)} is there already. Review it first, or name another file.")


def write_rows(rows: Sequence[Mapping[str, JsonValue]], path: Path) -> int:
    """Write samples as JSON lines, all or none of them; returns how many. Raises FileProblems."""
    with replacing(path) as file:
        for row in rows:
            file.write(row_of(row))
    return len(rows)


def row_of(row: Mapping[str, JsonValue]) -> bytes:
    """Return a sample as a line of a JSONL file."""
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def sample_row(sample: Sample) -> dict[str, JsonValue]:
    """Return a sample as people read and write it: nothing that is at its default, one target as itself."""
    row: dict[str, JsonValue] = sample.model_dump(mode="json", exclude_defaults=True)
    target = sample.target
    if len(target) == 1 and not isinstance(target[0], list):
        row["target"] = target[0]
    return row


def sample_id(origin: str, inputs: Mapping[str, JsonValue], taken: Collection[str]) -> str:
    """Return a name made from the text, so that it stays the same wherever the text stands."""
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return next(name for end in range(8, 65) if (name := f"{origin}-{digest[:end]}") not in taken)


def _rows(
    found: SetCoverage,
    sources: Sequence[JsonValue],
    samples: Sequence[Sample],
    redactor: Redactor,
    targets: Mapping[int, str],
    records: Sequence[str],
) -> Iterator[dict[str, JsonValue]]:
    taken = {sample.id for sample in samples}
    names = {name for sample in samples for name in sample.inputs}
    alone = next(iter(names)) if len(names) == 1 else "text"
    for suggestion in found.suggestions:
        clean = value_without_people(redactor.value(without_named_secrets(sources[suggestion.index])))
        inputs: dict[str, JsonValue] = clean if isinstance(clean, dict) else {alone: clean}
        name = sample_id(ORIGIN, inputs, taken)
        taken.add(name)
        target = targets.get(suggestion.index)
        kind = "" if suggestion.kind is None else found.uncovered[suggestion.kind].theme
        words = str(value_without_people(redactor.value(kind)))
        answer = {} if target is None else {"target": value_without_people(redactor.value(target))}
        yield {
            "id": name,
            "inputs": inputs,
            **answer,
            "tags": [TAG, *kind_tags(words)],
            "origin": ORIGIN,
            "metadata": _provenance(found, suggestion, words, records),
        }


def _provenance(
    found: SetCoverage, suggestion: Suggestion, kind: str, records: Sequence[str]
) -> dict[str, JsonValue]:
    where: dict[str, JsonValue] = {"source": Path(found.production).name, "row": suggestion.index + 1}
    if records:
        where = {"source": found.production, "record": records[suggestion.index]}
    return {
        **where,
        **({} if suggestion.kind is None else {"kind": kind}),
        "production_mass": round(suggestion.mass, 6),
        "newly_covered": round(suggestion.covered, 6),
    }
