"""`records themes --dry-run`: what names and points would take, before anybody is asked."""

from __future__ import annotations

import math

import pytest

from promptops import Project
from promptops.errors import UsageError
from promptops.providers.mock import Mock
from tests.made import Folder
from tests.production.test_themes import complain
from tests.providers.embedding_server import serving

NAMES = 'mock/constant:{"name": "late parcels"}'
SINCE = "2026-11-01"
PRICED = """[providers.paid]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"
price_in = 100.0
price_out = 1000.0
"""


@pytest.fixture
def complaints(folder: Folder) -> Folder:
    folder.write("promptops.toml", PRICED)
    with Project.open(folder.path) as project:
        complain(project)
    return folder


def test_it_tells_the_calls_that_are_made_then_and_none_of_what_is_kept(complaints: Folder) -> None:
    Mock.calls.clear()
    with Project.open(complaints.path) as project:
        forecast = project.forecast_theme_names(NAMES, since=SINCE)
        assert Mock.calls.total() == 0
        themes = project.themes(since=SINCE, name_by=NAMES).themes
        assert forecast.calls == Mock.calls.total() == len(themes) > 1
        again = project.forecast_theme_names(NAMES, since=SINCE)
        other = project.forecast_theme_names("mock/constant:x", since=SINCE)
    assert (again.calls, again.stored, other.calls) == (0, len(themes), len(themes))
    assert forecast.tokens_in is not None and forecast.tokens_in > 100 * len(themes)


def test_the_command_tells_tokens_and_price_and_asks_nobody(complaints: Folder) -> None:
    given = ("records", "themes", "--since", SINCE, "--name-by", "paid/m", "--dry-run")
    shown = complaints.run(*given, "--max-cost", "0.01").stdout
    assert (
        "themes. Nothing was asked, nothing was stored." in shown and "--max-cost 0.01 would end it" in shown
    )
    forecast = complaints.json(*given)["forecast"]
    assert forecast["tokens_out"] == 20 * forecast["calls"]
    cost = (forecast["tokens_in"] * 100 + forecast["tokens_out"] * 1000) / 1_000_000
    assert math.isclose(forecast["cost"], cost) and forecast["sure"] == "unknown"  # of the minutes
    assert not (complaints.path / ".promptops/generated").exists()


def test_points_come_before_names(complaints: Folder) -> None:
    given = ("records", "themes", "--since", SINCE, "--embed", "points/m")
    with serving() as server:
        complaints.write(
            "promptops.toml",
            f'[providers.points]\nkind = "openai"\nbase_url = "{server.url}"\nprice_in = 1.0\n',
        )
        shown = complaints.run(*given, "--name-by", NAMES, "--dry-run").stdout
        assert "299 texts as points of points/m: 0 are kept" in shown and "at most 8 more calls" in shown
        with (
            Project.open(complaints.path) as project,
            pytest.raises(UsageError, match="known only with points"),
        ):
            project.forecast_theme_names(NAMES, since=SINCE, embed="points/m")
        assert not server.requests
        complaints.run(*given)
        asked = len(server.requests)
        found = complaints.json(*given, "--name-by", NAMES, "--dry-run")["forecast"]
        assert found["calls"] == found["samples"] > 1 and len(server.requests) == asked > 0
        assert complaints.json(*given, "--dry-run")["forecast"]["kept"] == 299


def test_where_nothing_is_asked_it_says_so(complaints: Folder) -> None:
    refused = complaints.run("records", "themes", "--since", SINCE, "--dry-run", code=2)
    assert "--dry-run is about --name-by MODEL and --embed MODEL" in refused.stderr
    found = complaints.json("records", "themes", "--since", "2027-01-01", "--name-by", NAMES, "--dry-run")[
        "forecast"
    ]
    assert found["calls"] == 0 and "themes need at least 10" in found["notes"][0]
