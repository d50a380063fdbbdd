"""The verbs of distributions: how far two collections of texts lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from promptops.comparisons import Comparisons
from promptops.embedding import embedded
from promptops.errors import UsageError
from promptops.eventloop import wait_for
from promptops.gatecells import unmeasured
from promptops.models import open_model
from promptops.parts import whole_digest
from promptops.shift import Embed, Shift, What, measure_shift
from promptops.shiftgate import left_for_later, shift_cell
from promptops.shiftrules import ShiftRule
from promptops.sides import Loaded, metrics_of
from promptops.textfile import check_inside
from promptops.types import EvalSet, Run
from promptops.verdicts import CellVerdict
from promptops.windows import (
    Wanted,
    Window,
    columns_of,
    in_pairs,
    is_file,
    of_evalset,
    of_file,
    of_outputs,
    of_run,
)


class Shifts(Comparisons):
    """Texts against texts, whatever their quality."""

    def shift(
        self,
        reference: str,
        current: str,
        *,
        what: What | None = None,
        field: str | None = None,
        pair_by: str | None = None,
        by_day: str | None = None,
        columns: Sequence[str] = (),
        embed: str | None = None,
        alpha: float = 0.05,
        seed: int = 0,
    ) -> Shift:
        """Measure how far two collections of texts lie apart.

        Each side is a run (its outputs; `what` asks for inputs), an evaluation set (its inputs), or a file.
        Outputs of two runs of one set are compared in pairs; rows of files where both have the same value
        in the field `pair_by`. `by_day` names the field with each text's date: whole days are shuffled then.
        `columns` join the panel: metrics and metadata of runs and sets, fields of files. `embed` names an
        embedding model that turns the texts into points. Raises UsageError, UnknownName, FileProblems.
        """
        if pair_by is not None and by_day is not None:
            raise UsageError("Texts are compared in pairs or shuffled by days, not both.")
        wanted = Wanted(what, field, tuple(columns), by_day, pair_by)
        first, second = self._window(reference, wanted), self._window(current, wanted)
        pairs = None if by_day is not None else in_pairs(first, second)
        if pairs is not None:
            first, second = pairs
        return measure_shift(
            first.texts,
            second.texts,
            paired=pairs is not None,
            blocks=None if first.days is None or second.days is None else (first.days, second.days),
            columns=columns_of(first, second, wanted.columns),
            embed=None if embed is None else self._embedder(embed),
            embedding_model=embed,
            alpha=alpha,
            seed=seed,
            reference_name=first.name,
            current_name=second.name,
            what=what,
        )

    def _shift_cells(
        self, found: EvalSet, folder: Path, before: Loaded, after: Loaded
    ) -> tuple[CellVerdict, ...]:
        """Decide a set's rules about texts: outputs of two sides, its inputs against a file.

        Raises FileProblems where that file can't be read or leads out of the set's folder.
        """
        return tuple(
            self._shift_cell(rule, found, folder, before, after)
            for rule in found.shifts
            if isinstance(rule, ShiftRule)
        )

    def _shift_cell(
        self, rule: ShiftRule, found: EvalSet, folder: Path, before: Loaded, after: Loaded
    ) -> CellVerdict:
        if rule.shift == "inputs":
            path = folder / (rule.against or "")
            check_inside(path, self.root if folder.is_relative_to(self.root) else folder)
            first = of_evalset(found, Wanted("inputs"))
            second = of_file(path, Wanted("inputs", rule.field))
            return shift_cell(rule, measure_shift(first.texts, second.texts, alpha=rule.alpha))
        if after.side.run.status != "finished":
            return left_for_later(rule)
        pairs = in_pairs(*(of_outputs(side.outputs()) for side in (before, after)))
        if pairs is None or not pairs[0].texts:
            return unmeasured(rule, "the baseline has no outputs; accept it without --no-outputs")
        return shift_cell(rule, measure_shift(pairs[0].texts, pairs[1].texts, paired=True, alpha=rule.alpha))

    def _embedder(self, name: str) -> Embed:
        """Return what turns texts into points by a model. Raises SettingsError where it can't be asked."""
        model = open_model(name, self.settings, self.environment, self.root)
        attempts, at_once = self.settings.attempts, model.settings.concurrency or self.settings.concurrency
        return lambda texts: wait_for(embedded(texts, model, name, attempts=attempts, concurrency=at_once))

    def _window(self, reference: str, wanted: Wanted) -> Window:
        """Return the texts of a run, an evaluation set or a file."""
        if is_file(reference):
            return of_file(Path(reference), wanted)
        if reference in self.evalsets() or Path(reference, "evalset.toml").is_file():
            return of_evalset(self.evalset(reference), wanted)
        return self._run_window(self.run(reference), wanted)

    def _run_window(self, run: Run, wanted: Wanted) -> Window:
        samples = tuple(self.store.snapshot_samples(run.evalset_digest))
        results = self.store.results(run.id)
        return of_run(run, samples, results, metrics_of(run), wanted, whole_digest(run))
