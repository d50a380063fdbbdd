"""The spool of a project: what was logged and is not in the database yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from promptops.errors import StoreError, UnknownName
from promptops.production.draining import Drained, drain
from promptops.production.recordbook import Recordbook
from promptops.production.records import Deletion, RecordFilter
from promptops.production.remains import remaining
from promptops.production.spooler import Place
from promptops.store import Store


class Spooled(Recordbook):
    """Records that are still on their way."""

    def drain_spool(self) -> Drained:
        """Move into the database what processes left in the spool; of running ones what they let go.

        Raises StoreError where the database or the spool can't be used; nothing is lost then.
        """
        place = Place(self.settings, self.root)
        try:
            if place.database == self.records_database:
                return drain(place.folder, self.record_store)
            with Store.open(place.database) as store:  # --database names another
                return drain(place.folder, store)
        except OSError as error:
            raise StoreError(
                f"The spool {place.folder} can't be read or emptied: {error.strerror}. "
                "Check who may write there and run the same again; nothing is lost."
            ) from None

    def delete_records(
        self, wanted: RecordFilter, *, dry_run: bool = False, rewrite: bool = True
    ) -> Deletion:
        """Delete records with all that was said of them; their bytes are gone from the database's files.

        Where `[logging]` names a database of its own, records are deleted there and in the project's. Raises
        UnknownName for a prompt that has none.
        """
        place = Place(self.settings, self.root)
        left = 0 if dry_run else self.drain_spool().left  # a person's records could come back from it
        with self._other_store() as store:
            if not left and store is None:  # what is held may bear any name
                self.with_known_prompt(wanted)
            found = super().delete_records(wanted, dry_run=dry_run, rewrite=rewrite)
            if store is not None:
                other = self._deleted_from(store, wanted, dry_run=dry_run, rewrite=rewrite)
                found = found.model_copy(
                    update={
                        "records": found.records + other.records,
                        "feedback": found.feedback + other.feedback,
                        "erased": found.erased and other.erased,
                        "busy": found.busy or other.busy,
                    }
                )
        if dry_run:
            return found
        if wanted == RecordFilter(subject=wanted.subject) and wanted.subject is not None:
            remains = remaining(place.folder, wanted.subject)
            return found.model_copy(update=remains._asdict())
        # What is held was logged within the last second, so none of it lies before a moment in the past.
        return found if wanted.until is not None else found.model_copy(update={"held": left})

    def deletable_id(self, reference: str) -> str:
        """Return a record's whole id, from either database. Raises UnknownName, UsageError."""
        try:
            return self.find_record(reference).id
        except UnknownName:
            with self._other_store() as store:
                if store is None:
                    raise
                return store.record(reference).id

    @contextmanager
    def _other_store(self) -> Iterator[Store | None]:
        """Yield the other of two databases that may hold records; None where there is none."""
        place = Place(self.settings, self.root)
        url = next(iter({self.settings.database, place.database} - {self.records_database}), None)
        if url is None or Store.missing_file(url) is not None:
            yield None
        elif url == self.settings.database:
            yield self.store
        else:
            with Store.open(url) as store:
                yield store
