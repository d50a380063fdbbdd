"""The verbs of verdicts: evaluate a prompt against the accepted baseline, and decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from promptops import gate
from promptops.baselines import baseline_path, read_baseline
from promptops.budget import Budget
from promptops.comparison import Pairing, pair
from promptops.comparisons import in_order, run_warnings
from promptops.endings import cut_short, ended
from promptops.errors import NotComparable, StoreError, UnknownName, UsageError
from promptops.evaluation import Evaluation
from promptops.followers import (
    at_look,
    declared_look,
    extending,
    first_of,
    first_stage,
    relative_to,
    seed_of,
    settled,
    stopper_of,
    told_how_to_go_on,
)
from promptops.gateratings import Rated
from promptops.grid import grids_for
from promptops.headline import finding
from promptops.judgefacts import cautions
from promptops.mixing import mixing_notes
from promptops.models import rebuild_metric
from promptops.pairgates import PairGates
from promptops.parts import refuse_part
from promptops.progress import Watch
from promptops.readiness import Ready, refuse_unmeasured
from promptops.sides import Loaded, load_accepted, load_baseline, load_run, same_outputs
from promptops.stopper import InOrder
from promptops.stopping import Order, drawn
from promptops.summary import Side, tally
from promptops.tasks import Follower
from promptops.types import Result, Run, Sample
from promptops.verdicts import Verdict


class Gates(PairGates):
    """May this version pass?"""

    def gate_prompt(
        self,
        evalset: str | Path,
        prompt: str | Path,
        model: str | None = None,
        *,
        baseline: str | None = None,
        repeats: int = 1,
        early_stop: bool = False,
        first: int | None = None,
        extend: bool = False,
        seed: int = 0,
        look: int | None = None,
        concurrency: int | None = None,
        cache: bool = True,
        cassette: str | Path | None = None,
        judge_model: str | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Verdict:
        """Evaluate a prompt on a set and decide by its rules; whatever can be refused is, before a call.

        With `early_stop` samples are asked in an order that is drawn from the set, the prompt, the model and
        `seed`, until the verdict is certain. With `first` the first so many in that order are asked, and
        decide if they can; with `extend` all others too where they can't (`first` is then half of them by
        default).
        `look` says how often the same was gated by now: see `gate`. Where a `budget` runs out, a run with
        `early_stop` is decided by its first samples; any other one CANNOT_MEASURE until `resume` has finished
        it, as the samples that were answered by then are no fair part of the set. Raises what `evaluate` and
        `gate` raise.
        """
        work = self._evaluation(concurrency, cache, watch, cassette, budget)
        ready = self._ready_gate(
            work, evalset, prompt, model, baseline, repeats, judge_model, early_stop, first, extend
        )
        found, draft, against, pairing = ready.evalset, ready.draft, ready.against, ready.pairing
        self.store.save_evalset(found)
        if not early_stop and first is None and not extend:
            work.check_recorded([draft], found.samples)
            run = self._begun(work, ready)
            work.carry_out([work.task(run, found.samples)])
            run = self.run(run.id)
            if run.status != "finished":
                return cut_short(run, against, look)
            return self.gate(evalset, run=run.id, baseline=against, look=look)
        chosen = seed_of(draft, seed)
        kept: dict[str, JsonValue] = {
            "seed": chosen,
            "baseline": relative_to(against, self.root),
            "look": look,
        }
        follower: InOrder
        if early_stop:
            follower = stopper_of(pairing, at_look(found, look), chosen)
        else:
            kept |= {"first": first_of(first, len(found.samples)), "settled": settled(found, against)}
            follower = first_stage(draft, found.samples, kept)
        run = self._begun(work, ready, early_stop=kept)
        with told_how_to_go_on(run, extend=extend):
            work.carry_out([work.task(run, follower.order, follower=follower)])
            verdict = self.gate(evalset, run=run.id, baseline=against)
            if not extend or verdict.stopping is None or not verdict.stopping.left_open:
                return verdict
            self.resume(
                run.id, concurrency=concurrency, cache=cache, cassette=cassette, budget=budget, watch=watch
            )
        return self.gate(evalset, run=run.id, baseline=against)

    def _begun(self, work: Evaluation, ready: Ready, **kept: JsonValue) -> Run:
        """Write down the run of a gate."""
        found, drafts, against = ready.evalset, [ready.draft], ready.against
        specs = self._run_specs(found)
        return self._started(work, found, ready.folder, specs, drafts, against=against, **kept)[0]

    def _ready_gate(
        self,
        work: Evaluation,
        evalset: str | Path,
        prompt: str | Path,
        model: str | None,
        baseline: str | None,
        repeats: int,
        judge_model: str | None,
        early_stop: bool,
        first: int | None,
        extend: bool,
    ) -> Ready:
        """Check everything that a gate on a prompt needs; nothing is stored and nobody asked."""
        if early_stop and (first is not None or extend):
            raise UsageError("An early stop asks on by itself until it is certain; it has no first stage.")
        self.check_gate(evalset, baseline=baseline)
        if early_stop and self.evalset(self.evalset_folder(evalset)).shifts:
            raise UsageError("A rule on a shift or on pairs looks at all outputs: leave --early-stop out.")
        models = [model] if model else []
        found, (draft,) = self._prepared(work, evalset, [prompt], models, repeats, judge_model)
        folder = self.evalset_folder(evalset)
        against = self._against(folder, baseline)
        watched = [spec.label for spec in found.metrics if spec.check_anchors]
        self._refuse_void(found, folder, draft, against, watched)
        self._refuse_pairless(found, folder, against)
        rated = Rated(folder, found, relative_to(against, self.root))
        if rated.rules:
            rated.refuse(self._accepted(against, found.samples), draft, str(prompt))
        pairing = self._unanswered(draft, tuple(found.samples), against)
        refuse_unmeasured(found, pairing, against)
        if first is not None or extend:
            first_of(first, len(found.samples))
        return Ready(found, folder, draft, against, pairing)

    def gate_on(
        self,
        evalset: str | Path,
        *,
        run: str = "latest",
        baseline: str | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Verdict:
        """Decide a run that was gated in stages; where its first stage left that open, ask the others first.

        One that was interrupted goes on. Raises UsageError for a run that was not started in stages: what a
        second look may spend must be settled before the first.
        """
        chosen = self.run(run if run != "latest" else self._newest_whole(self.evalset(evalset).name))
        if "first" not in (self._early(chosen.id) or {}):
            raise UsageError(
                f"Run {chosen.id} was not started in two stages, so nothing of its alpha was kept for more "
                f"samples. Start the next one so: promptops gate {chosen.evalset} --prompt PROMPT --first "
                f"{max(chosen.samples // 2, 1)}"
            )
        with told_how_to_go_on(chosen, extend=True):
            if chosen.status not in ("stopped", "finished"):
                self.resume(chosen.id, concurrency=concurrency, budget=budget, watch=watch)
            verdict = self.gate(evalset, run=chosen.id, baseline=baseline)
            if verdict.stopping is None or not verdict.stopping.left_open:
                return verdict
            self.resume(chosen.id, concurrency=concurrency, budget=budget, watch=watch)
        return self.gate(evalset, run=chosen.id, baseline=baseline)

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
        are wrong as seldom as one.
        """
        from promptops.ratchet import slipped  # only a verdict asks git

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
        first, second = self._sides(against, candidate.id, tuple(found.samples) if unchanged else None)
        pairing, order = pair(first.side, second.side, second.metrics), None
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
        verdict = gate.judge(
            pairing,
            found.gate,
            slices=found.slices,
            identical=still and same_outputs(first, second),
            order=order,
            grids=grids_for(found.gate, first, second),
            unfit=self._void(found, folder, candidate, against),
            texts=(
                *self._shift_cells(found, folder, first, second),
                *self._pair_cells(found, folder, first, second, against),
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
        mixed = mixing_notes(pairing, bare=by_bets)
        notes = (*mixed, *run_warnings(first, second, stopped=stopped), *wary, *slips, *verdict.warnings)
        whole = verdict.model_copy(
            update={
                "warnings": notes if by_bets else in_order(pairing, notes),
                "baseline": against if against.endswith(".jsonl") else first.side.run.id,
                "stopping": verdict.stopping
                and ended(verdict.stopping, candidate, self.store.spent(candidate.id), extending(candidate)),
                "look": look,
            }
        )
        # Told last, as it counts the notes.
        return whole.model_copy(update={"sentence": finding(whole, candidate.prompt_ref)})

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

    def _follower(self, run: Run, samples: Sequence[Sample], stored: Iterable[Result]) -> Follower | None:
        """Return who watches the rest of a run that may stop early; None where all of it is wanted."""
        early = self._early(run.id)
        if early is None or run.status == "stopped":
            return None
        if "first" in early:
            stage = first_stage(run, samples, early)
            for result in stored:
                stage.add(result)
            return stage
        look = early.get("look")
        evalset = self.evalset(self.evalset_folder(run.evalset))
        evalset = at_look(evalset, look if isinstance(look, int) else None)
        pairing = self._unanswered(run, samples, self._begun_against(run, early))
        stopper = stopper_of(pairing, evalset, str(early["seed"]))
        for result in stored:
            stopper.add(result)
        return stopper

    def _unanswered(self, run: Run, samples: Sequence[Sample], against: str) -> Pairing:
        """Pair a run that has not asked anything yet with its baseline; raises NotComparable at no cost."""
        metrics = {record.label: rebuild_metric(record) for record in run.metrics}
        if against.endswith(".jsonl"):
            first = load_baseline(Path(against), samples, metrics, run)
        else:
            first = load_run(self.store, self.finished_run(against), tuple(samples))
        return pair(first.side, Side(run, tally(samples, [], run.metrics)), metrics)

    def _accepted(self, against: str, samples: Sequence[Sample]) -> Loaded:
        """Read a baseline by itself."""
        if against.endswith(".jsonl"):
            return load_accepted(Path(against), samples)
        return load_run(self.store, self.finished_run(against))

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
                [
                    *(path.name.split(".")[1] for path in folder.glob("baseline.*.jsonl")),
                    *(run.id for run in self.runs(limit=20, evalset=folder.name)),
                ],
                hint=f"A labelled baseline is the file {labelled.name}; accept one by --label.",
            ) from None


def _is_label(written: str) -> bool:
    return "/" not in written and not written.endswith(".jsonl")
