"""While nothing comes, a run says what it waits for: a failure's class and the next try, or a slow server."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from promptops import Project
from promptops.calls import waits
from promptops.calls.waits import Waits
from promptops.cli.progress import told, watching
from promptops.errors import CallFailed
from promptops.runs import progress
from tests.made import Folder
from tests.paid_server import PaidServer, serving

SETTINGS = """
attempts = 3
[providers.far]
kind = "openai"
base_url = "{url}"
api_key_env = "FAR_KEY"
timeout = 20
"""


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_are_told_with_their_classes_and_the_next_try() -> None:
    clock = Clock()
    found = Waits(clock)
    assert found.told() == ()
    with found.until_tried_again(8.0, "server 503"), found.until_tried_again(4.0, "timeout"):
        with found.until_tried_again(9.0, "server 503"):
            clock.now += 1
            assert found.told() == ("3 calls failed (2 x server 503, 1 x timeout), the next try in 3 s",)
        clock.now += 60
        assert found.told() == ("2 calls failed (1 x server 503, 1 x timeout), the next try in 0 s",)
    assert found.told() == ()


def test_calls_are_told_once_they_are_slow_and_what_failed_before_them() -> None:
    clock = Clock()
    found = Waits(clock)
    with found.under_way():
        clock.now += waits.SLOW - 0.1
        assert found.told() == ()
        clock.now += 7.1
        assert found.told() == ("1 call without an answer for up to 12 s",)
        with pytest.raises(CallFailed), found.under_way("connection"):
            assert found.told() == (
                "2 calls without an answer for up to 12 s, tried again after 1 x connection",
            )
            raise CallFailed("timeout", "no answer")
        assert found.told() == ("1 call without an answer for up to 12 s",)
    assert found.told() == ()


def seen_of(folder: Folder, server: PaidServer, wanted: str) -> list[str]:
    """Evaluate and return every line that would have been drawn; the server answers once one has `wanted`."""
    folder.write("promptops.toml", SETTINGS.format(url=server.url))
    lines: list[str] = []
    with Project.open(folder.path) as project:
        (run,) = project.evaluate(
            "numbers",
            [folder.path / "ask.prompt.yaml"],
            ["far/model"],
            watch=lambda progress: lines.append(told(progress)),
        )
        assert (run.status, run.errors) == ("finished", 0)
    assert any(wanted in line for line in lines), lines
    return lines


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAR_KEY", "sk-canary-waits")
    monkeypatch.setattr(progress, "BEAT", 0.02)
    monkeypatch.setattr(waits, "SLOW", 0.1)


@pytest.mark.usefixtures("quick")
def test_a_run_says_that_a_failing_server_is_asked_again(folder: Folder) -> None:
    with serving() as server:
        server.status = lambda text, times: 500 if times == 1 else 200
        server.pause = None
        lines = seen_of(folder, server, "calls failed (8 x server 500), the next try in")
    assert "0/40 (0%)" in lines[0] and "failed" not in lines[0]


@pytest.mark.usefixtures("quick")
def test_a_run_says_that_a_server_has_no_room(folder: Folder) -> None:
    with serving() as server:
        server.status = lambda text, times: 429 if times == 1 and text.endswith(("1", "2")) else 200
        server.pause = "1"
        seen_of(folder, server, "far has no room (rate_limited), asked again in")


@pytest.mark.usefixtures("quick")
def test_a_run_says_that_a_slow_server_has_not_answered(folder: Folder) -> None:
    with serving() as server:
        server.seconds = lambda text: 0.5 if text.endswith("7") else 0.0
        seen_of(folder, server, "without an answer for up to")


def test_a_plain_line_comes_every_five_seconds_while_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = Clock()
    monkeypatch.setattr("promptops.cli.progress.monotonic", clock)
    from promptops.calls.usage import Usage

    now = progress.Progress(total=30, usage=Usage())
    with watching() as watch, now.usage.waits.until_tried_again(3600.0, "timeout"):
        assert watch is not None
        for _ in range(12):
            clock.now += 1
            watch(now)
    lines = _written(sys.stderr)
    assert len(lines) == 2 and all("1 call failed (1 x timeout), the next try in" in line for line in lines)


def _written(stream: object) -> list[str]:
    get: Callable[[], str] = stream.getvalue  # type: ignore[attr-defined]
    return get().splitlines()
