"""What a command will take, told before anything of it is spent; held against what it took then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops import Budget, Project
from promptops.calls.forecast import Forecast
from promptops.errors import FileProblems, NotComparable, PromptopsError, UsageError
from promptops.providers.mock import Mock
from tests.calls.test_budget import CENT
from tests.made import Folder, questions
from tests.paid_server import PaidServer, serving

RUBRIC = (
    'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n[metrics.quality]\nmetric = "rubric"\n'
    '[[gate]]\nmetric = "exact"\nmargin = 0.1\n'
)
GRADE = json.dumps({"reason": "-", "score": 4})


@pytest.fixture
def server() -> Iterator[PaidServer]:
    with serving() as paid:
        paid.say = lambda text: GRADE if "Reference answers" in text else text
        yield paid


@pytest.fixture
def paid(folder: Folder, server: PaidServer) -> Folder:
    folder.write(
        "promptops.toml",
        'model = "local/small"\njudge_model = "local/judge"\n'
        f'[providers.local]\nkind = "openai"\nbase_url = "{server.url}"\n',
    )
    folder.write("prices.toml", CENT)
    return folder


def foretold(folder: Folder, **more: object) -> Forecast:
    with Project.open(folder.path, read_only=True, missing_ok=True) as project:
        return project.forecast("numbers", [folder.path / "ask.prompt.yaml"], **more)  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, str]:
    """Every file and its content, but for the shared memory by which readers of a database meet."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm") and path.stat().st_size
    }


def test_nothing_is_asked_and_nothing_is_written(paid: Folder, server: PaidServer) -> None:
    before = files(paid.path)
    shown = paid.run("eval", "numbers", "-p", "ask.prompt.yaml", "--dry-run").stdout
    assert "Nothing was asked, nothing was stored." in shown and "40 calls" in shown
    assert files(paid.path) == before and server.calls == 0
    paid.run("eval", "numbers", "-p", "ask.prompt.yaml", "--max-calls", "10", code=3)
    with Project.open(paid.path) as project:
        project.accept(project.evaluate("numbers", [paid.path / "ask.prompt.yaml"])[0].id)
    before, calls = files(paid.path), server.calls
    paid.json("eval", "numbers", "-p", "ask.prompt.yaml", "--dry-run")
    paid.json("gate", "numbers", "-p", "ask.prompt.yaml", "--dry-run")
    paid.json("resume", "latest", "--dry-run")
    assert files(paid.path) == before and server.calls == calls


def test_without_history_tokens_are_an_estimate_by_characters_and_say_so(paid: Folder) -> None:
    found = foretold(paid)
    (part,) = found.parts
    # "number 0" to "number 9" have 8 characters, the others 9: two tokens, or three rounded up.
    assert part.tokens_in == 10 * 2 + 30 * 3 and part.tokens_in_basis == "estimate"
    assert "4 characters a token" in part.notes[0]
    assert (part.tokens_out, part.cost, found.cost, found.minutes) == (None, None, None, None)
    assert found.sure == "unknown" and "cost unknown" in found.sentence and "time unknown" in found.sentence
    paid.prompt("ask", "{{ question }}", parameters={"max_tokens": 50})
    found = foretold(paid)
    assert found.tokens_out == 40 * 50 and found.parts[0].tokens_out_basis == "bound"
    assert found.cost == pytest.approx((110 + 2000) * 5 / 1e6)
    assert "at most $" in found.sentence


def test_of_several_models_the_one_without_a_price_is_named(paid: Folder) -> None:
    paid.write("prices.toml", CENT.replace("local/*", "local/small"))
    found = foretold(paid, models=["local/small", "local/large"])
    assert found.cost is None
    assert [note for note in found.all_notes if "no price" in note] == [
        "cost unknown: no price of local/large (promptops prices)"
    ]


def test_with_history_it_is_what_the_run_takes_then(paid: Folder, server: PaidServer) -> None:
    paid.evalset("numbers", questions(20), RUBRIC)
    server.seconds = lambda text: 0.01
    with Project.open(paid.path) as project:
        first = project.evaluate("numbers", [paid.path / "ask.prompt.yaml"], repeats=1)[0]
    found = foretold(paid, cache=False, concurrency=4)
    assert [part.kind for part in found.parts] == ["answers", "judge"]
    assert [part.calls for part in found.parts] == [20, 20]
    assert (found.tokens_in, found.tokens_out) == (40_000, 40_000) and found.cost == pytest.approx(0.4)
    assert found.sure == "history" and f"run {first.id}" in found.parts[0].notes[0]
    assert found.minutes is not None and 40 * 0.01 / 4 / 60 <= found.minutes < 1
    before = server.calls
    with Project.open(paid.path) as project:
        run = project.evaluate("numbers", [paid.path / "ask.prompt.yaml"], cache=False)[0]
        spent = project.store.spent(run.id)
    assert server.calls - before == found.calls
    assert (spent.tokens_in, spent.tokens_out) == (found.tokens_in, found.tokens_out)
    assert spent.cost == pytest.approx(found.cost)


def test_what_the_cache_will_answer_costs_nothing(paid: Folder, server: PaidServer) -> None:
    paid.evalset("numbers", questions(20), RUBRIC)
    with Project.open(paid.path) as project:
        project.evaluate("numbers", [paid.path / "ask.prompt.yaml"])
    found = foretold(paid)
    assert (found.calls, found.cached, found.cost, found.sure) == (0, 40, 0.0, "known")
    assert foretold(paid, cache=False).calls == 40
    # Five more questions, and repeats that nobody has asked yet.
    paid.evalset("numbers", questions(25), RUBRIC)
    found = foretold(paid)
    assert [(part.calls, part.cached) for part in found.parts] == [(5, 20), (5, 20)]
    found = foretold(paid, repeats=2)
    assert [(part.calls, part.cached) for part in found.parts] == [(30, 20), (30, 20)]
    before = server.calls
    with Project.open(paid.path) as project:
        project.evaluate("numbers", [paid.path / "ask.prompt.yaml"], repeats=2)
    assert server.calls - before == 60


