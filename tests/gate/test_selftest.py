"""The gate tried out on stored answers: a sound one keeps its word, a broken one is found out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from promptops import Project
from promptops.errors import UsageError
from promptops.gate.selftest import SelfTest, verdict
from promptops.stats import decision

RULE = '[[gate]]\nmetric = "exact"\nmargin = 0.1\n'


def made(
    folder: Path, *, metrics: str = "[metrics.exact]\n", rules: str = RULE, n: int = 120, share: int = 4
) -> Path:
    """A project with two runs that answer differently on some samples, now better, now worse."""
    target = folder / "evalsets" / "tiny"
    target.mkdir(parents=True)
    (target / "evalset.toml").write_text(f'format = 1\n[card]\ndescription = "x"\n{metrics}{rules}')
    rng = np.random.default_rng(n)
    rows = []
    for place in range(n):
        right = f"the answer to this is word number {place} of them"
        wrong = "something else was said here instead of it"
        moved = rng.random() < 1 / share
        better = rng.random() < 0.5
        a, b = (wrong, right) if moved and better else (right, wrong) if moved else (right, right)
        rows.append({"id": f"s{place}", "inputs": {"a": a, "b": b}, "target": right})
    (target / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in "ab":
        text = f"messages: [{{role: user, content: '{{{{ {name} }}}}'}}]\n"
        (folder / f"{name}.prompt.yaml").write_text(text)
    with Project.open(folder) as project:
        project.evaluate("tiny", [folder / "a.prompt.yaml", folder / "b.prompt.yaml"], ["mock/echo"])
    return folder


def tried(folder: Path, trials: int = 2000) -> SelfTest:
    with Project.open(folder) as project:
        return project.self_test("tiny", trials=trials)


def test_the_gate_keeps_its_word_on_stored_answers(tmp_path: Path) -> None:
    found = tried(made(tmp_path))
    by_size = {trial.margins: trial for trial in found.trials}
    assert list(by_size) == [0.0, 0.5, 1.0, 2.0]
    assert by_size[0.0].failed.share <= 0.06
    assert by_size[1.0].passed.share <= 0.06
    assert by_size[2.0].loss == pytest.approx(0.2)
    assert by_size[2.0].failed.share > by_size[1.0].failed.share > by_size[0.0].failed.share
    assert all(trial.kept is not False for trial in found.trials)
    assert "kept its promises" in verdict(found)
    for trial in found.trials:
        assert trial.passed.share + trial.failed.share + trial.inconclusive.share == pytest.approx(1)
        assert trial.passed.low <= trial.passed.share <= trial.passed.high


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    folder = made(tmp_path)
    assert tried(folder, 300) == tried(folder, 300)


def test_a_gate_without_a_bound_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path)

    def by_the_point(d: np.ndarray, margin: float, *_: object, **__: object) -> np.ndarray:
        return np.where(d.mean(axis=0) < -0.01, decision.FAIL, decision.PASS)

    monkeypatch.setattr(decision, "decide", by_the_point)
    found = tried(folder)
    assert [trial.kept for trial in found.trials if trial.margins == 0] == [False]
    assert "wrong more often than it promises on exact" in verdict(found)


def test_a_corpus_metric_is_tried_out_with_its_bootstrap(tmp_path: Path) -> None:
    rules = '[[gate]]\nmetric = "bleu"\nmargin = 8\n'
    found = tried(made(tmp_path, metrics="[metrics.bleu]\n", rules=rules), 100)
    by_size = {trial.margins: trial for trial in found.trials}
    assert by_size[0.0].loss == pytest.approx(0, abs=1.5)
    assert by_size[2.0].loss == pytest.approx(16, rel=0.4)
    assert by_size[0.0].kept
    assert by_size[2.0].failed.share > by_size[0.0].failed.share


def test_what_can_t_be_tried_is_named(tmp_path: Path) -> None:
    same = tried(made(tmp_path, share=10**9), 100)
    assert same.trials == ()
    assert "no noise" in same.left_out[0]
    assert verdict(same) == "No rule could be tried out."


def test_an_early_stop_is_as_seldom_wrong_and_tells_how_many_cases_it_takes(tmp_path: Path) -> None:
    with Project.open(made(tmp_path, n=240)) as project:
        early = project.self_test("tiny", trials=1000, early_stop=True)
        fixed = project.self_test("tiny", trials=1000)
        again = project.self_test("tiny", trials=1000, early_stop=True)
    assert early == again
    assert early.early_stop and not fixed.early_stop
    assert all(trial.cases is None for trial in fixed.trials)
    by_size = {trial.margins: trial for trial in early.trials}
    assert by_size[0.0].failed.share <= 0.06
    assert by_size[1.0].passed.share <= 0.06
    assert all(trial.kept is not False for trial in early.trials)
    cases = {size: trial.cases or 0.0 for size, trial in by_size.items()}
    assert 0 < cases[2.0] < cases[1.0] <= 240
    assert f"takes {cases[2.0]:.0f} of 240 samples on average" in verdict(early)
    assert f"an equal version takes {cases[0.0]:.0f}" in verdict(early)


def test_what_bets_can_t_decide_takes_the_whole_run(tmp_path: Path) -> None:
    rules = '[[gate]]\nmetric = "bleu"\nmargin = 8\n' + RULE
    folder = made(tmp_path, metrics="[metrics.exact]\n[metrics.bleu]\n", rules=rules)
    with Project.open(folder) as project:
        found = project.self_test("tiny", trials=100, early_stop=True)
    assert {trial.cases for trial in found.trials if trial.metric == "bleu"} == {120.0}
    assert all(
        (trial.cases or 0) < 120 for trial in found.trials if (trial.metric, trial.margins) == ("exact", 2)
    )
    assert "An early stop saves nothing on bleu." in verdict(found)
    assert "With an early stop on exact a loss of two margins takes" in verdict(found)


def test_exact_rules_are_tried_by_bets(tmp_path: Path) -> None:
    with Project.open(made(tmp_path, rules=RULE + "exact = true\n")) as project:
        found = {each: project.self_test("tiny", trials=400, early_stop=each) for each in (False, True)}
    for tried in found.values():
        assert all(trial.kept is not False for trial in tried.trials)
    # Whoever may stop at the best moment decides no less often.
    for fixed, early in zip(found[False].trials, found[True].trials, strict=True):
        assert early.inconclusive.share <= fixed.inconclusive.share + 0.05


def test_a_set_without_margins_has_no_gate_to_try(tmp_path: Path) -> None:
    folder = made(tmp_path, rules='[[gate]]\nmetric = "exact"\nmin = 0.5\n', n=20)
    with pytest.raises(UsageError, match="no rule with a margin"):
        tried(folder)


def test_the_command_prints_a_sentence_and_a_table(tmp_path: Path) -> None:
    folder = made(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "promptops", "selftest", "tiny", "--trials", "300", *arguments],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip

    shown = run()
    assert shown.returncode == 0
    assert shown.stdout.startswith("The gate kept its promises")
    assert "FAIL in 5% at most" in shown.stdout
    told = json.loads(run("--json").stdout)
    assert told["sentence"].startswith("The gate kept")
    assert len(told["selftest"]["trials"]) == 4
    assert "cases used" not in shown.stdout
    assert told["selftest"]["trials"][0]["cases"] is None
    early = run("--early-stop")
    assert early.returncode == 0
    assert "cases used" in early.stdout
    assert 0 < json.loads(run("--early-stop", "--json").stdout)["selftest"]["trials"][3]["cases"] < 120


def test_halves_of_one_run_s_repeats_are_the_same_version(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(
        "import random\n\n\ndef reply(inputs, sample_id, repeat):\n"
        "    return said(inputs, sample_id, repeat)\n"
        "\n\ndef other(inputs, sample_id, repeat):\n    return said(inputs, sample_id, repeat + 10)\n"
        "\n\ndef said(inputs, sample_id, seed):\n"
        "    return inputs['a'] if random.Random(f'{sample_id} {seed}').random() < 0.7 else 'no'\n"
    )
    folder = made(tmp_path)
    with Project.open(folder) as project:
        models = ["python/bot:reply", "python/bot:other"]
        runs = project.evaluate("tiny", [folder / "a.prompt.yaml"], models, repeats=4)
        found = project.self_test("tiny", runs=(runs[0].id, runs[1].id), trials=400)
    split = [trial for trial in found.trials if trial.source == "repeats"]
    assert len(split) == 1
    assert split[0].kept
    assert split[0].failed.share <= 0.09
    assert split[0].failed.share > 0
    with Project.open(folder) as project:
        early = project.self_test("tiny", runs=(runs[0].id, runs[1].id), trials=400, early_stop=True)
    halves = next(trial for trial in early.trials if trial.source == "repeats")
    assert halves.kept
    assert halves.cases is not None and halves.cases < 120
