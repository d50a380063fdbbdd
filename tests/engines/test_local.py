from __future__ import annotations

import asyncio

import pytest

from promptops import Project
from promptops.engines.local import Local
from tests.made import Folder


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


def test_the_engine_is_chosen_by_setting_variable_and_flag(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "needs Ray" in without_ray(folder, "--engine", "ray")
    folder.write("promptops.toml", 'model = "mock/echo"\nengine = "ray"\n')
    assert "needs Ray" in without_ray(folder)
    folder.write("promptops.toml", 'model = "mock/echo"\n')
    assert "needs Ray" in without_ray(folder, PROMPTOPS_ENGINE="ray")
    told = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "--engine", "rya", code=2).stderr
    assert "Did you mean 'ray'?" in told
    with Project.open(folder.path) as project:
        assert project.run_count() == 0


def without_ray(folder: Folder, *arguments: str, **environment: str) -> str:
    """Evaluate where Ray can't be imported; return what is told, before anything is asked."""
    hidden = folder.path / "hidden"
    hidden.mkdir(exist_ok=True)
    (hidden / "ray.py").write_text("raise ImportError('hidden')\n")
    environment |= {"PYTHONPATH": str(hidden)}
    done = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", *arguments, code=2, **environment)
    assert "Traceback" not in done.stderr
    return done.stderr
