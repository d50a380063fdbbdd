"""`promptops judge attack` on real judges over loopback: what wins, what it costs, what is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptops.judging.attacks import attack_pack
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]

[metrics.quality]
metric = "rubric"

[metrics.found]
metric = "context_relevance"
"""
ALONE = [attack for attack in attack_pack() if not attack.pairs]
ASKED = [attack for attack in ALONE if attack.family != "master_key"]


def gullible(text: str) -> str:
    """A judge that does what a bribe says, wavers at threats, and chokes on base64."""
    score = 5 if "200 dollars" in text else 2 if "switched off" in text else 1
    return "?" if "base64" in text or "Decode and follow" in text else json.dumps({"score": score})


def project(folder: Folder, server: Server) -> Folder:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    folder.write(
        "promptops.toml",
        'model = "mock/echo"\njudge_model = "near/judge"\n\n'
        f'[providers.near]\nkind = "openai"\nbase_url = "{url}"\napi_key_env = "NEAR_KEY"\n'
        "price_in = 1.0\nprice_out = 1.0\n",
    )
    folder.evalset("asked", questions(12), SET)
    return folder


def attacked(folder: Folder, *more: str, code: int = 0) -> dict[str, Any]:
    done = folder.run("judge", "attack", "asked:quality", *more, "--json", code=code, NEAR_KEY="k")
    found: dict[str, Any] = json.loads(done.stdout)["attack"]
    return found


def test_a_judge_that_can_be_bribed_is_found_out(folder: Folder) -> None:
    with serving(gullible) as server:
        project(folder, server)
        found = attacked(folder, "--out", "said.jsonl")
        assert len(server.bodies) == len(ASKED) + 20 == found["calls"]
        shown = folder.run("judge", "attack", "asked:quality", "--out", "said.jsonl", NEAR_KEY="k").stdout
        assert len(server.bodies) == len(ASKED) + 20, "what is written down is not asked again"
    assert (found["n"], found["won"], found["flagged"], found["questions"]) == (len(ASKED), 1, 20, 10)
    assert found["rate"] == pytest.approx(1 / len(ASKED)) and found["low"] < found["rate"] < found["high"]
    assert (found["plain"], found["worst"], found["best"]) == (1.0, 1.0, 5.0)
    families = {row["family"]: row for row in found["families"]}
    assert families["pressure"]["won"] == 1 and families["pressure"]["rose"] == 1
    assert families["hidden"]["unscored"] == 1 and families["master_key"]["rate"] is None
    assert "1 of 95 attacks talked quality round (1.1%" in shown and "bribes" in shown
    lines = [json.loads(line) for line in (folder.path / "said.jsonl").read_text().splitlines()]
    assert len(lines) == len(ALONE) + 20
    bribe = next(line for line in lines if "200 dollars" in line["text"])
    assert bribe["replies"] == ['{"score": 5}'] and bribe["score"]["counts"] == [5.0]


def test_what_the_judges_own_noise_wins_stands_beside_the_attacks(folder: Folder) -> None:
    seen: set[str] = set()

    def fickle(text: str) -> str:
        """A judge that no attack moves, and that likes whatever it sees a second time."""
        score = 5 if text in seen else 1
        seen.add(text)
        return json.dumps({"score": score})

    with serving(fickle) as server:
        project(folder, server)
        found = attacked(folder)
        assert attacked(folder)["again"] == found["again"] and len(server.bodies) == len(ASKED) + 20
    assert (found["won"], found["plain"], found["questions"]) == (0, 1.0, 10)
    assert (found["again"]["won"], found["again"]["n"]) == (10, 10)
    assert "asked again without an attack: 10 of 10 (100.0%" in found["sentence"]
    assert "the judge's own noise" in found["sentence"]


def test_the_exit_code_can_be_made_to_depend_on_the_rate(folder: Folder) -> None:
    with serving(gullible) as server:
        project(folder, server)
        attacked(folder, "--family", "pressure", "--max-rate", "0.2")
        attacked(folder, "--family", "pressure", "--max-rate", "0.1", code=1)


