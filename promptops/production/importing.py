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

from pydantic import Field

from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.csvfile import read_csv
from promptops.files.located import MAX_PROBLEMS
from promptops.files.textfile import file_name
from promptops.noun import Noun
from promptops.production.cleaning import Cleaner
from promptops.production.columnmap import no_column
from promptops.production.drafts import Draft, DraftReader
from promptops.production.entries import AHEAD
from promptops.production.logrows import log_rows, looks_like_spans
from promptops.production.periods import spelled
from promptops.production.records import Feedback, Record, RecordScore
from promptops.runs.collector import collecting_later
from promptops.texts.figures import counted

Format = Literal["auto", "jsonl", "otel"]
PAGE = 1_000
"""Records that are held and added at a time."""
_TOLD = 20
_IN_MEMORY = 16_000_000
"""Bytes up to which what waits needs no file."""


class Differing(Noun):
    """A row whose id a record bears that is not the same."""

    id: str
    where: str
    """The row's place: its file with the line or row, or the span."""
    fields: tuple[str, ...]
    """In what the two differ."""


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
    """Of these, how many bear the id of a record that differs in something."""
    differing: tuple[Differing, ...] = ()
    """The first of these."""
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
    def other_records(self, given: Sequence[Record]) -> dict[int, tuple[str, ...]]: ...


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
    spans = form == "otel" or (form == "auto" and looks_like_spans(path))
    if path.suffix.lower() == ".csv" and not spans:
        _refuse_absent(path, reader.absent, [cell.text for cell in next(read_csv(path), ())])
    source = _Source(path, spans, reader, skip_faulty)
    counts: Counter[str] = Counter()
    times: set[str] = set()
    unlike: list[tuple[int, str, tuple[str, ...]]] = []
    latest = spelled(datetime.now(UTC) + AHEAD)
    pages = _paged(_clean(source.drafts(), cleaner))
    with collecting_later():
        for page in pages if skip_faulty else _whole(path, pages, source):
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
                counts["feedback"] += sum(said.record in fresh for said in feedback)
                counts["scores"] += sum(score.record in fresh for score in scores)
                added = len(fresh)
            else:
                added = shelf.add_records(records)
                counts["added"] += added
                counts["feedback"] += shelf.add_feedback(feedback)
                counts["scores"] += shelf.add_record_scores(scores)
            if added < len(records):
                other = shelf.other_records(records)
                unlike += [(page[place].number, records[place].id, other[place]) for place in sorted(other)]
    _refuse_without_time(path, reader)
    source.refuse_unreadable()
    return Imported(
        file=path.name,
        format="otel" if spans else "rows",
        rows=counts["rows"],
        added=counts["added"],
        known=counts["rows"] - counts["added"],
        others=len(unlike),
        differing=source.differing(unlike),
        feedback=counts["feedback"],
        scores=counts["scores"],
        first=min(times, default=None),
        last=max(times, default=None),
        absent={} if path.suffix.lower() == ".csv" else reader.absent,
        left_out={**reader.left_out, **source.others},
        faulty=source.faulty,
        faults=tuple(map(str, source.faults)),
        ahead=counts["ahead"],
        dry_run=dry_run,
    )


