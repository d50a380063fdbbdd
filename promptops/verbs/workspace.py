"""A project's folder: settings, database, evaluation sets, and how names are found."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from promptops.config import Settings, load_settings
from promptops.errors import NotComparable, StoreError, UnknownName, UsageError
from promptops.runs.states import as_it_stands, how_to_finish
from promptops.types import EvalSet, Run, Sample

if TYPE_CHECKING:
    from promptops.calls.bills import Bill
    from promptops.store import Store
    from promptops.store.points import Points


BILLED = 20_000
"""Calls of a run up to which lists tell what it took: each has to be read."""
LISTED = 20
"""Runs that are looked at together for the newest that asked the whole set."""


class Workspace:
    """What every verb of a Project stands on."""

    def __init__(
        self,
        root: Path,
        settings: Settings,
        environment: Mapping[str, str],
        *,
        read_only: bool = False,
        missing_ok: bool = False,
        database_given: bool = False,
    ) -> None:
        self.root = root
        self.settings = settings
        self.environment = environment
        self._read_only = read_only
        self._missing_ok = missing_ok
        self._database_given = database_given

    @classmethod
    def open(
        cls,
        path: str | Path = ".",
        *,
        database: str | None = None,
        engine: str | None = None,
        read_only: bool = False,
        missing_ok: bool = False,
    ) -> Self:
        """Open the project that holds `path`; the database is opened (and upgraded) when first needed.

        With `missing_ok` one that is not there yet counts as empty, and is not made. Records are in the one
        that `[logging]` names, if it does, unless `database` is given.
        Raises SettingsError with file and key where the settings are wrong.
        """
        settings, root = load_settings(Path(path), os.environ, database=database, engine=engine)
        if str(root) not in sys.path:
            # Last, so that a project's file never takes the place of an installed module.
            sys.path.append(str(root))
        given = database is not None
        return cls(
            root, settings, os.environ, read_only=read_only, missing_ok=missing_ok, database_given=given
        )

    @cached_property
    def store(self) -> Store:
        """The database."""
        from promptops.store import Store

        if self.missing_database is not None:
            return Store.open("sqlite://")
        if not self._read_only:
            self._keep_out_of_git()
        return Store.open(self.settings.database, read_only=self._read_only)

    @cached_property
    def record_store(self) -> Store:
        """The database of production's records, into which they are written, too."""
        from promptops.store import Store

        if not self.records_elsewhere:
            return self.store
        if self._missing_ok and Store.missing_file(self.records_database) is not None:
            return Store.open("sqlite://")
        return Store.open(self.records_database, read_only=self._read_only)

    @property
    def records_database(self) -> str:
        """The URL of the database of records."""
        logged = None if self._database_given else self.settings.logging.database
        return logged or self.settings.database

    @property
    def records_elsewhere(self) -> bool:
        """Whether records have a database of their own."""
        return self.records_database != self.settings.database

    @property
    def records_read_elsewhere(self) -> bool:
        """Whether records were looked at, in a database of their own."""
        return self.records_elsewhere and "record_store" in self.__dict__

    @cached_property
    def _kept_points(self) -> Points:
        """What embedding models gave, beside the database's usual place."""
        from promptops.store.points import Points  # numpy

        return Points(self.root / ".promptops" / "points" / "points.db", read_only=self._read_only)

    @cached_property
    def missing_database(self) -> Path | None:
        """The database's file where that is not there, and is not to be made either; else None."""
        from promptops.store import Store

        return Store.missing_file(self.settings.database) if self._missing_ok else None

    @property
    def looked_in_vain(self) -> Path | None:
        """The file of a database that was to be read and is not there; None where nobody read."""
        if self.missing_database is not None and "store" in self.__dict__:
            return self.missing_database
        from promptops.store import Store

        looked = self._missing_ok and "record_store" in self.__dict__ and self.records_elsewhere
        return Store.missing_file(self.records_database) if looked else None

    def _keep_out_of_git(self) -> None:
        """Make the default folder of the database, with a note to git to leave it alone."""
        folder = self.root / ".promptops"
        if self.settings.database.startswith("sqlite:") and str(folder) in self.settings.database:
            try:
                if not folder.exists():
                    folder.mkdir(mode=0o700)
                if not (folder / ".gitignore").exists():
                    (folder / ".gitignore").write_text("*\n", "utf-8")
            except OSError as error:
                raise StoreError(
                    f"{folder} can't be written: {error.strerror}. Name a database elsewhere: --database URL"
                ) from None

    def close(self) -> None:
        """Let go of the databases."""
        for name in ("record_store", "store"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    @property
    def actor(self) -> str:
        """Who acts, for the audit: PROMPTOPS_ACTOR, else the login name."""
        named = self.environment.get("PROMPTOPS_ACTOR")
        if named:
            return named
        try:
            return getpass.getuser()
        except (OSError, KeyError):
            return "unknown"

    def evalset(self, reference: str | Path) -> EvalSet:
        """Read an evaluation set by name or folder, whole and checked."""
        from promptops.sets.evalset import read_evalset

        return read_evalset(self.evalset_folder(reference))

    def evalset_folder(self, reference: str | Path) -> Path:
        """Return the folder of an evaluation set; raises UnknownName with the nearest names."""
        given = Path(reference)
        if (given / "evalset.toml").is_file():
            return given
        if given.name == "evalset.toml" and given.is_file():
            return given.parent
        folder = self.root / self.settings.evalsets
        names = self.evalsets()
        if str(reference) in names:
            return folder / str(reference)
        raise UnknownName(
            "evaluation set", str(reference), names, hint=f"They lie in {self.settings.evalsets}/."
        )

    def _set_of(self, run: Run) -> Path | None:
        """Return the folder of a run's set; None where it is no set of the project's, or gone."""
        return self.evalset_folder(run.evalset) if run.evalset in self.evalsets() else None

    def evalsets(self) -> list[str]:
        """List the project's evaluation sets."""
        from promptops.sets.evalset import evalset_names

        return evalset_names(self.root / self.settings.evalsets)

    def run(self, reference: str) -> Run:
        """Return a run by id, the beginning of its id, or `latest`."""
        if self.missing_database is not None:
            hint = f"There is no database at {self.missing_database}."
            raise UnknownName("run", reference, (), hint=hint)
        return self._as_they_stand([self.store.run(reference)])[0]

    def runs(self, *, limit: int = 50, offset: int = 0, evalset: str | None = None) -> list[Run]:
        """List runs, the newest first."""
        return self._as_they_stand(self.store.runs(limit=limit, offset=offset, evalset=evalset))

    def _as_they_stand(self, found: Sequence[Run]) -> list[Run]:
        ids = [run.id for run in found]
        leases = self.store.leases(ids)
        waiting, cancelled = self.store.waiting_since(ids), self.store.cancelled_at(ids)
        return [
            as_it_stands(run, leases.get(run.id), self.root, waiting.get(run.id), cancelled.get(run.id))
            for run in found
        ]

    def bills(self, runs: Sequence[Run]) -> dict[str, Bill]:
        """Return what each of some runs took, for lists: those with very many calls are left out."""
        return self.store.bills([run.id for run in runs], most=BILLED)

    def bill(self, reference: str) -> Bill:
        """Return what a run's answered calls took, however many there are."""
        run = self.run(reference)
        return self.store.bills([run.id])[run.id]

    def run_count(self, *, evalset: str | None = None) -> int:
        """Return how many runs there are."""
        return self.store.run_count(evalset)

    def run_evalsets(self) -> list[str]:
        """List the evaluation sets that have runs, whether their files are still there or not."""
        return self.store.run_evalsets()

    def data_version(self) -> str:
        """Return a mark that changes with every commit to a database that is open, for the keys of caches."""
        other = self.record_store.data_version() if "record_store" in self.__dict__ else ""
        return f"{self.store.data_version()} {other}" if self.records_elsewhere else self.store.data_version()

    def sample(self, reference: str, sample_id: str) -> Sample:
        """Return one sample that a run was asked; raises UnknownName with the nearest ids."""
        return self.store.snapshot_sample(self.run(reference).evalset_digest, sample_id)

    def samples(self, reference: str) -> tuple[Sample, ...]:
        """Return the samples that a run was asked, as they were then."""
        return tuple(self.store.snapshot_samples(self.run(reference).evalset_digest))

    def finished_run(self, reference: str) -> Run:
        """Return a run that is whole; raises UsageError that says how to finish it."""
        run = self.run(reference)
        if run.status != "finished":
            raise UsageError(
                f"Run {run.id} is {run.standing}: {run.done} of {run.samples * run.repeats} results "
                f"are stored. {how_to_finish(run)}"
            )
        return run

    def _newest_whole(self, evalset: str) -> str:
        """Return the id of the newest run that asked all of a set. Raises NotComparable without one."""
        for offset in range(0, self.run_count(evalset=evalset), LISTED):
            for run in self.runs(limit=LISTED, offset=offset, evalset=evalset):
                if run.part is None:
                    return run.id
        raise NotComparable(
            f"There is no run of all of {evalset!r} yet. Make one: promptops eval {evalset} --prompt FILE"
        )
