"""A judge asked over a real connection: a server of the chat API on loopback that plays a script."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import JsonValue

from promptops import plugins
from promptops.judges import Judge, Reads
from promptops.prompts.files import read_prompt
from promptops.prompts.templates import Renderer
from promptops.providers import ProviderSettings
from promptops.providers.openai import OpenAI
from promptops.runs.runner import judge_request
from promptops.types import Completion, Prompt, Sample, Score

FOLDER = Path(plugins.__file__).parent / "judges"


class Said(NamedTuple):
    """A reply with its tokens' log-probabilities, as `choices[].logprobs.content`."""

    text: str
    logprobs: list[dict[str, Any]]


Reply = str | Said | Callable[[str], "str | Said"]
"""A reply, or what makes one of the last message."""


class Server(ThreadingHTTPServer):
    """Plays replies in order, the last one again and again; keeps every body."""

    daemon_threads = True

    def __init__(self, replies: Sequence[Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = list(replies)
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        """The authorizations that came with them."""
        self.usage: dict[str, int] | None = None
        self.status = 200


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        place = min(len(self.server.bodies), len(self.server.replies) - 1)
        self.server.bodies.append(body)
        self.server.keys.add(self.headers.get("authorization", ""))
        reply = self.server.replies[place]
        said = reply if isinstance(reply, str | Said) else reply(body["messages"][-1]["content"])
        text, logprobs = said if isinstance(said, Said) else (said, None)
        choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}}
        choice["finish_reason"] = "stop"
        if logprobs is not None:
            choice["logprobs"] = {"content": logprobs, "refusal": None}
        answer = {"id": f"c{len(self.server.bodies)}", "model": "m", "choices": [choice]}
        data = json.dumps(answer | ({"usage": self.server.usage} if self.server.usage else {})).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def serving(*replies: Reply) -> Iterator[Server]:
    server = Server(replies)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def seat(model: str, kind: str = "rubric", **options: Any) -> dict[str, Any]:
    """Return a judge as it sits in a jury: its kind, model, options and the text of its shipped prompt."""
    chosen = plugins.find("judges", kind, Judge)  # type: ignore[type-abstract]
    prompt = read_prompt(FOLDER / chosen.prompt_file).model_dump(mode="json")
    return {"metric": kind, "model": model, "prompt": prompt, **options}


REQUIRED: dict[str, dict[str, Any]] = {
    "decision_tree": {
        "start": "right",
        "nodes": {
            "right": {"ask": "Is it right?", "then": {"yes": "short", "no": 0}},
            "short": {"metric": "length", "at_least": 40, "then": {"yes": 0.5, "no": 1}},
        },
    },
    "jury": {"judges": {"one": seat("openai/one"), "two": seat("openai/two", scale=[1, 5])}},
}
"""Options without which a kind can't be built, by name; small ones for the tests of all kinds."""


def built(name: str, **options: Any) -> Judge:
    """Return a judge of the wing with its shipped prompts."""
    kind = plugins.find("judges", name, Judge)  # type: ignore[type-abstract]
    files = {"prompt": kind.prompt_file, **kind.more_prompts} if kind.prompt_file else {}
    prompts = {option: read_prompt(FOLDER / file) for option, file in files.items()}
    return kind.model_validate({**prompts, **REQUIRED.get(name, {}), "model": "openai/m", **options})


def judged(
    name: str, answer: str, sample: Sample, *replies: Reply, **options: Any
) -> tuple[Score, list[dict[str, Any]]]:
    """Return a judge's Score of one answer and the bodies of its requests, as the server got them."""
    judge = built(name, **options)
    with serving(*replies) as server, Renderer() as renderer:
        given = ProviderSettings(
            base_url=f"http://127.0.0.1:{server.server_address[1]}/v1", api_key_env="KEY"
        )
        asked = OpenAI("m", given, {"KEY": "k"}, Path())

        async def ask(
            prompt: Prompt,
            slots: Mapping[str, JsonValue],
            form: dict[str, JsonValue] | None,
            *,
            model: str = "",
            poll: int = 0,
            reads: Reads | None = None,
        ) -> Completion:
            request = judge_request(renderer, prompt, slots, form, sample.id, 0, poll)
            asked.model = (model or judge.model).partition("/")[2]
            return await asked.generate(request)

        async def go() -> Score:
            try:
                return judge.not_asked(Completion(text=answer), sample) or await judge.judge(
                    Completion(text=answer), sample, ask
                )
            finally:
                await asked.close()

        return asyncio.run(go()), server.bodies


def body_of(
    file: str, schema: dict[str, Any] | None, parameters: Mapping[str, Any] | None = None, **slots: Any
) -> dict[str, Any]:
    """Return what must be sent for a shipped prompt: its file's text with the slots replaced."""
    read = yaml.safe_load((FOLDER / file).read_text("utf-8"))
    messages = []
    for message in read["messages"]:
        content = message["content"]
        for name, value in slots.items():
            content = content.replace("{{ " + name + " }}", str(value))
        assert "{{" not in content
        messages.append({"role": message["role"], "content": content})
    body: dict[str, Any] = {"model": "m", "messages": messages, **(parameters or {"temperature": 0})}
    if schema is not None:
        form = {
            "type": "object",
            "properties": schema,
            "required": list(schema),
            "additionalProperties": False,
        }
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "schema": form, "strict": True},
        }
    return body


def marked(mark: str, **texts: str | Sequence[str]) -> dict[str, str]:
    """Return texts within their marks, written out by hand."""
    found = {}
    for name, given in texts.items():
        kind = name.replace("_", "-")
        each = [given] if isinstance(given, str) else given
        found[name] = "\n".join(f"<{kind}-{mark}>\n{text}\n</{kind}-{mark}>" for text in each)
    return found


def mark_in(body: dict[str, Any]) -> str:
    """Return the mark of the first enclosed text of a request."""
    text = body["messages"][-1]["content"]
    start = text.index("<")
    return str(text[start + 1 : text.index(">", start)].rpartition("-")[2])
