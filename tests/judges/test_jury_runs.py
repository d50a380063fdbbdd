"""A jury whose judges are asked at two servers: every command goes by judge and model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from promptops.analysis.sides import load_accepted
from promptops.project import Project
from tests.judges.scripted_judge import FOLDER, Server, mark_in, serving
from tests.made import Folder, questions

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "jury"
combine_by = "median"

[metrics.quality.judges.strict]
metric = "rubric"
model = "far/judge-one"
criteria = "It is a number."
prompt = "strict.prompt.yaml"

[metrics.quality.judges.mild]
metric = "rubric"
"""
KEYS = {"NEAR_KEY": "near-key", "FAR_KEY": "far-key"}
EVAL = ("eval", "asked", "--prompt", "ask.prompt.yaml")
PROVIDER = """
[providers.{name}]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key_env = "{key}_KEY"
price_in = {price}
price_out = 1
"""


def said(score: object) -> str:
    return json.dumps({"reason": f"why {score}", "score": score})


def strict(text: str) -> str:
    return said(2 if "number 7" in text else 4)


@dataclass(frozen=True)
class Court:
    """A project whose jury sits at two servers; `far` costs ten times as much to read as `near`."""

    folder: Folder
    far: Server
    near: Server

    def write(self, text: str = SET, prompt: Callable[[str], str] = lambda text: text) -> None:
        servers = {"near": (self.near, 1), "far": (self.far, 10)}
        providers = (
            PROVIDER.format(name=name, key=name.upper(), port=server.server_address[1], price=price)
            for name, (server, price) in servers.items()
        )
        settings = 'model = "mock/echo"\njudge_model = "near/judge-two"\n' + "".join(providers)
        self.folder.write("promptops.toml", settings)
        self.folder.evalset("asked", questions(8), text)
        rubric = (FOLDER / "rubric.prompt.yaml").read_text("utf-8")
        strictly = prompt(rubric.replace("You grade", "You strictly grade"))
        self.folder.write("evalsets/asked/strict.prompt.yaml", strictly)

    def run(self, *arguments: str, code: int = 0) -> str:
        return self.folder.run(*arguments, code=code, **KEYS).stdout

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", code=code))
        return found

    @property
    def calls(self) -> tuple[int, int]:
        """How often each server was asked."""
        return len(self.far.bodies), len(self.near.bodies)


@pytest.fixture
def court(folder: Folder) -> Iterator[Court]:
    with serving(strict) as far, serving(said(5)) as near:
        for server in (far, near):
            server.usage = {"prompt_tokens": 1000, "completion_tokens": 100}
        found = Court(folder, far, near)
        found.write()
        yield found


def test_each_judge_is_asked_at_its_server_and_their_disagreement_is_told(court: Court) -> None:
    run = court.json(*EVAL)["runs"][0]
    assert court.calls == (8, 8)
    assert court.far.keys == {"Bearer far-key"} and court.near.keys == {"Bearer near-key"}
    told = {body["messages"][0]["content"].startswith("You strictly grade") for body in court.far.bodies}
    assert told == {True} and {body["model"] for body in court.near.bodies} == {"judge-two"}
    assert all(mark_in(body) for body in court.far.bodies)
    [figure] = [row for row in run["estimates"] if row["slice"] is None]
    assert figure["value"] == pytest.approx((7 * 4.5 + 3.5) / 8)
    notes = [
        "means: strict 3.75, mild 5",
        "all votes agree on 0 of 8 answers; two votes lie 1.25 apart in the mean; "
        "Krippendorff's alpha (interval) -0.538",
    ]
    assert run["notes"]["quality"][:2] == notes
    shown = " ".join(court.run("show", "latest").split())
    assert all(note in shown for note in notes)
    assert "far/judge-one + near/judge-two" in " ".join(court.run("cache", "stats").split())
    # Only one judge's prompt changes: the other's replies are those that are stored.
    court.write(prompt=lambda text: text.replace("strictly", "mildly"))
    court.run(*EVAL)
    assert court.calls == (16, 8)


