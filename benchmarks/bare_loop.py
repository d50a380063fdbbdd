"""The yardstick: the shortest aiohttp loop that asks as many questions, and stores nothing.

python bare_loop.py URL CALLS CONCURRENCY
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp


async def main(url: str, calls: int, concurrency: int) -> None:
    numbers = iter(range(calls))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def worker() -> None:
            for number in numbers:
                body = {"model": "bench", "messages": [{"role": "user", "content": f"Question {number}?"}]}
                async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                    answer = await response.json()
                    assert "42" in answer["choices"][0]["message"]["content"]

        await asyncio.gather(*(worker() for _ in range(concurrency)))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
