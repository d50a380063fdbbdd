"""A server of the chat API on loopback that counts what it is asked, in a thread of its own.

It answers the last message's text, or a judge's verdict to a model whose name begins with `judge`. A text
that holds `#length`, `#refusal`, `#filter` or `#error` gets just that.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ChatServer(ThreadingHTTPServer):
    """Counts calls and keeps every request's body and authorization."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.seconds = 0.0
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that was killed."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def calls(self) -> int:
        return len(self.bodies)

    def texts(self) -> list[str]:
        """Return what was asked, in order."""
        with self.lock:
            return [body["messages"][-1]["content"] for body in self.bodies]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.keys.append(self.headers.get("authorization", ""))
        time.sleep(self.server.seconds)
        text = str(body["messages"][-1]["content"])
        if "#error" in text:
            self._send(400, {"error": {"message": "no such thing", "type": "invalid_request_error"}})
            return
        answer = text
        if str(body["model"]).startswith("judge"):
            answer = json.dumps({"score": 4 if "7" in text else 5, "reason": "as it seems"})
        reason = {"#length": "length", "#refusal": "refusal", "#filter": "content_filter"}
        finish = next((reason[mark] for mark in reason if mark in text), "stop")
        message: dict[str, Any] = {"role": "assistant", "content": answer}
        if finish == "refusal":
            message, finish = {"role": "assistant", "content": None, "refusal": "I would rather not."}, "stop"
        self._send(
            200,
            {
                "id": f"call-{self.server.calls}",
                "model": f"{body['model']}-2026",
                "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                "usage": {"prompt_tokens": len(text), "completion_tokens": len(answer)},
            },
        )

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextlib.contextmanager
def chat_server() -> Iterator[ChatServer]:
    """Serve until the block ends."""
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
