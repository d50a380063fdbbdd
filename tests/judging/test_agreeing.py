"""Recorded scores against people's, beside what scipy says of the same tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from promptops.errors import FileProblems, UsageError
from promptops.judging.agreeing import agree
from tests.made import Folder

DOCUMENTS, SYSTEMS = 30, 5


def recorded(path: Path) -> tuple[np.typing.NDArray[np.float64], np.typing.NDArray[np.float64]]:
    rng = np.random.default_rng(3)
    human = rng.normal(size=(DOCUMENTS, SYSTEMS)) + np.arange(SYSTEMS)
    metric = human + rng.normal(size=human.shape)
    with path.open("w") as file:
        for document in range(DOCUMENTS):
            for system in range(SYSTEMS):
                row = {
                    "sample": f"d{document}",
                    "system": f"s{system}",
                    "anna": human[document, system] - 1,
                    "ben": human[document, system] + 1,
                    "judge": metric[document, system],
                    "text": "no number",
                }
                file.write(json.dumps(row) + "\n")
    return human, metric


def test_each_level_is_what_scipy_says(tmp_path: Path) -> None:
    human, metric = recorded(tmp_path / "results.jsonl")
    found = agree(tmp_path / "results.jsonl", ["anna", "ben"])
    assert (found.documents, found.systems, found.outputs) == (DOCUMENTS, SYSTEMS, DOCUMENTS * SYSTEMS)
    assert {row.metric for row in found.rows} == {"judge"}
    values = {(row.level, row.coefficient): row.correlation.value for row in found.rows}
    said = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}
    for name, scipy_says in said.items():
        assert values["sample", name] == pytest.approx(scipy_says(metric.ravel(), human.ravel())[0], abs=1e-9)
        within = [scipy_says(a, b)[0] for a, b in zip(metric, human, strict=True)]
        assert values["group", name] == pytest.approx(np.mean(within), abs=1e-9)
        means = metric.mean(axis=0), human.mean(axis=0)
        assert values["system", name] == pytest.approx(scipy_says(*means)[0], abs=1e-9)
    order = found.orderings[0]
    right = sum(
        (metric[:, i].mean() < metric[:, j].mean()) == (human[:, i].mean() < human[:, j].mean())
        for i in range(SYSTEMS)
        for j in range(i)
    )
    assert (order.agreed, order.agreed + order.reversed) == (right, SYSTEMS * (SYSTEMS - 1) // 2)


def test_the_command_prints_the_table_and_one_document(folder: Folder) -> None:
    recorded(folder.path / "results.jsonl")
    told = folder.run("judge", "agree", "results.jsonl", "--human", "anna").stdout
    assert told.splitlines()[1].split()[:3] == ["metric", "level", "n"]
    assert "150 outputs of 5 systems on 30 documents" in " ".join(told.split())
    shown = json.loads(folder.run("judge", "agree", "results.jsonl", "--human", "anna", "--json").stdout)
    assert {row["metric"] for row in shown["agreement"]["rows"]} == {"ben", "judge"}


def test_what_is_missing_is_left_out_and_what_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    recorded(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0].replace('"judge"', '"other"'), *lines[1:]]) + "\n")
    found = agree(path, ["anna"], ["judge"])
    assert next(row for row in found.rows if row.level == "sample").left_out == 1
    with pytest.raises(UsageError, match="has the key 'ana'"):
        agree(path, ["ana"])
    path.write_text("\n".join([*lines, lines[0]]) + "\n")
    with pytest.raises(FileProblems, match="stands above already"):
        agree(path, ["anna"])
    path.write_text("\n".join([lines[0].replace('"sample"', '"document"'), *lines[1:]]) + "\n")
    with pytest.raises(FileProblems, match="tells which output this is"):
        agree(path, ["anna"])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(FileProblems, match="is no number"):
        agree(path, ["anna"], ["text"])
