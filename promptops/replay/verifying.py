"""Compare a run with what comes out of its stored answers, and look for what was changed in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from promptops.calls.contentaddress import Asked
from promptops.calls.models import remade_metric
from promptops.errors import Altered, TemplateError, UsageError
from promptops.metrics import Metric
from promptops.replay.canonicalform import Fingerprint, head_line, result_line, timed_labels
from promptops.replay.proofs import Check, Difference, Replay, Verification
from promptops.replay.replaying import ANOTHER_REQUEST, Page, Replayer, differences_of
from promptops.store import Store
from promptops.types import EvalSet, MetricRecord, Run, Sample

SHOWN = 20
"""How many differences are told one by one."""


@dataclass
class Remade:
    """A run's metrics as they are now."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    records: list[MetricRecord] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)
    """Why a metric's scores may be others, by label."""
    gone: list[Difference] = field(default_factory=list)
    """Metrics that can't be made any more."""


def remade(run: Run) -> Remade:
    """Make a run's metrics from what it keeps of them."""
    found = Remade()
    for record in run.metrics:
        try:
            metric = remade_metric(record)
        except UsageError as error:
            found.gone.append(Difference(label=record.label, why=f"the metric can't be made again: {error}"))
            continue
        now = metric.record(record.label, record.metric)
        found.metrics[record.label] = metric
        found.records.append(now)
        if now != record:
            found.changed[record.label] = "the metric's signature changed"
    return found


def asked_by(store: Store, run: Run) -> dict[str, Asked]:
    """Return all whom a run asked, by model name, as it was written down when it (or its parent) began.

    Nobody where an earlier promptops did not write it down.
    """
    config = store.run_config(run.id)
    origins, bodies = config.get("origins"), config.get("bodies")
    if not isinstance(origins, dict) or not isinstance(bodies, dict):
        return {}
    asked = {name: Asked(name, str(origins.get(name, "")), _table(body)) for name, body in bodies.items()}
    if run.parent is None:
        return asked
    before = asked_by(store, store.run(run.parent))
    return {**before, **asked} if before else {}


def replay_run(store: Store, run: Run, samples: Sequence[Sample]) -> Replay:
    """Make a run again from what is stored and compare it with what is stored. Asks nobody."""
    now = remade(run)
    replayer = Replayer(
        store, run.model_copy(update={"metrics": tuple(now.records)}), now.metrics, asked_by(store, run)
    )
    tally = _Tally(run, now)
    for page in replayer.pages(samples):
        tally.add(page)
    return tally.replay()


def verify_run(store: Store, run: Run) -> Verification:
    """Tell whether prompt, samples, completions and scores of a run are those that were stored."""
    samples = tuple(store.snapshot_samples(run.evalset_digest))
    told = f"{run.status}, {run.done + run.errors} of {run.samples * run.repeats} results"
    checks = [
        Check(name="run", state="ok", told=told),
        Check(name="prompt", state="ok", told=f"has the digest {run.prompt.digest[:16]}"),
        _samples_check(store, run, samples),
        _completions_check(store, run),
    ]
    try:
        replay = replay_run(store, run, samples)
    except (Altered, TemplateError) as error:  # so far from what it was that nothing can be made of it
        checks.append(Check(name="scores", state="altered", told=str(error)))
        return Verification(run=run.id, outcome="altered", sha256=None, checks=tuple(checks))
    checks.extend([_requests_check(replay), _replay_check(replay)])
    states = {check.state for check in checks}
    return Verification(
        run=run.id,
        outcome="altered" if "altered" in states else "incomplete" if "missing" in states else "proven",
        sha256=replay.stored_sha256,
        checks=tuple(checks),
        differences=replay.differences,
        missing=replay.missing,
    )