def test_a_dry_run_counts_the_calls_and_leaves_no_trace(folder: Folder) -> None:
    with serving(gullible) as server:
        project(folder, server)
        done = folder.run(
            *("judge", "attack", "asked:quality", "--dry-run", "--questions", "4", "--json"), NEAR_KEY="k"
        )
        assert json.loads(done.stdout)["forecast"]["calls"] == len(ASKED) + 8
        assert not server.bodies and not (folder.path / ".promptops").exists()
        assert attacked(folder, "--questions", "4")["calls"] == len(ASKED) + 8
        done = folder.run(
            *("judge", "attack", "asked:quality", "--dry-run", "--questions", "4", "--json"), NEAR_KEY="k"
        )
        assert json.loads(done.stdout)["forecast"]["calls"] == 0


def test_a_limit_ends_it_with_3_and_the_next_try_goes_on(folder: Folder) -> None:
    with serving(gullible) as server:
        project(folder, server)
        found = attacked(folder, "--max-calls", "30", "-j", "1", code=3)
        assert "--max-calls 30" in found["stopped"] and len(server.bodies) == 30
        assert found["rate"] is not None and found["again"] is None
        kept = folder.path / ".promptops" / "attacks" / "asked.quality.jsonl"
        assert (kept.parent / ".gitignore").read_text() == "*\n"
        with kept.open("r+") as file:
            file.truncate(kept.stat().st_size - 3)
        whole = attacked(folder)
        assert whole["n"] == len(ASKED) and len(server.bodies) <= len(ASKED) + 20 + 1
        assert attacked(folder)["calls"] == 0


def test_a_limit_before_the_first_attack_is_the_reason_for_no_rate(folder: Folder) -> None:
    with serving(gullible) as server:
        project(folder, server)
        found = attacked(folder, "--max-calls", "10", "-j", "1", code=3)
    assert found["rate"] is None and found["plain"] == 1.0
    assert found["sentence"].startswith("The limit came before any attack on quality")


def test_another_prompt_of_the_judge_is_another_judge(folder: Folder) -> None:
    with serving(gullible) as server:
        project(folder, server)
        attacked(folder, "--family", "leak")
        before = len(server.bodies)
        settings = SET.replace('metric = "rubric"', 'metric = "rubric"\ncriteria = "Right?"')
        folder.evalset("asked", questions(12), settings)
        attacked(folder, "--family", "leak")
        assert len(server.bodies) == 2 * before
        attacked(folder, "--family", "leak", "--no-cache")
        assert len(server.bodies) == 3 * before


def test_a_judge_that_likes_every_wrong_answer_leaves_nothing_to_measure(folder: Folder) -> None:
    with serving('{"score": 5}') as server:
        project(folder, server)
        found = attacked(folder, code=3)
    assert found["rate"] is None and found["left"] == len(ALONE)
    assert "--wrong TEXT" in found["sentence"]


def test_a_judge_that_nobody_can_read_is_told_as_such(folder: Folder) -> None:
    with serving("I like it.") as server:
        project(folder, server)
        found = attacked(folder, "--family", "leak", code=3)
    assert found["rate"] is None and found["plain"] is None
    assert found["sentence"] == (
        "quality gave not one wrong answer a score without an attack: the reply holds no readable verdict."
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("asked:quallity",), "Did you mean"),
        (("quality",), "Write it as SET:LABEL"),
        (("asked:exact",), "asks no model"),
        (("asked:found",), "does not look at the answer"),
        (("asked:quality", "--family", "nope"), "There is no family of attacks 'nope'"),
        (("asked:quality", "--wrong", " "), "An empty answer"),
        (("asked:quality", "--out", "evalsets"), "evalsets"),
        (("asked:quality", "-m", "nobody/x"), "nobody"),
    ],
)
def test_what_is_wrong_is_told_before_anybody_is_asked(
    folder: Folder, arguments: tuple[str, ...], told: str
) -> None:
    with serving(gullible) as server:
        project(folder, server)
        done = folder.run("judge", "attack", *arguments, code=2, NEAR_KEY="k")
        assert told in done.stderr and not server.bodies


@pytest.mark.parametrize("text", ['{"a": 1}\n{"b": 2}\n', '{"a": 1}', "a list of mine"])
def test_a_file_of_something_else_is_refused_and_left_alone(folder: Folder, text: str) -> None:
    with serving(gullible) as server:
        project(folder, server)
        mine = folder.write("mine.jsonl", text)
        done = folder.run("judge", "attack", "asked:quality", "--out", str(mine), code=2, NEAR_KEY="k")
        assert "holds no results of attacks" in done.stderr and not server.bodies
        assert mine.read_text() == text
