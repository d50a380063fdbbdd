"""The verbs of monitoring: figures of production over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from promptops import plugins
from promptops.calls.models import build_metric
from promptops.errors import PromptopsError, UsageError
from promptops.metrics import Metric
from promptops.production.checks import check_metrics, check_scores, declared_checks, scale_of
from promptops.production.measures import Scale
from promptops.production.monitor import By, Monitor
from promptops.production.monitoring import monitored
from promptops.production.periods import chosen_records, spelled
from promptops.production.records import RecordFilter
from promptops.production.traffic import COLUMNS, Traffic, traffic_of
from promptops.types import AliasMove
from promptops.verbs.spooled import Spooled

SINCE = "28d"


class Monitored(Spooled):
    """Production, looked at."""

    def monitor(
        self,
        prompt: str | None = None,
        *,
        since: str = SINCE,
        until: str | None = None,
        by: By = "day",
        model: str | None = None,
        checks: Sequence[str] = (),
        score: bool = True,
        now: datetime | None = None,
    ) -> Monitor:
        """Return figures of production over a time, by day, hour, version, alias or model.

        `checks` are metrics beside the settings' own; answers without a score are scored and that is kept,
        unless `score` is off. Raises UnknownName, and UsageError where there is no record, or a check needs a
        target or model.
        """
        moment = now or datetime.now(UTC)
        wanted = self.with_known_prompt(
            chosen_records(now=moment, prompt=prompt, since=since, until=until, model=model)
        )
        metrics = self._checks(checks)
        if score:
            self._score_records(wanted, metrics)
        traffic = traffic_of(
            self.record_store.record_columns(wanted, COLUMNS),
            self.record_store.record_opinions(wanted),
            self.record_store.record_marks(wanted),
            self.record_store.record_count(wanted),
        )
        if not len(traffic):
            of = "" if prompt is None else f" of {prompt}"
            raise UsageError(
                f"There are no records{of} since {wanted.since}. Log some (promptops.log), import a file "
                "(promptops records import), or look further back: --since 90d"
            )
        scales, notes = self._scales(metrics, {name: each.signature for name, each in traffic.scores.items()})
        return monitored(
            traffic,
            scales,
            prompt=prompt,
            since=wanted.since or str(traffic.at[0]),
            until=wanted.until or spelled(moment),
            by=by,
            moves=self._moves(traffic) if by == "alias" else (),
            notes=notes,
        )

    def _moves(self, traffic: Traffic) -> list[AliasMove]:
        prompts = (name for name in traffic.prompts.distinct() if name is not None)
        return [move for name in prompts for move in self.record_store.alias_history(name)]

    def _checks(self, named: Sequence[str]) -> dict[str, Metric]:
        declared = declared_checks(self.settings.monitor.checks, named)
        return check_metrics(declared, self.root, self.settings)

    def _score_records(self, wanted: RecordFilter, metrics: Mapping[str, Metric]) -> int:
        """Score answers that have no score by these metrics yet, and keep that; return how many scores."""
        if not metrics:
            return 0
        signatures = {label: metric.signature for label, metric in metrics.items()}
        at, count = spelled(datetime.now(UTC)), 0
        for page in self.record_store.record_pages(wanted, lacking=signatures):
            known = {
                (each.record, each.label)
                for each in self.record_store.scores_of([record.id for record in page])
                if signatures.get(each.label) == each.signature
            }
            count += self.record_store.add_record_scores(list(check_scores(metrics, page, known, at)))
        return count

    def _scales(
        self, metrics: Mapping[str, Metric], signatures: Mapping[str, str]
    ) -> tuple[dict[str, Scale], list[str]]:
        """Return the ranges of labels with scores: of the checks, else of the set's metric that made them."""
        found = {label: scale_of(metric) for label, metric in metrics.items()}
        notes = [
            f"{label}: the newest scores are by other options than now; they are shown as they are."
            for label, metric in metrics.items()
            if label in signatures and signatures[label] != metric.signature
        ]
        for label in signatures.keys() - found.keys():
            scale = self._scale_by_name(label, signatures[label])
            scale = scale or self._scale_by_sets(label, signatures[label])
            if scale is not None:
                found[label] = scale
        return found, notes

    def _scale_by_name(self, label: str, signature: str) -> Scale | None:
        """Return the range of a check that is called as its metric, as `--metric` names it."""
        if not plugins.exists("metrics", label):
            return None
        try:
            (metric,) = check_metrics({label: {}}, self.root, self.settings).values()
        except UsageError:  # one that needs options, or a target
            return None
        return scale_of(metric) if metric.signature == signature else None

    def _scale_by_sets(self, label: str, signature: str) -> Scale | None:
        for name in self.evalsets():
            try:
                folder = self.evalset_folder(name)
                evalset = self.evalset(folder)
                for spec in evalset.metrics:
                    if spec.label == label:
                        metric = build_metric(
                            spec,
                            folder=folder,
                            language=evalset.card.language,
                            judge_model=None,
                            settings=self.settings,
                        )
                        if metric.signature == signature:
                            return scale_of(metric)
            except PromptopsError:  # a set that can't be read tells no range; its own commands say why
                continue
        return None
