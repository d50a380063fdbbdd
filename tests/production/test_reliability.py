"""Which metric to trust: association, calibration and order of versions, against scipy and scikit-learn."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import roc_auc_score

from promptops import Project
from promptops.errors import UsageError
from promptops.production.records import Feedback, Record, RecordScore
from promptops.production.reliability import MetricReliability, Reliability
from tests.made import Folder, questions

NOW = datetime(2026, 11, 1, tzinfo=UTC)
AT = "2026-10-20T00:00:00.000000+00:00"
SET = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]

[metrics.json_valid]

[metrics.length]
unit = "characters"

[metrics.dice]
metric = "regex"
pattern = "[02468]"
"""


def fill(folder: Folder, n: int = 300, *, seed: int = 0, versions: int = 2, persons: int = 60) -> None:
    """Add answers of which JSON is mostly liked; a judge's scores say more, noise says nothing."""
    rng = np.random.default_rng(seed)
    records, said, scores = [], [], []
    for number in range(n):
        version = 1 + number % versions
        valid = rng.random() < (0.5 if version == 1 else 0.8)
        liked = rng.random() < (0.85 if valid else 0.25)
        name = f"r{number}"
        output = f'{{"answer": {rng.integers(100, 999)}}}' if valid else f"no {rng.integers(100, 999)}"
        records.append(
            Record(
                id=name, at=AT, prompt="ask", version=version, inputs={"question": "x"}, output=output,
                subject=f"person {number % persons}",
            )
        )  # fmt: skip
        said.append(Feedback(id=f"f{number}", record=name, at=AT, thumb="up" if liked else "down"))
        value = float(np.clip(rng.normal(0.75 if liked else 0.35, 0.15), 0, 1))
        for label, score in (("judge", value), ("against", 1 - value)):
            scores.append(RecordScore(record=name, label=label, signature=f"{label}|1", value=score, at=AT))
    with Project.open(folder.path) as project:
        project.store.add_records(records)
        project.store.add_feedback(said)
        project.store.add_record_scores(scores)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder(tmp_path_factory.mktemp("relied"))
    folder.write("promptops.toml", 'model = "mock/echo"\n')
    folder.evalset("numbers", questions(40), SET)
    fill(folder)
    return folder.path


def measured(path: Path, **given: object) -> Reliability:
    with Project.open(path) as project:
        return project.reliability("numbers", now=NOW, **given)  # type: ignore[arg-type]


def by_label(found: Reliability) -> dict[str, MetricReliability]:
    return {each.label: each for each in found.metrics}


def columns(path: Path, label: str) -> tuple[np.ndarray, np.ndarray]:
    from promptops.production.records import RecordFilter

    with Project.open(path) as project:
        values = {each.record: each.value for each in project.store.record_scores(RecordFilter(), label)}
        good = {each.record: each.good for each in project.store.feedback()}
    return np.array([values[name] for name in good]), np.array([float(good[name]) for name in good])


def test_what_users_like_is_told_by_metrics_that_say_so(whole: Path) -> None:
    found = measured(whole)
    verdicts = {each.label: each.trust for each in found.metrics}
    assert verdicts["judge"] == "trust"
    assert verdicts["json_valid"] == "trust"
    assert verdicts["dice"] == "no relation"
    assert verdicts["against"] == "reversed"
    assert "exact" not in verdicts  # it needs a target
    assert found.metrics[0].label == "judge"


@pytest.mark.parametrize("label", ["judge", "json_valid", "dice"])
def test_figures_are_those_of_scipy_and_scikit_learn(whole: Path, label: str) -> None:
    found = by_label(measured(whole))[label]
    x, y = columns(whole, label)
    assert found.auc.value == pytest.approx(roc_auc_score(y, x))
    assert found.spearman.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.kendall.value == pytest.approx(kendalltau(x, y).statistic)
    assert found.n == 300 and found.subjects == 60
    for each in (found.auc, found.spearman):
        assert each.low is not None and each.high is not None and each.value is not None
        assert each.low < each.value < each.high
    shares = {each.score: each.good for each in found.bins}
    if label == "json_valid":
        assert shares == {value: pytest.approx(y[x == value].mean()) for value in (0.0, 1.0)}
        gap = sum(abs(value - share) * (x == value).mean() for value, share in shares.items())
        assert found.calibration_gap == pytest.approx(gap)


