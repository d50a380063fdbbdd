"""The verbs of verdicts on stored runs: may one pass against the accepted baseline?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from promptops.analysis.comparison import pair
from promptops.analysis.grid import grids_for
from promptops.analysis.sides import same_outputs
from promptops.errors import NotComparable, StoreError, UnknownName, UsageError
from promptops.gate import decision as gate
from promptops.gate.baselines import baseline_path, read_baseline
from promptops.gate.followers import (
    at_look,
    declared_look,
    extending,
    relative_to,
    settled,
)
from promptops.gate.headline import finding
from promptops.gate.ratings import Rated
from promptops.gate.rules import GateRule
from promptops.gate.stopping import Order, drawn
from promptops.judges import asked_models
from promptops.judging.aging import aged_notes, another_declared, another_model
from promptops.judging.certificates import demands
from promptops.judging.facts import cautions
from promptops.runs.endings import ended
from promptops.sets.mixing import mixing_notes
from promptops.sets.parts import refuse_part
from promptops.types import EvalSet, Run, Sample
from promptops.verbs.comparisons import in_order, run_warnings
from promptops.verbs.pairgates import Asking, PairGates
from promptops.verdicts import Verdict


@dataclass(frozen=True)
class _Matter:
    """A run that could be decided."""

    found: EvalSet
    folder: Path
    candidate: Run
    early: dict[str, JsonValue] | None
    """What it was started with, where it may stop early."""
    against: str
    """The baseline's file, or a run."""
    samples: tuple[Sample, ...] | None
    """The set's as the run asked them; None where they are stored otherwise."""


