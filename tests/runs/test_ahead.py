"""Items made ready ahead: in order, each once, at most so many, and nobody ever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.runs.ahead import PACE, Ahead


def counted(items: Iterator[int], drawn: list[int]) -> Iterator[int]:
    for item in items:
        drawn.append(item)
        yield item


@given(st.integers(0, 60), st.integers(1, 9), st.lists(st.booleans(), max_size=60))
def test_each_item_comes_once_and_in_order_however_long_is_waited(
    total: int, size: int, pauses: list[bool]
) -> None:
    async def run() -> list[tuple[int, bool]]:
        taken = []
        items = ((number, False) for number in range(total))
        async with Ahead(items, lambda item: (item[0], True), size) as ahead:
            for place, item in enumerate(ahead):
                taken.append(item)
                if place < len(pauses) and pauses[place]:
                    await asyncio.sleep(PACE)
        return taken

    assert [number for number, _ in asyncio.run(run())] == list(range(total))


def test_while_it_waits_as_many_are_ready_as_there_are_places_and_no_more() -> None:
    async def run() -> tuple[list[tuple[int, bool]], int]:
        drawn: list[int] = []
        items = ((number, False) for number in counted(iter(range(100)), drawn))
        async with Ahead(items, lambda item: (item[0], True), 6) as ahead:
            first = next(ahead)
            await asyncio.sleep(20 * PACE)
            held = len(drawn) - 1
            return [first, *(next(ahead) for _ in range(8))], held

    taken, held = asyncio.run(run())
    assert held == 6
    assert taken == [(0, False), *((number, True) for number in range(1, 7)), (7, False), (8, False)]


def test_a_fault_in_drawing_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise OSError("the file is gone")

    async def run() -> list[int]:
        taken = []
        async with Ahead(items(), lambda item: item, 8) as ahead:
            taken.append(next(ahead))
            await asyncio.sleep(20 * PACE)
            taken += [next(ahead), next(ahead)]
            with pytest.raises(OSError, match="the file is gone"):
                next(ahead)
        return taken

    assert asyncio.run(run()) == [1, 2, 3]