def test_a_forecast_has_a_part_for_each_model_at_its_own_price(court: Court) -> None:
    def parts() -> dict[str, Any]:
        found = court.json(*EVAL, "--dry-run", "--no-cache")["forecast"]["parts"]
        return {part["model"]: part for part in found if part["name"] == "quality"}

    before = parts()
    assert {model: part["calls"] for model, part in before.items()} == {
        "far/judge-one": 8,
        "near/judge-two": 8,
    }
    # Only what the prompt of a model's own judges says limits its answers.
    assert all(part["cost"] is None and part["tokens_out"] is None for part in before.values())
    court.write(prompt=lambda text: text.replace("temperature: 0", "temperature: 0\n  max_tokens: 50"))
    limited = parts()
    assert limited["far/judge-one"]["tokens_out"] == 8 * 50
    assert limited["near/judge-two"]["tokens_out"] is None
    assert court.calls == (0, 0)
    court.write()
    court.run(*EVAL)
    with Project.open(court.folder.path) as project:
        taken = project.store.taken(project.run("latest").id)["judge:quality"]
    assert taken.calls == 16
    assert taken.cost == pytest.approx(8 * (1000 * 10 + 100) / 1e6 + 8 * (1000 + 100) / 1e6)
    after = parts()
    assert {(part["tokens_in"], part["tokens_out"]) for part in after.values()} == {(8000, 800)}
    assert {part["cost_basis"] for part in after.values()} == {"estimate"}, "a mean over both models"
    assert after["far/judge-one"]["cost"] == pytest.approx((8000 * 10 + 800) / 1e6)
    assert after["near/judge-two"]["cost"] == pytest.approx((8000 + 800) / 1e6)


def test_a_limit_ends_a_run_and_it_goes_on_where_it_stood(court: Court) -> None:
    done = court.json(*EVAL, "--max-calls", "5", "-j", "1", code=3)
    # Two answers of the mock; the second sample's jury is left with one vote.
    assert court.calls == (2, 1) and done["runs"][0]["run"]["status"] == "interrupted"
    left = court.json("resume", "latest", "--dry-run")["forecast"]
    assert {part["model"]: (part["calls"], part["stored"]) for part in left["parts"] if part["calls"]} == {
        "far/judge-one": (6, 2),
        "near/judge-two": (7, 1),
        "mock/echo": (6, 2),
    }
    court.run("resume", "latest")
    assert court.calls == (8, 8)
    assert court.json("replay", "latest")["replay"]["outcome"] == "equal"
    whole = court.json("show", "latest")
    court.run(*EVAL, "--no-cache")
    again = court.json("show", "latest")
    assert whole["estimates"] == again["estimates"] and court.calls == (16, 16)


def test_a_limit_in_money_needs_and_adds_every_judges_price(court: Court) -> None:
    attack = ("judge", "attack", "asked:quality", "--family", "pressure", "-j", "1")
    settings = court.folder.path / "promptops.toml"
    whole = settings.read_text("utf-8")
    settings.write_text(whole.replace("price_in = 10\nprice_out = 1\n", ""), "utf-8")
    told = court.folder.run(*attack, "--max-cost", "1", code=2, **KEYS).stderr
    assert "the price of far/judge-one is not known" in " ".join(told.split()) and court.calls == (0, 0)
    settings.write_text(whole, "utf-8")
    # A call at `far` costs 0.0101, one at `near` 0.0011: the third at `far` would pass 0.03.
    found = court.json(*attack, "--max-cost", "0.03", code=3)["attack"]
    assert court.calls == (2, 2) and "--max-cost" in found["stopped"]
    assert found["cost"] == pytest.approx(2 * 0.0101 + 2 * 0.0011)


