"""The verbs of a Project on real files and a real database."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from promptops import Project
from promptops.errors import FileProblems, NotComparable, UnknownName, UsageError
from promptops.production.judged import Judged
from promptops.providers.mock import Mock
from promptops.types import MetricSpec, Run
from promptops.verbs.evaluating import Evaluating
from promptops.verdicts import Comparison
from tests.made import Folder, questions


@pytest.fixture(autouse=True)
def counted() -> None:
    Mock.calls.clear()
    Mock.asked.clear()


def evaluate(folder: Folder, model: str = "mock/echo", prompt: str = "ask", **more: object) -> Run:
    with Project.open(folder.path) as project:
        return project.evaluate("numbers", [folder.path / f"{prompt}.prompt.yaml"], [model], **more)[0]  # type: ignore[arg-type]


def test_an_evaluation_stores_every_answer_and_score(folder: Folder) -> None:
    run = evaluate(folder)
    assert (run.status, run.done, run.errors, run.samples) == ("finished", 40, 0, 40)
    with Project.open(folder.path) as project:
        result = project.result(run.id, "q007")
        assert result and result.completion and result.completion.text == "number 7"
        figures = {(found.label, found.slice): found.value for found in project.estimates(run.id)}
    assert figures["exact", None] == 1.0 and figures["contains", "odd"] == 1.0


def test_several_prompts_and_models_make_a_run_each(folder: Folder) -> None:
    folder.prompt("shout", "NO {{ question }}")
    with Project.open(folder.path) as project:
        runs = project.evaluate(
            "numbers",
            [folder.path / "ask.prompt.yaml", folder.path / "shout.prompt.yaml"],
            ["mock/echo", "mock/constant:x"],
        )
    assert [(run.prompt.name, run.model) for run in runs] == [
        ("ask", "mock/echo"),
        ("ask", "mock/constant:x"),
        ("shout", "mock/echo"),
        ("shout", "mock/constant:x"),
    ]


def test_a_failing_sample_never_ends_the_run_and_is_no_zero(folder: Folder) -> None:
    script = folder.script("s.json", {"*": {}, "q003": {"fail": "rejected"}, "q004": {"fail": "filtered"}})
    run = evaluate(folder, script)
    assert (run.status, run.done, run.errors) == ("finished", 38, 2)
    with Project.open(folder.path) as project:
        failed = project.result(run.id, "q003")
        assert failed and failed.failure and failed.failure.kind == "rejected" and not failed.scores
        whole = next(found for found in project.estimates(run.id) if found.label == "exact")
    assert (whole.value, whole.n) == (1.0, 38)


def test_a_second_run_asks_only_for_what_changed(folder: Folder) -> None:
    evaluate(folder)
    assert Mock.calls["echo"] == 40
    evaluate(folder)
    assert Mock.calls["echo"] == 40
    evaluate(folder, cache=False)
    assert Mock.calls["echo"] == 80


def test_repeats_are_asked_each_for_itself(folder: Folder) -> None:
    run = evaluate(folder, repeats=3)
    assert Mock.calls["echo"] == 120 and run.done == 120
    with Project.open(folder.path) as project:
        whole = next(found for found in project.estimates(run.id) if found.label == "exact")
    assert whole.n == 40


def test_errors_are_asked_again_by_choice_and_the_old_ones_stay(folder: Folder) -> None:
    answers = {"*": {}, "q003": {"fail": "rejected"}}
    script = folder.script("s.json", answers)
    run = evaluate(folder, script)
    folder.script("s.json", {"*": {}})
    with Project.open(folder.path) as project:
        assert project.resume(run.id).errors == 1
        mended = project.resume(run.id, retry_errors=True)
    assert (mended.done, mended.errors) == (40, 0)
    assert Mock.calls["script:s.json"] == 41


def test_bad_templates_are_told_for_all_samples_before_the_first_call(folder: Folder) -> None:
    folder.prompt("broken", "{{ qestion }}")
    with pytest.raises(FileProblems, match="qestion") as caught:
        evaluate(folder, prompt="broken")
    assert len(caught.value.problems) == 1 and "every sample" in str(caught.value)
    assert not Mock.calls
    with Project.open(folder.path) as project:
        assert project.runs() == []


def test_a_sample_without_target_is_refused_before_the_first_call(folder: Folder) -> None:
    rows = questions(40)
    del rows[5]["target"]
    folder.evalset("numbers", rows)
    with pytest.raises(FileProblems, match="q005"):
        evaluate(folder)
    assert not Mock.calls


@pytest.mark.parametrize("model", ["nowhere/x", "mock", "mock/", "openai"])
def test_a_wrong_model_name_is_told_before_the_first_call(folder: Folder, model: str) -> None:
    with pytest.raises(UsageError):
        evaluate(folder, model)


def test_scores_can_be_made_anew_without_asking(folder: Folder) -> None:
    run = evaluate(folder)
    before = Mock.calls.total()
    with Project.open(folder.path) as project:
        anew = project.rescore(run.id, [MetricSpec(label="f1", metric="f1")])
        assert anew.parent == run.id
        assert [record.label for record in anew.metrics] == ["f1"]
        assert next(found.value for found in project.estimates(anew.id)) == 1.0
    assert Mock.calls.total() == before


def test_a_judge_that_can_not_be_read_leaves_the_sample_unscored(folder: Folder) -> None:
    settings = (
        folder.path / "evalsets/numbers/evalset.toml"
    ).read_text() + '\n[metrics.quality]\nmetric = "rubric"\n'
    folder.evalset("numbers", questions(40), settings)
    run = evaluate(folder, judge_model="mock/constant:I can't say.")
    with Project.open(folder.path) as project:
        quality = next(found for found in project.estimates(run.id) if found.label == "quality")
        assert (quality.value, quality.n, quality.unscored) == (None, 0, 40)
        result = project.result(run.id, "q001")
    assert result and result.scores["quality"].unscored == "the reply holds no readable verdict"


def test_a_judge_that_fails_keeps_the_answer_and_the_other_scores(folder: Folder) -> None:
    settings = (
        folder.path / "evalsets/numbers/evalset.toml"
    ).read_text() + '\n[metrics.quality]\nmetric = "rubric"\n'
    folder.evalset("numbers", questions(40), settings)
    script = folder.script("judge.json", {"*": {"fail": "filtered"}})
    run = evaluate(folder, judge_model=script)
    assert (run.done, run.errors) == (40, 0)
    with Project.open(folder.path) as project:
        result = project.result(run.id, "q001")
    assert result and result.scores["exact"].counts == (1.0,)
    assert result.scores["quality"].unscored and "no answer" in result.scores["quality"].unscored


def test_compare_refuses_another_state_of_the_set(folder: Folder) -> None:
    old = evaluate(folder)
    folder.evalset("numbers", questions(41))
    new = evaluate(folder)
    with Project.open(folder.path) as project, pytest.raises(NotComparable, match="different questions"):
        project.compare(old.id, new.id)


def test_the_way_from_baseline_to_verdict(folder: Folder) -> None:
    good = evaluate(folder)
    with Project.open(folder.path) as project:
        path = project.accept(good.id)
        assert path.name == "baseline.jsonl"
        assert project.gate("numbers").cells[0].label == "identical"
    worse = folder.script("s.json", {"*": {}, **{f"q{number:03}": "wrong" for number in range(20)}})
    bad = evaluate(folder, worse)
    with Project.open(folder.path) as project:
        verdict = project.gate("numbers", run=bad.id)
        assert verdict.outcome == "FAIL"
        assert verdict == project.gate("numbers").model_copy(update={})
        changed = project.cases(good.id, bad.id, "exact", limit=3)
    assert [case.change for case in changed] == [-1.0, -1.0, -1.0]


def test_the_gate_says_what_is_missing(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        with pytest.raises(NotComparable, match="There is no run"):
            project.gate("numbers")
        with pytest.raises(UnknownName, match="Did you mean 'numbers'"):
            project.gate("number")
    run = evaluate(folder)
    with Project.open(folder.path) as project:
        with pytest.raises(NotComparable, match="no baseline yet"):
            project.gate("numbers")
        project.accept(run.id)
    folder.evalset("numbers", questions(41))
    with Project.open(folder.path) as project, pytest.raises(NotComparable, match="another state"):
        project.gate("numbers")


def test_a_changed_metric_scores_the_baselines_outputs_again(folder: Folder) -> None:
    run = evaluate(folder)
    with Project.open(folder.path) as project:
        project.accept(run.id)
        project.accept(run.id, label="bare", outputs=False)
    settings = (folder.path / "evalsets/numbers/evalset.toml").read_text()
    folder.evalset(
        "numbers", questions(40), settings.replace("[metrics.exact]", "[metrics.exact]\nignore_case = false")
    )
    evaluate(folder)
    with Project.open(folder.path) as project:
        assert project.gate("numbers").outcome == "PASS"
        with pytest.raises(NotComparable, match="outputs were left out"):
            project.gate("numbers", baseline="bare")


def test_a_run_works_inside_a_running_event_loop(folder: Folder) -> None:
    async def notebook() -> Run:
        return evaluate(folder)

    assert asyncio.run(notebook()).done == 40


def test_shift_between_two_runs_is_measured_in_pairs(folder: Folder) -> None:
    first = evaluate(folder)
    second = evaluate(folder, folder.script("s.json", {f"q{n:03}": f"{n}!" for n in range(40)}))
    with Project.open(folder.path) as project:
        shift = project.shift(first.id, second.id)
        assert shift.paired and shift.alarmed
        rows = "".join(json.dumps({"inputs": {"question": f"number {n}"}}) + "\n" for n in range(40))
        same = project.shift("numbers", str(folder.write("production.jsonl", rows)))
    assert not same.alarmed


def test_prompts_are_found_by_every_kind_of_reference(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        first, new = project.add_prompt(folder.path / "ask.prompt.yaml")
        assert (first.reference, new) == ("ask@1", True)
        folder.prompt("ask", "Please: {{ question }}")
        second, _ = project.add_prompt(folder.path / "ask.prompt.yaml", note="politer")
        project.set_alias("ask@1", "production", reason="first release")
        assert project.prompt("ask")[1] == "ask@2"
        assert project.prompt("ask@production")[1] == "ask@1"
        assert project.prompt(str(folder.path / "ask.prompt.yaml"))[0].digest == second.prompt.digest
        with pytest.raises(UnknownName, match="production"):
            project.prompt("ask@prodction")
        assert [move.alias for move in project.alias_history("ask")] == ["production"]


def test_a_resume_does_not_mix_the_answers_of_two_servers(folder: Folder) -> None:
    folder.write(
        "promptops.toml",
        'attempts = 1\n[providers.own]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n',
    )
    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["own/m"], concurrency=2)[0]
        assert run.errors == 40
    folder.write(
        "promptops.toml",
        'attempts = 1\n[providers.own]\nkind = "openai"\nbase_url = "http://127.0.0.1:10/v1"\n',
    )
    with Project.open(folder.path) as project, pytest.raises(UsageError, match=r"127\.0\.0\.1:10"):
        project.resume(run.id, retry_errors=True)


def test_a_set_elsewhere_is_accepted_by_its_folder(folder: Folder) -> None:
    elsewhere = folder.path / "other"
    (folder.path / "evalsets/numbers").rename(elsewhere)
    with Project.open(folder.path) as project:
        run = project.evaluate(elsewhere, [folder.path / "ask.prompt.yaml"])[0]
        assert project.accept(run.id, evalset=elsewhere) == elsewhere / "baseline.jsonl"
        assert project.gate(elsewhere).outcome == "PASS"


def test_latency_is_left_out_of_a_baseline_and_of_the_warnings(folder: Folder) -> None:
    settings = (folder.path / "evalsets/numbers/evalset.toml").read_text()
    rule = '\n[metrics.latency]\n\n[[gate]]\nmetric = "latency"\nmax = 5.0\n'
    folder.evalset("numbers", questions(40), settings + rule)
    script = folder.script("s.json", {"*": {"seconds": 0.5}})
    run = evaluate(folder, script)
    with Project.open(folder.path) as project:
        path = project.accept(run.id)
        comparison = project.compare(str(path), run.id)
        assert {delta.label for delta in comparison.deltas} == {"exact", "contains"}
        assert not any("latency" in warning for warning in comparison.warnings)
        verdict = project.gate("numbers")
    assert verdict.outcome == "PASS"
    assert not any("latency" in warning for warning in verdict.warnings)


WITHOUT_OTHER_VERBS = """
import sys
from promptops import Project
with Project.open(sys.argv[1]) as project:
    run = project.evaluate("numbers", [sys.argv[2]], ["mock/echo"])[0]
    project.estimates(run.id), project.failures(run.id), project.runs()
    early = "promptops.verbs.gates" in sys.modules
    project.compare(run.id, run.id)
    print(early, "promptops.verbs.gates" in sys.modules, isinstance(project, Project), "gate" in dir(Project))
