"""The accepted run as a file in git: a header line, then one Result a line.

Only what the same answers would give again is written: no run id, dates, seconds or cost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from promptops.canonical import canonical_json
from promptops.errors import FileProblems, Problem
from promptops.files.jsonfile import read_json_lines
from promptops.files.located import NAME_RULE, Faults, Located, is_name, kind_of, shown
from promptops.files.textfile import file_name, replacing
from promptops.noun import Noun
from promptops.types import MetricRecord, Prompt, Result, Run

_NAME = re.compile(r"baseline(\.[^.]+)?\.jsonl")

Kind = TypeVar("Kind", bound=BaseModel)

FORMAT = 1
TIMED = frozenset({"latency", "ttft", "cost"})
"""Metrics of time and money: they differ from run to run, so their scores aren't kept."""


class Header(Noun):
    """The first line: what shaped the accepted run."""

    format: int
    evalset: str
    evalset_digest: str
    prompt: Prompt
    prompt_ref: str
    model: str
    metrics: tuple[MetricRecord, ...]
    repeats: int
    outputs: bool


def baseline_path(folder: Path, label: str | None = None) -> Path:
    """Return where a set's baseline lies: baseline.jsonl, or baseline.LABEL.jsonl.

    Raises FileProblems for a label that is no name.
    """
    if label is None:
        return folder / "baseline.jsonl"
    if not is_name(label):
        raise FileProblems(
            [Problem(file_name(folder), f"a baseline's label {shown(label)} must be {NAME_RULE}")]
        )
    return folder / f"baseline.{label}.jsonl"


def accepted(folder: Path) -> list[Path]:
    """List the baselines that lie beside a set, the unlabelled one first."""
    found = sorted(
        folder.glob("baseline*.jsonl"), key=lambda path: (path.name != "baseline.jsonl", path.name)
    )
    return [path for path in found if _NAME.fullmatch(path.name) and path.is_file()]


def write_baseline(path: Path, run: Run, results: Iterable[Result], *, outputs: bool = True) -> None:
    """Write a run as a baseline, whole or not at all; the same answers give the same bytes.

    Without `outputs` no text that a model or judge wrote is kept, only scores.
    Raises FileProblems where the file can't be written.
    """
    header = {
        "format": FORMAT,
        "evalset": run.evalset,
        "evalset_digest": run.evalset_digest,
        "prompt": run.prompt.model_dump(mode="json"),
        "prompt_ref": run.prompt_ref,
        "model": run.model,
        "repeats": run.repeats,
        "outputs": outputs,
    }
    timed = {record.label for record in run.metrics if record.metric in TIMED}
    ordered = sorted(results, key=lambda result: (result.sample_id, result.repeat))
    with replacing(path) as file:
        file.write(_header_line(header, run.metrics).encode("utf-8") + b"\n")
        for result in ordered:
            file.write(_utf8(canonical_json(result_row(result, timed, outputs=outputs))) + b"\n")


def read_header(path: Path) -> Header:
    """Return what shaped an accepted run; its results are not looked at. Raises FileProblems."""
    problems: list[Problem] = []
    return _header(next(read_json_lines(path, problems), None), path, problems)


def read_baseline(path: Path) -> tuple[Run, list[Result]]:
    """Return the accepted run and its results. Raises FileProblems with every fault and its line."""
    problems: list[Problem] = []
    rows = read_json_lines(path, problems)
    header = _header(next(rows, None), path, problems)
    labels = {record.label for record in header.metrics}
    results = [_result(row, path, problems) for row in rows]
    found: list[Result] = []
    seen: set[tuple[str, int]] = set()
    for row, result in results:
        if result is None:
            continue
        faults = Faults(file_name(path), row, problems)
        if (result.sample_id, result.repeat) in seen:
            faults.add(
                ("sample_id",), f"{shown(result.sample_id)} repeat {result.repeat} stands above already"
            )
        if result.repeat >= header.repeats:
            faults.add(("repeat",), f"must be under {header.repeats}, the number of repeats")
        for label in result.scores.keys() - labels:
            faults.add(("scores", label), "is no metric of the header")
        seen.add((result.sample_id, result.repeat))
        found.append(result)
    if problems:
        raise FileProblems(sorted(problems, key=lambda problem: problem.line or 0))
    return _run(header, found), found


