"""How much of production a set covers, what it lacks, what to add, and what its figures are worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from promptops import Project
from promptops.cli import app
from promptops.distributions.coverage import SetCoverage, measure_coverage
from promptops.distributions.text import coverage_facts, coverage_sentence, lacks_kinds, thicker
from promptops.errors import NotComparable, UsageError
from promptops.sets.evalset import read_evalset
from tests.made import Folder
from tests.mails import TOPICS, USUAL, Mails

VISIT = TOPICS["visit"]


def cases(n: int, seed: int) -> list[str]:
    """Mails about anything but a visit."""
    return [mail for mail in USUAL.drawn(2 * n, seed) if not any(word in mail for word in VISIT)][:n]


def measured(first: list[str], second: list[str], **options: Any) -> SetCoverage:
    return measure_coverage(first, [f"c{n}" for n in range(len(first))], second, **options)


def test_one_source_covers_itself_as_well_as_expected() -> None:
    found = measured(USUAL.drawn(120, 1), USUAL.drawn(300, 2))
    assert found.p_value is not None and found.p_value > 0.05
    assert found.coverage == pytest.approx(found.expected, abs=0.08)
    assert found.far is not None and found.far < 0.12


def test_a_kind_that_is_missing_is_named_and_is_the_first_to_be_added() -> None:
    production = Mails(turned=0.2, topic="visit").drawn(300, 3)
    found = measured(cases(120, 4), production, suggest=4)
    assert found.p_value == 0.001
    kind = found.uncovered[0]
    assert any(word in VISIT or word in " ".join(VISIT) for word in kind.theme.split())
    asked = np.mean([any(word in mail for word in VISIT) for mail in production])
    assert kind.share == pytest.approx(asked, abs=0.1)
    assert all(any(word in text for word in VISIT) for text in kind.examples)
    first = found.suggestions[0]
    assert production[first.index] == first.text
    assert any(word in first.text for word in VISIT)
    assert first.covered > 0.05


def test_added_cases_restore_the_coverage() -> None:
    production, first = Mails(turned=0.2, topic="visit").drawn(300, 5), cases(120, 6)
    before = measured(first, production, suggest=30)
    after = measured([*first, *(each.text for each in before.suggestions)], production)
    assert before.far is not None and after.far is not None and after.far < before.far / 2
    assert before.coverage is not None and after.coverage is not None and after.coverage > before.coverage


def test_suggestions_say_of_which_kind_they_are_and_are_of_one_alone_on_demand() -> None:
    production = [
        *Mails(turned=0.2, topic="visit").drawn(300, 3),
        *(f"Lost umbrella on tram {n}" for n in range(30)),
    ]
    every = measured(cases(120, 4), production, suggest=30)
    named = {kind.theme: place for place, kind in enumerate(every.uncovered)}
    lost = next(place for theme, place in named.items() if "umbrella" in theme or "tram" in theme)
    kinds = {each.kind for each in every.suggestions}
    assert lost in kinds and len(kinds) > 1
    for kind in ("umbrella", "TRAM lost", str(lost + 1)):
        found = measured(cases(120, 4), production, suggest=30, kind=kind)
        assert found.suggestions and all("umbrella" in each.text for each in found.suggestions)
        assert {each.kind for each in found.suggestions} == {lost}
        assert found.suggestions[0].covered == pytest.approx(30 / 330, abs=0.02)
    both = measured(
        cases(120, 4), production, suggest=30, kind=[str(place + 1) for place in range(len(named))]
    )
    assert {each.kind for each in both.suggestions} == set(range(len(named)))
    near = sum(each.covered == 0 for each in both.suggestions)
    assert near and thicker(both).startswith(f"{near} of 30 ")
    with pytest.raises(UsageError, match=r"is called 'parrot': they are 1 "):
        measured(cases(120, 4), production, suggest=3, kind="parrot")
    with pytest.raises(UsageError, match="no text lies far"):
        measured(production, production, suggest=3, kind="umbrella")


def test_masses_add_up_and_lie_where_production_asks() -> None:
    first = ["where is my parcel now", "please send the refund soon"] * 6
    second = [f"where is my parcel now number {n}" for n in range(30)]
    found = measured(first, second)
    assert sum(found.masses.values()) == pytest.approx(1.0)
    assert sum(found.masses[f"c{n}"] for n in range(0, 12, 2)) > 0.95


def test_cases_of_one_group_do_not_shorten_the_reach_of_a_case() -> None:
    first = [mail for mail in USUAL.drawn(40, 7) for _ in range(2)]
    second = USUAL.drawn(100, 8)
    ids = [str(n) for n in range(80)]
    alone = measure_coverage(first, ids, second)
    grouped = measure_coverage(first, ids, second, groups=[str(n // 2) for n in range(80)])
    assert alone.threshold == 0.0 and alone.far == 1.0
    assert grouped.far is not None and grouped.far < 0.2


def test_little_is_not_measured_and_much_is_drawn_from() -> None:
    few = measured(USUAL.drawn(9, 1), USUAL.drawn(30, 2))
    assert not few.measured and few.coverage is None
    assert "there are 9 and 30" in few.reason
    many = measured(["a b c"] * 2100, [f"text {n % 50}" for n in range(2050)])
    assert (many.cases, many.cases_used, many.texts, many.texts_used) == (2100, 2000, 2050, 2000)


@pytest.mark.parametrize("strange", [[""] * 30, ["\ud800"] * 30, ["手机"] * 30, ["x"] * 30])
def test_strange_texts_are_measured_too(strange: list[str]) -> None:
    found = measured(strange, strange, suggest=3)
    assert found.measured and found.far == 0.0 and found.suggestions == ()
    assert SetCoverage.model_validate_json(found.model_dump_json()) == found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    rows = [
        {"id": f"q{n:03}", "inputs": {"mail": mail}, "target": "yes"} for n, mail in enumerate(cases(60, 9))
    ]
    made.evalset("desk", rows)
    made.prompt("ask", "{{ mail }}")
    log = Mails(turned=0.3, topic="visit").drawn(120, 10)
    log = [f"{mail} Mail me: guest{n}@mail.example, key sk-{'x' * 20}" for n, mail in enumerate(log)]
    made.write("log.jsonl", "".join(json.dumps({"inputs": {"mail": mail}}) + "\n" for mail in log))
    return made


def test_candidates_are_samples_for_review_without_secrets_and_people(folder: Folder) -> None:
    target = folder.path / "candidates.jsonl"
    with Project.open(folder.path) as project:
        found = project.coverage("desk", str(folder.path / "log.jsonl"), suggest=5)
        assert project.write_candidates(found, target) == 5
        with pytest.raises(UsageError, match="is there already"):
            project.write_candidates(found, target)
        with pytest.raises(UsageError, match=r"ends with \.jsonl"):
            project.write_candidates(found, folder.path / "candidates.csv")
    text = target.read_text()
    assert found.suggestions[0].where == f"log.jsonl:{found.suggestions[0].index + 1}"
    assert "guest" not in text and "sk-xxx" not in text
    rows = [json.loads(line) for line in text.splitlines()]
    assert rows[0]["metadata"]["row"] == found.suggestions[0].index + 1
    assert rows[0]["metadata"]["source"] == "log.jsonl"
    place = found.suggestions[0].kind
    assert place is not None and rows[0]["metadata"]["kind"] == found.uncovered[place].theme
    made = Folder(folder.path).evalset("more", rows)
    samples = read_evalset(made).samples
    assert {(sample.origin, sample.weight) for sample in samples} == {("production", 1.0)}
    assert [sample.tags for sample in samples] == [
        ("candidate",) if each.kind is None else ("candidate", f"kind: {found.uncovered[each.kind].theme}")
        for each in found.suggestions
    ]
    assert all(set(sample.inputs) == {"mail"} for sample in samples)


def test_nothing_that_is_shown_of_a_file_tells_of_people(folder: Folder) -> None:
    texts = [
        *USUAL.drawn(60, 2),
        *(f"Lost umbrella {n}, mail ada.l@mail.example, sk-{'a1' * 20}" for n in range(20)),
        *(f"Lost hat {n}. {'x' * (271 - len(str(n)))} mail eve.m@mail.example" for n in range(20)),
    ]
    folder.write("log.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts))
    seen = folder.run("coverage", "desk", "--production", "log.jsonl", "--suggest", "9").stdout
    told = folder.run(
        "coverage", "desk", "--production", "log.jsonl", "--suggest", "9", "--map", "--json"
    ).stdout
    foreign = folder.run("shift", "desk", "log.jsonl", "--json").stdout
    for shown in (seen, told, foreign):
        assert "umbrella" in shown and "[email]" in shown
        assert not [told for told in ("ada.l@", "eve.m@", "a1a1a1") if told in shown]


def test_what_a_key_calls_a_secret_is_in_no_candidate(folder: Folder) -> None:
    mails = Mails(turned=0.5, topic="visit").drawn(60, 11)
    rows = [json.dumps({"inputs": {"mail": mail, "password": "hunter2secret"}}) for mail in mails]
    log = folder.write("secret.jsonl", "\n".join(rows))
    with Project.open(folder.path) as project:
        found = project.coverage("desk", str(log), suggest=1)
        project.write_candidates(found, folder.path / "one.jsonl")
    text = (folder.path / "one.jsonl").read_text()
    assert json.loads(text)["inputs"]["password"] == "[redacted]" and "hunter2" not in text


def test_a_plain_text_becomes_the_only_input_of_the_set(folder: Folder) -> None:
    rows = "".join(json.dumps(mail) + "\n" for mail in Mails(turned=0.5, topic="visit").drawn(60, 11))
    log = folder.write("plain.jsonl", rows)
    with Project.open(folder.path) as project:
        found = project.coverage("desk", str(log), suggest=1)
        project.write_candidates(found, folder.path / "one.jsonl")
    [row] = [json.loads(line) for line in (folder.path / "one.jsonl").read_text().splitlines()]
    assert list(row["inputs"]) == ["mail"]


def test_figures_are_told_as_production_would_weigh_them(folder: Folder) -> None:
    """The model answers parcels right and nothing else; production asks about parcels only."""
    about = [any(word in mail for word in TOPICS["parcel"]) for mail in cases(60, 9)]
    answers = {f"q{n:03}": "yes" if right else "no" for n, right in enumerate(about)}
    log = [mail for mail in USUAL.drawn(300, 12) if any(word in mail for word in TOPICS["parcel"])]
    path = folder.write("parcels.jsonl", "".join(json.dumps({"text": mail}) + "\n" for mail in log))
    with Project.open(folder.path) as project:
        [run] = project.evaluate(
            "desk", [folder.path / "ask.prompt.yaml"], [folder.script("answers.json", answers)]
        )
        found = project.coverage("desk", str(path), run=run.id)
        assert found.run == run.id
        exact = next(each for each in found.estimates if each.plain.label == "exact")
        weights = np.array([found.masses[f"q{n:03}"] for n in range(60)])
        folder.evalset(
            "desk", [{"id": f"n{n}", "inputs": {"mail": mail}} for n, mail in enumerate(cases(20, 13))]
        )
        with pytest.raises(NotComparable, match="another state"):
            project.coverage("desk", str(path), run=run.id)
    assert exact.plain.value == pytest.approx(np.mean(about))
    assert exact.weighted.value == pytest.approx(float(weights @ np.array(about)))
    assert exact.weighted.value > exact.plain.value + 0.4
    assert exact.effective_n == pytest.approx(1 / float(weights @ weights))


def test_the_command_tells_writes_and_prints_json(folder: Folder) -> None:
    def run(*arguments: str):
        given = ["-C", str(folder.path), "coverage", "desk", "--production", str(folder.path / "log.jsonl")]
        return CliRunner().invoke(app, [*given, *arguments])

    target = folder.path / "c.jsonl"
    told = run("--suggest", "3", "-o", str(target))
    assert told.exit_code == 0
    assert "where a set like it would cover" in told.output and "newly covered" in told.output
    assert "Wrote 3 candidates" in told.output and target.exists()
    document = json.loads(run("--json").output)
    assert document["coverage"]["texts"] == 120 and document["file"] is None
    assert run("-o", "x.jsonl").exit_code == 2


def test_texts_can_t_act_on_the_terminal(folder: Folder) -> None:
    rows = "".join(json.dumps({"text": f"\x1b[31mred\x07 alert {n % 9}"}) + "\n" for n in range(60))
    path = folder.write("evil.jsonl", rows)
    told = CliRunner().invoke(
        app, ["-C", str(folder.path), "coverage", "desk", "--production", str(path), "--suggest", "2"]
    )
    assert "alert" in told.output and "\x1b" not in told.output and "\x07" not in told.output


def test_the_map_holds_every_text_and_marks_the_uncovered_kinds() -> None:
    production = Mails(turned=0.2, topic="visit").drawn(300, 3)
    found = measure_coverage(cases(120, 4), [f"c{n}" for n in range(120)], production, mapped=True)
    assert found.map is not None and 0.02 < found.map.variance < 1
    asked, held = found.map.points[:300], found.map.points[300:]
    assert [point.index for point in asked] == list(range(300))
    assert all(point.text == production[point.index or 0][:300] for point in asked)
    assert [point.sample for point in held] == [f"c{n}" for n in range(120)]
    for number, kind in enumerate(found.uncovered):
        assert sum(point.kind == number for point in asked) == kind.texts
    assert not any(point.kind is not None for point in held)
    assert measured(cases(120, 4), production).map is None


def test_the_map_is_for_documents(folder: Folder) -> None:
    path = folder.write(
        "week.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in USUAL.drawn(40, 1))
    )
    asked = ["-C", str(folder.path), "coverage", "desk", "--production", str(path), "--map"]
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 2 and "--map is for --json" in refused.output
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert len(told["coverage"]["map"]["points"]) == 100


@pytest.mark.parametrize(
    ("far", "texts", "lacks"), [(0.35, 200, True), (0.04, 2000, False), (0.12, 25, False), (0.11, 2000, True)]
)
def test_a_set_lacks_something_where_much_is_far_whatever_it_covers(
    far: float, texts: int, lacks: bool
) -> None:
    found = SetCoverage(
        evalset="s", production="p", cases=50, texts=texts, cases_used=50, texts_used=texts, seed=0,
        measured=True, representation="words", k=5, coverage=0.4, expected=0.3, p_value=1.0, far=far,
    )  # fmt: skip
    assert lacks_kinds(found) == lacks == ("s lacks what" in coverage_sentence(found))
    assert "about 5 % is usual" in coverage_facts(found)[1]
    assert not lacks_kinds(found.model_copy(update={"far": None}))