def test_another_prompt_is_expected_to_be_answered_as_long_and_that_is_an_estimate(paid: Folder) -> None:
    with Project.open(paid.path) as project:
        project.evaluate("numbers", [paid.path / "ask.prompt.yaml"])
    paid.prompt("ask", "Please tell me: {{ question }}")
    (part,) = foretold(paid).parts
    assert (part.tokens_in_basis, part.tokens_out, part.tokens_out_basis) == ("estimate", 40_000, "estimate")


def test_a_resume_takes_what_is_left(paid: Folder, server: PaidServer) -> None:
    paid.evalset("numbers", questions(20), RUBRIC)
    budget = Budget(max_calls=21)
    with Project.open(paid.path) as project:
        prompt = paid.path / "ask.prompt.yaml"
        (run,) = project.evaluate("numbers", [prompt], concurrency=3, cache=False, budget=budget)
        found = project.forecast_resume(run.id, budget=Budget(max_calls=5))
        assert found.calls == 40 - 21 and found.stored == 21
        assert "--max-calls 5 would end it before." in found.notes
        before = server.calls
        project.resume(run.id)
        assert server.calls - before == found.calls
        assert project.forecast_resume(run.id).calls == 0


def test_errors_that_are_retried_are_counted(folder: Folder) -> None:
    model = folder.script("some.json", {"q003": {"fail": "rejected"}, "*": {"text": "x", "cost": 0.5}})
    with Project.open(folder.path) as project:
        (run,) = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], [model])
        assert project.forecast_resume(run.id).calls == 0
        found = project.forecast_resume(run.id, retry_errors=True)
    # What a model tells itself counts where no price is known.
    assert found.calls == 1 and found.cost == pytest.approx(0.5)
    assert found.parts[0].cost_basis == "history"


def test_a_gate_is_checked_as_if_it_were_run(paid: Folder, server: PaidServer) -> None:
    prompt = paid.path / "ask.prompt.yaml"
    with Project.open(paid.path) as project:
        with pytest.raises(NotComparable, match="no baseline yet"):
            project.forecast_gate("numbers", prompt)
        run = project.evaluate("numbers", [prompt])[0]
        project.accept(run.id)
        found = project.forecast_gate("numbers", prompt, early_stop=True, cache=False)
        assert found.calls == 40 and "at most" in found.notes[0]
        staged = project.forecast_gate("numbers", prompt, first=15, extend=True, cache=False)
        assert staged.calls == staged.samples == 15 and "the other 25 are asked where" in staged.notes[0]
        with pytest.raises(UsageError):
            project.forecast_gate("numbers", prompt, first=40)
    shown = paid.run("gate", "numbers", "-p", "ask.prompt.yaml", "--first", "15", "--dry-run").stdout
    assert "15 more answered by the cache" in shown
    assert server.calls == 40


def test_a_gate_that_was_cut_off_is_foretold_as_far_as_it_would_go(paid: Folder, server: PaidServer) -> None:
    prompt = paid.path / "ask.prompt.yaml"
    with Project.open(paid.path) as project:
        project.accept(project.evaluate("numbers", [prompt])[0].id)
        more = {"cache": False, "budget": Budget(max_calls=10), "concurrency": 1}
        staged = project.gate_prompt("numbers", prompt, first=15, **more)  # type: ignore[arg-type]
        found = project.forecast_resume(staged.candidate, cache=False)
        assert (found.calls, found.stored) == (5, 10) and "the first stage" in found.notes[0]
        assert project.forecast_resume(staged.candidate, cache=False, everything=True).calls == 30
        more["budget"] = Budget(max_calls=10)
        bets = project.gate_prompt("numbers", prompt, early_stop=True, **more)  # type: ignore[arg-type]
        found = project.forecast_resume(bets.candidate, cache=False)
        assert found.calls == 30 and found.notes[0] == "That is at most: the run may stop early."


def test_what_a_run_would_refuse_is_refused(paid: Folder, server: PaidServer) -> None:
    refused: list[tuple[type[PromptopsError], dict[str, object]]] = [
        (UsageError, {"models": ["nothing"]}),
        (UsageError, {"models": ["mock/echo"], "budget": Budget(max_cost=1)}),
    ]
    for error, more in refused:
        with pytest.raises(error):
            foretold(paid, **more)
    paid.prompt("ask", "{{ missing }}")
    with pytest.raises(FileProblems):
        foretold(paid)
    paid.run("eval", "nowhere", "-p", "ask.prompt.yaml", "--dry-run", code=2)
    paid.run("gate", "numbers", "--dry-run", code=2)
    assert server.calls == 0


def test_python_targets_and_scripts_are_not_called(folder: Folder) -> None:
    Mock.calls.clear()
    found = foretold(folder)
    assert not Mock.calls and found.calls == 40
    assert found.parts[0].cost is None and "no price" in found.parts[0].notes[-1]


def test_an_older_database_is_told_rather_than_upgraded(folder: Folder) -> None:
    folder.write(".promptops/promptops.db", "")
    shown = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "--dry-run", code=2)
    assert "promptops" in shown.stderr
