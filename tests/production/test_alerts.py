"""Alerts: when a rule rings, whom it tells and how often, and what becomes of one that can't be told."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from promptops import Project
from promptops.canonical import digest_of
from promptops.errors import SettingsError, UsageError
from promptops.production.alertrules import AlertRule
from promptops.production.alerts import Alert
from promptops.production.delivery import NotDelivered, post
from promptops.production.records import Feedback, Record
from promptops.types import Message, Prompt
from tests.made import Folder
from tests.production.made_records import spelled

NOW = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
TELL = "import sys; open('told.jsonl', 'a').write(sys.stdin.read())"


class Ear(BaseHTTPRequestHandler):
    """Takes alerts as a webhook does; answers as it is told to, and 200 from then on."""

    heard: ClassVar[list[dict[str, object]]] = []
    answers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).heard.append({"path": self.path, **json.loads(body)})
        self.send_response(self.answers.pop(0) if self.answers else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def webhook() -> Iterator[str]:
    Ear.heard, Ear.answers = [], []
    with HTTPServer(("127.0.0.1", 0), Ear) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/alerts?key=s3cret-in-the-address"
        server.shutdown()
        thread.join()


def rule(**fields: object) -> str:
    given = {"name": "errors", "metric": "errors", **fields}
    lines = [f"{key} = {json.dumps(value)}" for key, value in given.items()]
    return "[[monitor.alert]]\n" + "\n".join(lines) + "\n"


def telling() -> str:
    return f"[monitor]\ncommand = {json.dumps([sys.executable, '-c', TELL])}\n"


def fill(
    folder: Folder, hours: int, each: int, share: float, *, until: datetime = NOW, **fields: object
) -> None:
    """Add records of the hours before a moment, of which a share failed; spread evenly, so all are alike."""
    records = []
    for hour in range(hours):
        for number in range(each):
            place = hour * each + number
            failed = int((place + 1) * share) > int(place * share)
            at = until - timedelta(hours=hours - hour) + timedelta(seconds=3600 * number / each)
            records.append(
                Record.model_validate(
                    {
                        "id": f"{until:%d%H%M}-{place}-{fields.get('model', '')}",
                        "at": spelled(at),
                        "prompt": "reply",
                        "output": None if failed else "{}",
                        "error": "timeout" if failed else None,
                        "seconds": None if failed else 1.0 + (place % 100) / 100,
                        "cost": 0.01,
                        **fields,
                    }
                )
            )
    with Project.open(folder.path) as project:
        project.store.add_records(records)


def liked(folder: Folder, n: int, good: int, at: datetime) -> None:
    """Add records of a moment that users said something about."""
    records = [Record(id=f"{at:%d}-{place}", at=spelled(at), output="{}") for place in range(n)]
    said = [
        Feedback(id=each.id, record=each.id, at=each.at, thumb="up" if place < good else "down")
        for place, each in enumerate(records)
    ]
    with Project.open(folder.path) as project:
        project.store.add_records(records)
        project.store.add_feedback(said)


def check(folder: Folder, now: datetime = NOW) -> Alert:
    with Project.open(folder.path) as project:
        (found,) = project.check_alerts(now=now).alerts
        return found


def told(folder: Folder) -> list[dict[str, object]]:
    path = folder.path / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_an_alert_is_told_once_when_it_rings_and_once_when_it_is_over(folder: Folder) -> None:
    folder.write("promptops.toml", telling() + rule(above=0.05))
    fill(folder, 24, 40, 0.15)
    first = check(folder)
    assert (first.state, first.changed, first.delivered) == ("firing", True, True)
    again = check(folder)
    assert (again.state, again.changed, again.delivered, again.since) == ("firing", False, None, first.since)
    later = NOW + timedelta(days=2)
    fill(folder, 30, 40, 0.0, until=later)
    over = check(folder, later)
    assert (over.state, over.changed, over.since) == ("quiet", True, None)
    assert [each["state"] for each in told(folder)] == ["firing", "quiet"]
    assert told(folder)[0] == {
        "format": 1, "rule": "errors", "state": "firing", "metric": "errors", "prompt": None, "model": None,
        "window": "1d", "value": pytest.approx(0.15), "low": pytest.approx(0.101, abs=0.01),
        "high": None, "records": 960, "before": None, "change": None, "expected": None,
        "since": spelled(NOW), "sentence": first.sentence, "at": spelled(NOW),
    }  # fmt: skip


def test_a_year_of_hourly_looks_at_the_bound_stays_quiet(folder: Folder) -> None:
    """The bound of the alarm holds over all looks together; here a few weeks of them on real records."""
    folder.write("promptops.toml", rule(above=0.05, min_records=10))
    rng = np.random.default_rng(1)
    start = NOW - timedelta(days=14)
    failed = rng.random(14 * 24 * 5) < 0.05
    records = [
        Record(id=f"{n}", at=spelled(start + timedelta(minutes=12 * n)), error="server" if bad else None)
        for n, bad in enumerate(failed)
    ]
    with Project.open(folder.path) as project:
        project.store.add_records(records)
        looks = [project.check_alerts(now=start + timedelta(hours=6 * n)).alerts[0] for n in range(4, 56)]
    assert {each.state for each in looks} == {"quiet"}


def test_it_rings_on_while_the_figure_stays_beyond_though_evidence_fades(folder: Folder) -> None:
    folder.write("promptops.toml", rule(above=0.05))
    fill(folder, 24, 40, 0.15)
    assert check(folder).state == "firing"
    later = NOW + timedelta(days=2)
    fill(folder, 24, 4, 0.10, until=later)  # too few to ring by themselves
    assert check(folder, later).state == "firing"


def test_too_few_records_are_told_and_change_nothing(folder: Folder) -> None:
    folder.write("promptops.toml", telling() + rule(above=0.05))
    fill(folder, 24, 40, 0.15)
    assert check(folder).state == "firing"
    found = check(folder, NOW + timedelta(days=3))
    assert (found.state, found.changed) == (None, False)
    assert "0 records tell it, and 30 are needed" in found.sentence
    assert len(told(folder)) == 1


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"metric": "errors", "above": 0.05}, "firing"),
        ({"metric": "errors", "above": 0.12}, "quiet"),
        ({"metric": "error:timeout", "above": 0.05}, "firing"),
        ({"metric": "error:server", "above": 0.05}, "quiet"),
        ({"metric": "errors", "below": 0.3}, "firing"),
        ({"metric": "errors", "rise": 0.0}, "firing"),
        ({"metric": "errors", "rise": 0.2}, "quiet"),
        ({"metric": "errors", "drop": 0.0}, "quiet"),
        ({"metric": "p95", "above": 1.5}, "firing"),
        ({"metric": "p95", "above": 1.99}, "quiet"),
        ({"metric": "p50", "below": 1.9}, "firing"),
        ({"metric": "p95", "rise": 0.5}, "quiet"),
        ({"metric": "json_valid", "below": 0.99}, "quiet"),
        ({"metric": "calls", "below": 1_000}, "firing"),
        ({"metric": "calls", "above": 1_000}, "quiet"),
        ({"metric": "calls", "drop": 10}, "quiet"),
        ({"metric": "cost_total", "above": 9.0}, "firing"),
        ({"metric": "cost", "above": 0.02}, "quiet"),
        ({"metric": "good", "below": 0.5}, None),
        ({"metric": "errors", "above": 0.05, "prompt": "reply"}, "firing"),
        ({"metric": "errors", "above": 0.05, "prompt": "other"}, None),
    ],
)
def test_a_rule_on(folder: Folder, given: dict[str, object], state: str | None) -> None:
    folder.write("promptops.toml", "[monitor.checks.json_valid]\n" + rule(**given))
    fill(folder, 24, 40, 0.15)
    fill(folder, 24 * 7, 20, 0.05, until=NOW - timedelta(days=1))
    assert check(folder).state == state


@pytest.mark.parametrize("limit", [0.10, 0.101, 0.102, 0.11])
def test_the_end_that_is_told_is_the_one_that_decides(folder: Folder, limit: float) -> None:
    folder.write("promptops.toml", rule(above=limit))
    fill(folder, 24, 40, 0.15)
    found = check(folder)
    assert found.found.low is not None and found.found.high is None
    assert (found.state == "firing") == (found.found.low > limit)
    assert f"960 records, surely {found.found.low:.1%} or more: " in found.sentence


@pytest.mark.parametrize(("by", "state"), [(0.0, "firing"), (0.05, "firing"), (0.2, "quiet")])
def test_what_is_liked_less_than_before_rings_and_tells_the_change(
    folder: Folder, by: float, state: str
) -> None:
    folder.write("promptops.toml", rule(metric="good", drop=by, window="9d", before="12d"))
    liked(folder, 486, 420, NOW - timedelta(days=10))
    liked(folder, 398, 259, NOW - timedelta(days=2))
    found = check(folder)
    assert found.state == state and found.change is not None
    assert found.change == (pytest.approx(-0.335, abs=0.02), pytest.approx(-0.092, abs=0.02))
    assert (state == "firing") == (found.change[1] is not None and found.change[1] < -by)
    assert "65.1% in 9d, 398 records, 86.4% in the 12d before, 486 records, change [-3" in found.sentence


def test_latency_that_rose_rings(folder: Folder) -> None:
    folder.write("promptops.toml", rule(metric="p50", rise=0.2))
    fill(folder, 24 * 7, 20, 0.0, until=NOW - timedelta(days=1))
    fill(folder, 24, 40, 0.0, model="slow", **{"seconds": 3.0})
    found = check(folder)
    assert found.state == "firing" and found.before is not None and found.before < 2


def test_costs_of_which_some_are_unknown_are_never_surely_below(folder: Folder) -> None:
    folder.write("promptops.toml", rule(metric="cost_total", below=100.0))
    fill(folder, 2, 20, 0.0, cost=None)
    assert check(folder).state is None


def test_a_rule_that_was_rewritten_has_no_past(folder: Folder) -> None:
    folder.write("promptops.toml", telling() + rule(above=0.05))
    fill(folder, 24, 40, 0.15)
    check(folder)
    folder.write("promptops.toml", telling() + rule(above=0.06))
    assert check(folder).changed
    assert len(told(folder)) == 2


def test_a_webhook_is_told_and_its_address_is_nowhere(folder: Folder, webhook: str) -> None:
    folder.write("promptops.toml", '[monitor]\nwebhook_env = "ALERTS_TO"\n' + rule(above=0.05))
    fill(folder, 24, 40, 0.15, until=datetime.now(UTC))
    done = folder.run("monitor", "--check", code=1, ALERTS_TO=webhook)
    assert "FIRING" in done.stdout and "Told." in done.stdout
    [heard] = Ear.heard
    assert (heard["path"], heard["state"]) == ("/alerts?key=s3cret-in-the-address", "firing")
    kept = (folder.path / ".promptops" / "promptops.db").read_bytes()
    assert "s3cret" not in done.stdout + done.stderr and b"s3cret" not in kept
    assert folder.run("monitor", "--check", code=1, ALERTS_TO=webhook).stdout.count("Told.") == 0


def test_what_could_not_be_told_is_told_by_the_next_check(folder: Folder, webhook: str) -> None:
    folder.write("promptops.toml", '[monitor]\nwebhook_env = "ALERTS_TO"\n' + rule(above=0.05))
    fill(folder, 24, 40, 0.15, until=datetime.now(UTC))
    Ear.answers = [404]
    done = folder.run("monitor", "--check", code=3, ALERTS_TO=webhook)
    assert "Not told: The webhook at 127.0.0.1 was not told: it answered 404." in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    assert "Told." in folder.run("monitor", "--check", code=1, ALERTS_TO=webhook).stdout
    assert len(Ear.heard) == 2


def both_ways(webhook: str) -> str:
    return telling() + f"webhook = {json.dumps(webhook)}\n" + rule(above=0.05)


def test_who_was_told_is_not_told_again_where_the_other_way_fails(folder: Folder, webhook: str) -> None:
    folder.write("promptops.toml", both_ways(webhook))
    fill(folder, 24, 40, 0.15)
    Ear.answers = [404, 404]
    for _ in range(2):
        found = check(folder)
        assert (found.delivered, found.fault != "") == (False, True)
    assert check(folder).delivered
    assert check(folder).delivered is None
    assert len(told(folder)) == 1 and len(Ear.heard) == 3
    with Project.open(folder.path) as project:
        kept = [each.told_channels for each in project.store.alert_history()]
    assert kept == [("command", "webhook"), ("command",), ("command",)]


def test_a_change_goes_to_both_ways_whoever_was_told_of_the_last(folder: Folder, webhook: str) -> None:
    folder.write("promptops.toml", both_ways(webhook))
    fill(folder, 24, 40, 0.15)
    Ear.answers = [404]
    assert check(folder).fault
    later = NOW + timedelta(days=2)
    fill(folder, 30, 40, 0.0, until=later)
    assert check(folder, later).delivered
    assert [each["state"] for each in told(folder)] == ["firing", "quiet"]
    assert [each["state"] for each in Ear.heard] == ["firing", "quiet"]


def test_a_way_that_is_no_longer_wanted_is_not_waited_for(folder: Folder, webhook: str) -> None:
    folder.write("promptops.toml", both_ways(webhook))
    fill(folder, 24, 40, 0.15)
    Ear.answers = [404]
    assert check(folder).fault
    folder.write("promptops.toml", telling() + rule(above=0.05))
    found = check(folder)
    assert (found.delivered, found.fault) == (None, "")
    assert len(told(folder)) == 1


def test_a_server_that_fails_is_asked_three_times_and_a_redirect_is_not_followed(webhook: str) -> None:
    Ear.answers = [503, 429]
    post(webhook, {"a": 1}, 10, pause=0)
    assert len(Ear.heard) == 3
    Ear.answers = [500, 500, 500]
    with pytest.raises(NotDelivered, match="answered 500"):
        post(webhook, {"a": 1}, 10, pause=0)
    Ear.heard.clear()
    Ear.answers = [307]
    with pytest.raises(NotDelivered, match="redirects are not followed"):
        post(webhook, {"a": 1}, 10, pause=0)
    assert [each["path"] for each in Ear.heard] == ["/alerts?key=s3cret-in-the-address"]


def test_a_port_where_nobody_listens_is_told(webhook: str) -> None:
    with HTTPServer(("127.0.0.1", 0), Ear) as server:
        closed = server.server_port
    with pytest.raises(NotDelivered, match="ConnectionRefusedError"):
        post(f"http://127.0.0.1:{closed}/", {"a": 1}, 10, pause=0)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/x",
        "ftp://localhost/x",
        "https://",
        "localhost:80",
        "http://127.0.0.1:x/",
        "https://a b/",
    ],
)
def test_an_address_that_would_leave_this_machine_in_the_clear_is_refused(
    folder: Folder, address: str
) -> None:
    folder.write("promptops.toml", f"[monitor]\nwebhook = {json.dumps(address)}\n" + rule(above=0.05))
    with Project.open(folder.path) as project, pytest.raises(SettingsError, match="is no https"):
        project.check_alerts()


def test_a_variable_that_is_not_set_is_told(folder: Folder) -> None:
    folder.write("promptops.toml", '[monitor]\nwebhook_env = "NOT_SET_ANYWHERE"\n' + rule(above=0.05))
    assert "NOT_SET_ANYWHERE holds no address" in folder.run("monitor", "--check", code=2).stderr


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ("import sys; sys.exit('no\x1b[31m good sk-aaaaaaaaaaaaaaaaaaaaaaaa')", "ended with 1: no"),
        ("import time; time.sleep(60)", "took over 1 s and was killed"),
    ],
)
def test_a_command_that_fails_is_told(folder: Folder, program: str, fault: str) -> None:
    command = json.dumps([sys.executable, "-c", program])
    folder.write("promptops.toml", f"[monitor]\nseconds = 1.0\ncommand = {command}\n" + rule(above=0.05))
    fill(folder, 24, 40, 0.15, until=datetime.now(UTC))
    shown = folder.run("monitor", "--check", code=3).stdout
    assert fault in shown and "\x1b" not in shown and "sk-aaaa" not in shown


def test_a_command_that_is_not_there_is_told(folder: Folder) -> None:
    folder.write("promptops.toml", '[monitor]\ncommand = ["no-such-program"]\n' + rule(above=0.05))
    fill(folder, 24, 40, 0.15)
    found = check(folder)
    assert found.fault == "The command 'no-such-program' can't be started: No such file or directory."


def test_nothing_is_told_or_kept_where_that_is_not_wanted(folder: Folder) -> None:
    folder.write("promptops.toml", telling() + rule(above=0.05))
    fill(folder, 24, 40, 0.15, until=datetime.now(UTC))
    document = folder.json("monitor", "--check", "--no-tell", code=1)
    assert document["exit_code"] == 1 and document["check"]["alerts"][0]["state"] == "firing"
    assert told(folder) == []
    with Project.open(folder.path) as project:
        assert project.store.last_alerts() == {}


def test_a_limit_off_the_range_is_refused(folder: Folder) -> None:
    folder.write("promptops.toml", rule(above=5))
    fill(folder, 1, 1, 0.0)
    with Project.open(folder.path) as project, pytest.raises(UsageError, match="Shares are written as"):
        project.check_alerts(now=NOW)


def test_without_a_rule_it_says_how_to_write_one(folder: Folder) -> None:
    assert "[[monitor.alert]]" in folder.run("monitor", "--check", code=2).stderr


def test_a_misspelt_prompt_is_told_with_the_nearest_name(folder: Folder) -> None:
    folder.write(
        "promptops.toml", rule(above=0.05, prompt="reply") + rule(name="b", above=0.05, prompt="rpely")
    )
    fill(folder, 24, 40, 0.15, until=datetime.now(UTC))
    shown = folder.run("monitor", "--check", code=1).stdout
    assert "FIRING" in shown and "No prompt with records is named 'rpely'. Did you mean 'reply'?" in shown
    for words in (
        ["monitor"],
        ["records", "list"],
        ["records", "themes"],
        ["records", "delete", "--dry-run"],
    ):
        assert "Did you mean 'reply'?" in folder.run(*words, "--prompt", "rpely", code=2).stderr
    gone = folder.run("records", "delete", "--subject", "Adda", "--yes").stdout
    assert "Nobody named 'Adda' has records" in gone


def test_a_rule_on_an_alias_hears_records_of_the_version_to_which_it_pointed(folder: Folder) -> None:
    """Version 1 fails a fifth of its calls, version 2 none; production pointed to 1 all the time."""
    folder.write("promptops.toml", rule(above=0.05, prompt="reply@production"))
    with Project.open(folder.path) as project:
        for text in ("one", "two"):
            project.store.add_prompt("reply", Prompt(messages=(Message(role="user", content=text),)))
        project.set_alias("reply@1", "production")
        project.set_alias("reply@2", "staging")
    later = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=26)
    fill(folder, 24, 20, 0.2, until=later, version=1, model="logs-numbers")
    fill(folder, 24, 20, 0.2, until=later, alias="production", model="logs-the-alias")
    fill(folder, 24, 40, 0.0, until=later, version=2, model="logs-another")
    fill(folder, 24, 10, 0.0, until=later, version=1, alias="staging", model="logs-another-alias")
    found = check(folder, later)
    assert (found.state, found.found.n, found.found.value) == ("firing", 960, pytest.approx(0.2))
    with Project.open(folder.path) as project:
        by_alias = project.monitor("reply", since="2d", by="alias", score=False, now=later)
        rows = {row.name: row.records for row in by_alias.rows}
        assert rows == {"production": 960, "staging": 1200}
        for name, count in rows.items():
            own = project.monitor(f"reply@{name}", since="2d", score=False, now=later)
            assert own.whole.records == count
        project.set_alias("reply@1", "stable")
        by_alias = project.monitor("reply", since="2d", by="alias", score=False, now=later)
        assert {row.name: row.records for row in by_alias.rows} == {**rows, "stable": 480}
        assert "Rows add up to more than all" in by_alias.notes[0]


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("reply@prodction", "No alias of 'reply' is named 'prodction'. Did you mean 'production'?"),
        ("reply@4", "No version of 'reply' is named '4'. There is: 3."),
    ],
)
def test_a_misspelt_alias_or_version_is_told(folder: Folder, prompt: str, told: str) -> None:
    folder.write("promptops.toml", rule(name="silence", metric="calls", below=1, prompt=prompt))
    fill(folder, 2, 40, 0.15, until=datetime.now(UTC), version=3, alias="production")
    assert f"NOT MEASURED silence: calls: {told}" in folder.run("monitor", "--check", code=3).stdout
    for words in (
        ["monitor"],
        ["records", "list"],
        ["records", "themes"],
        ["records", "delete", "--dry-run"],
    ):
        assert told in folder.run(*words, "--prompt", prompt, code=2).stderr


def test_the_history_of_alerts_can_not_be_changed(folder: Folder, tmp_path: Path) -> None:
    folder.write("promptops.toml", rule(above=0.05))
    fill(folder, 24, 40, 0.15)
    check(folder)
    with Project.open(folder.path) as project:
        assert [each.state for each in project.store.alert_history()] == ["firing"]
        for statement in ("UPDATE alerts SET state = 'quiet'", "DELETE FROM alerts"):
            with pytest.raises(Exception, match="never change"), project.store.writing() as connection:
                connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, "one of"),
        ({"above": 1.0, "below": 0.0}, "one of"),
        ({"above": 1.0, "window": "0d"}, "length of time"),
    ],
)
def test_a_rule_has_one_limit_and_a_window(fields: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        AlertRule.model_validate({"name": "a", "metric": "errors", **fields})


def month(folder: Folder, bad: float, *, days: int = 28) -> None:
    """Add days at 1 to 3 % errors up to the day before yesterday, one of them bad, and yesterday."""
    rng = np.random.default_rng(5)
    midnight = NOW.replace(hour=0, minute=0)
    for ago in range(1, days + 2):
        share = bad if ago == 1 else 0.2 if ago == 9 else float(rng.uniform(0.01, 0.03))
        fill(folder, 1, 200, share, until=midnight - timedelta(days=ago - 1, hours=5))


@pytest.mark.parametrize(
    ("bad", "side", "state"),
    [
        (0.12, "above", "firing"),
        (0.12, "either", "firing"),
        (0.12, "below", "quiet"),
        (0.03, "above", "quiet"),
    ],
)
def test_a_rule_on_single_days_rings_after_a_day_far_off_the_others(
    folder: Folder, bad: float, side: str, state: str
) -> None:
    folder.write("promptops.toml", rule(odd_day=side))
    month(folder, bad)
    found = check(folder)
    assert (found.state, found.found.value, found.found.n) == (state, bad, 200)
    assert found.expected is not None and found.expected[0] == 0.0 and 0.03 < found.expected[1] < 0.12
    assert "on 2026-10-31, 200 records: " in found.sentence
    assert ("far above" in found.sentence) == (bad == 0.12)
    # What comes today is looked at when the day is over, and then yesterday is a day among others.
    fill(folder, 1, 200, 0.02, until=NOW)
    assert check(folder).found.n == 200
    assert check(folder, NOW + timedelta(days=1)).state == "quiet"


def test_a_rule_on_single_days_says_nothing_of_few_days_or_records(folder: Folder) -> None:
    folder.write("promptops.toml", rule(odd_day="above"))
    month(folder, 0.5, days=9)
    found = check(folder)
    assert (found.state, found.sentence) == (
        None,
        "errors: 9 days before 2026-10-31 tell it, and 11 are needed.",
    )
    folder.write("promptops.toml", rule(odd_day="above", min_records=300))
    assert "200 records of 2026-10-31 tell it, and 300 are needed" in check(folder).sentence


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"odd_day": "above", "window": "7d"}, "leave `window` out"),
        ({"odd_day": "above", "metric": "calls"}, "not about sums such as calls"),
        ({"odd_day": "above", "before": "7d"}, "14 days before or more"),
        ({"odd_day": "above", "above": 0.1}, "one of above, below, rise, drop and odd_day"),
        ({"odd_day": "worse"}, "odd_day"),
    ],
)
def test_a_wrong_rule_on_single_days_is_refused(folder: Folder, given: dict[str, object], told: str) -> None:
    folder.write("promptops.toml", rule(**given))
    assert told in folder.run("monitor", "--check", code=2).stderr


def test_rules_from_before_there_were_odd_days_have_the_same_digest(folder: Folder) -> None:
    folder.write("promptops.toml", rule(above=0.1))
    fill(folder, 24, 40, 0.3)
    check(folder)
    with Project.open(folder.path) as project:
        [kept] = project.store.alert_history()
        [present] = project.settings.monitor.alert
    without = {key: value for key, value in present.model_dump(mode="json").items() if key != "odd_day"}
    assert kept.digest == digest_of(without)
