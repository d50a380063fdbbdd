"""What evidence could have shown: the same figure in a comparison, a plan, a report and the gate."""

from __future__ import annotations

from promptops.project import Project
from tests.made import Folder, questions


def test_under_twenty_cases_every_face_says_what_bets_see(folder: Folder) -> None:
    folder.evalset("numbers", questions(12))
    right = {f"q{number:03}": {"text": str(number)} for number in range(12)}
    models = [
        folder.script(f"{name}.json", {**right, **{key: {"text": "?"} for key in wrong}})
        for name, wrong in (("old", ("q001", "q004", "q007")), ("new", ("q001", "q002", "q009")))
    ]
    with Project.open(folder.path) as project:
        old, new = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], models)
        compared = project.compare(old.id, new.id).deltas[0].resolves
        planned = project.plan("numbers").reaches[0].resolves
        verdict = project.gate("numbers", run=new.id, baseline=old.id)
        report = project.report("numbers", run=new.id, baseline=old.id)
    gated = verdict.cells[0].delta
    assert compared is not None and compared > 0.3, "bets on twelve cases see large changes only"
    assert gated is not None and compared == gated.resolves == planned
    assert report.comparison is not None and report.comparison.deltas[0].resolves == compared
