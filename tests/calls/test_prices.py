"""Prices go by model and server; the project's own table rules; what nobody states is unknown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from promptops import Project
from promptops.calls.prices import SHIPPED_TABLE, batch_priced, read_prices, with_prices
from promptops.errors import FileProblems
from promptops.files.tomlfile import read_toml
from promptops.providers import ProviderSettings
from promptops.providers._openai_answer import completion_of
from tests.made import Folder
from tests.providers.fault_server import completion

KEY = {"OPENAI_API_KEY": "sk-canary-0123456789abcdef"}

PUBLIC = 'kind = "openai"\nbase_url = "https://api.openai.com/v1"\napi_key_env = "OPENAI_API_KEY"\n'


@pytest.fixture
def own(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return folder


def price(folder: Folder, model: str) -> tuple[float, float, float | None, str] | None:
    with Project.open(folder.path) as project:
        found = project.price(model)
    return found and (found.price_in, found.price_out, found.price_cached_in, found.source)


def test_each_shipped_price_names_its_server_and_day() -> None:
    rows = read_toml(SHIPPED_TABLE).value["price"]  # type: ignore[index, call-overload]
    assert len(rows) == 10
    told = re.search(r"Checked on (\d{4}-\d\d-\d\d)", SHIPPED_TABLE.read_text("utf-8"))
    assert told is not None
    checked = told[1]
    for found in read_prices(Path("nowhere")):
        assert found.server == "api.openai.com" and found.as_of and found.source == "promptops"
        if "embedding" in found.model[0]:  # vectors are no tokens, and nothing of them is cached
            assert found.price_in > 0 == found.price_out and found.price_cached_in is None
        else:
            assert 0 < (found.price_cached_in or 0) < found.price_in < found.price_out
        assert found.batch_share == 0.5 and found.as_of <= checked


@pytest.mark.parametrize(
    ("model", "standard", "batch"),
    [
        # The provider's lists as they were published, read, read again and written: a dash in the second is
        # what others cost.
        ("gpt-4o", (2.50, 1.25, 10.00), (1.25, 1.25, 5.00)),
        ("gpt-4o-2024-11-20", (2.50, 1.25, 10.00), (1.25, 1.25, 5.00)),
        ("gpt-4o-mini", (0.15, 0.075, 0.60), (0.075, 0.075, 0.30)),
        ("gpt-4.1", (2.00, 0.50, 8.00), (1.00, 1.00, 4.00)),
        ("gpt-4.1-mini", (0.40, 0.10, 1.60), (0.20, 0.20, 0.80)),
        ("gpt-4.1-nano", (0.10, 0.025, 0.40), (0.05, 0.05, 0.20)),
        ("gpt-5", (1.25, 0.125, 10.00), (0.625, 0.0625, 5.00)),
        ("gpt-5-mini", (0.25, 0.025, 2.00), (0.125, 0.0125, 1.00)),
        ("gpt-5-nano", (0.05, 0.005, 0.40), (0.025, 0.0025, 0.20)),
    ],
)
def test_shipped_prices_are_those_of_the_standard_and_the_batch_list(
    model: str, standard: tuple[float, ...], batch: tuple[float, ...]
) -> None:
    found = with_prices(
        ProviderSettings(), f"openai/{model}", "https://api.openai.com/v1", read_prices(Path("nowhere"))
    )
    for settings, expected in ((found, standard), (batch_priced(found), batch)):
        told = (settings.price_in, settings.price_cached_in, settings.price_out)
        assert told == pytest.approx(expected, rel=1e-12)


def test_a_share_of_ones_own_is_that_of_every_price() -> None:
    own = ProviderSettings(price_in=1.0, price_out=4.0, price_cached_in=0.5, batch_share=0.25)
    found = batch_priced(own)
    assert (found.price_in, found.price_cached_in, found.price_out) == (0.25, 0.125, 1.0)
    shipped = with_prices(
        ProviderSettings(batch_share=0.25),
        "openai/gpt-4o",
        "https://api.openai.com/v1",
        read_prices(Path("nowhere")),
    )
    assert batch_priced(shipped).price_cached_in == 0.25 * 1.25


def test_a_public_price_goes_by_the_server_and_not_by_the_models_name(
    own: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert price(own, "openai/gpt-4o-mini") == (0.15, 0.6, 0.075, "promptops")
    assert price(own, "openai/gpt-4o-mini-of-mine") is None
    own.write(
        "promptops.toml",
        '[providers.near]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
        f'[providers.same]\n{PUBLIC}[providers.flex]\n{PUBLIC}body = {{service_tier = "flex"}}\n',
    )
    assert price(own, "near/gpt-4o-mini") is None
    assert price(own, "same/gpt-4o-mini") == (0.15, 0.6, 0.075, "promptops")
    assert price(own, "flex/gpt-4o-mini") is None
    # The same name, and the variable leads elsewhere.
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert price(own, "openai/gpt-4o-mini") is None


def test_what_stands_nearest_counts(own: Folder) -> None:
    own.write(
        "prices.toml",
        'format = 1\n[[price]]\nmodel = "openai/gpt-4o*"\nprice_in = 7\nprice_out = 9\n'
        '[[price]]\nmodel = "near/*"\nserver = "127.0.0.1:9"\nprice_in = 0\nprice_out = 0\n'
        '[[price]]\nmodel = "near/*"\nserver = "other"\nprice_in = 3\nprice_out = 3\n',
    )
    assert price(own, "openai/gpt-4o-mini") == (7, 9, None, "prices.toml")
    own.write(
        "promptops.toml",
        "[providers.openai]\nprice_in = 1\nprice_out = 2\nprice_cached_in = 0.5\n"
        '[providers.half]\nkind = "openai"\nprice_in = 1\napi_key_env = "OPENAI_API_KEY"\n'
        '[providers.near]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n',
    )
    assert price(own, "openai/gpt-4o-mini") == (1, 2, 0.5, "[providers.openai]")
    # Half a price of one's own is none, and is not filled up from elsewhere.
    assert price(own, "half/gpt-4o-mini") is None
    assert price(own, "near/small") == (0, 0, None, "prices.toml")
    assert price(own, "offline/extractive") == (0, 0, None, "rules of ours")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "prices.toml:1:1: format: must be 1"),
        ("format = 2\n", "prices.toml:1:1: format: must be 1"),
        ("format = 1\nprize = 3\n", "prize: unknown key. Did you mean 'price'?"),
        ("format = 1\n[price]\nx = 1\n", "must be [[price]] tables"),
        ('format = 1\n[[price]]\nmodel = "a/b"\nprice_in = 1\n', "price_out: is missing"),
        (
            'format = 1\n[[price]]\nmodel = "gpt-4o"\nprice_in = 1\nprice_out = 1\n',
            "'gpt-4o' is no model name",
        ),
        ('format = 1\n[[price]]\nmodel = "a/b"\nprice_in = -1\nprice_out = 1\n', "price_in: "),
        ('format = 1\n[[price]]\nmodel = "a/b"\nprice_in = 1\nprice_out = 1\nprice_n = 1\n', "unknown key"),
        ("format = 1\n[[price]\n", "is not TOML"),
    ],
)
def test_a_faulty_table_is_told_by_place_before_anybody_is_asked(own: Folder, text: str, told: str) -> None:
    own.write("prices.toml", text)
    with pytest.raises(FileProblems) as caught, Project.open(own.path) as project:
        project.evaluate("numbers", [own.path / "ask.prompt.yaml"])
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("details", "price_cached_in", "cost"),
    [
        ({"cached_tokens": 600}, 0.25, (400 * 1.0 + 600 * 0.25 + 200 * 4.0) / 1e6),
        ({"cached_tokens": 600}, None, (1000 * 1.0 + 200 * 4.0) / 1e6),
        ({}, 0.25, (1000 * 1.0 + 200 * 4.0) / 1e6),
        ({"cached_tokens": 2000}, 0.25, (1000 * 1.0 + 200 * 4.0) / 1e6),
        ({"cached_tokens": "600"}, 0.25, (1000 * 1.0 + 200 * 4.0) / 1e6),
        (None, 0.25, (1000 * 1.0 + 200 * 4.0) / 1e6),
    ],
)
def test_tokens_that_the_server_had_read_before_have_a_price_of_their_own(
    details: object, price_cached_in: float | None, cost: float
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": details}
    body = json.dumps({**completion("x"), "usage": usage}).encode()
    settings = ProviderSettings(price_in=1.0, price_out=4.0, price_cached_in=price_cached_in)
    found = completion_of(body, 200, {}, key=None, settings=settings, seconds=0.1)
    assert found.cost == pytest.approx(cost, rel=1e-12)
    assert (found.tokens_in, found.tokens_out) == (1000, 200)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": 5}, {"completion_tokens": 5}, {"prompt_tokens": -1, "completion_tokens": 5},
     {"prompt_tokens": True, "completion_tokens": 5}, {"prompt_tokens": 5.0, "completion_tokens": 5}, []],
)  # fmt: skip
def test_tokens_come_from_usage_or_are_unknown_and_so_is_the_cost(usage: object) -> None:
    body = json.dumps({**completion("some words that could be counted"), "usage": usage}).encode()
    settings = ProviderSettings(price_in=1.0, price_out=4.0)
    found = completion_of(body, 200, {}, key=None, settings=settings, seconds=0.1)
    assert found.cost is None and None in (found.tokens_in, found.tokens_out)


def test_the_command_lists_prices_and_says_unknown(own: Folder) -> None:
    own.write("prices.toml", 'format = 1\n[[price]]\nmodel = "my/*"\nprice_in = 7\nprice_out = 9\n')
    rows = own.json("prices")["prices"]
    assert rows[0]["model"] == "my/*" and rows[0]["price"]["source"] == "prices.toml"
    assert len(rows) == 11
    shown = own.run("prices", "mock/echo").stdout
    assert "unknown" in shown
    assert not (own.path / ".promptops").exists()
