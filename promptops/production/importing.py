"""Logs of anybody's as records: recognised, read as a stream, cleaned, and added page by page."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field, JsonValue

from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.csvfile import MAX_BYTES, read_csv
from promptops.files.jsonfile import read_json, read_json_lines
from promptops.files.located import MAX_PROBLEMS, Faults, Located, Place, kind_of
from promptops.files.textfile import file_name, open_regular, read_text
from promptops.noun import Noun
from promptops.production.cleaning import Cleaner
from promptops.production.columnmap import no_column
from promptops.production.drafts import Draft, DraftReader
from promptops.production.entries import AHEAD
from promptops.production.periods import spelled
from promptops.production.records import Feedback, Record, RecordScore
from promptops.production.spans import holds_spans, rows_of
from promptops.runs.collector import collecting_later
from promptops.sets.samplefiles import read_rows

Format = Literal["auto", "jsonl", "otel"]
PAGE = 1_000
"""Records that are held and added at a time."""
OTHER_SPANS = "spans that are no calls to a model"
_TOLD = 20
_IN_MEMORY = 16_000_000
"""Bytes up to which what waits needs no file."""


class Imported(Noun):
    """What came of a file, or would come."""

    file: str
    format: Literal["rows", "otel"]
    rows: int
    """Records that the file holds."""
    added: int
    """Of these, how many are new."""
    known: int
    """How many were there already, or stand in the file twice."""
    others: int = 0
    """Of these, how many bear the id of another record, with another time, prompt, inputs or output."""
    other_ids: tuple[str, ...] = ()
    """The first of these ids."""
    feedback: int
    """New feedback."""
    scores: int
    """New scores."""
    first: str | None = None
    """When the earliest call began."""
    last: str | None = None
    absent: dict[str, str] = Field(default_factory=dict)
    """What the map names, by our key, and no row has: in rows of JSON a key may be away."""
    left_out: dict[str, int] = Field(default_factory=dict)
    """What was not taken: columns that no map names and spans that are no calls, with how often they came."""
    faulty: int = 0
    """Rows that were skipped because they can't be read."""
    faults: tuple[str, ...] = ()
    """The first of these rows' faults."""
    ahead: int = 0
    """Records that begin more than a day from now: they stand first in every list and are never pruned."""
    dry_run: bool = False


class Shelf(Protocol):
    """Where records are put: the part of the store that an import needs."""

    def add_records(self, added: Sequence[Record]) -> int: ...
    def add_feedback(self, added: Sequence[Feedback]) -> int: ...
    def add_record_scores(self, added: Sequence[RecordScore]) -> int: ...
    def known_records(self, ids: Sequence[str]) -> set[str]: ...
    def other_records(self, given: Sequence[Record]) -> list[str]: ...


