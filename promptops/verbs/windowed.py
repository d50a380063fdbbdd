"""The texts of whatever a side names: records, a run, an evaluation set or a file."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from promptops.analysis.sides import metrics_of
from promptops.distributions.textfiles import text_files
from promptops.distributions.textrows import text_fields
from promptops.distributions.windows import (
    INPUTS,
    Wanted,
    Window,
    is_file,
    of_evalset,
    of_file,
    of_run,
    text_field,
)
from promptops.errors import UnknownName
from promptops.production.recordwindows import of_records
from promptops.production.references import is_records, read_reference
from promptops.sets.evalset import declared_text
from promptops.sets.parts import whole_digest
from promptops.types import Run
from promptops.verbs.comparisons import Comparisons

_LOOKED_AT = 50
"""Records or samples whose inputs are fields to choose from."""


class Windowed(Comparisons):
    """Sides by their names."""

    def text_files(self) -> tuple[str, ...]:
        """List files of the project that may hold texts, the newest first, named from its folder."""
        return text_files(self.root)

    def text_fields(self, reference: str | Path) -> tuple[str, ...]:
        """List what a side's text can be: a file's fields, of objects with dots, or each of several inputs.

        Of records, samples and runs the first fifty are looked at. Raises FileProblems, UsageError,
        UnknownName.
        """
        name = str(reference)
        if isinstance(reference, Path) or (is_file(name) and not is_records(name)):
            return text_fields(Path(reference))
        if is_records(name):
            wanted = read_reference(name, datetime.now(UTC)).wanted
            asked = [record.inputs for record in self.record_store.records(wanted, limit=_LOOKED_AT)]
        elif self._is_set(name):
            asked = [sample.inputs for sample in islice(self.evalset(name).samples, _LOOKED_AT)]
        else:
            samples = self.store.snapshot_samples(self._run_of(name).evalset_digest)
            asked = [sample.inputs for sample in islice(samples, _LOOKED_AT)]
        names = dict.fromkeys(name for inputs in asked for name in inputs)
        return tuple(f"{INPUTS}.{name}" for name in names) if len(names) > 1 else ()

    def _usual_field(self, field: str | None, *sides: str | Path, inputs: bool = True) -> str | None:
        """Return the field that was asked for, else the input that a set among the sides says is its text.

        Of runs it is their set's, where `inputs` are looked at. `inputs` as a field means all of them.
        """
        if field is not None:
            return field
        for side in sides:
            name = str(side)
            if is_records(name) or is_file(name):
                continue
            if inputs and not self._is_set(name):
                name = self._run_of(name).evalset
            if self._is_set(name) and (text := declared_text(self.evalset_folder(name))):
                return text_field(text)
        return None

    def _window(self, reference: str, wanted: Wanted) -> Window:
        """Return the texts of records, a run, an evaluation set or a file."""
        if is_records(reference):
            return of_records(reference, self.record_store, wanted)
        if is_file(reference):
            return of_file(Path(reference), wanted)
        if self._is_set(reference):
            return of_evalset(self.evalset(reference), wanted)
        return self._run_window(self._run_of(reference), wanted)

    def _run_of(self, reference: str) -> Run:
        try:
            return self.run(reference)
        except UnknownName:
            hint = "Records are written records:NAME/7d, a file by its name."
            known = [*self.evalsets(), *(run.id for run in self.store.runs(limit=20))]
            raise UnknownName("evaluation set or run", reference, known, hint=hint) from None

    def _is_set(self, reference: str) -> bool:
        return reference in self.evalsets() or Path(reference, "evalset.toml").is_file()

    def _run_window(self, run: Run, wanted: Wanted) -> Window:
        samples = tuple(self.store.snapshot_samples(run.evalset_digest))
        results = self.store.results(run.id)
        return of_run(run, samples, results, metrics_of(run), wanted, whole_digest(run))