def test_less_is_better_where_the_metric_says_so(whole: Path) -> None:
    found = by_label(measured(whole))["length"]
    x, y = columns(whole, "length")
    assert found.auc.value == pytest.approx(roc_auc_score(y, -x))
    assert found.calibration_gap is None  # a length has no range


def test_few_persons_make_wider_intervals(folder: Folder) -> None:
    widths = []
    for persons, name in ((300, "many"), (6, "few")):
        made = Folder(folder.path / name)
        made.evalset("numbers", questions(40), SET)
        made.write("promptops.toml", "")
        fill(made, persons=persons)
        with Project.open(made.path) as project:  # one person likes all, another nothing
            project.store.add_feedback(
                [
                    Feedback(id=f"g{n}", record=f"r{n}", at=AT, thumb="up" if n % persons % 2 else "down")
                    for n in range(0, 300, 2 if persons == 6 else 1000)
                ]
            )
        area = by_label(measured(made.path))["judge"].auc
        assert area.low is not None and area.high is not None
        widths.append(area.high - area.low)
    assert widths[1] > widths[0]


def test_too_little_feedback_says_nothing(folder: Folder) -> None:
    folder.evalset("numbers", questions(40), SET)
    fill(folder, 30)
    found = measured(folder.path)
    assert {each.trust for each in found.metrics} == {"too few"}
    assert all(each.auc.value is None and each.auc.reason for each in found.metrics)
    since = "2026-01-01"
    assert "too few" in folder.run("reliability", "numbers", "--since", since, code=3).stdout


def test_versions_are_ordered_by_runs_as_users_order_them(folder: Folder) -> None:
    folder.evalset("numbers", questions(40), SET)
    with Project.open(folder.path) as project:
        for text in ("{{ question }}", '{"q": "{{ question }}"}'):
            folder.prompt("ask", text)
            project.add_prompt(folder.path / "ask.prompt.yaml")
        project.evaluate("numbers", ["ask@1", "ask@2"], ["mock/echo"])
    fill(folder)
    found = measured(folder.path)
    systems = {each.label: each for each in found.systems}
    valid = systems["json_valid"]
    assert [point.version for point in valid.points] == ["ask@2", "ask@1"]
    assert [point.offline for point in valid.points] == [1.0, 0.0]
    assert (valid.agreed, valid.reversed) == (1, 0)
    assert (systems["exact"].agreed, systems["exact"].reversed) == (0, 1)
    assert valid.spearman is None  # two versions order one pair, no more


def test_without_runs_it_says_what_to_do(whole: Path) -> None:
    found = measured(whole)
    assert found.systems == ()
    assert any("promptops eval numbers" in note for note in found.notes)


def test_nothing_said_is_told(folder: Folder) -> None:
    folder.evalset("numbers", questions(40), SET)
    with Project.open(folder.path) as project, pytest.raises(UsageError, match="Nobody said"):
        project.reliability("numbers", now=NOW)


def test_the_command_prints_draws_and_writes_json(whole: Path, tmp_path: Path) -> None:
    folder = Folder(whole)
    picture = tmp_path / "trust.svg"
    shown = folder.run("reliability", "numbers", "--since", "2026-01-01", "--plot", str(picture)).stdout
    assert "300 records" in shown and "no relation" in shown
    root = ET.fromstring(picture.read_text("utf-8"))
    told = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any(text is not None and text.startswith("judge: ") for text in told)
    assert not [element for element in root.iter() if element.tag.endswith(("script", "image", "a"))]
    document = folder.json("reliability", "numbers", "--since", "2026-01-01")
    assert document["reliability"]["metrics"][0]["trust"] == "trust"
    json.dumps(document, allow_nan=False)
