"""A server of the OpenAI chat API in a thread: it counts what it is asked, and tells a usage."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass
class PaidServer:
    """Answers each request with the last message, in an order that it keeps."""

    url: str = ""
    usage: Callable[[str], Body | None] = lambda text: {"prompt_tokens": 1000, "completion_tokens": 1000}
    seconds: Callable[[str], float] = lambda text: 0.0
    status: Callable[[str, int], int] = lambda text, times: 200
    """By the text and how often it was asked by now."""
    say: Callable[[str], str] = lambda text: text
    pause: str | None = "0"
    """What Retry-After says."""
    asked: Counter[str] = field(default_factory=Counter)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def calls(self) -> int:
        return sum(self.asked.values())


@contextlib.contextmanager
def serving() -> Iterator[PaidServer]:
    """Serve on a free port of loopback."""
    paid = PaidServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = str(body["messages"][-1]["content"])
            with paid.lock:
                paid.asked[text] += 1
                times = paid.asked[text]
                paid.at_once += 1
                paid.most_at_once = max(paid.most_at_once, paid.at_once)
            time.sleep(paid.seconds(text))
            with paid.lock:
                paid.at_once -= 1
            message = {"role": "assistant", "content": paid.say(text)}
            usage = paid.usage(text)
            status = paid.status(text, times)
            # As on real servers, no two answers are the same to the byte; of two requests that are the same,
            # a failure does not tell which came first.
            place = f"-{times}" if status == 200 else ""
            name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12] + place
            answer = {"id": name, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
            sent = json.dumps(answer if usage is None else {**answer, "usage": usage}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            if paid.pause is not None:
                self.send_header("retry-after", paid.pause)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *details: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    paid.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield paid
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
