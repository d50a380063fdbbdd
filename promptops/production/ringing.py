"""The verb of alerts: look at every rule, and tell who is to be told what changed, once."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from pydantic import JsonValue

from promptops.calls.models import key_variables
from promptops.canonical import digest_of
from promptops.errors import PromptopsError, UnknownName, UsageError
from promptops.production.alerting import Span, looked_at, unmeasured
from promptops.production.alertrules import AlertRule
from promptops.production.alerts import Alert, AlertCheck
from promptops.production.delivery import NotDelivered, address_of, post, run_command
from promptops.production.measures import Scale
from promptops.production.monitored import Monitored
from promptops.production.periods import prompt_fields, spelled
from promptops.production.records import RecordFilter
from promptops.production.told import Channel, Told
from promptops.production.traffic import COLUMNS, traffic_of
from promptops.texts.redaction import Redactor


class Ringing(Monitored):
    """Rules that ring."""

    def check_alerts(self, *, tell: bool = True, now: datetime | None = None) -> AlertCheck:
        """Look at every `[[monitor.alert]]` of the settings, and tell once what rings or fell quiet.

        Without `tell` nobody is told and nothing is kept. What could not be told is tried again at the next
        check. Raises UsageError where there is no rule, SettingsError for an address that can't be used.
        """
        settings = self.settings.monitor
        if not settings.alert:
            raise UsageError(
                "The settings have no alert. Write one, for example:\n[[monitor.alert]]\n"
                'name = "errors"\nmetric = "errors"\nabove = 0.05'
            )
        address = address_of(settings, self.environment) if tell else None
        moment = (now or datetime.now(UTC)).astimezone(UTC)
        last = self.store.last_alerts()
        found = []
        for rule in settings.alert:
            # A rule from before there were odd days is still the same rule.
            digest = digest_of(
                rule.model_dump(mode="json", exclude={"odd_day"} if not rule.odd_day else None)
            )
            past = last.get(rule.name)
            past = past if past is not None and past.digest == digest else None
            alert = self._looked_at(rule, moment, firing=past is not None and past.state == "firing")
            found.append(self._noted(alert, past, digest, moment, address, tell=tell))
        return AlertCheck(at=spelled(moment), alerts=tuple(found))

    def _looked_at(self, rule: AlertRule, now: datetime, *, firing: bool) -> Alert:
        at = np.datetime64(now.replace(tzinfo=None), "us")
        span = Span.of(rule, at)
        wanted = RecordFilter(
            **prompt_fields(rule.prompt) if rule.prompt is not None else {},
            model=rule.model,
            since=f"{span.before if rule.past_is_needed else span.start}+00:00",
            until=spelled(now),
        )
        try:
            self.with_known_prompt(wanted)
        except UnknownName as error:  # the other rules are looked at all the same
            return unmeasured(rule, str(error))
        checks = {label: each for label, each in self._checks(()).items() if label == rule.metric}
        self._score_records(wanted, checks)
        traffic = traffic_of(
            self.record_store.record_columns(wanted, COLUMNS),
            self.record_store.record_opinions(wanted),
            self.record_store.record_marks(wanted, rule.metric),
            self.record_store.record_count(wanted),
        )
        scales, _ = self._scales(checks, {name: each.signature for name, each in traffic.scores.items()})
        if rule.metric not in scales and rule.metric in self._labels():
            scales[rule.metric] = Scale(None, None)
        return looked_at(rule, traffic, scales, at, firing=firing)

    def _labels(self) -> set[str]:
        """Return the labels of all metrics of the sets that can be read."""
        found: set[str] = set()
        for name in self.evalsets():
            try:
                found |= {spec.label for spec in self.evalset(name).metrics}
            except PromptopsError:  # the set's own commands say what is wrong with it
                continue
        return found

    def _noted(
        self, alert: Alert, past: Told | None, digest: str, now: datetime, address: str | None, *, tell: bool
    ) -> Alert:
        """Tell what changed, or was not told before, and write that down."""
        before = past.state if past is not None else "quiet"
        changed = alert.state is not None and alert.state != before
        at = past.at if past is not None and not changed else spelled(now)
        alert = alert.model_copy(
            update={"changed": changed, "since": at if alert.state == "firing" else None}
        )
        waiting = past is not None and not past.delivered and alert.state == before
        if not tell or alert.state is None or not (changed or waiting):
            return alert
        reached: tuple[Channel, ...] = (past.told_channels or ()) if past is not None and not changed else ()
        newly, fault = self._deliver(alert, now, address, reached)
        self.store.add_alert(
            Told(
                rule=alert.rule,
                digest=digest,
                state=alert.state,
                delivered=not fault,
                at=at,
                sentence=alert.sentence,
                told_channels=(*reached, *newly),
            )
        )
        return alert.model_copy(update={"delivered": not fault if newly or fault else None, "fault": fault})

    def _deliver(
        self, alert: Alert, now: datetime, address: str | None, reached: tuple[Channel, ...]
    ) -> tuple[tuple[Channel, ...], str]:
        """Tell the command and the webhook, but for those reached before.

        Returns who was told now, and why somebody was not, or nothing.
        """
        settings = self.settings.monitor
        redactor = Redactor(self.environment, key_variables(self.settings))
        payload = {key: redactor.value(value) for key, value in _payload(alert, spelled(now)).items()}
        told: list[Channel] = []
        faults: list[str] = []
        try:
            if settings.command and "command" not in reached:
                run_command(settings.command, payload, self.root, settings.seconds, redactor)
                told.append("command")
        except NotDelivered as error:
            faults.append(str(error))
        try:
            if address is not None and "webhook" not in reached:
                post(address, payload, settings.seconds)
                told.append("webhook")
        except NotDelivered as error:
            faults.append(str(error))
        return tuple(told), " ".join(faults)


def _payload(alert: Alert, at: str) -> dict[str, JsonValue]:
    found = alert.found
    return {
        "format": 1,
        "rule": alert.rule,
        "state": alert.state,
        "metric": alert.metric,
        "prompt": alert.prompt,
        "model": alert.model,
        "window": alert.window,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "records": found.n,
        "before": alert.before,
        "change": None if alert.change is None else list(alert.change),
        "expected": None if alert.expected is None else list(alert.expected),
        "sentence": alert.sentence,
        "since": alert.since,
        "at": at,
    }
