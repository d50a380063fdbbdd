"""Cases that are nearly the same, that stand in prompts, or that a model has seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from promptops import Project
from promptops.cli import app
from promptops.distributions.leaks import near_pairs, shown_in
from promptops.errors import FileProblems, UnknownName
from promptops.stats.shingles import LENGTH, containment, resemblance, shingles
from promptops.types import Message, Prompt, Sample
from tests.made import EVALSET, Folder

CANARY = "promptops-canary-0f8b3c52-77aa-4c1e"
MAILS = (
    "Where is the parcel that you sent to me on Monday by courier?",
    "where is the parcel that you sent  to me on Monday by courier ?",
    "Please change the address of my account to the new one.",
    "How do I return a lamp that came broken out of the box?",
)


def plain(first: str, second: str) -> float:
    """Jaccard of sets of runs of letters, written out."""
    runs = [
        {text[start : start + LENGTH] for start in range(max(len(text) - LENGTH + 1, min(len(text), 1)))}
        for text in (" ".join(each.casefold().split()) for each in (first, second))
    ]
    return len(runs[0] & runs[1]) / max(len(runs[0] | runs[1]), 1)


@given(st.text("ab c", max_size=30), st.text("ab c", max_size=30))
def test_resemblance_is_that_of_sets(first: str, second: str) -> None:
    assert resemblance(shingles([first]), shingles([second]))[0, 0] == pytest.approx(plain(first, second))


def test_a_part_is_contained_whole() -> None:
    found = containment(shingles(["the parcel", "zebra crossing"]), shingles(["where is the parcel now?"]))
    assert found[0, 0] == 1.0 and found[1, 0] == 0.0


def sample(number: int, text: str, **more: object) -> Sample:
    return Sample.model_validate({"id": f"s{number}", "inputs": {"mail": text}, **more})


def test_near_duplicates_count_unless_they_are_known_to_belong_together() -> None:
    alone = [sample(n, text) for n, text in enumerate(MAILS)]
    [pair] = near_pairs(alone)[0]
    assert (pair.first, pair.second) == ("s0", "s1") and pair.alike > 0.9
    assert near_pairs([sample(n, text, group="g") for n, text in enumerate(MAILS)])[0] == ()


def test_pairs_across_splits_are_told_apart() -> None:
    parts = [sample(n, text, metadata={"part": "dev" if n % 2 else "test"}) for n, text in enumerate(MAILS)]
    assert [(pair.first, pair.second) for pair in near_pairs(parts, split="metadata.part")[1]] == [
        ("s0", "s1")
    ]
    same = [sample(n, text, metadata={"part": "dev"}) for n, text in enumerate(MAILS)]
    assert near_pairs(same, split="part")[1] == ()
    with pytest.raises(UnknownName, match="part"):
        near_pairs(same, split="prat")


def test_an_example_in_a_prompt_is_found_and_its_slots_are_not() -> None:
    def prompt(*texts: str) -> Prompt:
        return Prompt(messages=tuple(Message(role="user", content=text) for text in texts))

    samples = [sample(n, text) for n, text in enumerate(MAILS)]
    prompts = {"shown": prompt("For example:", MAILS[3], "{{ mail }}"), "bare": prompt("Answer {{ mail }}.")}
    [found] = shown_in(samples, prompts)
    assert (found.sample, found.prompt, found.share) == ("s3", "shown", 1.0)
    assert shown_in([sample(0, "Yes")], {"short": prompt("Say Yes.")}) == ()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    rows = [{"id": f"s{n}", "inputs": {"mail": text}, "target": "x"} for n, text in enumerate(MAILS)]
    made.evalset("desk", rows, EVALSET.replace('test"', f'test"\ncanary = "{CANARY}"'))
    made.prompt("ask", f"Like this: {MAILS[2]} And now: {{{{ mail }}}}")
    return made


def command(folder: Folder, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(folder.path), "leaks", "desk", *arguments])


def test_a_canary_is_found_however_it_is_written(folder: Folder) -> None:
    spoken = CANARY.upper().replace("-", " ")
    script = folder.script("a.json", {"s0": f"It is {spoken}.", "s1": "no", "s2": "no", "s3": "no"})
    with Project.open(folder.path) as project:
        [run] = project.evaluate("desk", [folder.path / "ask.prompt.yaml"], [script])
        [found] = project.leaks("desk", run=run.id).canaries
    assert (found.evalset, found.sample) == ("desk", "s0")


def test_a_canary_that_stands_in_any_text_is_refused(folder: Folder) -> None:
    folder.evalset("desk", [{"id": "a", "inputs": {}}], EVALSET.replace('test"', 'test"\ncanary = "bird"'))
    with Project.open(folder.path) as project, pytest.raises(FileProblems, match=r"card\.canary"):
        project.leaks("desk")


def test_the_command_tells_all_of_it_and_checks(folder: Folder) -> None:
    log = folder.write("log.jsonl", json.dumps({"text": MAILS[3]}) + "\n")
    told = command(folder, "-p", str(folder.path / "ask.prompt.yaml"), "--against", str(log), "--check")
    assert told.exit_code == 1
    assert "that are nearly the same: 1" in told.output and "that stand in a prompt: 1" in told.output
    assert "1.00 s3 row 1" in told.output
    document = json.loads(command(folder, "--json").output)
    assert [pair["first"] for pair in document["leaks"]["inside"]] == ["s0"] and document["exit_code"] == 0
    assert command(folder, "--threshold", "1", "--check").exit_code == 0
