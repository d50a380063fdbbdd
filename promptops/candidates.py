"""Texts of production as candidates for a set: samples to be reviewed, redacted, with their origin."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import JsonValue

from promptops.coverage import SetCoverage, Suggestion
from promptops.errors import UsageError
from promptops.personal import value_without_people
from promptops.redaction import Redactor
from promptops.textfile import file_name, replacing
from promptops.types import Sample

TAG = "candidate"
ORIGIN = "production"


def write_candidates(
    found: SetCoverage,
    sources: Sequence[JsonValue],
    samples: Sequence[Sample],
    path: Path,
    redactor: Redactor,
) -> int:
    """Write a sample for each suggestion to a JSONL file that isn't there yet; returns how many.

    `sources` is what each text of production was made of. An object becomes the inputs; a plain text the
    set's input where it has one only, else `text`. Secrets, e-mail addresses, telephone, card and account
    numbers are taken out. Raises UsageError where the file is there, FileProblems where it can't be written.
    """
    if path.suffix != ".jsonl":
        raise UsageError(
            f"{file_name(path)!r}: candidates are JSON lines; name a file that ends with .jsonl."
        )
    if path.exists():
        raise UsageError(f"{file_name(path)} is there already. Review it first, or name another file.")
    rows = list(_rows(found, sources, samples, redactor))
    with replacing(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return len(rows)


def _rows(
    found: SetCoverage, sources: Sequence[JsonValue], samples: Sequence[Sample], redactor: Redactor
) -> Iterator[dict[str, JsonValue]]:
    taken = {sample.id for sample in samples}
    names = {name for sample in samples for name in sample.inputs}
    alone = next(iter(names)) if len(names) == 1 else "text"
    for suggestion in found.suggestions:
        clean = value_without_people(redactor.value(sources[suggestion.index]))
        inputs: dict[str, JsonValue] = clean if isinstance(clean, dict) else {alone: clean}
        sample_id = _id(inputs, taken)
        taken.add(sample_id)
        yield {
            "id": sample_id,
            "inputs": inputs,
            "tags": [TAG],
            "origin": ORIGIN,
            "metadata": _provenance(found, suggestion),
        }


def _id(inputs: dict[str, JsonValue], taken: set[str]) -> str:
    """Return a name made from the text, so that it stays the same wherever the text stands."""
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return next(name for end in range(8, 65) if (name := f"{ORIGIN}-{digest[:end]}") not in taken)


def _provenance(found: SetCoverage, suggestion: Suggestion) -> dict[str, JsonValue]:
    return {
        "source": Path(found.production).name,
        "row": suggestion.index + 1,
        "production_mass": round(suggestion.mass, 6),
        "newly_covered": round(suggestion.covered, 6),
    }
