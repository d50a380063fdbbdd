"""Faults that a reviewer found by trying; each test failed before its mend."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.summary import Row, Side, tally
from promptops.errors import FileProblems, NotComparable, UsageError
from promptops.gate import decision as gate
from promptops.gate.rules import GateRule
from promptops.judges import read_score, read_verdict
from promptops.judges.pairwise import Pairwise
from promptops.metrics import Metric, scored
from promptops.metrics.bleu import Bleu
from promptops.metrics.exact import Exact
from promptops.project import Project
from promptops.providers.mock import Mock
from promptops.texts.worddiff import word_diff
from promptops.types import Completion, Message, Prompt, Run, Sample, Score
from tests.made import EVALSET, Folder, questions

PROMPT = Prompt(messages=(Message(role="user", content="x"),))


def asked(n: int, group: str | None = None, weights: Sequence[float] | None = None) -> tuple[Sample, ...]:
    return tuple(
        Sample(
            id=f"s{number:03}",
            inputs={},
            target=("a b c d e",),
            group=group,
            weight=1.0 if weights is None else weights[number],
        )
        for number in range(n)
    )


def side(samples: tuple[Sample, ...], rows: list[Row], metric: Metric, repeats: int = 1) -> Side:
    run = Run(
        id="made",
        created_at="2026-01-01T00:00:00",
        status="finished",
        evalset="made-up",
        evalset_digest="set",
        prompt=PROMPT,
        prompt_ref="p@1",
        model="mock/echo",
        metrics=(metric.record("m", "m"),),
        samples=len(samples),
        repeats=repeats,
    )
    return Side(run, tally(samples, rows, run.metrics))


def row(sample: Sample, value: float | str | None, repeat: int = 0) -> Row:
    """A number is a score, a text a kind of failure, None an instrument that failed."""
    if isinstance(value, str):
        return sample.id, repeat, value, {}
    counts = () if value is None else (value,)
    return sample.id, repeat, None, {"m": {"counts": counts, "unscored": "broken" if value is None else None}}


def paired(
    old: Sequence[float | str | None],
    new: Sequence[float | str | None],
    samples: tuple[Sample, ...] | None = None,
) -> Pairing:
    samples = samples or asked(len(old))
    first, second = (
        side(samples, [row(sample, value) for sample, value in zip(samples, values, strict=True)], Exact())
        for values in (old, new)
    )
    return pair(first, second, {"m": Exact()})


def test_an_absolute_rule_takes_missing_answers_for_the_worst() -> None:
    values: list[float | str | None] = ["timeout" if number < 40 else 1.0 for number in range(60)]
    verdict = gate.judge(paired([1.0] * 60, values), [GateRule(metric="m", min=0.8)])
    assert verdict.outcome == "FAIL" and "40 samples without an answer count as worst" in verdict.reason


class Length(Metric):
    higher_is_better = False
    high = None

    def score(self, completion: Completion, sample: Sample) -> Score:
        return Score.of(len(completion.text))


def test_a_rule_on_a_metric_without_worst_value_can_not_be_measured_on_the_answers_left() -> None:
    samples = asked(60)
    rows = [row(sample, "timeout" if number < 40 else 1.0) for number, sample in enumerate(samples)]
    made = side(samples, rows, Length())
    verdict = gate.judge(pair(made, made, {"m": Length()}), [GateRule(metric="m", max=5)])
    assert verdict.outcome == "CANNOT_MEASURE" and "40 of 60 samples got no answer" in verdict.reason


def test_instrument_failures_are_counted_in_repeats_and_not_only_in_whole_samples() -> None:
    samples = asked(40)
    whole = side(samples, [row(sample, 1.0, repeat) for sample in samples for repeat in range(5)], Exact(), 5)
    rows = [row(sample, None if repeat < 3 else 1.0, repeat) for sample in samples for repeat in range(5)]
    broken = side(samples, rows, Exact(), 5)
    rules = [GateRule(metric="m", margin=0.1), GateRule(metric="m", min=0.5)]
    verdict = gate.judge(pair(whole, broken, {"m": Exact()}), rules)
    assert [cell.outcome for cell in verdict.cells] == ["CANNOT_MEASURE", "CANNOT_MEASURE"]


def test_a_pass_holds_also_with_missing_repeats_of_the_baseline_at_their_best() -> None:
    samples = asked(40)
    rows = [
        row(sample, "timeout" if repeat < 2 else 0.5, repeat) for sample in samples for repeat in range(4)
    ]
    old = side(samples, rows, Exact(), 4)
    new = side(samples, [row(sample, 0.5, repeat) for sample in samples for repeat in range(4)], Exact(), 4)
    verdict = gate.judge(pair(old, new, {"m": Exact()}), [GateRule(metric="m", margin=0.1)])
    delta = verdict.cells[0].delta
    assert verdict.outcome == "INCONCLUSIVE"
    assert delta and delta.strict_low is not None and delta.strict_low < -0.2


def test_under_twenty_pairs_missing_baselines_do_not_make_a_pass_easier() -> None:
    old: list[float | str | None] = [*["timeout"] * 12, *[0.0] * 7]
    new: list[float | str | None] = [*[0.0] * 12, *[1.0] * 7]
    rule = GateRule(metric="m", margin=0.6)
    assert gate.judge(paired(old[12:], new[12:]), [rule]).outcome == "PASS"
    assert gate.judge(paired(old, new), [rule]).outcome != "PASS"


def test_corpus_metrics_hold_their_pass_against_missing_baselines_too() -> None:
    samples, bleu = asked(60), Bleu()

    def made(texts: Sequence[str | None]) -> Side:
        rows: list[Row] = []
        for sample, text in zip(samples, texts, strict=True):
            if text is None:
                rows.append((sample.id, 0, "timeout", {}))
            else:
                counts = bleu.score(Completion(text=text), sample).counts
                rows.append((sample.id, 0, None, {"m": {"counts": counts, "unscored": None}}))
        return side(samples, rows, bleu)

    good, bad = "a b c d e", "a b c d z"
    old = made([None] * 30 + [good] * 30)
    new = made([bad] * 30 + [good] * 30)
    verdict = gate.judge(pair(old, new, {"m": bleu}), [GateRule(metric="m", margin=2.0)])
    assert verdict.outcome == "INCONCLUSIVE"


def test_one_group_and_a_missing_baseline_is_no_crash() -> None:
    old: list[float | str | None] = ["server", *[1.0] * 24]
    pairing = paired(old, [1.0] * 25, asked(25, "g"))
    verdict = gate.judge(pairing, [GateRule(metric="m", margin=0.1)])
    assert verdict.outcome == "CANNOT_MEASURE" and "one group only" in verdict.reason


def test_bets_are_on_the_weighted_mean_that_is_shown() -> None:
    weights = [100.0, 100.0, *[1.0] * 17]
    old, new = [1.0, 1.0, *[0.0] * 17], [0.0, 0.0, *[1.0] * 17]
    verdict = gate.judge(paired(old, new, asked(19, weights=weights)), [GateRule(metric="m", margin=0.3)])
    delta = verdict.cells[0].delta
    assert delta and delta.difference is not None and delta.difference < -0.8
    assert verdict.outcome != "PASS"


def test_no_number_of_samples_is_told_where_there_are_enough_already() -> None:
    new = [0.495 + (0.1 if number % 2 else -0.1) for number in range(400)]
    verdict = gate.judge(paired([0.5] * 400, new), [GateRule(metric="m", margin=0.013)])
    assert verdict.outcome == "INCONCLUSIVE"
    assert verdict.cells[0].needed is None and "more samples" not in verdict.reason


@pytest.mark.parametrize("counts", [[7.0], [-1.0]])
def test_stored_scores_outside_a_metrics_range_are_not_compared(counts: list[float]) -> None:
    with pytest.raises(NotComparable, match="outside its range"):
        paired([counts[0]] * 10, [1.0] * 10)


class Odd(Metric):
    what: str = "nan"

    def score(self, completion: Completion, sample: Sample) -> Score:
        made: dict[str, object] = {
            "nan": Score.of(float("nan")),
            "inf": Score.of(float("-inf")),
            "huge": Score.of(1e308),
            "range": Score.of(7.0),
            "empty": Score(),
            "number": 1.0,
            "none": None,
        }
        return made[self.what]  # type: ignore[return-value]


@pytest.mark.parametrize("what", ["nan", "inf", "huge", "range", "empty", "number", "none"])
def test_what_is_no_score_is_unscored_with_the_reason(what: str) -> None:
    metric = Odd(what=what)
    score = scored(metric, metric.record("m", "m"), Completion(text="x"), asked(1)[0])
    assert score.unscored and "the metric returned" in score.unscored


class Noted(Metric):
    def score(self, completion: Completion, sample: Sample) -> Score:
        return Score.of(1.0, note=float("nan"))


def test_evidence_that_can_not_be_stored_does_not_cost_the_score() -> None:
    score = scored(Noted(), Noted().record("m", "m"), Completion(text="x"), asked(1)[0])
    assert score.counts == (1.0,) and "left_out" in score.evidence


def test_scores_of_different_lengths_are_told_and_no_crash() -> None:
    samples = asked(2)
    rows: list[Row] = [
        (sample.id, 0, None, {"m": {"counts": (1.0,) * (1 + place), "unscored": None}})
        for place, sample in enumerate(samples)
    ]
    with pytest.raises(UsageError, match="same number of them"):
        side(samples, rows, Exact())


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1" + "0" * 5000])
def test_a_judges_number_of_thousands_of_digits_is_unreadable_and_no_crash(number: str) -> None:
    verdict = read_verdict(f'{{"score": {number}}}', frozenset({"score"}), "0123456789ab", ("x",))
    assert isinstance(verdict, str) or isinstance(read_score(verdict["score"], 1, 5), str)


def test_a_reply_made_to_keep_the_parser_busy_is_not_searched() -> None:
    began = time.process_time()
    verdict = read_verdict('{"a":' * 200_000, frozenset({"score"}), "0123456789ab", ("x",))
    assert isinstance(verdict, str) and time.process_time() - began < 5


@pytest.mark.parametrize("winner", ['["A"]', '{"A": 1}', "null"])
def test_a_winner_of_any_shape_is_unreadable_and_no_crash(winner: str) -> None:
    async def ask(*_: object, **__: object) -> Completion:
        return Completion(text=f'{{"winner": {winner}}}')

    judging = Pairwise.example().prefer(Completion(text="a"), Completion(text="b"), asked(1)[0], ask)
    score = asyncio.run(judging)
    assert score.unscored and "none of A, B, tie" in score.unscored


def test_an_answer_caught_in_a_loop_is_compared_at_once() -> None:
    began = time.process_time()
    before, after = "a " * 1900, "b a " * 900
    parts = word_diff(before, after)
    assert "".join(part.text for part in parts if part.kind != "added") == before
    assert time.process_time() - began < 5


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write("promptops.toml", "attempts = 1\n")
    made.evalset("s", questions(25))
    made.prompt("p", "{{ question }}")
    return made


def test_scoring_anew_asks_nothing_again_where_no_answer_came(folder: Folder) -> None:
    model = folder.script("a.json", {"q000": {"fail": "server", "message": "down"}, "*": {}})
    with Project.open(folder.path) as project:
        old = project.evaluate("s", [folder.path / "p.prompt.yaml"], [model])[0]
        Mock.calls.clear()
        new = project.rescore(old.id)
        assert not Mock.calls
        assert (new.done, new.errors) == (24, 1)
        failed = project.result(new.id, "q000")
        assert failed and failed.failure and failed.failure.message == "down"
        project.resume(new.id)
        assert not Mock.calls


def test_scoring_anew_takes_the_language_as_it_is_now(folder: Folder) -> None:
    folder.evalset("s", questions(5), EVALSET.replace("[metrics.contains]", "[metrics.rouge]"))
    with Project.open(folder.path) as project:
        old = project.evaluate("s", [folder.path / "p.prompt.yaml"], ["mock/echo"])[0]
        text = EVALSET.replace("[metrics.contains]", "[metrics.rouge]").replace(
            'description = "made for a test"', 'description = "made for a test"\nlanguage = "de"'
        )
        folder.evalset("s", questions(5), text)
        new = project.evaluate("s", [folder.path / "p.prompt.yaml"], ["mock/echo"])[0]
        again = project.rescore(old.id)
        assert [record.signature for record in again.metrics] == [record.signature for record in new.metrics]


def test_a_run_is_no_baseline_of_itself(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        run = project.evaluate("s", [folder.path / "p.prompt.yaml"], ["mock/constant:wrong"])[0]
        with pytest.raises(NotComparable, match="its own baseline"):
            project.gate("s", baseline="latest")
        with pytest.raises(NotComparable, match="its own baseline"):
            project.gate("s", run=run.id, baseline=run.id[:6])


def test_an_unfinished_run_is_no_baseline_and_compare_says_so(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        first, second = (
            project.evaluate("s", [folder.path / "p.prompt.yaml"], ["mock/echo"])[0] for _ in range(2)
        )
        project.store.set_status(first.id, "interrupted")
        with pytest.raises(UsageError, match="promptops resume"):
            project.gate("s", baseline=first.id)
        assert any("is interrupted" in told for told in project.compare(first.id, second.id).warnings)


def test_half_a_character_in_an_answer_can_be_accepted(folder: Folder) -> None:
    model = folder.script("a.json", {"*": {"text": "half \ud800"}})
    with Project.open(folder.path) as project:
        run = project.evaluate("s", [folder.path / "p.prompt.yaml"], [model])[0]
        path = project.accept(run.id)
        assert "half \ufffd" in path.read_text("utf-8")
        assert project.gate("s").outcome in {"PASS", "INCONCLUSIVE"}


def test_a_judges_prompt_with_an_unknown_slot_is_told_before_the_first_call(folder: Folder) -> None:
    folder.evalset(
        "s", questions(5), EVALSET + '\n[metrics.judge]\nmetric = "rubric"\nprompt = "j.prompt.yaml"\n'
    )
    content = {"messages": [{"role": "user", "content": "{{ candidate }} {{ nope }}"}]}
    folder.write("evalsets/s/j.prompt.yaml", json.dumps(content))
    Mock.calls.clear()
    with Project.open(folder.path) as project, pytest.raises(FileProblems, match="nope"):
        project.evaluate("s", [folder.path / "p.prompt.yaml"], ["mock/echo"], judge_model="mock/constant:3")
    assert not Mock.calls


def test_a_wrong_key_of_a_pairwise_judge_is_told_without_a_traceback(folder: Folder) -> None:
    judge = folder.script("j.json", {"*": {"fail": "auth", "message": "bad key"}})
    with Project.open(folder.path) as project:
        first, second = (
            project.evaluate("s", [folder.path / "p.prompt.yaml"], [model])[0].id
            for model in ("mock/echo", "mock/constant:no")
        )
    done = folder.run("compare", first, second, "--pairwise", "--judge-model", judge, code=3)
    assert "bad key" in done.stderr


@pytest.mark.parametrize("name", ["a@b", "a/b", "x.md", "\x1b[31m", " "])
def test_a_prompt_that_could_not_be_found_again_is_not_registered(folder: Folder, name: str) -> None:
    with Project.open(folder.path) as project:
        with pytest.raises(UsageError, match="can't be named"):
            project.add_prompt(folder.path / "p.prompt.yaml", name=name)
        project.add_prompt(folder.path / "p.prompt.yaml", name="fine")
        for alias in ("²", "a@b", "\x1b", "7"):
            with pytest.raises(UsageError, match="can't be an alias"):
                project.set_alias("fine", alias)
        for number in ("²", "9" * 30, "9" * 5000):
            with pytest.raises(UsageError):
                project.prompt_version(f"fine@{number}")


def test_a_folder_that_can_not_be_written_is_told_without_a_traceback(folder: Folder) -> None:
    folder.write("file", "")
    folder.run("init", "file/x", code=2)
    folder.run("demo", "--folder", "file/x", code=2)
    folder.run("demo", "../evalsets/short-answers", code=2)
    folder.write(".promptops", "")
    folder.run("prompt", "add", "ask.prompt.yaml", code=2)


def test_a_quota_that_runs_out_in_the_middle_stops_the_run_and_says_how_to_go_on(folder: Folder) -> None:
    folder.evalset("s", questions(200))
    steps: dict[str, object] = {f"q{number:03}": {} for number in range(20)}
    model = folder.script("a.json", {**steps, "*": {"fail": "quota", "message": "no credit left"}})
    done = folder.run("eval", "s", "-p", "p.prompt.yaml", "-m", model, code=3)
    assert "no credit left" in done.stderr and "--retry-errors" in done.stderr
    with Project.open(folder.path) as project:
        run = project.run("latest")
        assert (run.status, run.done) == ("interrupted", 20) and run.errors < 40
        folder.script("a.json", {"*": {}})
        assert project.resume(run.id, retry_errors=True).done == 200


def test_scoring_anew_needs_no_key(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write(
        "promptops.toml",
        'attempts = 1\n[providers.far]\nkind = "openai"\nbase_url = "https://192.0.2.1/v1"\n'
        'api_key_env = "FAR_KEY"\ntimeout = 0.05\n',
    )
    folder.evalset("s", questions(4))
    monkeypatch.setenv("FAR_KEY", "k")
    with Project.open(folder.path) as project:
        run = project.evaluate("s", [folder.path / "p.prompt.yaml"], ["far/m"])[0]
        monkeypatch.delenv("FAR_KEY")
        assert project.rescore(run.id).errors == 4
