"""`/v1/embeddings` on loopback, as documented, with the faults that one must expect.

A text's point is the count of a few stems in it, so that texts of one meaning lie close together whatever
their other words.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STEMS = ("refund", "money back", "reimburse", "parcel", "package", "shipment", "password", "log in")


def point(text: str) -> list[float]:
    low = text.lower()
    kinds = [sum(low.count(stem) for stem in STEMS[start : start + 3]) for start in (0, 3, 6)]
    return [*map(float, kinds), 1.0, len(text) / 1000]


class EmbeddingServer(ThreadingHTTPServer):
    """Keeps what it is asked, and answers with `points` in the order that `order` gives."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.trouble: list[tuple[int, dict[str, str]]] = []
        """Statuses and headers in place of the next answers."""
        self.answer: Callable[[list[str]], Any] = self.points
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @staticmethod
    def points(texts: list[str]) -> Any:
        data = [{"object": "embedding", "index": n, "embedding": point(text)} for n, text in enumerate(texts)]
        return {"object": "list", "data": data[::-1], "usage": {"prompt_tokens": 7, "total_tokens": 7}}


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(body)
            self.server.paths.append(self.path)
            self.server.keys.append(self.headers.get("Authorization"))
            status, headers = self.server.trouble.pop(0) if self.server.trouble else (200, {})
        given = {"error": {"message": "no"}} if status != 200 else self.server.answer(body["input"])
        sent = json.dumps(given).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving() -> Iterator[EmbeddingServer]:
    """Serve until the block ends."""
    with EmbeddingServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
