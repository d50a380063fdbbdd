"""Sets that are not held in memory mean the same as those that are: read, chosen, run, resumed, scored."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptops import Project
from promptops.analysis.summary import cluster_codes, slice_names
from promptops.errors import FileProblems
from promptops.sets import roster, samplefiles
from promptops.sets.evalset import read_evalset
from promptops.sets.places import Places, at_places, facts_of
from promptops.sets.selection import Selection
from promptops.store import Store, snapshots, spool
from promptops.store.spool import Spool, spooled
from promptops.types import EvalSet, KeptSamples, Sample
from tests.made import EVALSET, Folder, questions

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
SAMPLES = st.lists(
    st.builds(
        Sample,
        id=TEXT.filter(bool),
        inputs=st.dictionaries(
            TEXT, st.one_of(TEXT, st.integers(-9, 9), st.none(), st.floats(-1, 1)), max_size=2
        ),
        target=st.lists(TEXT, max_size=2).map(tuple),
        tags=st.lists(st.sampled_from("abc"), unique=True).map(tuple),
        group=st.none() | st.sampled_from("gh"),
        weight=st.floats(0.1, 9),
        origin=st.none() | TEXT,
        metadata=st.dictionaries(TEXT, TEXT, max_size=1),
    ),
    unique_by=lambda sample: sample.id,
    max_size=12,
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything count as large."""
    monkeypatch.setattr(samplefiles, "IN_MEMORY", 0)
    monkeypatch.setattr(snapshots, "IN_MEMORY", 0)
    monkeypatch.setattr(spool, "FEW", 2)
    monkeypatch.setattr(spool, "PAGE", 3)


