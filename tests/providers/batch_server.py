"""Files and batches of the OpenAI API on loopback, as documented, with the faults that one must expect.

A batch is answered when it is told to: `work(n)` answers n more requests of each, `finish()` all. A request
whose text holds `#error` gets a status of 400; the answer to any other one is the last message's text.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Held:
    """A batch as the server holds it."""

    id: str
    given: dict[str, Any]
    lines: list[dict[str, Any]]
    status: str = "validating"
    answered: list[bytes] = field(default_factory=list)
    failed: list[bytes] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    created_at: int = 0

    @property
    def done(self) -> int:
        return len(self.answered) + len(self.failed)


class BatchServer(ThreadingHTTPServer):
    """Counts what it is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.names: dict[str, str] = {}
        self.batches: dict[str, Held] = {}
        self.requests: list[tuple[str, str]] = []
        self.keys: list[str] = []
        self.chats: list[dict[str, Any]] = []
        self.trouble: list[tuple[str, int, dict[str, str]]] = []
        """The next answers to `METHOD path`: a status in place of what would be done, and headers."""
        self.swallow = ""
        """Do what is asked at this `METHOD path`, once, and hang up before it is answered."""
        self.unlisted: set[str] = set()
        """Batches that are found by their id and stand in no list."""
        self.without_metadata = False
        """Whether batches are told of without the metadata that they were given."""
        self.dead = False
        """Whether every connection is closed without an answer."""
        self.lock = threading.RLock()
        self._numbers = itertools.count(1)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that was killed."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def number(self, kind: str) -> str:
        return f"{kind}-{next(self._numbers):04}"

    def work(self, n: int = 10**9) -> None:
        """Answer n more requests of each batch."""
        with self.lock:
            for held in self.batches.values():
                if held.status in ("validating", "in_progress"):
                    held.status = "in_progress"
                    for line in held.lines[held.done : held.done + n]:
                        _answer(held, line)

    def finish(self, status: str = "completed", *, reverse: bool = True, lines: bool = True) -> None:
        """Answer all that is left (unless the batch ends otherwise) and make the files of results.

        Of one that was cancelled, `lines` says whether what it never came to has lines of results.
        """
        if status == "completed":
            self.work()
        with self.lock:
            for held in self.batches.values():
                if held.status not in ("validating", "in_progress", "cancelling"):
                    continue
                held.status = status
                if status == "expired" or (status == "cancelled" and lines):
                    for line in held.lines[held.done :]:
                        error = {
                            "code": f"batch_{status}",
                            "message": f"This request was not executed: the batch was {status}.",
                        }
                        row = {"id": "x", "custom_id": line["custom_id"], "response": None, "error": error}
                        held.failed.append(json.dumps(row).encode())
                for name, rows in (("out", held.answered), ("err", held.failed)):
                    if rows:
                        self.files[f"{held.id}-{name}"] = (
                            b"\n".join(reversed(rows) if reverse else rows) + b"\n"
                        )

    def refuse(self, message: str) -> None:
        """Refuse the files of all batches that were not begun."""
        with self.lock:
            for held in self.batches.values():
                if held.status == "validating":
                    held.status, held.errors = "failed", [message]

    def forget(self, name: str) -> None:
        """Know nothing of a batch any more."""
        with self.lock:
            del self.batches[name]

    def die(self) -> None:
        """Refuse every connection from now on."""
        self.shutdown()
        self.server_close()

    def texts(self) -> list[str]:
        """Return what was asked in all batches."""
        return [
            line["body"]["messages"][-1]["content"] for held in self.batches.values() for line in held.lines
        ]

    def told(self, held: Held) -> dict[str, Any]:
        return {
            "id": held.id,
            "object": "batch",
            "endpoint": held.given["endpoint"],
            "errors": {"object": "list", "data": [{"message": each} for each in held.errors]}
            if held.errors
            else None,
            "input_file_id": held.given["input_file_id"],
            "completion_window": held.given["completion_window"],
            "status": held.status,
            "output_file_id": self._file(held, "out"),
            "error_file_id": self._file(held, "err"),
            "created_at": held.created_at,
            "request_counts": {
                "total": len(held.lines),
                "completed": len(held.answered),
                "failed": len(held.failed),
            },
            "metadata": None if self.without_metadata else held.given.get("metadata"),
        }

    def _file(self, held: Held, name: str) -> str | None:
        return f"{held.id}-{name}" if f"{held.id}-{name}" in self.files else None