"""


def test_verbs_are_imported_when_the_first_of_them_is_wanted(folder: Folder) -> None:
    prompt = folder.path / "ask.prompt.yaml"
    command = [sys.executable, "-c", WITHOUT_OTHER_VERBS, str(folder.path), str(prompt)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.split() == ["False", "True", "True", "True"]


def test_no_verb_of_an_evaluation_is_defined_anew_above_it() -> None:
    """What Project looks up on the lower storey must be what the whole house would do."""
    hooks = {"_refuse_unwatched", "_started"}  # the first brings the whole house where the second matters
    above = [each for each in Judged.__mro__ if issubclass(each, Evaluating) and each is not Evaluating]
    below = {name for each in Evaluating.__mro__[:-1] for name in vars(each)}
    anew = {name for each in above for name in vars(each) if not name.startswith("__")} & below
    assert anew == hooks


def test_a_class_of_ones_own_may_replace_any_verb(folder: Folder) -> None:
    class Shorter(Project):
        def prompt_names(self) -> list[str]:
            return [*super().prompt_names(), "one more"]

        def compare(self, *runs: str, **how: Any) -> Comparison:
            return super().compare(*runs, **how)

    run = evaluate(folder)
    with Shorter.open(folder.path) as project:
        assert type(project).__name__ == "Shorter" and isinstance(project, Shorter)
        assert project.prompt_names() == ["one more"]
        assert project.compare(run.id, run.id).deltas
        with pytest.raises(AttributeError, match="'Shorter' object has no attribute 'nothing'"):
            project.nothing  # type: ignore[attr-defined]  # noqa: B018
