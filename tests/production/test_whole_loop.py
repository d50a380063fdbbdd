"""Once round: a fifth of what users ask is new, and in the end the next version is gated on it."""

from __future__ import annotations

import json
import random
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import promptops
from promptops import Project

ROUTINE = [
    ("At what hour does {place} open in the morning?", "{Place} opens at {n} in the morning."),
    ("At what hour does {place} close in the evening?", "{Place} closes at {n} in the evening."),
    ("How many euros does a ticket for {place} cost?", "A ticket for {place} costs {n} euros."),
    ("How many minutes does a tour of {place} take?", "A tour of {place} takes {n} minutes."),
]
LOST = ("I left my {thing} there, for how many days do you keep it?", "Lost things are kept for {n} days.")
PLACES = [
    f"{kind} {where}"
    for kind in ("the museum", "the library", "the swimming pool", "the theatre", "the zoo")
    for where in ("of the old town", "at the river", "on the hill", "near the station", "in the park")
]
SETTINGS = """format = 1

[card]
description = "the front desk"

[metrics.f1]

[[gate]]
metric = "f1"
margin = 0.05
"""
PROMPT = """name: desk
messages:
  - role: user
    content: |
      Answer the question with {ask} from the text.

      Text: {{{{ text }}}}
      Question: {{{{ question }}}}
"""
LOGGED = 5_000


def asked(rng: random.Random, template: tuple[str, str]) -> tuple[dict[str, str], str]:
    place, n = rng.choice(PLACES), rng.randint(2, 60)
    thing = rng.choice(["umbrella", "scarf", "phone", "rucksack", "bottle", "book"])
    question, text = template
    return {
        "text": text.format(place=place, Place=place.capitalize(), n=n),
        "question": question.format(place=place, thing=thing),
    }, str(n)


def folder(root: Path) -> Path:
    """Write the set with two hundred cases of the usual kinds, and two versions of the prompt."""
    rng, cases = random.Random(1), dict[str, str]()
    while len(cases) < 200:
        inputs, target = asked(rng, rng.choice(ROUTINE))
        row = {"id": f"desk-{len(cases):03}", "inputs": inputs, "target": target}
        cases.setdefault(str(inputs), json.dumps(row))
    found = root / "evalsets" / "desk"
    found.mkdir(parents=True)
    (found / "evalset.toml").write_text(SETTINGS)
    (found / "samples.jsonl").write_text("\n".join(cases.values()) + "\n")
    for name, ask in (("brief", "one word or number"), ("long", "a full sentence")):
        (root / f"{name}.prompt.yaml").write_text(PROMPT.format(ask=ask))
    return found


def test_a_new_kind_of_request_is_noticed_named_taken_in_and_gated_on(project: Path) -> None:
    found = folder(project)
    rng, new = random.Random(2), 0
    for n in range(LOGGED):
        strange = n >= LOGGED // 2 and rng.random() < 0.4
        new += strange
        inputs, answer = asked(rng, LOST if strange else rng.choice(ROUTINE))
        at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=4 * n)
        promptops.log("desk@1", inputs=inputs, output=answer, at=at)
    assert promptops.flush(timeout=120)
    with Project.open(project) as opened:
        assert opened.record_count() == LOGGED and 0.19 < new / LOGGED < 0.21

        assert not opened.shift("desk", "records:2026-11-01..2026-11-07").alarmed
        assert opened.shift("desk", "records:desk").alarmed

        before = opened.coverage("desk", "records:desk", suggest=40, kind="left")
        assert before.far is not None and before.far > 0.2
        kind = before.uncovered[0]
        assert abs(kind.share - new / LOGGED) < 0.03
        assert all("I left my" in example for example in kind.examples)

        path = project / "candidates.jsonl"
        opened.write_candidates(before, path)
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:  # what a reviewer does
            row["target"] = re.findall(r"\d+", row["inputs"]["text"])[0]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        added = opened.add_samples(found, path)
        taken = added.samples
        lost = {row["id"] for row in rows if "Lost" in row["inputs"]["text"]}
        assert len(taken) == 40 and lost == set(taken)
        (rule,) = added.rules
        assert rule.tag == f"kind: {kind.theme}" and rule.samples == 40
        settings = tomllib.loads(rule.toml)
        assert settings == {"gate": [{"metric": "f1", "slice": rule.tag, "margin": 0.05}]}
        demanded = rule.toml.replace("margin = 0.05", "min = 0.8")
        (found / "evalset.toml").write_text(f"{SETTINGS}\n{demanded}\n")

        after = opened.coverage("desk", "records:desk")
        assert promptops.lacks_kinds(before) and not promptops.lacks_kinds(after)
        assert after.coverage is not None and before.coverage is not None and after.coverage > before.coverage

        (held,) = opened.evaluate("desk", [project / "brief.prompt.yaml"], ["offline/extractive"])
        opened.accept(held.id)
        same = opened.gate_prompt("desk", project / "brief.prompt.yaml", "offline/extractive")
        worse = opened.gate_prompt("desk", project / "long.prompt.yaml", "offline/extractive")
        assert (same.outcome, worse.outcome) == ("PASS", "FAIL")
        assert [[cell.outcome for cell in each.cells] for each in (same, worse)] == [
            ["PASS"] * 2,
            ["FAIL"] * 2,
        ]
        assert same.cells[1].rule.slice == worse.cells[1].rule.slice == rule.tag
        changed = {each.sample_id for each in opened.cases(worse.baseline, worse.candidate, "f1", limit=240)}
        assert lost < changed

        kept = [line for line in (found / "samples.jsonl").read_text().splitlines() if rule.tag not in line]
        few = [line for line in (found / "samples.jsonl").read_text().splitlines() if rule.tag in line][:3]
        (found / "samples.jsonl").write_text("\n".join([*kept, *few]) + "\n")
        (held,) = opened.evaluate("desk", [project / "brief.prompt.yaml"], ["offline/extractive"])
        opened.accept(held.id)
        unsure = opened.gate_prompt("desk", project / "brief.prompt.yaml", "offline/extractive")
        assert [cell.outcome for cell in unsure.cells] == ["PASS", "INCONCLUSIVE"]