def test_a_run_is_verified_replayed_and_recorded_judge_by_judge(court: Court) -> None:
    court.run(*EVAL)
    court.run("record", "latest", "-o", "said.jsonl")
    head, *lines = map(json.loads, (court.folder.path / "said.jsonl").read_text("utf-8").splitlines())
    assert {"far/judge-one", "near/judge-two"} <= set(head["models"])
    assert sum(line.get("model") in {"far/judge-one", "near/judge-two"} for line in lines) == 16
    assert court.json("replay", "latest")["replay"]["outcome"] == "equal"
    assert court.json("verify", "latest")["verification"]["outcome"] == "proven"
    court.write(prompt=lambda text: text.replace("strictly", "mildly"))
    missing = court.folder.run(*EVAL, "--cassette", "said.jsonl", "--no-cache", code=3, **KEYS)
    assert "judge quality on far/judge-one: 8 of 8 not recorded" in missing.stderr
    assert "near/judge-two" not in missing.stderr
    court.write()
    court.run(*EVAL, "--cassette", "said.jsonl", "--no-cache")
    assert court.json("show", "latest", "q007")["cases"][0]["figures"]["quality"] == 3.5
    assert court.calls == (8, 8)


def test_the_doctor_looks_at_every_judge(court: Court) -> None:
    assert "8 samples" in " ".join(court.run("doctor").split())
    court.write(prompt=lambda text: text.replace("{{ candidate }}", "{{ unheard_of }}"))
    assert "unheard_of" in " ".join(court.run("doctor", code=2).split())
    assert court.calls == (0, 0)


def test_a_jury_is_attacked_as_a_whole(court: Court) -> None:
    attack = ("judge", "attack", "asked:quality", "--family", "pressure", "--questions", "2")
    court.far.replies = [lambda text: said(5 if "200 dollars" in text else 1)]
    court.near.replies = [said(1)]
    parts = court.json(*attack, "--dry-run")["forecast"]["parts"]
    foretold = {part["model"]: part["calls"] for part in parts}
    found = court.json(*attack)["attack"]
    assert foretold == dict(zip(("far/judge-one", "near/judge-two"), court.calls, strict=True))
    assert found["calls"] == sum(court.calls) and found["judge"] == "far/judge-one + near/judge-two"
    # One of two judges is talked round: their median rises halfway, from 1 to 3.
    assert found["plain"] == 1.0 and found["won"] == 1
    before = court.calls
    court.write(prompt=lambda text: text.replace("strictly", "mildly"))
    court.run(*attack)
    assert court.calls == (2 * before[0], 2 * before[1]), "a judge's prompt changed, so the jury is another"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SET.partition("[metrics.quality.judges.strict]")[0], "names no judges"),
        (SET.replace('[metrics.quality.judges.mild]\nmetric = "rubric"', ""), "is no jury"),
        (SET + "scale = [0, 10]\n", "different scales: 1.0 to 5.0, higher is better and 0.0 to 10.0"),
        (SET.replace('metric = "rubric"\nmodel', "model"), "[metrics.quality.judges.strict] must be a table"),
        (SET + '[metrics.quality.judges.odd]\nmetric = "f1"\n', "asks no model"),
        (SET + '[metrics.quality.judges.odd]\nmetric = "mine:Own"\n', "runs code of yours"),
        (
            SET.replace("far/judge-one", "python/mine:answer"),
            "[metrics.quality.judges.strict] names the model",
        ),
        (SET.replace("strict.prompt.yaml", "../out.prompt.yaml"), "lies outside its evaluation set"),
    ],
)
def test_a_jury_is_checked_before_any_call(court: Court, text: str, told: str) -> None:
    court.write(text)
    found = court.folder.run(*EVAL, code=2, **KEYS)
    assert told in " ".join(found.stderr.split()) and court.calls == (0, 0)


def test_all_judges_may_be_asked_of_one_model_for_a_try(court: Court) -> None:
    court.run(*EVAL, "--judge-model", "offline/overlap")
    assert court.calls == (0, 0) and "stand" in court.run("show", "latest")


def test_a_judge_that_is_silent_leaves_no_score_and_only_it_is_asked_again(court: Court) -> None:
    settings = court.folder.path / "promptops.toml"
    settings.write_text("attempts = 1\n" + settings.read_text("utf-8"), "utf-8")
    court.near.status = 500
    court.run(*EVAL, code=3)
    [case] = court.json("show", "latest", "q003")["cases"]
    assert case["figures"]["quality"] is None
    court.near.status = 200
    before = court.calls
    court.run("score", "latest")
    assert (court.calls[0] - before[0], court.calls[1] - before[1]) == (0, 8)
    assert court.json("show", "latest", "q003")["cases"][0]["figures"]["quality"] == 4.5
    assert court.json("replay", "latest")["replay"]["outcome"] == "equal"


