"""Runs on a real Ray cluster of two nodes on this machine."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from promptops import Project
from tests.made import EVALSET, Folder, questions
from tests.providers import fault_server
from tests.providers.fault_server import KEY, Asked, Writer, completion, http
from tests.providers.in_thread import serving
from tests.providers.limit_server import LimitServer
from tests.runs.test_faulty_runs import project_at

ray = pytest.importorskip("ray", reason="Ray is not installed (pip install 'promptops[ray]')")
# A cluster takes seconds to start and stop.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("FAULTY_KEY", KEY)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    monkeypatch.setenv("RAY_ADDRESS", made.address)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


class Slow:
    """Answers after a tenth of a second, and knows how many wait at once."""

    def __init__(self) -> None:
        self.now, self.most, self.asked = 0, 0, 0

    async def __call__(self, writer: Writer, body: Asked) -> bool:
        self.now += 1
        self.asked += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.1)
            writer.write(http(200, json.dumps(completion(str(body["messages"][-1]["content"]))).encode()))
            await writer.drain()
        finally:
            self.now -= 1
        return True


def evaluated(folder: Folder, engine: str, jobs: int = 6) -> tuple[list[object], int]:
    """Return what a run says without its id and dates, and how many calls waited at the server at once."""
    slow = Slow()
    fault_server.PLAYS["slow"] = slow
    with Project.open(folder.path, engine=engine) as project:
        run = project.evaluate(
            "numbers", [folder.path / "ask.prompt.yaml"], ["faulty/slow"], concurrency=jobs, cache=False
        )[0]
        assert (run.status, run.done, run.errors) == ("finished", 90, 0)
        cases = [(case.result.sample_id, case.result.scores) for case in project.cases_of(run.id)]
        return [*cases, *project.estimates(run.id)], slow.most


def test_two_nodes_ask_twice_as_much_at_once_and_say_the_same(folder: Folder, cluster: Any) -> None:
    with serving() as server:
        project_at(folder, server.url, 90, attempts=3)
        here, most_here = evaluated(folder, "local")
        one, most_of_one = evaluated(folder, "ray")
        ray.shutdown()
        cluster.add_node(num_cpus=1)
        two, most_of_two = evaluated(folder, "ray")
    assert here == one == two
    assert (most_here, most_of_one) == (6, 6)
    assert most_of_two in {11, 12}  # on a busy machine the last of twelve may come late


def test_a_killed_node_loses_nothing(folder: Folder, cluster: Any) -> None:
    doomed = cluster.add_node(num_cpus=1)
    slow = Slow()
    fault_server.PLAYS["slow"] = slow
    killed: list[int] = []

    def watch(progress: Any) -> None:
        if progress.done >= 20 and not killed:
            killed.append(progress.done)
            cluster.remove_node(doomed, allow_graceful=False)

    with serving() as server:
        project_at(folder, server.url, 90, attempts=4)
        with Project.open(folder.path, engine="ray") as project:
            run = project.evaluate(
                "numbers", [folder.path / "ask.prompt.yaml"], ["faulty/slow"], concurrency=5, watch=watch
            )[0]
            results = [case.result for case in project.cases_of(run.id)]
    assert killed
    assert (run.status, run.done, run.errors) == ("finished", 90, 0)
    tries = [len(result.completion.attempts) for result in results if result.completion]
    assert sum(count > 1 for count in tries) >= 1  # some were asked again, of another node
    assert slow.asked <= 90 + 5


def test_the_command_makes_a_cluster_of_this_machine_where_none_is_named(folder: Folder) -> None:
    slow = Slow()
    fault_server.PLAYS["slow"] = slow
    with serving() as server:
        project_at(folder, server.url, 12, attempts=2)
        environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        assert environment.get("RAY_ADDRESS") is None
        done = folder.run(
            *("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/slow", "--engine", "ray", "--json"),
            FAULTY_KEY=KEY,
        )
    run = json.loads(done.stdout)["runs"][0]["run"]
    assert (run["status"], run["done"]) == ("finished", 12)
    assert slow.asked == 12
    assert KEY not in done.stdout + done.stderr


def test_faults_have_the_same_class_from_afar(folder: Folder, cluster: Any) -> None:
    with serving() as server:
        project_at(folder, server.url, 4, attempts=1)
        for fault, kind in (("s500", "server"), ("html", "malformed"), ("filtered_400", "filtered")):
            with Project.open(folder.path, engine="ray") as project:
                run = project.evaluate(
                    "numbers", [folder.path / "ask.prompt.yaml"], [f"faulty/{fault}"], cache=False
                )[0]
                assert [(each.kind, each.count) for each in project.failures(run.id)] == [(kind, 4)]


def test_what_the_server_says_is_left_reaches_the_driver(folder: Folder, cluster: Any) -> None:
    limited = LimitServer(requests=15, window=1.0, headers=True)

    async def play(writer: Writer, asked: Asked) -> bool:
        writer.write(await limited.answer(asked))
        await writer.drain()
        return True

    fault_server.PLAYS["limited"] = play
    with serving() as server:
        project_at(folder, server.url, 60, attempts=2)
        with Project.open(folder.path, engine="ray") as project:
            run = project.evaluate(
                "numbers", [folder.path / "ask.prompt.yaml"], ["faulty/limited"], concurrency=8, cache=False
            )[0]
    assert (run.done, run.errors) == (60, 0)
    assert limited.refused <= 5


def test_a_node_without_the_key_says_so_and_ends_the_run(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.delenv("FAULTY_KEY", raising=False)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        monkeypatch.setenv("RAY_ADDRESS", made.address)
        monkeypatch.setenv("FAULTY_KEY", KEY)
        with serving() as server:
            project_at(folder, server.url, 10, attempts=2)
            folder.evalset("numbers", questions(10), EVALSET)
            done = folder.run(
                *("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/ok", "--engine", "ray"), code=3
            )
            assert server.connections == 0
    finally:
        ray.shutdown()
        made.shutdown()
    said = done.stdout + done.stderr  # the run is stopped, or all its calls have failed before it could be
    assert "On a Ray node" in said and "FAULTY_KEY" in said
    assert KEY not in said