def _answer(held: Held, line: dict[str, Any]) -> None:
    text = str(line["body"]["messages"][-1]["content"])
    row: dict[str, Any] = {"id": f"r{held.done}", "custom_id": line["custom_id"], "error": None}
    if "#error" in text:
        body = {"error": {"message": "no such thing", "type": "invalid_request_error"}}
        held.failed.append(
            json.dumps({**row, "response": {"status_code": 400, "request_id": "q", "body": body}}).encode()
        )
        return
    message = {"role": "assistant", "content": text}
    body = {
        "id": "c",
        "model": f"{line['body']['model']}-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100},
    }
    held.answered.append(
        json.dumps({**row, "response": {"status_code": 200, "request_id": "q", "body": body}}).encode()
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BatchServer

    def do_POST(self) -> None:
        path, body = self._opened("POST")
        if path is None:
            return
        if path == "files":
            self._send(200, self._uploaded(body))
        elif path == "batches":
            self._send(200, self._created(json.loads(body)))
        elif path == "chat/completions":
            self._send(200, self._chat(json.loads(body)))
        elif path.endswith("/cancel"):
            held = self.server.batches[path.split("/")[1]]
            held.status = "cancelling"
            self._send(200, self.server.told(held))
        else:
            self._send(404, {"error": {"message": f"no {path}"}})

    def do_GET(self) -> None:
        path, _ = self._opened("GET")
        if path is None:
            return
        query = parse_qs(urlsplit(self.path).query)
        if path == "batches":
            listed = [each for each in self.server.batches.values() if each.id not in self.server.unlisted]
            rows = [self.server.told(held) for held in reversed(listed)]
            ids = [row["id"] for row in rows]
            start = ids.index(query["after"][0]) + 1 if "after" in query else 0
            some = rows[start : start + min(int(query.get("limit", ["20"])[0]), 3)]
            self._send(200, {"object": "list", "data": some, "has_more": start + len(some) < len(rows)})
        elif path.startswith("batches/") and path.removeprefix("batches/") in self.server.batches:
            self._send(200, self.server.told(self.server.batches[path.removeprefix("batches/")]))
        elif path.startswith("files/") and path.endswith("/content"):
            data = self.server.files[path.split("/")[1]]
            self._head(200, len(data))
            self.wfile.write(data)
        else:
            self._send(404, {"error": {"message": f"no {path}"}})

    def _opened(self, method: str) -> tuple[str | None, bytes]:
        path = urlsplit(self.path).path.removeprefix("/v1/")
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        server = self.server
        if server.dead:
            self.close_connection = True
            self.connection.close()
            return None, b""
        with server.lock:
            server.requests.append((method, path))
            server.keys.append(self.headers.get("authorization", ""))
            name = f"{method} {path}"
            trouble = next((each for each in server.trouble if each[0] == name), None)
            if trouble is not None:
                server.trouble.remove(trouble)
        if trouble is not None:
            self._send(trouble[1], {"error": {"message": "trouble"}}, trouble[2])
            return None, b""
        return path, body

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _uploaded(self, body: bytes) -> dict[str, Any]:
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        parts = {
            str(part.get_param("name", header="content-disposition")): part
            for part in BytesParser().parsebytes(head + body).get_payload()  # type: ignore[union-attr]
        }
        assert parts["purpose"].get_payload(decode=True) == b"batch"
        name = self.server.number("file")
        self.server.files[name] = parts["file"].get_payload(decode=True)  # type: ignore[assignment]
        self.server.names[name] = str(parts["file"].get_filename())
        return {"id": name, "object": "file", "purpose": "batch", "filename": self.server.names[name]}

    def _created(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["endpoint"] == "/v1/chat/completions" and given["completion_window"] == "24h"
        lines = [json.loads(line) for line in self.server.files[given["input_file_id"]].splitlines()]
        with self.server.lock:
            name = self.server.number("batch")
            held = Held(name, given, lines, created_at=1_700_000_000 + len(self.server.batches))
            self.server.batches[name] = held
        return self.server.told(held)

    def _chat(self, body: dict[str, Any]) -> dict[str, Any]:
        self.server.chats.append(body)
        text = str(body["messages"][-1]["content"])
        answer = json.dumps({"score": 5, "reason": "r"}) if str(body["model"]).startswith("judge") else text
        message = {"role": "assistant", "content": answer}
        return {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 1},
        }

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        name = f"{self.command} {urlsplit(self.path).path.removeprefix('/v1/')}"
        if self.server.swallow == name and status == 200:
            self.server.swallow = ""
            self.close_connection = True
            self.connection.close()
            return
        data = json.dumps(body).encode()
        self._head(status, len(data), headers or {})
        self.wfile.write(data)

    def _head(self, status: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Write nothing."""


@contextlib.contextmanager
def serving() -> Iterator[BatchServer]:
    """Serve until the block ends."""
    server = BatchServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