class Decisions(PairGates):
    """May a run pass?"""

    def gate(
        self,
        evalset: str | Path,
        *,
        run: str = "latest",
        baseline: str | None = None,
        look: int | None = None,
    ) -> Verdict:
        """Decide by the set's rules whether a run may pass against the accepted baseline.

        `baseline` is a label of an accepted baseline, a file, or a run; the default is baseline.jsonl, or
        what the run was started against where it may end early.
        A run that was evaluated with an early stop is decided by the samples up to there. The k-th `look`
        at one question spends 6/(pi k)^2 of each rule's alpha: however many there are, all of them together
        are wrong as seldom as one. Nobody is asked: `gate_run` has a judge of pairs asked what is missing.
        """
        return self._decided(evalset, run=run, baseline=baseline, look=look)

    def _decided(
        self,
        evalset: str | Path,
        *,
        run: str,
        baseline: str | None,
        look: int | None = None,
        asking: Asking | None = None,
    ) -> Verdict:
        """Decide as `gate` does; a judge of pairs is asked what is missing with `asking`."""
        from promptops.gate.ratchet import slipped  # only a verdict asks git

        matter = self._to_decide(evalset, run, baseline)
        found, folder, candidate, against = matter.found, matter.folder, matter.candidate, matter.against
        early = matter.early
        first, second = self._sides(against, candidate.id, matter.samples)
        pairing, order, declared = pair(first.side, second.side, second.metrics), None, look
        if early is not None:
            order = self._order(candidate, second.side.table.samples, early)
            look = declared_look(look, early.get("look"), candidate.id)
            if early.get("settled") not in (None, settled(found, against)):
                raise UsageError(
                    f"Run {candidate.id} was begun in two stages by other rules or against another state of "
                    f"its baseline ({early['baseline']}), and what its stages may say was settled then. Put "
                    "them back, or start a new run."
                )
        still = all(not pairing.cell(label).delta.difference for label in pairing.metrics)
        found = at_look(found, look)
        void = self._void(found, folder, candidate, against)
        renounced, aged = self._by_now(found, folder, candidate, void)
        verdict = gate.judge(
            pairing,
            found.gate,
            slices=found.slices,
            identical=still and same_outputs(first, second),
            order=order,
            grids=grids_for(found.gate, first, second),
            unfit=void | renounced,
            texts=(
                *self._shift_cells(found, folder, first, second),
                *self._pair_cells(found, folder, first, second, against, look=declared, asking=asking),
            ),
            people=Rated(folder, found, relative_to(against, self.root)).of_both(first, second),
        )
        stopped = verdict.stopping is not None and verdict.stopping.stopped
        by_bets = verdict.stopping is not None and verdict.stopping.by_bets
        # Of a run that stopped when it suited bets alone may speak, and the oldest baseline has none.
        asks_git = against.endswith(".jsonl") and not by_bets
        if stopped and not by_bets and order is not None:
            part = np.flatnonzero(order.rank < order.until)
            first, second = first.only(part), second.only(part)
            pairing = pair(first.side, second.side, second.metrics)
        slips = slipped(Path(against), folder, second, found.gate) if asks_git else []
        wary = (*self._judges_changed(against, first.side.run, candidate, folder), *cautions(first, second))
        said = [cell.preference for cell in verdict.cells if cell.preference is not None]
        heard = [note for each in said for note in (each.anchors, *each.warnings) if note]
        mixed = mixing_notes(pairing, bare=by_bets)
        ran = run_warnings(first, second, stopped=stopped)
        notes = (*aged, *mixed, *ran, *wary, *heard, *slips, *verdict.warnings)
        whole = verdict.model_copy(
            update={
                "warnings": notes if by_bets else in_order(pairing, notes),
                "baseline": against if against.endswith(".jsonl") else first.side.run.id,
                "stopping": verdict.stopping
                and ended(verdict.stopping, candidate, self.store.spent(candidate.id), extending(candidate)),
                "look": look,
                "judge_model": None if asking is None else asking.judge_model,
            }
        )
        # Told last, as it counts the notes.
        return whole.model_copy(update={"sentence": finding(whole, candidate.prompt_ref)})

    def _by_now(
        self, found: EvalSet, folder: Path, run: Run, void: Collection[GateRule]
    ) -> tuple[dict[GateRule, str], list[str]]:
        """Return the rules whose certificate fits a run, but not the judge that the set declares, and notes.

        Another model may have been asked for on the command line, and is only told.
        """
        records = {record.label: record for record in run.metrics if record.judge}
        fitting = [rule for rule in found.gate if demands(rule) and rule not in void]
        others, notes = dict[GateRule, str](), aged_notes(found, folder, records)
        for rule in fitting:
            record = records.get(rule.metric)
            now = None if record is None else self._declared(found, folder, rule.metric)
            if record is None or now is None or now.signature == record.signature:
                continue
            then = asked_models(record.options)
            same = self._declared(found, folder, rule.metric, then[0]) if len(then) == 1 else None
            if same is not None and same.signature == record.signature:
                notes.append(another_model(record, " + ".join(asked_models(now.options)), then[0]))
            else:
                others[rule] = another_declared(rule, record, now, found, folder)
        return others, list(dict.fromkeys(notes))

    def _to_decide(self, evalset: str | Path, run: str, baseline: str | None) -> _Matter:
        """Return a run and what it is held against. Raises NotComparable where it can't be."""
        folder = self.evalset_folder(evalset)
        found = self.evalset(folder)
        candidate = self._decidable(run if run != "latest" else self._newest_whole(found.name))
        # A digest of all samples takes a while, and a whole run doesn't ask for it.
        if candidate.part is not None:
            refuse_part(candidate, found.digest, "the gate can't decide by it")
        early = self._early(candidate.id)
        if baseline is None and early is not None:
            baseline = self._begun_against(candidate, early)
        against = self._against(folder, baseline)
        unchanged = self.store.is_snapshot(candidate.evalset_digest, found.samples)
        if not unchanged and candidate.evalset_digest != found.digest:
            raise NotComparable(
                f"Run {candidate.id} answered another state of {found.name!r} than the files hold now. "
                "Evaluate again."
            )
        if not against.endswith(".jsonl"):
            before = self.finished_run(against)
            if before.part is not None:
                refuse_part(before, found.digest, "it can't be the baseline")
            if before.id == candidate.id:
                raise NotComparable(
                    f"Run {candidate.id} can't be its own baseline. Name another run or an accepted one."
                )
        samples = tuple(found.samples) if unchanged else None
        return _Matter(found, folder, candidate, early, against, samples)

    def check_gate(self, evalset: str | Path, *, baseline: str | None = None) -> None:
        """Raise what `gate` would raise whatever a run says, so that no call is paid for in vain."""
        folder = self.evalset_folder(evalset)
        found = self.evalset(folder)
        against = self._against(folder, baseline)
        accepted = (
            read_baseline(Path(against))[0] if against.endswith(".jsonl") else self.finished_run(against)
        )
        refuse_part(accepted, found.digest, "it can't be the baseline")
        if accepted.evalset_digest != found.digest:
            raise NotComparable(
                f"The baseline answered another state of {found.name!r} than the files hold now. Evaluate "
                "its prompt again and accept that run: promptops accept RUN"
            )
        bare = ", ".join(rule.metric for rule in found.gate if not rule.decides)
        if bare or not (found.gate or found.shifts):
            what = f"no margin for {bare}" if bare else "no gate rule"
            raise UsageError(
                f"{found.name!r} states {what}, and a margin is never guessed. Evaluate first "
                "(promptops eval); then `promptops gate` on that run tells the smallest that can be resolved."
            )

    def _begun_against(self, run: Run, early: Mapping[str, JsonValue]) -> str:
        """Return the baseline that a run was started against. Raises NotComparable where it is gone."""
        against = str(early["baseline"])
        if not against.endswith(".jsonl"):
            return against
        if not Path(self.root, against).is_file():
            raise NotComparable(
                f"Run {run.id} was to end early against {against}, which is not there any more. Put it back, "
                f"or ask all samples: promptops resume {run.id} --all"
            )
        return str(Path(self.root, against))

    def _early(self, run_id: str) -> dict[str, JsonValue] | None:
        """Return what a run that may stop early was started with; None for a plain run."""
        early = self.store.run_config(run_id).get("early_stop")
        return early if isinstance(early, dict) else None

    def _order(self, run: Run, samples: Sequence[Sample], early: Mapping[str, JsonValue]) -> Order:
        """Return the order that was drawn for a run and how far it has come."""
        seed, first = str(early["seed"]), early.get("first")
        done = self.store.finished(run.id, errors_too=True)
        complete = [all((sample.id, repeat) in done for repeat in range(run.repeats)) for sample in samples]
        done_all = np.array(complete, dtype=bool)
        stage = first if isinstance(first, int) else None
        return Order(seed, drawn(samples, seed), done_all, stage, cut=run.status == "interrupted")

    def _decidable(self, reference: str) -> Run:
        """Return a run that is whole, or whose evidence counts in an order that was drawn before."""
        run = self.run(reference)
        in_order = run.status == "interrupted" and self._early(run.id) is not None
        return run if run.status == "stopped" or in_order else self.finished_run(reference)

    def _against(self, folder: Path, baseline: str | None) -> str:
        """Return the baseline's file where one is meant, else what was written, a run."""
        if baseline is not None and not _is_label(baseline):
            return baseline
        labelled = baseline_path(folder, baseline)
        if labelled.is_file():
            return str(labelled)
        if baseline is None:
            raise NotComparable(
                f"{folder.name!r} has no baseline yet. Look at a run and accept it: promptops accept RUN"
            )
        try:
            return self.run(baseline).id
        except (UnknownName, StoreError):
            raise UnknownName(
                "baseline or run",
                baseline,
                [run.id for run in self.runs(limit=20, evalset=folder.name)],
                hint=f"A labelled baseline is the file {labelled.name}; accept one by --label.",
                first=sorted(path.name.split(".")[1] for path in folder.glob("baseline.*.jsonl")),
            ) from None


def _is_label(written: str) -> bool:
    return "/" not in written and not written.endswith(".jsonl")
