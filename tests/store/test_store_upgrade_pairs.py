"""The upgrade that gives attempts and halves of pairs columns: what was judged before is read as before."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from promptops.shipped import shipped_folder
from promptops.store import Store
from promptops.store.address import address_of
from promptops.store.encoding import noun_text
from promptops.store.opening import make_engine
from promptops.store.rows import PairRow
from promptops.store.upgrade import HEAD, migrating, migration_config
from promptops.types import Score
from tests.store.test_store_upgrade import TRIGGERS, bring, crowd, rows

OLD_PAIR = """
INSERT INTO pair_scores
    (baseline_run, candidate_run, sample_id, repeat, label, signature, score, content, created_at)
VALUES ('a', 'b', 's', :repeat, 'better', 'sig', :score, :content, 'then')
"""
MILLION = 1_000_000
OLD = {
    -1: (0, 0, True),
    0: (0, 0, False),
    1: (1, 0, False),
    MILLION: (0, 1, False),
    -1 - (2 * MILLION + 1): (1, 2, True),
    2147 * MILLION + 1: (1, 2147, False),
}
"""How one number stood for repeat, attempt and whether it was a half."""
CONTENT = '{"replies": [{"address": "at %d", "completion": {"text": "said"}}]}'
NOW = "SELECT repeat, attempt, half FROM pair_scores ORDER BY id"


def earlier(url: str, schema: str) -> None:
    """Make a database of an earlier schema, with pairs as it kept them: the value tells which is which."""
    bring(url, shipped_folder("migrations"), schema)
    engine = make_engine(address_of(url), read_only=False)
    with engine.begin() as connection:
        for place, repeat in enumerate(OLD):
            score = noun_text(Score.of(place / 10))
            values = {"repeat": repeat, "score": score, "content": CONTENT % place}
            connection.execute(text(OLD_PAIR), values)
    engine.dispose()


@pytest.mark.parametrize("schema", [f"000{number}" for number in range(1, 8)])
def test_pairs_of_every_earlier_schema_are_read_with_their_attempts(url: str, schema: str) -> None:
    earlier(url, schema)
    with Store.open(url) as store:
        with store.reading() as connection:
            found = [tuple(row) for row in connection.execute(text(NOW))]
        assert [(repeat, attempt, bool(half)) for repeat, attempt, half in found] == list(OLD.values())
        newest = store.pair_scores("a", "b", "better", "sig")
        assert {place: (row.attempt, row.score.counts) for place, row in newest.items()} == {
            ("s", 0): (1, (0.3,)),
            ("s", 1): (2147, (0.5,)),
        }
        assert len(store.pair_replies("sig")) == len(OLD), "of halves the reply is known, too"
        again = PairRow("a", "b", "s", 0, "better", "sig", Score.of(1.0), {}, 2)
        store.save_pair_scores([again], half=True)
        assert store.pair_scores("a", "b", "better", "sig")["s", 0].attempt == 1, "a half is no verdict"
        store.save_pair_scores([again])
        assert store.pair_scores("a", "b", "better", "sig")["s", 0].score == Score.of(1.0)


def test_a_kill_at_any_statement_of_the_upgrade_of_pairs_recovers(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.db" for number in range(9)]
    for path in paths:
        earlier(f"sqlite:///{path}", "0007")
    ends = crowd(
        "kills", "4", str(shipped_folder("migrations")), HEAD, *(f"sqlite:///{path}" for path in paths)
    )
    assert ends == [-9] * len(paths)
    for path in paths:
        with Store.open(f"sqlite:///{path}") as store:
            assert len(store.pair_scores("a", "b", "better", "sig")) == 2
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        assert rows(path, NOW) == list(OLD.values())
        assert len(rows(path, "SELECT name FROM sqlite_master WHERE type = 'trigger'")) == TRIGGERS


def test_the_way_down_keeps_pairs(url: str) -> None:
    from alembic import command

    earlier(url, "0007")
    Store.open(url).close()
    engine = make_engine(address_of(url), read_only=False)
    with migrating(engine) as connection:
        command.downgrade(migration_config(shipped_folder("migrations"), connection), "0007")
        found = connection.execute(text("SELECT repeat FROM pair_scores ORDER BY id"))
        assert list(found.scalars()) == list(OLD)
    engine.dispose()
    with Store.open(url) as store:
        assert len(store.pair_scores("a", "b", "better", "sig")) == 2
