"""Limits in calls and in money, kept at a real server; what is left over goes on later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np
import pytest

from promptops import Budget, Project
from promptops.errors import UsageError
from promptops.gate.stopping import drawn
from tests.made import Folder, questions
from tests.paid_server import PaidServer, serving

CENT = 'format = 1\n[[price]]\nmodel = "local/*"\nprice_in = 5.0\nprice_out = 5.0\n'
"""With a thousand tokens each way a call is a cent."""


@pytest.fixture
def server() -> Iterator[PaidServer]:
    with serving() as paid:
        yield paid


@pytest.fixture
def paid(folder: Folder, server: PaidServer) -> Folder:
    """A project whose model is a server that counts its calls."""
    folder.write(
        "promptops.toml",
        'model = "local/small"\njudge_model = "local/judge"\nattempts = 3\n'
        f'[providers.local]\nkind = "openai"\nbase_url = "{server.url}"\n',
    )
    folder.write("prices.toml", CENT)
    return folder


ASK = ("eval", "numbers", "-p", "ask.prompt.yaml")


def test_never_more_calls_than_allowed_are_made_and_retries_count(paid: Folder, server: PaidServer) -> None:
    server.status = lambda text, times: 500 if times == 1 else 200
    done = paid.run(*ASK, "--max-calls", "25", "-j", "8", code=3)
    assert server.calls == 25
    told = re.search(r"Stopped by --max-calls 25: 25 calls made, (\d+) of 40 answers finished\.", done.stderr)
    assert told
    with Project.open(paid.path) as project:
        run = project.run("latest")
        assert (run.status, run.done) == ("interrupted", int(told[1]))
        assert f"Go on: promptops resume {run.id}" in done.stderr
        stored = {case.result.sample_id for case in project.cases_of(run.id)}
    before = dict(server.asked)
    found = paid.json("resume", run.id)
    assert found["runs"][0]["run"]["status"] == "finished" and found["stopped"] is None
    assert found["runs"][0]["run"]["errors"] == 0
    # What is stored is not asked again.
    assert {text for text, times in server.asked.items() if times == before.get(text)} == {
        f"number {int(name[1:])}" for name in stored
    }


def test_judges_repeats_models_and_prompts_share_one_limit(paid: Folder, server: PaidServer) -> None:
    rubric = '[metrics.quality]\nmetric = "rubric"\n'
    paid.evalset(
        "numbers", questions(10), f'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n{rubric}'
    )
    paid.prompt("other", "Tell: {{ question }}")
    more = ("-p", "other.prompt.yaml", "-m", "local/a", "-m", "local/b", "--repeats", "2", "-j", "7")
    paid.run(*ASK, *more, "--max-calls", "61", code=3)
    assert server.calls == 61
    whole = paid.json(*ASK, *more, "--max-calls", "160", code=3)
    assert whole["stopped"] is None, "what the judge says can't be read, but no limit ended it"
    assert server.calls <= 61 + 160


@pytest.mark.parametrize("concurrency", ["1", "16"])
def test_money_is_not_passed_where_calls_cost_alike(
    paid: Folder, server: PaidServer, concurrency: str
) -> None:
    found = paid.json(*ASK, "--max-cost", "0.1", "-j", concurrency, code=3)
    assert server.calls == 10
    assert found["cost"] == pytest.approx(0.1)
    assert found["stopped"] == "Stopped by --max-cost 0.1"
    resumed = paid.json("resume", "latest", "--max-cost", "0.25", "-j", concurrency, code=3)
    assert server.calls == 35 and resumed["runs"][0]["run"]["done"] == 35
    assert paid.json("resume", "latest", "--max-cost", "0.25")["runs"][0]["run"]["status"] == "finished"


def test_until_a_price_is_seen_calls_go_one_by_one_and_a_dear_one_is_expected_again(
    paid: Folder, server: PaidServer
) -> None:
    # The second question is ten times as dear as all others: what is under way is one such call at most.
    server.usage = lambda text: {
        "prompt_tokens": 0,
        "completion_tokens": 20_000 if text == "number 1" else 2_000,
    }
    server.seconds = lambda text: 0.05 if text == "number 0" else 0.0
    found = paid.json(*ASK, "--max-cost", "0.3", "-j", "8", code=3)
    assert found["cost"] <= 0.3
    assert 0.3 - found["cost"] < 0.1


def test_without_a_price_a_limit_in_money_is_refused_before_the_first_call(
    paid: Folder, server: PaidServer
) -> None:
    (paid.path / "prices.toml").unlink()
    # A server of one's own does not get the prices of OpenAI, whatever its model is called.
    done = paid.run(*ASK, "-m", "local/gpt-4o-mini", "--max-cost", "1", code=2)
    assert "the price of local/gpt-4o-mini is not known" in done.stderr and "prices.toml" in done.stderr
    assert server.calls == 0
    assert paid.json("runs")["runs"] == []
    paid.run(*ASK, "--max-cost", "nan", code=2)
    assert server.calls == 0


def test_an_answer_without_usage_ends_a_run_that_has_a_limit_in_money(
    paid: Folder, server: PaidServer
) -> None:
    server.usage = lambda text: None
    found = paid.json(*ASK, "--max-cost", "1", "-j", "8", code=3)
    assert server.calls == 1
    assert found["cost"] is None and "does not tell what it cost" in found["stopped"]
    assert paid.json("resume", "latest")["runs"][0]["run"]["status"] == "finished"


def test_calls_that_may_have_been_charged_count_as_spent(paid: Folder, server: PaidServer) -> None:
    # After five good answers only unusable ones come: each may have been charged like the others.
    seen: list[str] = []

    def usage(text: str) -> dict[str, int]:
        seen.append(text)
        return {"prompt_tokens": 1000, "completion_tokens": 1000}

    server.usage, server.say = usage, lambda text: text
    server.status = lambda text, times: 200 if len(seen) <= 5 else 204
    done = paid.run(*ASK, "--max-cost", "0.2", "-j", "1", code=3)
    assert server.calls == 20
    assert "and up to $0.15 for calls that failed" in done.stderr


def test_what_the_cache_answers_is_free(paid: Folder, server: PaidServer) -> None:
    paid.run(*ASK)
    found = paid.json(*ASK, "--max-calls", "0")
    assert server.calls == 40 and found["calls"] == 0 and found["stopped"] is None
    assert found["runs"][0]["run"]["status"] == "finished"
    runs = paid.json("runs")["runs"]
    refused = paid.run(*ASK, "--max-calls", "0", "--no-cache", code=2).stderr
    assert "no earlier run has an answer to any of these 40 samples. No run was made" in refused
    paid.prompt("ask", "Again: {{ question }}")
    paid.run(*ASK, "--max-calls", "0", code=2)
    assert paid.json("runs")["runs"] == runs and server.calls == 40


def test_a_budget_tells_in_python_why_it_ended(folder: Folder) -> None:
    model = folder.script("dear.json", {"*": {"cost": 0.5}})
    budget = Budget(max_cost=3)
    with Project.open(folder.path) as project:
        (run,) = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], [model], budget=budget)
        assert (run.status, run.done, budget.calls, budget.spent) == ("interrupted", 6, 6, 3.0)
        assert budget.stopped and budget.told() == "6 calls made, $3 spent"
        done = project.resume(run.id, budget=Budget(max_calls=34))
        assert done.status == "finished"
        change = project.compare(run.id, run.id)
        assert change.deltas[0].low is not None
    for wrong in ({"max_calls": -1}, {"max_cost": 0.0}, {"max_cost": float("nan")}):
        with pytest.raises(UsageError):
            Budget(**wrong)  # type: ignore[arg-type]


def accepted(folder: Folder, n: int, wrong: range, settings: str | None = None) -> str:
    """Accept an echo that is right; return a model that is wrong on some samples, and slow and dear there."""
    folder.evalset("numbers", questions(n), *([] if settings is None else [settings]))
    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["mock/echo"])[0]
        project.accept(run.id)
    bad = {f"q{number:03}": {"text": "no", "sleep": 0.02, "cost": 0.05} for number in wrong}
    return folder.script("worse.json", {**bad, "*": {"cost": 0.01}})


GATE = ("gate", "numbers", "-p", "ask.prompt.yaml", "-j", "4")


def test_a_plain_gate_that_is_cut_off_measures_nothing(folder: Folder) -> None:
    model = accepted(folder, 80, range(0, 80, 2))
    done = folder.run(*GATE, "-m", model, "--max-calls", "50", "--report", "gate.md", code=3)
    assert "which ones depends on how quick and cheap they were" in " ".join(done.stdout.split())
    assert "CANNOT MEASURE" in done.stdout.replace("_", " ")
    assert "Stopped by --max-calls 50: 50 calls made" in done.stderr
    assert "50 of 80 answers" in (folder.path / "gate.md").read_text()
    run = folder.json("runs")["runs"][0]["id"]
    folder.run("gate", "numbers", "--run", run, code=2)
    folder.run("resume", run, "--max-calls", "30")
    assert folder.json("gate", "numbers", "--run", run, code=1)["verdict"]["outcome"] == "FAIL"


def test_a_gate_that_may_stop_early_is_decided_by_its_first_samples(folder: Folder) -> None:
    model = accepted(folder, 120, range(0, 120, 12))
    found = folder.json(*GATE, "-m", model, "--early-stop", "--max-calls", "40", code=4)["verdict"]
    stopping = found["stopping"]
    assert found["outcome"] == "INCONCLUSIVE" and stopping["cut"] and stopping["stopped"]
    assert 30 <= stopping["samples"] <= 40 and stopping["samples"] + stopping["in_flight"] == 40
    assert stopping["calls"] == 40 and stopping["calls_saved"] == 80
    assert found["cells"][0]["delta"]["n"] == stopping["samples"]
    assert found["cells"][0]["delta"]["method"].startswith("bet")
    assert f"promptops resume {found['candidate']}" in found["sentence"]
    # The stored run says the same, in every form.
    again = folder.json("gate", "numbers", "--run", found["candidate"], code=4)["verdict"]
    assert again == found
    folder.run("gate", "numbers", "--report", "g.html", "--report", "g.md", "--report", "g.xml", code=4)
    assert "was cut off after" in (folder.path / "g.md").read_text()
    # With more money it goes on to a certain verdict, or to the end.
    done = folder.json("resume", found["candidate"], "--max-calls", "80")
    assert done["stopped"] is None and done["runs"][0]["run"]["status"] in ("stopped", "finished")
    with Project.open(folder.path) as project:
        whole = project.gate("numbers")
    assert whole.stopping is not None and not whole.stopping.cut and whole.outcome == "FAIL"


def test_a_loss_that_is_certain_before_the_money_is_spent_fails(folder: Folder) -> None:
    model = accepted(folder, 120, range(0, 120, 2))
    found = folder.json(*GATE, "-m", model, "--early-stop", "--max-cost", "2.5", code=1)["verdict"]
    assert found["outcome"] == "FAIL" and not found["stopping"]["cut"]


def test_who_waits_for_a_first_sample_that_never_comes_is_let_go(folder: Folder) -> None:
    """It fails, its next attempt is over the limit, and the others may not go further ahead of it."""
    model = accepted(folder, 120, range(0))
    with Project.open(folder.path) as project:
        found = project.gate_prompt(
            "numbers", folder.path / "ask.prompt.yaml", model, early_stop=True, budget=Budget(max_calls=0)
        )
        kept = project.store.run_config(found.candidate)["early_stop"]
        assert isinstance(kept, dict)
        samples = project.samples(found.candidate)
        first = samples[int(np.argmin(drawn(samples, str(kept["seed"]))))].id
    folder.script("worse.json", {first: {"fail": "server", "sleep": 0.3}, "*": {"cost": 0.01}})
    # Two of three places are let go 13 samples ahead; the third one waits to ask again.
    done = folder.run(*GATE[:4], "-j", "3", "-m", model, "--early-stop", "--max-calls", "14", code=3)
    assert "14 calls made, 13 of 120 answers finished" in done.stderr
    assert "decide nothing" in " ".join(done.stdout.split())


def test_stages_are_decided_whole_or_not_at_all(folder: Folder) -> None:
    model = accepted(folder, 80, range(0, 80, 16))
    stages = (*GATE, "-m", model, "--first", "40", "--inconclusive", "extend")
    found = folder.json(*stages, "--max-calls", "30", code=3)
    assert found["stopped"] == "Stopped by --max-calls 30"
    cut = found["verdict"]
    assert cut["outcome"] == "CANNOT_MEASURE" and not cut["cells"]
    folder.run("resume", cut["candidate"])
    first = folder.json("gate", "numbers", "--run", cut["candidate"], code=4)["verdict"]
    assert first["stopping"]["left_open"] and first["stopping"]["samples"] == 40
    # The second stage, too, may be cut off: then the first one stays what it was.
    extend = ("gate", "numbers", "--run", cut["candidate"], "--inconclusive", "extend")
    second = folder.json(*extend, "--max-calls", "10", code=4)["verdict"]
    assert second["cells"] == first["cells"] and second["stopping"]["left_open"]
    whole = folder.json(*extend, code=4)["verdict"]
    assert whole["stopping"]["samples"] == 80


def test_a_limit_without_anybody_to_ask_is_refused(folder: Folder) -> None:
    assert "--prompt" in folder.run("gate", "numbers", "--max-calls", "3", code=2).stderr


def test_figures_of_a_run_that_was_cut_off_have_no_bounds_in_a_comparison(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        whole = project.evaluate("numbers", [prompt])[0]
        cut = project.evaluate("numbers", [prompt], cache=False, budget=Budget(max_calls=20))[0]
        delta = project.compare(whole.id, cut.id).deltas[0]
    assert delta.n == 20 and (delta.low, delta.p_value) == (None, None)
    assert json.loads(folder.run("compare", whole.id, cut.id, "--json").stdout)["comparison"]["warnings"]
