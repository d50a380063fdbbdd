"""The verbs of distributions: how far texts lie apart, and what a set covers of production."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from promptops.analysis.sides import Loaded, load_run
from promptops.analysis.summary import estimate
from promptops.calls.budget import Budget
from promptops.calls.embedding import EmbeddingForecast
from promptops.calls.models import key_variables
from promptops.distributions.coverage import Reestimate, SetCoverage
from promptops.distributions.gate import left_for_later, shift_cell
from promptops.distributions.leaks import (
    ALIKE,
    Canary,
    Leaks,
    canaries_in,
    near_pairs,
    pairs_across,
    shown_in,
    text_alone,
)
from promptops.distributions.rules import ShiftRule
from promptops.distributions.shift import Shift, What, measure_shift
from promptops.distributions.shown import clean_coverage, clean_shift
from promptops.distributions.windows import (
    Wanted,
    Window,
    field_notes,
    in_pairs,
    of_evalset,
    of_file,
    of_outputs,
    text_field,
)
from promptops.errors import NotComparable, UsageError
from promptops.files.textfile import check_inside
from promptops.gate.cells import unmeasured
from promptops.production.recordwindows import AT, of_records
from promptops.production.references import is_records, read_reference
from promptops.sets.candidates import write_candidates
from promptops.stats import Floats
from promptops.texts.redaction import Redactor
from promptops.types import EvalSet, Run
from promptops.verbs.bothsides import Both, covered
from promptops.verbs.pointed import Pointed
from promptops.verdicts import CellVerdict

FEWEST_DAYS = 5
"""Days on each side from which on records are shuffled by whole days: 5 + 5 can be shared out in 252 ways."""


class Shifts(Pointed):
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
        trend: str | None = None,
        columns: Sequence[str] = (),
        embed: str | None = None,
        alpha: float = 0.05,
        seed: int = 0,
        cache: bool = True,
        budget: Budget | None = None,
    ) -> Shift:
        """Measure how far two collections of texts lie apart.

        Each side is a run (its outputs; `what` asks for inputs), an evaluation set (its inputs), a file, or
        records of production (`records:7d`, `records:reply@production/2026-11-01..2026-11-15`; their inputs).
        `field` names one input of both sides, or where a file's texts lie (else it is what a set says is its
        `text`; `inputs` are all of them); a side that can't have it stands whole, and a note says so. Outputs
        of two runs of one set are compared in pairs; rows of files where both have the same value in the
        field `pair_by`. `by_day` names the field with each text's date: whole days are shuffled then, of two
        windows of records by themselves where each has five days. `trend` names it for the current side
        alone: each of its days is measured by itself. What is shown of a file's texts has no addresses.
        `columns` join the panel: metrics and metadata of runs and sets, fields of files. `embed` names an
        embedding model that turns the texts into points, within `budget`; points of an earlier time are used
        again unless `cache` is off. Raises UsageError, UnknownName, FileProblems, Stopped.
        """
        field = self._usual_field(field, reference, current, inputs=what == "inputs")
        sides = self._both(reference, current, Wanted(what, field, tuple(columns), by_day, pair_by), trend)
        points = None if embed is None else self._points(embed, reuse=cache, budget=budget)
        found = sides.measure(points, alpha=alpha, seed=seed)
        return self._clean(found, sides.second)

    def forecast_shift(
        self,
        reference: str,
        current: str,
        *,
        embed: str,
        what: What | None = None,
        field: str | None = None,
        pair_by: str | None = None,
        by_day: str | None = None,
        trend: str | None = None,
        columns: Sequence[str] = (),
        seed: int = 0,
        cache: bool = True,
    ) -> EmbeddingForecast:
        """Return what `shift` with the same arguments would ask the embedding model for; nobody is asked."""
        field = self._usual_field(field, reference, current, inputs=what == "inputs")
        sides = self._both(reference, current, Wanted(what, field, tuple(columns), by_day, pair_by), trend)
        return self._foreseen(embed, partial(sides.measure, seed=seed), reuse=cache)

    def _both(self, reference: str, current: str, wanted: Wanted, trend: str | None) -> Both:
        """Return both sides of a shift, ready to be measured."""
        by_day = wanted.day
        if wanted.key is not None and (by_day or trend) is not None:
            raise UsageError("Texts are compared in pairs or looked at by days, not both.")
        if trend is not None and by_day not in (None, trend):
            raise UsageError("Days are shuffled by one field and looked at by another: name the same one.")
        if is_records(reference) and is_records(current) and by_day is None:
            wanted = replace(wanted, day=AT)
        first = self._window(reference, wanted)
        second = self._window(current, replace(wanted, day=by_day or trend or wanted.day))
        blocks = None if first.days is None or second.days is None else (first.days, second.days)
        if blocks is not None and by_day is None and min(len(set(days)) for days in blocks) < FEWEST_DAYS:
            blocks = None
        notes = field_notes(first, second, wanted.field)
        pairs = None if second.days is not None else in_pairs(first, second)
        if pairs is not None:
            first, second = pairs
        return Both(first, second, pairs is not None, blocks, wanted, notes)

    def coverage(
        self,
        evalset: str | Path,
        production: str,
        *,
        field: str | None = None,
        suggest: int = 0,
        kind: str | Sequence[str] | None = None,
        mapped: bool = False,
        run: str | None = None,
        embed: str | None = None,
        seed: int = 0,
        cache: bool = True,
        budget: Budget | None = None,
    ) -> SetCoverage:
        """Measure how much of production a set's inputs cover, and `suggest` so many texts to add.

        `production` is records (`records:7d`), a file, another set, or a run (its inputs). `field` names one
        input of both sides, or where a file's texts lie; else it is the set's `text`. `kind` holds words of a
        kind or kinds that the set lacks, for suggestions of it alone. `mapped` asks for a map of all; `run`
        names a run of the set whose figures are told as production would weigh them; `embed` an
        embedding model, asked within `budget`; points of earlier are used again unless `cache` is off.
        Raises UsageError, FileProblems, Stopped, NotComparable for a run on another state of the set.
        """
        found = self.evalset(evalset)
        field = self._usual_field(field, evalset)
        wanted = Wanted("inputs", field)
        # Seven days mean the same moments when candidates are written later.
        source = read_reference(production, datetime.now(UTC)).name if is_records(production) else production
        first, second = of_evalset(found, wanted), self._window(source, wanted)
        points = None if embed is None else self._points(embed, reuse=cache, budget=budget)
        measured = covered(
            found,
            source,
            first,
            second,
            points,
            suggest=suggest,
            kind=kind,
            mapped=mapped,
            seed=seed,
            field=field,
        )
        if second.of_file:
            measured = clean_coverage(measured, self._redactor())
        if run is None or not measured.measured:
            return measured
        chosen = self.finished_run(run)
        if chosen.evalset_digest != found.digest:
            raise NotComparable(
                f"Run {chosen.id} answered another state of {found.name!r} than the files hold now. "
                "Evaluate again."
            )
        estimates = self._as_production_asks(chosen, measured.masses)
        return measured.model_copy(update={"run": chosen.id, "estimates": estimates})

    def forecast_coverage(
        self,
        evalset: str | Path,
        production: str,
        *,
        embed: str,
        field: str | None = None,
        seed: int = 0,
        cache: bool = True,
    ) -> EmbeddingForecast:
        """Return what `coverage` with the same arguments would ask the embedding model for."""
        field = self._usual_field(field, evalset)
        found, wanted = self.evalset(evalset), Wanted("inputs", field)
        sides = of_evalset(found, wanted), self._window(production, wanted)
        return self._foreseen(
            embed, partial(covered, found, production, *sides, seed=seed, field=field), reuse=cache
        )

    def write_candidates(
        self,
        found: SetCoverage,
        path: str | Path,
        *,
        field: str | None = None,
        targets: Mapping[int, str] | None = None,
    ) -> int:
        """Write what `coverage` suggested as samples to be reviewed, redacted; returns how many.

        `targets` are what should be answered to a suggestion, by its index.
        Raises UsageError where the file is there already, FileProblems.
        """
        window = self._window(found.production, Wanted("inputs", self._usual_field(field, found.evalset)))
        redactor = self._redactor()
        samples = self.evalset(found.evalset).samples
        records = window.keys or () if is_records(found.production) else ()
        return write_candidates(found, window.sources, samples, Path(path), redactor, targets, records)

    def _clean(self, found: Shift, current: Window) -> Shift:
        return clean_shift(found, self._redactor(), current.texts) if current.of_file else found

    def _redactor(self) -> Redactor:
        return Redactor(self.environment, key_variables(self.settings))

    def leaks(
        self,
        evalset: str | Path,
        *,
        split: str | None = None,
        against: str | None = None,
        prompts: Sequence[str | Path] = (),
        run: str | None = None,
        threshold: float = ALIKE,
    ) -> Leaks:
        """Find cases of a set that are nearly the same, that stand in prompts, or that a model has seen.

        `split` names a field whose values are splits; `against` another set, a run (its inputs) or a file;
        `run` one whose outputs are searched for the canaries of all the project's sets. Raises UsageError,
        UnknownName, FileProblems.
        """
        found = self.evalset(evalset)
        samples = text_alone(found.samples, found.text)
        inside, across = near_pairs(samples, threshold, split)
        if against is not None:
            other = self._window(against, Wanted("inputs", text_field(found.text)))
            names = other.keys or [f"row {place + 1}" for place in range(len(other.texts))]
            texts = dict(zip(names, other.texts, strict=True))
            made_of = "record" if is_records(against) else None
            across += pairs_across(samples, texts, threshold, made_of)
        shown = {str(each): self.prompt(str(each))[0] for each in prompts}
        return Leaks(
            evalset=found.name,
            samples=len(found.samples),
            threshold=threshold,
            inside=inside,
            split=split,
            across=across,
            shown=shown_in(samples, shown, threshold),
            canaries=() if run is None else self._canaries(run),
        )

    def _canaries(self, run: str) -> tuple[Canary, ...]:
        cards = {name: self.evalset(name).card for name in self.evalsets()}
        canaries = {name: card.canary for name, card in cards.items() if card.canary}
        return canaries_in(self.store.results(self.run(run).id), canaries)

    def _as_production_asks(self, run: Run, masses: Mapping[str, float]) -> tuple[Reestimate, ...]:
        """Return every metric of a run, plain and with each case weighted by its share of production."""
        samples = tuple(self.store.snapshot_samples(run.evalset_digest))
        plain = load_run(self.store, run, samples)
        weights = np.array([masses.get(sample.id, 0.0) for sample in samples]) * len(samples)
        weighed = tuple(
            sample.model_copy(update={"weight": float(weight) or 1.0})
            for sample, weight in zip(samples, weights, strict=True)
        )
        weighted = load_run(self.store, run, weighed).only(np.flatnonzero(weights))
        tables = plain.side.table, weighted.side.table
        return tuple(
            Reestimate(
                plain=estimate(tables[0], metric, label),
                weighted=estimate(tables[1], metric, label),
                effective_n=_effective(tables[1].weights[tables[1].columns[label].scored]),
            )
            for label, metric in plain.metrics.items()
        )

    def _shift_cells(
        self, found: EvalSet, folder: Path, before: Loaded, after: Loaded
    ) -> tuple[CellVerdict, ...]:
        """Decide a set's rules about texts: outputs of two sides, its inputs against a file.

        One against records of which there are none is not measured. Raises FileProblems where a file can't be
        read or leads out of the set's folder.
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
            wanted, against = Wanted("inputs", rule.field or text_field(found.text)), rule.against or ""
            path = folder / against
            if not is_records(against):
                check_inside(path, self.root if folder.is_relative_to(self.root) else folder)
            try:
                first = of_evalset(found, wanted)
                second = (
                    of_records(against, self.record_store, wanted)
                    if is_records(against)
                    else of_file(path, wanted)
                )
                field_notes(first, second, wanted.field)
            except UsageError as error:
                return unmeasured(rule, str(error).rstrip("."))
            moved = measure_shift(first.texts, second.texts, alpha=rule.alpha)
            return shift_cell(rule, self._clean(moved, second))
        if after.side.run.status != "finished":
            return left_for_later(rule)
        pairs = in_pairs(*(of_outputs(side.outputs()) for side in (before, after)))
        if pairs is None or not pairs[0].texts:
            return unmeasured(rule, "the baseline has no outputs; accept it without --no-outputs")
        return shift_cell(rule, measure_shift(pairs[0].texts, pairs[1].texts, paired=True, alpha=rule.alpha))


def _effective(weights: Floats) -> float:
    """Return how many equally weighted cases know as much: (sum w)^2 / sum w^2 (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights @ weights)) if len(weights) else 0.0
