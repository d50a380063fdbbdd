"""The verb of test reliability: which metric to trust, by what users said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from promptops.calls.models import build_metric, is_judge, refuse_unlisted_metric
from promptops.errors import UsageError
from promptops.metrics import Metric
from promptops.production.learned import Learned
from promptops.production.periods import chosen_records, spelled
from promptops.production.reliability import Reliability, SystemReliability, VersionPoint
from promptops.production.traffic import OF_PEOPLE, Traffic, traffic_of
from promptops.production.trusting import (
    NEEDED,
    NEEDED_EACH,
    metric_reliabilities,
    system_reliability,
)
from promptops.types import EvalSet, Run

_RUNS = 200
"""Newest runs of the set among which those of the versions in production are looked for."""
_TOLD = 20
"""Records with feedback below which a version is no point."""


class Relying(Learned):
    """Offline against production."""

    def reliability(
        self,
        evalset: str | Path,
        *,
        prompt: str | None = None,
        since: str = "90d",
        until: str | None = None,
        model: str | None = None,
        runs: Sequence[str] = (),
        seed: int = 0,
        now: datetime | None = None,
    ) -> Reliability:
        """Return how well a set's metrics tell what users liked.

        Answers with feedback are scored by the set's metrics that need no target and no model, and by the
        settings' checks; scores of judges count where some were kept. By version, means of the set's newest
        runs (or of `runs`) stand against the share of answers that users liked. Raises UsageError where
        nothing was said of any record.
        """
        moment = now or datetime.now(UTC)
        folder = self.evalset_folder(evalset)
        found = self.evalset(folder)
        wanted = self.with_known_prompt(
            chosen_records(
                now=moment, prompt=prompt, since=since, until=until, model=model, with_feedback=True
            )
        )
        metrics = self._telling(found, folder)
        self._score_records(wanted, metrics)
        traffic = traffic_of(
            self.record_store.record_columns(wanted, OF_PEOPLE),
            self.record_store.record_opinions(wanted),
            self.record_store.record_marks(wanted),
            self.record_store.record_count(wanted),
            OF_PEOPLE,
        )
        traffic = traffic.only(np.isfinite(traffic.good))
        if not len(traffic):
            raise UsageError(
                f"Nobody said of any record since {wanted.since} whether it was good. Log feedback, or look "
                "further back: --since 365d"
            )
        scales, notes = self._scales(metrics, {name: each.signature for name, each in traffic.scores.items()})
        labels = [label for label, each in traffic.scores.items() if np.isfinite(each.values).any()]
        if not labels:
            notes.append(
                f"{found.name} has no metric that can score answers without a target, and no judge of it has "
                "scored any."
            )
        systems, more = self._systems(found, traffic, runs)
        return Reliability(
            evalset=found.name,
            prompt=prompt,
            since=wanted.since or "",
            until=wanted.until or spelled(moment),
            records=len(traffic),
            good=int((traffic.good == 1).sum()),
            metrics=metric_reliabilities(traffic, scales, labels, seed=seed),
            systems=systems,
            needed=NEEDED,
            needed_each=NEEDED_EACH,
            notes=(*notes, *more),
        )

    def _telling(self, evalset: EvalSet, folder: Path) -> dict[str, Metric]:
        """Return the metrics that can score an answer by itself: the set's own, and the settings' checks."""
        found = self._checks(())
        for spec in evalset.metrics:
            refuse_unlisted_metric(spec, self.settings)
            if is_judge(spec):
                continue
            metric = build_metric(
                spec,
                folder=folder,
                language=evalset.card.language,
                judge_model=None,
                settings=self.settings,
            )
            if not metric.needs_target:
                found[spec.label] = metric
        return found

    def _systems(
        self, evalset: EvalSet, traffic: Traffic, runs: Sequence[str]
    ) -> tuple[tuple[SystemReliability, ...], list[str]]:
        told = {
            name: traffic.good[traffic.references.equal(name)]
            for name in traffic.references.distinct()
            if name is not None
        }
        told = {name: good for name, good in told.items() if len(good) >= _TOLD}
        chosen = self._runs_of(evalset, told, runs)
        if len(chosen) < 2:
            why = (
                f"{len(chosen)} of {len(told)} versions with {_TOLD} words of users or more have a run on "
                f"{evalset.name}; two are needed to order versions. Make one: promptops eval {evalset.name} "
                "--prompt NAME@VERSION"
            )
            return (), [why]
        points: dict[str, list[VersionPoint]] = {}
        for name, run in chosen.items():
            for estimate in self.estimates(run.id, slices=False):
                if estimate.value is not None:
                    points.setdefault(estimate.label, []).append(
                        VersionPoint(
                            version=name,
                            run=run.id,
                            offline=estimate.value,
                            good=float(told[name].mean()),
                            n=len(told[name]),
                        )
                    )
        better = {each.label: each.higher_is_better for run in chosen.values() for each in run.metrics}
        return tuple(
            system_reliability(label, each, better[label]) for label, each in points.items() if len(each) > 1
        ), []

    def _runs_of(self, evalset: EvalSet, told: Mapping[str, object], runs: Sequence[str]) -> dict[str, Run]:
        """Return the newest whole run of each version in production, by the version's short name."""
        given = [self.finished_run(reference) for reference in runs]
        found = given or self.runs(limit=_RUNS, evalset=evalset.name)
        chosen: dict[str, Run] = {}
        for run in found:
            whole = run.status == "finished" and run.part is None and run.evalset == evalset.name
            if whole and run.prompt_ref in told:
                chosen.setdefault(run.prompt_ref, run)
        return chosen
