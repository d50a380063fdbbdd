"""A Ray cluster: models are asked by an actor on each node, all else stays with the driver.

The cluster is the one that RAY_ADDRESS names, else one on this machine. Each node needs the same promptops,
and the models' keys in its own environment: they travel nowhere. What is sent is JSON, never an object.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path
from typing import Any

from promptops import plugins
from promptops.engines import Engine, Item
from promptops.engines._pool import work_through
from promptops.errors import CallFailed, PromptopsError, UsageError
from promptops.providers import Allowance, Model, ProviderSettings
from promptops.types import Completion, Request

_told: ContextVar[tuple[Allowance, ...]] = ContextVar("_told", default=())
"""On a node: what the answer to the current task's call says of the server's limits."""
AT_ONCE = 4096
"""Calls that one node's actor may have under way; the driver's concurrency is below it."""


class Ray(Engine):
    """One asynchronous actor a node; a node that dies fails its calls, and they are asked elsewhere."""

    def __init__(self) -> None:
        self._ray: Any = None
        self._ours = False
        self._askers: list[_Asker] = []

    def start(self) -> None:
        """Join the cluster. Raises UsageError without Ray, or where no node can be reached."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise UsageError(
                "The engine 'ray' needs Ray, which is not installed: pip install 'promptops[ray]'"
            ) from None
        self._ray = ray
        if not ray.is_initialized():
            self._ours = True
            self._join()
        self._hire()

    def reach(self, model: Model) -> Model:
        """Return a model of the same name, address and settings that the nodes' actors ask."""
        return _Remote(model, self._ask)

    async def run(
        self, work: Callable[[Item], Awaitable[None]], items: Iterable[Item], concurrency: int
    ) -> None:
        """Do the work for all items; each node may have `concurrency` calls under way."""
        await work_through(work, items, concurrency * max(len(self._askers), 1))

    def close(self) -> None:
        """Let the actors go, and the cluster where it was ours."""
        for asker in self._askers:
            self._ray.kill(asker.actor)
        self._askers = []
        if self._ours and self._ray is not None:
            self._ray.shutdown()

    def _join(self) -> None:
        address = os.environ.get("RAY_ADDRESS")
        quiet: dict[str, Any] = {"include_dashboard": False} if address is None else {}
        if address is None:
            quiet["_node_ip_address"] = "127.0.0.1"  # nobody else is to reach it
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR", **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"at {address}" if address else "on this machine"
            raise UsageError(f"No Ray cluster {where} could be joined: {error}") from None

    def _hire(self) -> None:
        """Get an actor on each node that lives and has processors; on any where none has."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        alive = [node for node in self._ray.nodes() if node["Alive"]]
        working = [node for node in alive if node["Resources"].get("CPU", 0) > 0] or alive
        remote = self._ray.remote(num_cpus=0, max_concurrency=AT_ONCE)(_Actor)
        self._askers = [
            _Asker(
                remote.options(
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                ).remote(),
                str(node["NodeManagerAddress"]),
            )
            for node in working
        ]

    async def _ask(self, opening: bytes, request: bytes) -> bytes:
        """Have the least busy node ask; a node that died is left out from then on."""
        if not self._askers:
            self._hire()
        asker = min(self._askers, key=lambda each: each.busy)
        asker.busy += 1
        told = asker.actor.ask.remote(opening, request)
        try:
            reply: bytes = await told
        except asyncio.CancelledError:
            self._ray.cancel(told)
            raise
        except self._ray.exceptions.RayError as error:
            if asker in self._askers:
                self._askers.remove(asker)
            where, kind = asker.where, type(error).__name__
            failure = CallFailed("connection", f"The Ray node {where} gave no answer and is left out: {kind}")
        else:
            return reply
        finally:
            asker.busy -= 1
        raise failure


class _Asker:
    """The actor of one node as the driver sees it."""

    def __init__(self, actor: Any, where: str) -> None:
        self.actor = actor
        self.where = where
        self.busy = 0


class _Actor:
    """Asks models on a node."""

    def __init__(self) -> None:
        self._models: dict[bytes, Model] = {}

    async def ask(self, opening: bytes, request: bytes) -> bytes:
        """Return a completion or a failure as JSON; both are data, so that no exception is sent."""
        try:
            _told.set(())
            completion = await self._model(opening).generate(Request.model_validate(json.loads(request)))
        except CallFailed as error:
            told = {"kind": error.kind, "status": error.status, "retry_after": error.retry_after}
            return _json({"failed": {**told, "message": str(error)}, "limits": _limits()})
        except PromptopsError as error:
            return _json({"failed": {"kind": "auth", "message": f"On a Ray node: {error}"}})
        return _json({"completion": completion.model_dump(mode="json"), "limits": _limits()})

    def _model(self, opening: bytes) -> Model:
        if opening not in self._models:
            given = json.loads(opening)
            chosen = plugins.find("providers", given["class"], Model)  # type: ignore[type-abstract]
            settings = ProviderSettings.model_validate(given["settings"])
            model = chosen(given["model"], settings, dict(os.environ), Path(given["root"]))
            model.tell = _note
            self._models[opening] = model
        return self._models[opening]


class _Remote(Model):
    """A model that is asked by others; what it is stays with the one that was opened here."""

    def __init__(self, model: Model, ask: Callable[[bytes, bytes], Awaitable[bytes]]) -> None:
        super().__init__(model.model, model.settings, model.environment, model.root)
        self._opened = model
        self._ask = ask
        self.stand_in = model.stand_in  # type: ignore[misc]
        self.cacheable = model.cacheable  # type: ignore[misc]
        self.runs_code = model.runs_code  # type: ignore[misc]
        kind = type(model)
        self._opening = _json(
            {
                "class": f"{kind.__module__}:{kind.__qualname__}",
                "model": model.model,
                "settings": model.settings.model_dump(mode="json"),
                "root": str(model.root),
            }
        )

    @property
    def origin(self) -> str:
        return self._opened.origin

    @property
    def account(self) -> str | None:
        return self._opened.account

    async def generate(self, request: Request) -> Completion:
        """Have a node ask. Raises CallFailed as the model itself would, or `connection` where a node died."""
        reply = json.loads(await self._ask(self._opening, _json(request.model_dump(mode="json"))))
        if self.tell is not None and reply.get("limits"):
            self.tell(tuple(Allowance(**each) for each in reply["limits"]))
        failed: Mapping[str, Any] | None = reply.get("failed")
        if failed is None:
            return Completion.model_validate(reply["completion"])
        raise CallFailed(
            failed["kind"],
            failed["message"],
            status=failed.get("status"),
            retry_after=failed.get("retry_after"),
        )

    async def close(self) -> None:
        await self._opened.close()


def _note(told: tuple[Allowance, ...]) -> None:
    _told.set(told)


def _limits() -> list[dict[str, Any]]:
    return [asdict(allowance) for allowance in _told.get()]


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode()
