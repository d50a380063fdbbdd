"""An evaluation set is a test file: `pytest evalsets --prompt FILE --model M`."""

from __future__ import annotations

import subprocess
import sys

from tests.made import Folder


def pytest_in(folder: Folder, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "evalsets", "-v", "-p", "no:cacheprovider", *arguments],
        cwd=folder.path,
        capture_output=True,
        text=True,
        check=False,
    )


def accepted(folder: Folder) -> None:
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml")
    folder.run("accept")


def test_nothing_is_collected_without_a_prompt(folder: Folder) -> None:
    done = pytest_in(folder)
    assert done.returncode == 5 and "collected 0 items" in done.stdout


def test_each_rule_and_the_verdict_are_tests(folder: Folder) -> None:
    accepted(folder)
    done = pytest_in(folder, "--prompt", "ask.prompt.yaml", "--model", "mock/echo")
    assert done.returncode == 0, done.stdout
    assert "::exact-margin PASSED" in done.stdout and "::verdict PASSED" in done.stdout


def test_a_worse_prompt_fails_with_a_sentence_and_no_traceback(folder: Folder) -> None:
    accepted(folder)
    folder.prompt("worse", "No {{ question }}")
    done = pytest_in(folder, "--prompt", "worse.prompt.yaml")
    assert done.returncode == 1
    assert "FAIL: exact changed by -1" in done.stdout
    assert "Traceback" not in done.stdout and "pytest_plugin.py" not in done.stdout


def test_what_can_not_be_measured_fails_and_says_why(folder: Folder) -> None:
    done = pytest_in(folder, "--prompt", "ask.prompt.yaml")
    assert done.returncode == 1
    assert "no baseline yet" in done.stdout


def test_an_inconclusive_verdict_blocks_unless_told_otherwise(folder: Folder) -> None:
    accepted(folder)
    script = folder.script("s.json", {"*": {}, "q001": "wrong", "q002": "wrong"})
    arguments = ["--prompt", "ask.prompt.yaml", "--model", script]
    blocked = pytest_in(folder, *arguments)
    assert blocked.returncode == 1 and "INCONCLUSIVE" in blocked.stdout
    assert pytest_in(folder, *arguments, "--inconclusive", "warn").returncode == 0


def test_a_broken_set_is_a_collection_error_with_file_and_line(folder: Folder) -> None:
    folder.write("evalsets/numbers/samples.jsonl", '{"id": "a", "input": {}}\n')
    done = pytest_in(folder, "--prompt", "ask.prompt.yaml")
    assert done.returncode == 2
    assert "samples.jsonl:1" in done.stdout


def test_each_rule_is_judged_by_its_own_cells(folder: Folder) -> None:
    settings = folder.path / "evalsets/numbers/evalset.toml"
    rule = '[[gate]]\nmetric = "exact"\n'
    text = settings.read_text()
    settings.write_text(
        text.replace("margin = 0.1", "margin = 0.9") + f"{rule}margin = 0.01\nexact = true\n"
        f"{rule}worst_slice_margin = 0.9\n"
    )
    accepted(folder)
    done = pytest_in(folder, "--prompt", "ask.prompt.yaml", "--model", folder.script("s.json", {"*": {}}))
    told = [line for line in done.stdout.splitlines() if "::exact-margin" in line and "%" in line]
    assert done.returncode == 0, done.stdout
    assert len(told) == 3
    wrong = folder.script("w.json", {f"q{n:03}": "no" for n in range(0, 40, 8)} | {"*": {}})
    done = pytest_in(folder, "--prompt", "ask.prompt.yaml", "--model", wrong)
    told = [
        line.split("::exact-margin")[1]
        for line in done.stdout.splitlines()
        if "%]" in line and "exact-" in line
    ]
    assert [word.split()[0] for word in told] == ["PASSED", "FAILED", "PASSED"], done.stdout
