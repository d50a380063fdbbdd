"""A deadline ends one wait as `asyncio.timeout` does, whoever else cancels."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from promptops.providers._deadlines import Deadlines


def run(work: Callable[[Deadlines], Awaitable[None]]) -> None:
    async def inside() -> None:
        deadlines = Deadlines(asyncio.get_running_loop())
        try:
            await work(deadlines)
        finally:
            deadlines.close()

    asyncio.run(inside())


def test_what_takes_too_long_is_ended_and_the_task_goes_on() -> None:
    async def work(deadlines: Deadlines) -> None:
        with pytest.raises(TimeoutError), deadlines.within(0.01):
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    run(work)


def test_what_is_done_in_time_is_left_alone_later() -> None:
    async def work(deadlines: Deadlines) -> None:
        with deadlines.within(0.01):
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)

    run(work)


def test_the_timer_of_what_was_done_in_time_ends_nobody_else() -> None:
    async def work(deadlines: Deadlines) -> None:
        with deadlines.within(0.005):
            await asyncio.sleep(0)
        with deadlines.within(60):
            await asyncio.sleep(0.02)
        with pytest.raises(TimeoutError), deadlines.within(0.005):
            await asyncio.Event().wait()

    run(work)


def test_each_of_many_ends_at_its_own_time_whatever_the_order() -> None:
    async def work(deadlines: Deadlines) -> None:
        ended: list[int] = []

        async def one(number: int) -> None:
            try:
                with deadlines.within(number / 100):
                    await asyncio.Event().wait()
            except TimeoutError:
                ended.append(number)

        async def short() -> None:
            with deadlines.within(0.005):
                await asyncio.sleep(0)

        await asyncio.gather(short(), *(one(number) for number in (3, 1, 4, 2)))
        assert ended == [1, 2, 3, 4]

    run(work)


def test_a_deadline_that_has_passed_already_still_ends_the_wait() -> None:
    async def work(deadlines: Deadlines) -> None:
        with pytest.raises(TimeoutError), deadlines.within(0):
            await asyncio.Event().wait()

    run(work)


def test_who_is_cancelled_by_another_hears_that_and_no_timeout() -> None:
    async def work(deadlines: Deadlines) -> None:
        async def wait() -> None:
            with deadlines.within(60):
                await asyncio.Event().wait()

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work)


def test_who_is_cancelled_by_both_hears_the_other() -> None:
    async def work(deadlines: Deadlines) -> None:
        async def wait() -> None:
            with deadlines.within(0.01):
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    asyncio.current_task().cancel()  # type: ignore[union-attr]
                    raise

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(wait())

    run(work)


def test_a_fault_in_the_very_moment_of_the_deadline_is_told_as_itself() -> None:
    async def work(deadlines: Deadlines) -> None:
        with pytest.raises(ValueError, match="mine"), deadlines.within(0.005):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ValueError("mine") from None
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    run(work)


def test_one_inside_another_ends_only_its_own_wait() -> None:
    async def work(deadlines: Deadlines) -> None:
        with deadlines.within(60):
            with pytest.raises(TimeoutError), deadlines.within(0.005):
                await asyncio.Event().wait()
            await asyncio.sleep(0)

    run(work)