@given(samples=SAMPLES, place=st.integers(-13, 13), step=st.sampled_from([None, 1, 2, -1]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_spool_is_the_same_sequence(
    tiny: None, samples: list[Sample], place: int, step: int | None
) -> None:
    kept = Spool()
    for sample in samples:
        kept.add(sample)
    assert list(kept) == samples == list(iter(kept)) and len(kept) == len(samples)
    assert list(kept[place::step]) == samples[place::step] and list(kept[:place]) == samples[:place]
    if -len(samples) <= place < len(samples):
        assert kept[place] == samples[place]
    else:
        with pytest.raises(IndexError):
            kept[place]
    whole, view = (set_of(each) for each in (tuple(samples), kept))
    assert whole.digest == view.digest
    assert (cluster_codes(tuple(samples)) == cluster_codes(kept)).all()
    assert slice_names(tuple(samples)) == slice_names(kept)
    assert [each.weight for each in facts_of(kept)] == [each.weight for each in samples]


@given(samples=SAMPLES, page=st.integers(1, 4), places=st.lists(st.integers(0, 11), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_roster_is_what_each_sample_says(
    tiny: None, monkeypatch: pytest.MonkeyPatch, samples: list[Sample], page: int, places: list[int]
) -> None:
    monkeypatch.setattr(roster, "PAGE", page)
    with Store.open("sqlite://") as store:
        kept = set_of(tuple(samples))
        store.save_evalset(kept)
        view = store.kept_samples(kept.digest) if samples else ()
        found = roster.Roster.of(view)
        wanted = [place for place in places if place < len(samples)]
        assert list(at_places(view, wanted)) == [samples[place] for place in wanted]
    assert found.weights.tolist() == [each.weight for each in samples]
    assert list(found.tagged) == list(dict.fromkeys(tag for each in samples for tag in each.tags))
    for tag, at in found.tagged.items():
        assert at.tolist() == [place for place, each in enumerate(samples) if tag in each.tags]
    assert found.places.find([each.id for each in samples]).tolist() == list(range(len(samples)))
    named = [each.group or f"alone {place}" for place, each in enumerate(samples)]
    numbers = found.clusters.tolist()
    assert len(set(zip(named, numbers, strict=True))) == len(set(named)) == len(set(numbers))


def set_of(samples: Any) -> EvalSet:
    card = {"description": "d"}
    return EvalSet.model_validate({"name": "s", "card": card, "metrics": (), "samples": samples})


@given(samples=SAMPLES, asked=st.lists(TEXT, max_size=5))
def test_places_are_found_by_id(samples: list[Sample], asked: list[str]) -> None:
    where = {sample.id: place for place, sample in enumerate(samples)}
    wanted = [*asked, *where]
    assert Places(samples).find(wanted).tolist() == [where.get(name, -1) for name in wanted]


def test_ids_with_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "promptops.sets.places._hashes", lambda ids: np.array([7 for _ in ids], dtype=np.int64)
    )
    samples = [Sample(id=name, inputs={}) for name in "abc"]
    assert Places(samples).find(["c", "x", "a"]).tolist() == [2, -1, 0]


def test_few_chosen_samples_are_held_in_memory(tiny: None) -> None:
    samples = [Sample(id=str(number), inputs={}) for number in range(3)]
    assert spooled(iter(samples[:2])) == tuple(samples[:2])
    many = spooled(iter(samples))
    assert isinstance(many, Spool) and list(many) == samples


@pytest.mark.parametrize("fault", ['{"id": "q001"}', '{"id": ""}', "{", '{"id": "new", "tags": "x"}'])
def test_faults_of_a_large_file_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    folder = Folder(tmp_path).evalset("numbers", questions(5))
    lines = (folder / "samples.jsonl").read_text().splitlines()
    (folder / "samples.jsonl").write_text("\n".join([*lines[:3], fault, *lines[3:], fault]))

    def problems() -> list[tuple[Any, ...]]:
        with pytest.raises(FileProblems) as caught:
            read_evalset(folder)
        return [(each.reason, each.line, each.column, each.field) for each in caught.value.problems]

    before = problems()
    monkeypatch.setattr(samplefiles, "IN_MEMORY", 0)
    assert problems() == before and len(before) >= 2


def test_a_full_temporary_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Spool()
    kept._database.execute("PRAGMA max_page_count = 10")
    with pytest.raises(Exception, match="Make room where temporary files lie"):
        for number in range(10_000):
            kept.add(Sample(id=str(number), inputs={"x": "text " * 40}))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    rows = questions(23, group=lambda number: f"g{number // 2}", weight=lambda number: 1 + number % 3)
    made.evalset("numbers", rows, EVALSET + "\n[metrics.bleu]\n")
    made.prompt("ask", "{{question}}", model=made.script("answers.json", ANSWERS))
    yield made


ANSWERS: dict[str, Any] = {
    **{f"q{number:03}": f"number {number}" for number in range(23)},
    "q003": [{"fail": "rejected"}] * 9,
    "q004": "something else",
}


def looked_at(folder: Folder) -> list[Any]:
    """Do what can be done with a set; return all figures."""
    found: list[Any] = []
    ask = folder.path / "ask.prompt.yaml"
    with Project.open(folder.path) as project:
        plain = project.evaluate("numbers", [ask], repeats=2)[0]
        chosen = [
            project.evaluate("numbers", [ask], select=Selection(**each))[0]
            for each in (
                {"limit": 7},
                {"sample": 6, "seed": 3},
                {"slices": ("odd",)},
                {"matching": "q00 and not q003"},
                {"failed_from": plain.id},
            )
        ]
        again = project.resume(plain.id, retry_errors=True)
        scored = project.rescore(plain.id)
        for run in (plain, *chosen, again, scored):
            found.append(
                (
                    run.evalset_digest,
                    run.samples,
                    run.done,
                    run.errors,
                    project.estimates(run.id),
                    project.failures(run.id),
                    [result.sample_id for result in project.store.results(run.id)],
                    project.forecast_resume(run.id, retry_errors=True).calls,
                    project.verify(run.id).sha256,
                )
            )
        verdict = project.gate("numbers", run=scored.id, baseline=again.id)
        found.append((verdict.outcome, verdict.cells))
        comparison = project.compare(again.id, scored.id)
        found.append([(each.label, each.slice, each.difference, each.low) for each in comparison.deltas])
    return found


def test_all_that_is_done_with_a_large_set_comes_out_the_same(
    folder: Folder, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    before = looked_at(folder)
    request.getfixturevalue("tiny")
    other = Folder(tmp_path_factory.mktemp("other"))
    for file in folder.path.rglob("*"):
        if file.is_file() and ".promptops" not in file.parts:
            other.write(str(file.relative_to(folder.path)), file.read_text())
    with Project.open(other.path) as project:
        assert isinstance(project.evalset("numbers").samples, KeptSamples)
    assert looked_at(other) == before
    figures = before[0][4]
    assert len(figures) == 3 * 3 and figures[0].value == pytest.approx(0.95, abs=0.04)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
def test_memory_hardly_grows_with_the_set(tmp_path: Path) -> None:
    peaks = {n: peak_mb(tmp_path / str(n), n) for n in (2_000, 60_000)}
    # The samples alone take 120 MB as objects; what is left is a few numbers each.
    assert peaks[60_000] < peaks[2_000] + 50, peaks


def peak_mb(where: Path, n: int) -> float:
    """Evaluate a set of n samples in a process of its own; return the most memory that it took."""
    where.mkdir()
    folder = Folder(where)
    rows = ({**row, "inputs": {"question": "word " * 40}} for row in questions(n))
    folder.evalset("many", list(rows))
    folder.prompt("ask", "{{question}}", model="mock/echo")
    command = [sys.executable, "-m", "promptops", "eval", "many", "-p", "ask.prompt.yaml"]
    peak = 0
    with subprocess.Popen(
        command, cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        # What the system tells of an ended child counts the memory of the parent that it was forked from.
        while process.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                peak = max(peak, int(status.split("VmHWM:")[1].split()[0]))
            time.sleep(0.05)
    assert process.returncode == 0
    return peak / 1024
