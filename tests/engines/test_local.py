from __future__ import annotations

import asyncio

import pytest

from promptops.engines.local import Local


def test_every_item_is_worked_on_once_and_never_more_at_a_time_than_allowed() -> None:
    at_once, most, seen = 0, 0, []

    async def work(item: int) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        seen.append(item)
        at_once -= 1

    asyncio.run(Local().run(work, range(100), 7))
    assert sorted(seen) == list(range(100))
    assert most == 7


def test_items_are_drawn_only_when_a_place_is_free() -> None:
    drawn: list[int] = []

    def items() -> object:
        for number in range(10):
            drawn.append(number)
            yield number

    async def work(item: int) -> None:
        assert len(drawn) <= item + 2

    asyncio.run(Local().run(work, items(), 2))  # type: ignore[arg-type]


def test_the_first_fault_ends_the_run_and_is_raised() -> None:
    async def work(item: int) -> None:
        if item == 3:
            raise ValueError("broken")
        await asyncio.sleep(0)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(Local().run(work, range(10), 2))
    assert "broken" in str(caught.value.exceptions[0])