def result_row(result: Result, timed: Collection[str], *, outputs: bool = True) -> dict[str, object]:
    """Return what the same answer would give again; the metrics in `timed` are left out."""
    row: dict[str, object] = {"sample_id": result.sample_id, "repeat": result.repeat}
    if result.completion is not None and outputs:
        completion = result.completion
        row["completion"] = {
            "text": completion.text,
            "finish_reason": completion.finish_reason,
            "tokens_in": completion.tokens_in,
            "tokens_out": completion.tokens_out,
        }
    if result.failure is not None:
        failure = result.failure
        message = failure.message if outputs else ""
        row["failure"] = {"kind": failure.kind, "message": message, "status": failure.status}
    row["scores"] = {
        label: {
            "counts": list(score.counts),
            "unscored": score.unscored,
            # A judge quotes what it reads.
            "reason": score.reason if outputs else "",
            "evidence": _rounded(score.evidence) if outputs else {},
        }
        for label, score in result.scores.items()
        if label not in timed
    }
    return row


def _header_line(header: Mapping[str, object], metrics: Iterable[MetricRecord]) -> str:
    """Return the one spelling of a header, but each metric's options with their keys as declared.

    The order of a judge's criteria, or of a jury's judges, is part of what it is.
    """
    rows = []
    for record in metrics:
        fields = record.model_dump(mode="json")
        options = json.dumps(fields["options"], separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        rows.append(_object({**_spelled(fields), "options": options}))
    return _object({**_spelled(header), "metrics": f"[{','.join(rows)}]"})


def _spelled(fields: Mapping[str, object]) -> dict[str, str]:
    return {key: canonical_json(value) for key, value in fields.items()}


def _object(spelled: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{canonical_json(key)}:{spelled[key]}" for key in sorted(spelled)) + "}"


def _utf8(text: str) -> bytes:
    """Encode a line; half a character, which a model may send and no file may hold, becomes U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\ufffd", text).encode("utf-8")


def _rounded(value: JsonValue | Mapping[str, JsonValue]) -> object:
    """Round numbers that aren't counts to 12 digits, which every machine agrees on."""
    if isinstance(value, Mapping):
        return {key: _rounded(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_rounded(member) for member in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


def _header(row: Located | None, path: Path, problems: list[Problem]) -> Header:
    file = file_name(path)
    if row is None or problems:
        raise FileProblems(problems or [Problem(file, "is empty; make it with `promptops accept RUN`", 1)])
    faults = Faults(file, row)
    if not isinstance(row.value, dict) or "format" not in row.value:
        faults.add((), "is no header of a baseline; make the file with `promptops accept RUN`")
    elif row.value["format"] != FORMAT or isinstance(row.value["format"], bool):
        faults.add(
            ("format",), f"must be {FORMAT}, not {shown(row.value['format'])}; a newer promptops may read it"
        )
    faults.stop()
    header = _validated(Header, row, faults)
    faults.stop()
    if header is None or header.repeats < 1:
        raise FileProblems([Problem(file, "must be 1 or more", row.place(()).line, field="repeats")])
    return header


def _result(row: Located, path: Path, problems: list[Problem]) -> tuple[Located, Result | None]:
    faults = Faults(file_name(path), row, problems)
    if not isinstance(row.value, dict):
        faults.add((), f"must be a result, not {kind_of(row.value)}")
        return row, None
    return row, _validated(Result, row, faults)


def _validated(kind: type[Kind], row: Located, faults: Faults) -> Kind | None:
    try:
        return kind.model_validate(row.value)
    except ValidationError as error:
        for fault in error.errors():
            faults.add(tuple(fault["loc"]), f"{fault['msg'][:1].lower()}{fault['msg'][1:]}")
    return None


def _run(header: Header, results: list[Result]) -> Run:
    return Run(
        id="baseline",
        created_at="",
        status="finished",
        evalset=header.evalset,
        evalset_digest=header.evalset_digest,
        prompt=header.prompt,
        prompt_ref=header.prompt_ref,
        model=header.model,
        metrics=header.metrics,
        repeats=header.repeats,
        samples=len({result.sample_id for result in results}),
        done=len(results),
        errors=sum(result.failure is not None for result in results),
    )