class _Source:
    """A file that is read row by row, with what was wrong and what was left out on the way."""

    def __init__(self, path: Path, spans: bool, reader: DraftReader, skip_faulty: bool) -> None:
        self._path = path
        self._spans = spans
        self._reader = reader
        self._skips = skip_faulty
        self.faults: list[Problem] = []
        """The first of them, where rows are skipped; else all, or so many that the rest is not read."""
        self.faulty = 0
        """Rows that can't be read."""
        self.read = 0
        self.others: Counter[str] = Counter()

    def drafts(self) -> Iterator[Draft]:
        """Yield what could be read; with a thousand faults a file that is to be whole is not read on."""
        file = file_name(self._path)
        found: list[Problem] = []
        for number, row in enumerate(log_rows(self._path, self._spans, found, self.others)):
            self._note(found, len(found))
            draft = self._reader.read(row.located.value, row.faults(file, found))
            self._note(found, 1)
            if draft is not None:
                self.read += 1
                yield draft._replace(number=number)
            elif not self._skips and len(self.faults) >= MAX_PROBLEMS:
                return
        stopped = len(found) >= MAX_PROBLEMS
        self._note(found, len(found))
        if stopped and self._skips:
            told = f"{MAX_PROBLEMS:,} lines one after another can't be read, so that reading stopped there. "
            raise FileProblems(self.faults, f"{told}What stands before them was taken in.")

    def refuse_faulty(self) -> None:
        """Raise FileProblems where there is a fault, with what to do; UsageError where no row has a time."""
        _refuse_without_time(self._path, self._reader)
        if not self.faults:
            return
        what = "spans" if self._spans else "rows"
        more = f" Leave faulty {what} out with --skip-faulty, or mend them." if self.read else ""
        advice = [f"Nothing was stored.{more}"]
        if not self._spans:
            advice += self._reader.advice()
        raise FileProblems(self.faults, "\n".join(advice))

    def refuse_unreadable(self) -> None:
        """Raise FileProblems where nothing of the file could be read."""
        if self.read:
            return
        if self.faults:
            advice = [] if self._spans else self._reader.advice()
            told = "Nothing was stored: none of its rows can be read."
            raise FileProblems(self.faults, "\n".join([told, *advice]))
        raise FileProblems([Problem(file_name(self._path), self._nothing(), 1)])

    def differing(self, unlike: Sequence[tuple[int, str, tuple[str, ...]]]) -> tuple[Differing, ...]:
        """Say of the first of some rows where they stand: the file is read once more for that."""
        named = {number: (id, fields) for number, id, fields in unlike[:_TOLD]}
        if not named:
            return ()
        passed: list[Problem] = []
        found = []
        for number, row in enumerate(log_rows(self._path, self._spans, passed, Counter())):
            passed.clear()
            if number in named:
                id, fields = named[number]
                found.append(Differing(id=id, where=row.where(file_name(self._path)), fields=fields))
                if len(found) == len(named):
                    break
        return tuple(found)

    def _note(self, found: list[Problem], rows: int) -> None:
        """Take the faults of so many rows out of a list: readers stop where it is long."""
        if found:
            self.faulty += rows
            self.faults += found[: MAX_PROBLEMS - len(self.faults)]
            found.clear()

    def _nothing(self) -> str:
        if not self._spans:
            return "holds no records"
        count = sum(self.others.values())
        return f"holds no calls to a model, but {counted(count, 'other span')}" if count else "holds no spans"


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
        yield draft._replace(record=cleaner.record(draft.record), feedback=said)


def _paged(drafts: Iterator[Draft]) -> Iterator[list[Draft]]:
    while page := list(islice(drafts, PAGE)):
        yield page


def _whole(path: Path, pages: Iterable[list[Draft]], source: _Source) -> Iterator[list[Draft]]:
    """Yield the pages once all of them are read. Raises FileProblems where there were faults, UsageError."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as waiting:  # without a name, and clean already
        try:
            for page in pages:
                if not source.faulty:
                    waiting.writelines(map(_line, page))
            source.refuse_faulty()
            waiting.seek(0)
        except OSError as error:
            told = f"can't wait in a temporary file: {error.strerror}. Make room, or name a folder in TMPDIR"
            raise FileProblems([Problem(file_name(path), told)]) from None
        yield from _paged(map(_draft, waiting))


def _line(draft: Draft) -> bytes:
    """Return a draft as a line of JSON, whatever its texts hold."""
    nouns = ([draft.record], draft.feedback, draft.scores)
    return (
        json.dumps([draft.number, *([noun.model_dump() for noun in some] for some in nouns)]).encode() + b"\n"
    )


def _draft(line: bytes) -> Draft:
    [number, [record], feedback, scores] = json.loads(line)
    return Draft(
        Record.model_validate(record),
        tuple(map(Feedback.model_validate, feedback)),
        tuple(map(RecordScore.model_validate, scores)),
        number,
    )
