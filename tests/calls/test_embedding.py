"""Texts as points by a server: what is sent, what is believed, who gets the key, what shift makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from promptops import Project
from promptops.calls.call import Stopped
from promptops.calls.embedding import CHARACTERS, embedded
from promptops.calls.models import open_model
from promptops.config import Settings
from promptops.errors import SettingsError, UsageError
from promptops.providers import ProviderSettings
from promptops.providers._openai_embeddings import MAX_TEXTS
from promptops.runs.eventloop import wait_for
from promptops.stats import Floats
from tests.made import Folder
from tests.providers import embedding_server
from tests.providers.embedding_server import EmbeddingServer, point

KEY = "sk-0123456789abcdef0123"


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server.serving() as server:
        yield server


@pytest.fixture
def made(folder: Folder, server: EmbeddingServer) -> Folder:
    """A project with 30 + 30 texts and a server whose points cost something."""
    folder.write(
        "promptops.toml",
        f'attempts = 1\nconcurrency = 1\n[providers.local]\nkind = "openai"\nbase_url = "{server.url}"\n'
        "price_in = 10.0\n",
    )
    for name in ("old", "new"):
        rows = "".join(json.dumps({"text": f"{name} {n} parcel"}) + "\n" for n in range(30))
        folder.write(f"{name}.jsonl", rows)
    return folder


def ask(server: EmbeddingServer, texts: list[str], *, attempts: int = 2, name: str = "local/mini") -> Floats:
    given = ProviderSettings(kind="openai", base_url=server.url, api_key_env="EMBED_KEY")
    settings = Settings(database="sqlite://", providers={"local": given})
    model = open_model(name, settings, {"EMBED_KEY": KEY, "OPENAI_API_KEY": "sk-of-somebody-else"}, Path())
    return wait_for(embedded(texts, model, name, attempts=attempts, concurrency=2))


def test_texts_are_sent_as_documented_and_points_stand_in_their_order(server: EmbeddingServer) -> None:
    texts = ["a refund", "", "my parcel", "a refund", "\ud800"]
    rows = ask(server, texts)
    assert rows.tolist() == [point(text) for text in ("a refund", " ", "my parcel", "a refund", "?")]
    [body] = server.requests
    assert body == {
        "model": "mini",
        "input": ["a refund", " ", "my parcel", "?"],
        "encoding_format": "float",
    }
    assert (server.paths, server.keys) == (["/v1/embeddings"], [f"Bearer {KEY}"])


def test_many_texts_go_in_batches_and_long_ones_are_cut(server: EmbeddingServer) -> None:
    texts = [f"text {n}" for n in range(2 * MAX_TEXTS + 1)] + ["x" * 50_000]
    assert ask(server, texts).shape == (2 * MAX_TEXTS + 2, 5)
    assert sorted(len(body["input"]) for body in server.requests) == [2, MAX_TEXTS, MAX_TEXTS]
    assert max(len(text) for body in server.requests for text in body["input"]) == CHARACTERS


def test_a_busy_server_is_asked_again_and_a_wrong_key_is_not(server: EmbeddingServer) -> None:
    server.trouble = [(503, {"Retry-After": "0.01"})]
    assert len(ask(server, ["x"])) == 1
    assert len(server.requests) == 2
    server.trouble = [(401, {})] * 9
    with pytest.raises(Stopped, match=r"local/mini gave no points \(auth\)") as caught:
        ask(server, ["x"])
    assert len(server.requests) == 3
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"data": []}, "0 points for 2 texts"),
        ({"x": 1}, "no `data` for 2 texts"),
        ({"data": [{"index": 0, "embedding": [1.0]}] * 2}, "a point for text '0' of 2"),
        ({"data": [{"index": 5, "embedding": [1.0]}] * 2}, "a point for text '5' of 2"),
        ({"data": [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]}, "points of different lengths"),
        ({"data": [{"embedding": "AAAA"}] * 2}, "no list of numbers"),
        ({"data": [{"embedding": [True]}] * 2}, "something else than numbers"),
        ({"data": [1, 2]}, "a point that is no object"),
        ({"error": {"message": "model not loaded"}}, "model not loaded"),
        ([], "no object"),
    ],
)
def test_what_is_no_point_is_not_believed(server: EmbeddingServer, answer: object, told: str) -> None:
    server.answer = lambda texts: answer
    with pytest.raises(Stopped, match=told):
        ask(server, ["x", "y"], attempts=1)


def test_points_without_an_index_are_in_the_order_of_the_texts(server: EmbeddingServer) -> None:
    server.answer = lambda texts: {"data": [{"embedding": [float(len(text))]} for text in texts]}
    assert ask(server, ["a", "bbb"]).tolist() == [[1.0], [3.0]]


def test_a_server_in_the_settings_gets_no_other_servers_key(server: EmbeddingServer) -> None:
    settings = Settings(
        database="sqlite://", providers={"local": ProviderSettings(kind="openai", base_url=server.url)}
    )
    model = open_model("local/mini", settings, {"OPENAI_API_KEY": KEY}, Path())
    wait_for(embedded(["x"], model, "local/mini", attempts=1, concurrency=1))
    assert server.keys == [None]
    with pytest.raises(SettingsError, match="No key"):
        open_model("openai/text-embedding-3-small", settings, {}, Path())


def test_the_endpoint_keeps_a_path_and_a_query(server: EmbeddingServer) -> None:
    given = ProviderSettings(kind="openai", base_url=f"{server.url[:-3]}/deployments/mini?api-version=1")
    settings = Settings(database="sqlite://", providers={"azure": given})
    model = open_model("azure/mini", settings, {}, Path())
    wait_for(embedded(["x"], model, "azure/mini", attempts=1, concurrency=1))
    assert server.paths == ["/deployments/mini/embeddings?api-version=1"]


def test_a_model_that_makes_no_points_is_refused() -> None:
    settings = Settings(database="sqlite://")
    model = open_model("mock/echo", settings, {}, Path())
    with pytest.raises(UsageError, match="makes no points"):
        wait_for(embedded(["x"], model, "mock/echo", attempts=1, concurrency=1))


def test_shift_sees_by_points_what_words_alone_show_less_of(server: EmbeddingServer, tmp_path: Path) -> None:
    """Both sides share no word of meaning; the server knows which mean the same."""
    fill = [f"w{n}" for n in range(40)]

    def rows(asked: tuple[str, ...], seed: int) -> str:
        rng = np.random.default_rng(seed)
        texts = [f"{' '.join(rng.choice(fill, 8))} {asked[n % len(asked)]}" for n in range(60)]
        return "".join(json.dumps({"text": text}) + "\n" for text in texts)

    (tmp_path / "promptops.toml").write_text(
        f'[providers.local]\nkind = "openai"\nbase_url = "{server.url}"\n', "utf-8"
    )
    (tmp_path / "old.jsonl").write_text(rows(("refund", "parcel"), 1))
    (tmp_path / "same.jsonl").write_text(rows(("reimburse", "package"), 2))
    (tmp_path / "new.jsonl").write_text(rows(("password", "log in"), 3))
    with Project.open(tmp_path) as project:
        old, same, new = (str(tmp_path / f"{name}.jsonl") for name in ("old", "same", "new"))
        words, meant = project.shift(old, same), project.shift(old, same, embed="local/mini")
        moved = project.shift(old, new, embed="local/mini")
    assert words.mmd_p is not None and words.mmd_p < 0.01
    assert meant.mmd_p is not None and meant.mmd_p > 0.05
    assert (meant.representation, meant.embedding_model) == ("embeddings", "local/mini")
    assert moved.alarmed and moved.mmd_p == 0.001 and moved.auc == 1.0


EMBED = ("shift", "old.jsonl", "new.jsonl", "--embed", "local/mini")


def test_a_second_measurement_asks_only_about_new_texts_and_finds_the_same(
    made: Folder, server: EmbeddingServer
) -> None:
    first = made.json(*EMBED)
    assert len(server.requests) == 1
    assert made.json(*EMBED) == first and len(server.requests) == 1
    more = [json.dumps({"text": text}) + "\n" for text in ("a password", "a password", "old 3 parcel")]
    (made.path / "new.jsonl").write_text((made.path / "new.jsonl").read_text() + "".join(more))
    made.run(*EMBED)
    assert server.requests[1]["input"] == ["a password"]
    made.run(*EMBED, "--no-cache")
    assert len(server.requests[2]["input"]) == 61
    other = (made.path / "promptops.toml").read_text() + "[providers.local.body]\ndimensions = 5\n"
    made.write("promptops.toml", other)
    made.run(*EMBED)
    assert len(server.requests) == 4, "a body that asks for other points is another question"
    told = made.json("cache", "stats")
    assert [(each["model"], each["entries"]) for each in told["points"]] == [("local/mini", 122)]
    assert told["entries"] == 0 and told["points"][0]["hits"] == 120
    assert "122 points of texts (--embed) are kept" in made.run("cache", "stats").stdout
    assert made.json("cache", "prune", "--model", "local/mini", "--yes")["points"] == 122


def test_a_dry_run_tells_texts_calls_tokens_and_cost_and_asks_nobody(
    made: Folder, server: EmbeddingServer
) -> None:
    forecast = made.json(*EMBED, "--dry-run")["forecast"]
    tokens = sum(-(-len(f"{name} {n} parcel") // 4) for name in ("old", "new") for n in range(30))
    assert (forecast["texts"], forecast["kept"], forecast["calls"]) == (60, 0, 1)
    assert (forecast["tokens_in"], forecast["cost"]) == (tokens, pytest.approx(tokens * 10 / 1e6))
    assert "60 texts as points of local/mini: 0 are kept" in made.run(*EMBED, "--dry-run").stdout
    assert server.requests == [] and not (made.path / ".promptops" / "points").exists()
    made.run(*EMBED)
    again = made.json(*EMBED, "--dry-run")["forecast"]
    assert (again["kept"], again["calls"], again["cost"]) == (60, 0, 0.0)
    rows = [{"id": f"q{n}", "inputs": {"q": f"old {n} parcel"}, "target": "x"} for n in range(20)]
    made.evalset("asked", rows)
    covered = ("coverage", "asked", "--production", "new.jsonl", "--embed", "local/mini")
    assert made.json(*covered, "--dry-run")["forecast"]["kept"] == 50
    assert made.json(*covered)["coverage"]["representation"] == "embeddings"
    assert len(server.requests) == 1


def test_limits_end_it_and_what_came_is_kept(made: Folder, server: EmbeddingServer) -> None:
    rows = "".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(2 * MAX_TEXTS))
    made.write("old.jsonl", rows)
    told = made.run(*EMBED, "--max-calls", "1", code=3).stderr
    assert (
        f"Stopped by --max-calls 1. {MAX_TEXTS} of {2 * MAX_TEXTS + 30} texts have points, which are" in told
    )
    assert len(server.requests) == 1
    told = made.run(*EMBED, "--max-cost", "0.0001", code=3).stderr
    assert "Stopped by --max-cost 0.0001" in told and len(server.requests) == 1
    made.run(*EMBED, "--max-calls", "2", "--max-cost", "1")
    assert len(server.requests) == 3
    settings = (made.path / "promptops.toml").read_text()
    made.write("promptops.toml", settings.replace("price_in = 10.0\n", ""))
    assert "price of local/mini is not known" in made.run(*EMBED, "--max-cost", "1", code=2).stderr
    assert made.json(*EMBED, "--dry-run")["forecast"]["cost"] == 0.0, "all are kept: nothing is to be paid"
    bare = ("shift", "old.jsonl", "new.jsonl", "--max-calls", "1")
    assert "are about --embed MODEL" in made.run(*bare, code=2).stderr


def test_a_server_that_fails_midway_loses_nothing_that_it_gave(made: Folder, server: EmbeddingServer) -> None:
    rows = "".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(2 * MAX_TEXTS))
    made.write("old.jsonl", rows)
    server.trouble = [(200, {}), (500, {})]
    told = made.run(*EMBED, code=3).stderr
    assert "gave no points (server)" in told and f"{MAX_TEXTS} of {2 * MAX_TEXTS + 30} texts have" in told
    asked = len(server.requests)
    made.run(*EMBED)
    assert sum(len(body["input"]) for body in server.requests[asked:]) == MAX_TEXTS + 30


def test_points_of_another_length_than_those_that_are_kept_are_told(
    made: Folder, server: EmbeddingServer
) -> None:
    made.run(*EMBED)
    server.answer = lambda texts: {"data": [{"embedding": [float(len(text))]} for text in texts]}
    made.write("new.jsonl", "".join(json.dumps(f"another {n}") + "\n" for n in range(30)))
    told = made.run(*EMBED, code=3).stderr
    assert "promptops cache prune --model local/mini" in told
    made.run(*EMBED, "--no-cache")
