"""Judges that ask in steps, in whole runs: what is checked, forecast, stored and told."""

from __future__ import annotations

import json

from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.faithful]
metric = "faithfulness"

[metrics.worked_in]
metric = "feedback"
"""


def says(text: str) -> str:
    """A judge that finds one statement and supports it, and one item of feedback only in revised texts."""
    if "statement of fact" in text:
        return json.dumps({"statements": ["It is a number."]})
    if "wishes" in text:
        return json.dumps({"done_1": "yes" if ">\nnumber " in text else "no"})
    return json.dumps({"supported_1": "yes", "quotes": []})


def project(folder: Folder, server: Server) -> Folder:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    folder.write(
        "promptops.toml",
        'model = "mock/echo"\njudge_model = "near/judge"\n\n'
        f'[providers.near]\nkind = "openai"\nbase_url = "{url}"\napi_key_env = "NEAR_KEY"\n',
    )
    rows = questions(
        3,
        inputs=lambda n: {"question": f"number {n}", "context": ["It is a number."]},
        metadata=lambda n: {"original": "A word.", "feedback": [f"Say {n}."]},
    )
    folder.evalset("asked", rows, SET)
    return folder


def test_a_run_asks_every_step_stores_it_and_tells_the_exact_test(folder: Folder) -> None:
    with serving(says) as server:
        project(folder, server)
        arguments = ("eval", "asked", "--prompt", "ask.prompt.yaml")
        dry = folder.run(*arguments, "--dry-run", "--json", NEAR_KEY="k").stdout
        parts = {part["name"]: part["calls"] for part in json.loads(dry)["forecast"]["parts"]}
        assert parts["faithful"] == 6 and parts["worked_in"] == 6 and not server.bodies
        done = json.loads(folder.run(*arguments, "--json", NEAR_KEY="k").stdout)
        assert len(server.bodies) == 12
    [found] = done["runs"]
    figures = {row["label"]: row["value"] for row in found["estimates"] if row["slice"] is None}
    assert figures == {"faithful": 1.0, "worked_in": 1.0}
    assert found["notes"]["worked_in"][:2] == [
        "3 items of feedback: yes of 3 on the revised texts (100%) and of 0 on the originals (0%), "
        "effect +1.000",
        "3 items became yes and 0 ceased to be: McNemar's exact p = 0.25",
    ]
    assert folder.json("show", "latest")["notes"] == found["notes"]
    assert "worked_in: 3 items became yes" in folder.run("show", "latest").stdout
    assert folder.json("replay", "latest")["replay"]["outcome"] == "equal"


def test_a_wrong_slot_in_the_prompt_of_a_later_step_is_told_before_any_call(folder: Folder) -> None:
    with serving(says) as server:
        project(folder, server)
        folder.prompt("evalsets/asked/mine", "{{ task }} {{ contxt }} Reply with one JSON object")
        folder.evalset(
            "asked",
            questions(3, inputs=lambda n: {"question": f"number {n}", "context": "It is."}),
            SET.partition("[metrics.worked_in]")[0] + 'prompt = "mine.prompt.yaml"\n',
        )
        done = folder.run("eval", "asked", "--prompt", "ask.prompt.yaml", code=2, NEAR_KEY="k")
        assert "contxt" in done.stderr and "[metrics.faithful]" in done.stderr and not server.bodies


def test_a_sample_without_its_context_is_told_before_any_call(folder: Folder) -> None:
    with serving(says) as server:
        project(folder, server)
        folder.evalset("asked", questions(2), SET)
        done = folder.run("eval", "asked", "--prompt", "ask.prompt.yaml", code=2, NEAR_KEY="k")
        assert "sample 'q000', metric faithful" in done.stderr
        assert "has no context at inputs.context" in done.stderr and not server.bodies
