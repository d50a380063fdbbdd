"""What `promptops init` writes: a prompt, an evaluation set with twenty-four cases, settings, a workflow."""

from __future__ import annotations

import json
from pathlib import Path

from promptops.errors import UsageError

SETTINGS = """\
# Settings of promptops; see docs/guide/providers.md. Keys are named here, never written.
model = "{model}"
judge_model = "{judge}"
evalsets = "evalsets"
concurrency = 8

# A server of the OpenAI API under a name of your own: use it as `local/MODEL`.
# [providers.local]
# kind = "openai"
# base_url = "http://127.0.0.1:8000/v1"
# api_key_env = "LOCAL_API_KEY"
"""

PROMPT = """\
# yaml-language-server: $schema=../.promptops/prompts/prompt.schema.json
name: reply
note: the first version
messages:
  - role: system
    content: You answer questions of customers from the text that you are given.
  - role: user
    content: |
      Answer the question with one word or number from the text.

      Text:
      {{ text }}

      Question: {{ question }}
inputs:
  type: object
  properties:
    text: {type: string}
    question: {type: string}
  required: [text, question]
"""

EVALSET = """\
format = 1
slices = ["hours", "prices"]

[card]
description = "Questions of customers, answered from a text. Replace these by your own."
origin = "written by promptops init"
licence = "CC0-1.0"
language = "en"

[metrics.f1]

[metrics.exact]

# A loss of up to a fifth of the scale is accepted: forty-eight samples can't tell much less.
# State your own margin; promptops never guesses one.
[[gate]]
metric = "f1"
margin = 0.2
"""

PLACES = (
    "museum",
    "library",
    "pool",
    "harbour office",
    "workshop",
    "garden",
    "theatre",
    "archive",
    "market",
    "school",
    "clinic",
    "station",
    "town hall",
    "bakery",
    "gallery",
    "cinema",
    "zoo",
    "bath house",
    "bookshop",
    "ice rink",
    "observatory",
    "castle",
    "lighthouse",
    "post office",
)


def write_starter(folder: Path, model: str) -> list[tuple[Path, bool]]:
    """Write the starter's files where they are missing; returns each path and whether it was written.

    Raises UsageError where the folder can't be written.
    """
    beside = Path(__file__).parent
    judge = "offline/overlap" if model.startswith("offline/") else model
    files = {
        "promptops.toml": SETTINGS.format(model=model, judge=judge),
        "prompts/reply.prompt.yaml": PROMPT,
        "evalsets/replies/evalset.toml": EVALSET,
        "evalsets/replies/samples.jsonl": _samples(),
        ".github/workflows/prompts.yml": (beside / "prompts-gate.yml").read_text("utf-8"),
        ".promptops/prompts/prompt.schema.json": (beside / "prompts/prompt.schema.json").read_text("utf-8"),
        ".promptops/.gitignore": "*\n!prompt.schema.json\n!.gitignore\n",
    }
    told: list[tuple[Path, bool]] = []
    for name, text in files.items():
        path = folder / name
        missing = not path.exists()
        if missing:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
            except OSError as error:
                raise UsageError(
                    f"{str(path)!r} can't be written: {error.strerror}. Give another folder."
                ) from None
        told.append((path, missing))
    return told


def _samples() -> str:
    rows: list[dict[str, object]] = []
    for number, place in enumerate(PLACES):
        hour, price = 7 + number % 5, 3 + number
        opening = f"The {place} opens at {hour} in the morning and closes at {hour + 9}."
        text = f"{opening} A ticket costs {price} euros."
        for tag, question, target in (
            ("hours", f"At what hour does the {place} open in the morning?", str(hour)),
            ("prices", f"How many euros does a ticket for the {place} cost?", str(price)),
        ):
            rows.append(
                {
                    "id": f"{tag}-{number + 1:02}",
                    "inputs": {"text": text, "question": question},
                    "target": [target],
                    "tags": [tag],
                    "group": place,
                }
            )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
