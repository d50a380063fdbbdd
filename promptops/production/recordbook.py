"""The verbs of records of production: look them up, say what users said of them, and delete them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from promptops.errors import StoreError, UsageError
from promptops.production.censor import Censor
from promptops.production.cleaning import Cleaner
from promptops.production.columnmap import read_map
from promptops.production.drafts import DraftReader
from promptops.production.exports import export_records
from promptops.production.importing import Format, Imported, import_file
from promptops.production.knownrecords import refuse_unknown
from promptops.production.periods import prompt_fields, spelled
from promptops.production.records import (
    Deletion,
    Feedback,
    Record,
    RecordFilter,
    RecordScore,
    Thumb,
    subject_mark,
)
from promptops.production.recordtexts import texts_of
from promptops.store import Store
from promptops.texts.figures import counted
from promptops.verbs.watchkeeping import Watchkeeping


class Recordbook(Watchkeeping):
    """What came back from production."""

    def records(
        self, wanted: RecordFilter | None = None, *, limit: int | None = 50, offset: int = 0
    ) -> list[Record]:
        """Return records, the newest first."""
        return self.record_store.records(wanted or RecordFilter(), limit=limit, offset=offset)

    def record_pages(self, wanted: RecordFilter | None = None) -> Iterator[list[Record]]:
        """Yield records a thousand at a time, the oldest first, for more of them than memory holds."""
        return self.record_store.record_pages(wanted or RecordFilter())

    def find_record(self, reference: str) -> Record:
        """Return one record by its id, or the beginning of it. Raises UnknownName, UsageError."""
        return self.record_store.record(reference)

    def record_count(self, wanted: RecordFilter | None = None) -> int:
        """Return how many records there are."""
        return self.record_store.record_count(wanted or RecordFilter())

    def record_prompts(self) -> list[str]:
        """Return the names of the prompts that there are records of, registered or not."""
        return self.record_store.record_prompts()

    def record_feedback(self, wanted: RecordFilter | None = None) -> list[Feedback]:
        """Return what was said of records, the oldest first; without a filter also of records not kept."""
        return self.record_store.feedback(wanted)

    def feedback_of(self, records: Sequence[Record]) -> dict[str, tuple[Feedback, ...]]:
        """Return what was said of some records, by the record's id; those without are left out."""
        found: dict[str, tuple[Feedback, ...]] = {}
        for each in self.record_store.said_of([record.id for record in records]):
            found[each.record] = (*found.get(each.record, ()), each)
        return found

    def record_scores(
        self, wanted: RecordFilter | None = None, *, label: str | None = None
    ) -> list[RecordScore]:
        """Return scores of records, in the order in which they were stored."""
        return self.record_store.record_scores(wanted or RecordFilter(), label)

    def records_left_behind(self) -> bool:
        """Tell whether there are records in the project's database that are not read, as others are."""
        if not self.records_elsewhere or Store.missing_file(self.settings.database) is not None:
            return False
        return bool(self.store.records(RecordFilter(), limit=1))

    def add_feedback(
        self,
        reference: str,
        *,
        thumb: Thumb | None = None,
        stars: int | None = None,
        comment: str = "",
        edit: str | None = None,
        outcome: str | None = None,
        by: str | None = None,
        keep_people: bool = False,
        id: str | None = None,
    ) -> Feedback:
        """Keep what somebody said of a record, without secrets, and without addresses unless `keep_people`.

        `by` is a person's name, kept as its mark; what has an `id` that is there already is not kept again.
        Raises UnknownName, and UsageError where nothing is said.
        """
        if thumb is None and stars is None and not comment and edit is None and outcome is None:
            raise UsageError("Say something of the record: a thumb, stars, a comment, an edit or an outcome.")
        if stars is not None and not 1 <= stars <= 5:
            raise UsageError(f"{stars} stars: write 1 to 5.")
        said = Feedback(
            id=id or uuid.uuid4().hex,
            record=self.find_record(reference).id,
            at=spelled(datetime.now(UTC)),
            thumb=thumb,
            stars=stars,
            comment=comment,
            edit=edit,
            outcome=outcome,
            by=None if by is None else subject_mark(by),
        )
        cleaned = self._cleaner(keep_people).feedback(said)
        self.record_store.add_feedback([cleaned])
        return cleaned

    def import_records(
        self,
        path: str | Path,
        *,
        form: Format = "auto",
        columns: Sequence[str] = (),
        prompt: str | None = None,
        tags: Sequence[str] = (),
        keep_people: bool = False,
        skip_faulty: bool = False,
        dry_run: bool = False,
    ) -> Imported:
        """Add the records of a log: JSON lines, JSON, CSV, Parquet or YAML, or spans of OpenTelemetry.

        `columns` says which column is which field of ours (`output=answer`); `prompt` and `tags` are those of
        rows that name none. Secrets are taken out, and people's addresses unless `keep_people`. What is there
        already is left as it is, so that a file may be read again. Raises UsageError, FileProblems.
        """
        source = Path(path)
        chosen = read_map(columns) if columns else None
        defaults: dict[str, JsonValue] = {"tags": list(tags)}
        defaults |= prompt_fields(prompt) if prompt is not None else {}
        return import_file(
            source,
            form,
            DraftReader(source.name, chosen, defaults),
            self._cleaner(keep_people),
            self.record_store,
            skip_faulty=skip_faulty,
            dry_run=dry_run,
        )

    def export_records(
        self,
        path: str | Path,
        wanted: RecordFilter | None = None,
        *,
        texts: bool = True,
        overwrite: bool = False,
    ) -> int:
        """Write records with what was said of them and their scores, the oldest first; returns how many.

        The ending of the file says how: .jsonl, .parquet (both can be imported again) or .csv. A file that is
        there is written over with `overwrite` only. Raises UsageError, UnknownName for a prompt without
        records, FileProblems.
        """
        return export_records(
            self.record_store, wanted or RecordFilter(), Path(path), texts=texts, overwrite=overwrite
        )

    def prune_records(
        self, days: int | None = None, *, dry_run: bool = False, rewrite: bool = False
    ) -> Deletion:
        """Delete records that are older than so many days, or than the settings' `retention_days`.

        What was said of them goes too. Meant for every night. Raises UsageError where nothing says how long.
        """
        kept = days if days is not None else self.settings.logging.retention_days
        if kept is None:
            raise UsageError(
                "Nothing says how long records are kept. Write retention_days = 90 under [logging] in "
                "promptops.toml, or say --days 90."
            )
        wanted = RecordFilter(until=spelled(datetime.now(UTC) - timedelta(days=kept)))
        return self.delete_records(wanted, dry_run=dry_run, rewrite=rewrite)

    def with_known_prompt(self, wanted: RecordFilter) -> RecordFilter:
        """Return a filter as it is.

        Raises UnknownName for a prompt, a version, an alias or a model that neither the registry nor any
        record knows.
        """
        refuse_unknown(self.record_store, lambda: self.store, wanted)
        return wanted

    def delete_records(
        self, wanted: RecordFilter, *, dry_run: bool = False, rewrite: bool = True
    ) -> Deletion:
        """Delete records with all that was said of them; their bytes are gone from the database's files.

        With a `subject` alone also what that person said of others' records. Points of their texts are
        forgotten, too. `rewrite` writes the database anew, without which a copy of a deleted text can stay in
        it. Raises UsageError for no condition.
        """
        if wanted == RecordFilter():
            raise UsageError("Say which records to delete: a filter without conditions would delete all.")
        return self._deleted_from(self.record_store, wanted, dry_run=dry_run, rewrite=rewrite)

    def _deleted_from(self, store: Store, wanted: RecordFilter, *, dry_run: bool, rewrite: bool) -> Deletion:
        found = Deletion(
            records=store.record_count(wanted), feedback=store.feedback_count(wanted), dry_run=dry_run
        )
        if dry_run:
            return found
        self._forget_points(store, wanted)
        deleted = store.delete_records(wanted)
        try:
            erased = store.erase(rewrite=rewrite)
        except StoreError as error:
            raise StoreError(
                f"{counted(deleted, 'record is', 'records are')} deleted, but copies of texts can be left in "
                f"the files: {error} Run the same again."
            ) from None
        busy = not erased and store.dialect == "sqlite"
        done = {"records": deleted, "rewritten": rewrite, "erased": erased, "busy": busy}
        return found.model_copy(update=done)

    def _forget_points(self, store: Store, wanted: RecordFilter) -> None:
        """Forget the points of the texts of records, before these are deleted."""
        if not self._kept_points.kept():
            return
        for page in store.record_pages(wanted):
            said = store.said_of([record.id for record in page])
            self._kept_points.forget_texts(texts_of(page, said))
        if wanted.subject is not None:
            self._kept_points.forget_texts(texts_of((), store.feedback_by(wanted.subject)))

    def _cleaner(self, keep_people: bool) -> Cleaner:
        return Cleaner(Censor(self.settings, self.environment, keep_people=keep_people or None))