def test_a_jury_that_is_split_too_often_measures_nothing(court: Court) -> None:
    court.write(SET.replace("median", "majority") + '\n[[gate]]\nmetric = "quality"\nmin = 1\n')
    court.near.replies = [strict]
    court.run(*EVAL)
    assert "split" not in court.run("show", "latest")
    court.run("accept", "latest")
    court.run("gate", "asked")
    court.near.replies = [said(4)]
    court.run(*EVAL, "--no-cache")
    assert "CANNOT_MEASURE" in court.run("gate", "asked", code=3)
    assert "split on 1 of 8 answers, which have no score" in " ".join(court.run("show", "latest").split())
    assert "the jury is split: 1 x 2, 1 x 4" in " ".join(court.run("show", "latest", "q007").split())


TWINS = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "jury"

[metrics.quality.judges.mean]
metric = "criteria"
criteria = { right = "It is right.", short = "It is short." }

[metrics.quality.judges.lowest]
metric = "criteria"
figure = "lowest"
criteria = { right = "It is right.", short = "It is short." }
"""


def grades(*found: int) -> str:
    return json.dumps(
        {f"{what}_{n}": grade for n, grade in enumerate(found, 1) for what in ("reason", "grade")}
    )


def test_two_judges_that_ask_word_for_word_the_same_get_a_reply_each(court: Court) -> None:
    court.write(TWINS)
    court.near.replies = [grades(1, 5), grades(3, 3)] * 8
    court.run(*EVAL, "-j", "1", "--no-cache")
    assert court.calls == (0, 16)
    [case] = court.json("show", "latest", "q003")["cases"]
    assert case["result"]["scores"]["quality"]["evidence"]["votes"] == {"mean": [3.0], "lowest": [3.0]}
    with Project.open(court.folder.path) as project, project.store.reading() as connection:
        found = connection.exec_driver_sql(
            "SELECT count(DISTINCT coalesce(address, cache_key)) FROM calls WHERE purpose <> 'answer'"
        )
        assert found.scalar_one() == 16
    court.run(*EVAL)
    assert court.calls == (0, 16), "each is found again"
    assert court.json("replay", "latest")["replay"]["outcome"] == "equal"


def test_a_jury_whose_judges_shared_an_address_in_older_runs_is_still_replayed(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    court.write(TWINS)
    court.near.replies = [grades(2, 4)]
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with Project.open(court.folder.path) as project:
        monkeypatch.setattr("promptops.judges.jury.JUDGES_APART", 0)
        old = project.evaluate("asked", [court.folder.path / "ask.prompt.yaml"], ["mock/echo"])[0]
        monkeypatch.undo()
        assert court.calls[1] == 8, "one reply served both"
        assert project.replay(old.id).outcome == "equal" and project.verify(old.id).outcome == "proven"


def sorted_header(text: str) -> str:
    """Return a baseline file with all keys of its header sorted, as it was once written."""
    first, rest = text.split("\n", 1)
    return json.dumps(json.loads(first), sort_keys=True) + "\n" + rest


def test_an_accepted_jury_is_the_same_in_whichever_order_a_file_has_its_judges(court: Court) -> None:
    court.run(*EVAL)
    court.run("accept", "latest")
    path = court.folder.path / "evalsets/asked/baseline.jsonl"
    with Project.open(court.folder.path) as project:
        signature = project.run("latest").metrics[0].signature
        samples = project.evalset("asked").samples
        for text in (path.read_text("utf-8"), sorted_header(path.read_text("utf-8"))):
            path.write_text(text, "utf-8")
            [jury] = load_accepted(path, samples).metrics.values()
            assert jury.signature == signature and [*dict(jury.model_dump()["judges"])] == ["strict", "mild"]
    other = path.read_text("utf-8").replace("It is a number.", "It is another judge.")
    path.write_text(other.replace('"signature": "jury', '"signature": "no jury'), "utf-8")
    told = court.run("judge", "draw", "asked:quality", "--run", str(path), "--run", "latest")
    assert "8 cases of 8 samples" in told, "what people rate depends on no metric"
