"""The sets that travel with promptops: whole, as large as they claim, and the same story each time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from promptops.demo import demonstrate, shipped_sets
from promptops.sets.evalset import read_evalset
from promptops.shipped import shipped_folder

SETS = shipped_sets()


def test_three_sets_are_shipped() -> None:
    assert len(SETS) == 3


@pytest.mark.parametrize("name", SETS)
def test_each_declared_slice_has_forty_samples_and_each_rule_a_margin_or_bound(name: str) -> None:
    found = read_evalset(shipped_folder("evalsets") / name)
    tags = Counter(tag for sample in found.samples for tag in sample.tags)
    assert len(found.slices) >= 2
    assert all(tags[declared] >= 40 for declared in found.slices)
    assert found.gate and all(rule.margin or rule.min or rule.max for rule in found.gate)
    assert found.card.description and found.card.origin and found.card.licence


@pytest.mark.parametrize("name", SETS)
def test_the_newer_prompt_passes_with_one_bad_slice_named_and_turned_around_it_fails(
    name: str, tmp_path: Path
) -> None:
    forth = demonstrate(tmp_path / "forth", name)
    back = demonstrate(tmp_path / "back", name, swap=True)
    assert (forth.verdict.outcome, back.verdict.outcome) == ("PASS", "FAIL")
    declared = read_evalset(shipped_folder("evalsets") / name).slices
    worse = {
        slice_
        for slice_ in declared
        if any(f"worse on slice {slice_!r}" in told for told in forth.verdict.warnings)
    }
    assert len(worse) == 1


def test_no_code_knows_a_shipped_set() -> None:
    root = Path(__file__).parents[1]
    ids = {read_evalset(shipped_folder("evalsets") / name).samples[0].id for name in SETS}
    for path in [*root.glob("promptops/**/*.py"), *root.glob("dashboards/**/*.py")]:
        code = path.read_text("utf-8")
        assert not any(name in code for name in SETS), path
        assert not any(start in code for start in ids), path


def test_the_offline_provider_says_the_same_in_every_process(tmp_path: Path) -> None:
    code = (
        "import sys; from promptops import Project\n"
        "with Project.open(sys.argv[1]) as project:\n"
        "    for folder in sys.argv[2:]:\n"
        "        for run in project.evaluate(folder, [folder + '/prompts'], ['offline/extractive']):\n"
        "            for result in project.store.results(run.id):\n"
        "                print(result.sample_id, result.completion.text)\n"
    )
    folders = [str(shipped_folder("evalsets") / name) for name in SETS]
    asked = []
    for seed in ("1", "2"):
        home = tmp_path / seed
        home.mkdir()
        (home / "promptops.toml").write_text('judge_model = "offline/overlap"\n')
        command = [sys.executable, "-c", code, str(home), *folders]
        asked.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONHASHSEED": seed})
        )
    first, second = (process.communicate()[0] for process in asked)
    assert [process.returncode for process in asked] == [0, 0]
    assert first == second and first.count(b"\n") > 800