def import_file(
    path: Path,
    form: Format,
    reader: DraftReader,
    cleaner: Cleaner,
    shelf: Shelf,
    *,
    skip_faulty: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Add a file's records; ids that are known already are left as they are.

    Nothing is added of a file that has a fault, unless `skip_faulty`: until all of it is read, what there
    is to add waits in a temporary file. Raises FileProblems with every fault, UsageError for a column of the
    map that the file hasn't.
    """
    spans = form == "otel" or (form == "auto" and _looks_like_spans(path))
    if path.suffix.lower() == ".csv" and not spans:
        _refuse_absent(path, reader.absent, [cell.text for cell in next(read_csv(path), ())])
    problems: list[Problem] = []
    others: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    times: set[str] = set()
    unlike: list[str] = []
    latest = spelled(datetime.now(UTC) + AHEAD)
    drafts = _clean(_drafts(path, spans, reader, problems, others), cleaner)
    pages = _paged(drafts) if skip_faulty else _whole(path, _paged(drafts), reader, problems)
    with collecting_later():
        for page in pages:
            records = [draft.record for draft in page]
            feedback = [said for draft in page for said in draft.feedback]
            scores = [score for draft in page for score in draft.scores]
            moments = [*times, *(record.at for record in records)]
            times = {min(moments), max(moments)}
            counts["rows"] += len(records)
            counts["ahead"] += sum(record.at > latest for record in records)
            if dry_run:
                fresh = {record.id for record in records} - shelf.known_records(
                    [record.id for record in records]
                )
                counts["added"] += len(fresh)
                unlike += shelf.other_records([each for each in records if each.id not in fresh])
                counts["feedback"] += sum(said.record in fresh for said in feedback)
                counts["scores"] += sum(score.record in fresh for score in scores)
            else:
                added = shelf.add_records(records)
                counts["added"] += added
                if added < len(records):
                    unlike += shelf.other_records(records)
                counts["feedback"] += shelf.add_feedback(feedback)
                counts["scores"] += shelf.add_record_scores(scores)
    _refuse_without_time(path, reader)
    if not counts["rows"] and not problems:
        raise FileProblems([Problem(file_name(path), _nothing(spans, others), 1)])
    lines = {
        (problem.line, problem.field.partition(".")[0] if problem.line is None else "")
        for problem in problems
    }
    return Imported(
        file=path.name,
        format="otel" if spans else "rows",
        rows=counts["rows"],
        added=counts["added"],
        known=counts["rows"] - counts["added"],
        others=len(unlike),
        other_ids=tuple(dict.fromkeys(unlike))[:_TOLD],
        feedback=counts["feedback"],
        scores=counts["scores"],
        first=min(times, default=None),
        last=max(times, default=None),
        absent={} if path.suffix.lower() == ".csv" else reader.absent,
        left_out={**dict(reader.unused.most_common(_TOLD)), **others},
        faulty=len(lines),
        faults=tuple(str(problem) for problem in problems[:_TOLD]),
        ahead=counts["ahead"],
        dry_run=dry_run,
    )


def _refuse_absent(path: Path, wanted: Mapping[str, str], there: Sequence[str]) -> None:
    heads = {name.partition(".")[0] for name in there}
    for ours, theirs in wanted.items():
        if theirs not in there and theirs.partition(".")[0] not in heads:
            raise UsageError(no_column(file_name(path), ours, theirs, there))


def _refuse_without_time(path: Path, reader: DraftReader) -> None:
    """Say once that no row has a time, where the map names another column than there is."""
    if "at" in reader.absent and reader.keys:
        raise UsageError(no_column(file_name(path), "at", reader.absent["at"], reader.keys))


def _clean(drafts: Iterator[Draft], cleaner: Cleaner) -> Iterator[Draft]:
    for draft in drafts:
        said = tuple(map(cleaner.feedback, draft.feedback))
        yield Draft(cleaner.record(draft.record), said, draft.scores)


def _paged(drafts: Iterator[Draft]) -> Iterator[list[Draft]]:
    while page := list(islice(drafts, PAGE)):
        yield page


def _whole(
    path: Path, pages: Iterable[list[Draft]], reader: DraftReader, problems: Sequence[Problem]
) -> Iterator[list[Draft]]:
    """Yield the pages once all of them are read. Raises FileProblems where there were faults, UsageError."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as waiting:  # without a name, and clean already
        try:
            for page in pages:
                if not problems:
                    waiting.writelines(map(_line, page))
            _refuse_without_time(path, reader)
            if problems:
                raise FileProblems(problems)
            waiting.seek(0)
        except OSError as error:
            told = f"can't wait in a temporary file: {error.strerror}. Make room, or name a folder in TMPDIR"
            raise FileProblems([Problem(file_name(path), told)]) from None
        yield from _paged(map(_draft, waiting))


def _line(draft: Draft) -> bytes:
    """Return a draft as a line of JSON, whatever its texts hold."""
    nouns = ([draft.record], draft.feedback, draft.scores)
    return json.dumps([[noun.model_dump() for noun in some] for some in nouns]).encode() + b"\n"


def _draft(line: bytes) -> Draft:
    [[record], feedback, scores] = json.loads(line)
    return Draft(
        Record.model_validate(record),
        tuple(map(Feedback.model_validate, feedback)),
        tuple(map(RecordScore.model_validate, scores)),
    )


def _nothing(spans: bool, others: Counter[str]) -> str:
    if not spans:
        return "holds no records"
    return (
        f"holds no calls to a model, but {sum(others.values()):,} other spans" if others else "holds no spans"
    )


def _drafts(
    path: Path, spans: bool, reader: DraftReader, problems: list[Problem], others: Counter[str]
) -> Iterator[Draft]:
    for row in _span_rows(path, problems, others) if spans else _rows(path, problems):
        draft = reader.read(row.value, Faults(file_name(path), row, problems))
        if draft is not None:
            yield draft
        if len(problems) >= MAX_PROBLEMS:
            return


def _rows(path: Path, problems: list[Problem]) -> Iterator[Located]:
    if path.suffix.lower() != ".json":
        yield from read_rows(path, problems)
        return
    document = _document(path)
    if not isinstance(document.value, list):
        reason = f"must be a list of records, not {kind_of(document.value)}"
        raise FileProblems([Problem(file_name(path), reason, *document.place(()))])
    for index, value in enumerate(document.value):
        yield document.inside(value, (index,))


def _span_rows(path: Path, problems: list[Problem], others: Counter[str]) -> Iterator[Located]:
    """Yield the calls to models in a file with an export request a line, or with one over all its lines."""
    for request in _requests(path, problems):
        if not holds_spans(request.value):
            Faults(file_name(path), request, problems).add(
                (), "has no `resourceSpans`; is this OTLP as JSON?"
            )
            continue
        line = request.place(()).line
        for row in rows_of(request.value):
            if row is None:
                others[OTHER_SPANS] += 1
            else:
                yield Located(row, lambda path, line=line: Place(line))  # type: ignore[misc]


def _requests(path: Path, problems: list[Problem]) -> Iterator[Located]:
    if path.suffix.lower() == ".json" and _is_one_document(path):
        document = _document(path)
        yield from (
            [document.inside(each, (place,)) for place, each in enumerate(document.value)]
            if isinstance(document.value, list)
            else [document]
        )
        return
    yield from read_json_lines(path, problems)


def _document(path: Path) -> Located:
    """Return a whole file of JSON, its places by line and column."""
    text = read_text(path, MAX_BYTES)
    found = read_json(text, file_name(path))

    def place(way: tuple[str | int, ...]) -> Place:
        before = text[: (found.place(way).column or 1) - 1]
        return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)

    return Located(found.value, place)


def _is_one_document(path: Path) -> bool:
    return not isinstance(_first_line(path), dict)


def _looks_like_spans(path: Path) -> bool:
    if path.suffix.lower() not in (".json", ".jsonl", ".ndjson", ".log", ".otlp", ""):
        return False
    first = _first_line(path)
    if first is not None:
        return holds_spans(first)
    with open_regular(path) as file:
        head = file.read(2_000)
    return b'"resourceSpans"' in head or b'"resource_spans"' in head


def _first_line(path: Path) -> JsonValue:
    """Return the value on a file's first line; None where the line is no JSON by itself."""
    with open_regular(path) as file:
        line = file.readline(10_000_000)
    try:
        value: JsonValue = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value