class _Tally:
    """Adds the pages of a replay up."""

    def __init__(self, run: Run, now: Remade) -> None:
        self._run = run
        self._now = now
        self._before, self._after = Fingerprint(), Fingerprint()
        self._before.add(head_line(run, run.metrics))
        self._after.add(head_line(run, now.records))
        self._timed = timed_labels(run)
        self._results = 0
        self._unchecked = 0
        self._differences = [
            Difference(label=record.label, stored=record.signature, now=_now(now, record.label), why=why)
            for record in run.metrics
            if (why := now.changed.get(record.label))
        ]
        self._differing = len(self._differences)
        self._missing = list(now.gone)
        self._missing_count = len(now.gone)

    def add(self, page: Page) -> None:
        labels = [record.label for record in self._now.records]
        for difference in differences_of(page, labels, self._now.changed):
            self._differing += 1
            if len(self._differences) < SHOWN:
                self._differences.append(difference)
        self._missing_count += len(page.missing)
        self._missing.extend(page.missing[: SHOWN - len(self._missing)])
        self._unchecked += page.unchecked
        for where in sorted(page.stored):
            self._results += 1
            self._before.add(result_line(page.stored[where], self._timed))
            self._after.add(result_line(page.now[where], self._timed))

    def replay(self) -> Replay:
        """Return what came out."""
        strangers = self._run.done + self._run.errors - self._results
        if strangers:
            self._differing += 1
            why = f"{strangers} results are of samples or repeats that the run was not asked"
            self._differences.insert(0, Difference(why=why))
        whole = not self._missing_count
        different = self._differing or (whole and self._before.hex != self._after.hex)
        return Replay(
            run=self._run.id,
            outcome="different" if different else "equal" if whole else "incomplete",
            results=self._results,
            stored_sha256=self._before.hex,
            sha256=self._after.hex if whole else None,
            differing=self._differing,
            differences=tuple(self._differences),
            missing=tuple(self._missing),
            missing_count=self._missing_count,
            unchecked=self._unchecked,
        )


def _samples_check(store: Store, run: Run, samples: Sequence[Sample]) -> Check:
    found = EvalSet(
        name=run.evalset, card=store.snapshot_card(run.evalset_digest), metrics=(), samples=tuple(samples)
    )
    if found.digest != run.evalset_digest:
        told = f"the {len(samples)} stored samples of {run.evalset!r} are not those that were asked"
        return Check(name="samples", state="altered", told=told)
    return Check(name="samples", state="ok", told=f"{len(samples)}, with the digest {found.digest[:16]}")


def _completions_check(store: Store, run: Run) -> Check:
    total = unknown = 0
    altered: list[str] = []
    for (sample_id, repeat, purpose), sealed in store.seals(run.id):
        total += 1
        unknown += sealed is None
        if sealed is False:
            altered.append(f"{purpose} of sample {sample_id!r}" + (f", repeat {repeat}" if repeat else ""))
    if altered:
        more = f" and {len(altered) - 3} more" if len(altered) > 3 else ""
        told = f"{len(altered)} of {total} are not what was stored: {'; '.join(altered[:3])}{more}"
        return Check(name="completions", state="altered", told=told)
    if unknown:
        told = f"{unknown} of {total} were stored by an earlier promptops, which sealed none"
        return Check(name="completions", state="unknown", told=told)
    return Check(name="completions", state="ok", told=f"{total}, each as it was when it came")


def _requests_check(replay: Replay) -> Check:
    others = sum(each.why == ANOTHER_REQUEST for each in replay.differences)
    if others:
        more = "at least " if replay.differing > len(replay.differences) else ""
        told = f"{more}{others} are not those that were sent"
        return Check(name="requests", state="altered", told=told)
    if replay.unchecked:
        told = f"{replay.unchecked} can't be compared: an earlier promptops did not write down what was sent"
        return Check(name="requests", state="unknown", told=told)
    return Check(name="requests", state="ok", told="rendered again, each is compared with what was sent")


def _replay_check(replay: Replay) -> Check:
    if replay.outcome == "different":
        told = f"{replay.differing} differences to what the stored answers give"
        return Check(name="scores", state="altered", told=told)
    if replay.outcome == "incomplete":
        told = f"{replay.missing_count} things are not there that a replay needs"
        return Check(name="scores", state="missing", told=told)
    return Check(
        name="scores", state="ok", told=f"{replay.results} results come out of the stored answers again"
    )


def _now(now: Remade, label: str) -> str:
    return next(record.signature for record in now.records if record.label == label)


def _table(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}
