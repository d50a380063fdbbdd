"""A fast server of the OpenAI chat API on loopback, for benchmarks: waits, answers, counts.

    python loopback_server.py PORT_FILE SECONDS

Raw asyncio, no framework: it must not be what is measured. `GET /stats` tells the number of calls, the
time from the first call to the last answer, and how many were under way on average; `POST /reset` clears.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path


class Stats:
    def __init__(self) -> None:
        self.calls = 0
        self.first = 0.0
        self.last = 0.0
        self.busy = 0.0


STATS = Stats()


def body_for(asked: bytes) -> bytes:
    judged = b"json_schema" in asked
    text = json.dumps({"reason": "It is right.", "score": 4}) if judged else "The answer is 42, as asked."
    return json.dumps(
        {
            "id": "x",
            "object": "chat.completion",
            "model": "bench",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 120, "completion_tokens": 12, "total_tokens": 132},
        }
    ).encode()


class Http(asyncio.Protocol):
    seconds = 0.05

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n")[1:]:
                if line.lower().startswith(b"content-length:"):
                    length = int(line[15:])
            if len(rest) < length:
                return
            asked, self.buffer = rest[:length], rest[length:]
            self.answer(head, asked)

    def answer(self, head: bytes, asked: bytes) -> None:
        if head.startswith(b"GET /stats"):
            window = STATS.last - STATS.first
            told = {
                "calls": STATS.calls,
                "window": window,
                "concurrency": STATS.busy / window if window else 0,
            }
            self.send(json.dumps(told).encode())
        elif head.startswith(b"POST /reset"):
            STATS.__init__()  # type: ignore[misc]
            self.send(b"{}")
        else:
            now = time.perf_counter()
            STATS.first = STATS.first or now
            STATS.calls += 1
            asyncio.get_running_loop().call_later(self.seconds, self.finish, now, asked)

    def finish(self, started: float, asked: bytes) -> None:
        STATS.last = time.perf_counter()
        STATS.busy += STATS.last - started
        self.send(body_for(asked))

    def send(self, body: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(  # type: ignore[attr-defined]
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )


async def serve(port_file: Path, seconds: float) -> None:
    Http.seconds = seconds
    server = await asyncio.get_running_loop().create_server(Http, "127.0.0.1", 0, backlog=2048)
    port_file.write_text(str(server.sockets[0].getsockname()[1]))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
