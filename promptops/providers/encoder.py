"""A sentence encoder on this machine: `encoder/all-MiniLM-L6-v2` turns texts into points, for `--embed`.

It is run by numpy alone, on the CPU, from files that are there already; see _encoderfolder.py for where.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import JsonValue

from promptops.errors import CallFailed
from promptops.providers import Embedder, Model, ProviderSettings, Vectors
from promptops.types import Completion, Request

if TYPE_CHECKING:
    from promptops.providers._encoderfolder import Encoder as Weighed

NO_ANSWERS = "An encoder turns texts into points and answers nothing; name it by --embed."


class Encoder(Model):
    """Turns texts into points without a server, a key or a price; it writes no answers."""

    cacheable: ClassVar[bool] = False
    local: ClassVar[bool] = True
    free: ClassVar[bool] = True

    def __init__(
        self, model: str, settings: ProviderSettings, environment: Mapping[str, str], root: Path
    ) -> None:
        """Take the name. Raises UsageError for what can't be one; files are read by `embedder`."""
        from promptops.providers._encoderfolder import check_name  # numpy

        super().__init__(model, settings, environment, root)
        check_name(model)
        self._embedder: EncoderPoints | None = None

    def unfit(self, parameters: Mapping[str, JsonValue]) -> str:
        """Return that it answers no prompt."""
        return NO_ANSWERS

    async def generate(self, request: Request) -> Completion:
        """Raise CallFailed (rejected)."""
        raise CallFailed("rejected", NO_ANSWERS)

    def embedder(self) -> EncoderPoints:
        """Read the model, once. Raises UsageError where it is not there, FileProblems where it is no BERT."""
        from promptops.providers._encoderfolder import find_folder, read_encoder  # numpy

        if self._embedder is None:
            folder = None if self.settings.folder is None else self.root / self.settings.folder
            self._embedder = EncoderPoints(
                read_encoder(find_folder(self.model, folder, self.environment)), self.model
            )
        return self._embedder


class EncoderPoints(Embedder):
    """One encoder that has been read."""

    max_texts: ClassVar[int] = 256
    max_characters: ClassVar[int] = 10_000_000

    def __init__(self, encoder: Weighed, name: str) -> None:
        self._encoder = encoder
        self._name = name
        self._turn = threading.Lock()

    @property
    def about(self) -> str:
        """The digest of its files, and how much of a text it reads."""
        return f"sha256 {self._encoder.digest[:12]}, first {self._encoder.reads} tokens"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Run the encoder in a thread; whoever asks meanwhile waits. Raises CallFailed (malformed)."""
        return await asyncio.to_thread(self._points, texts)

    async def close(self) -> None:
        """Hold nothing that needs closing."""

    def _points(self, texts: Sequence[str]) -> Vectors:
        import numpy as np  # not for those who only look the provider up

        tokenizer, most = self._encoder.tokenizer, self._encoder.reads
        tokens = [tokenizer.tokens(text, most) for text in texts]
        # numpy runs on all cores by itself; two passes at a time would only take twice the memory.
        with self._turn, np.errstate(over="ignore", invalid="ignore"):
            points = self._encoder.bert.points(tokens)
        if not np.isfinite(points).all():
            raise CallFailed(
                "rejected", f"{self._name} gave a point that is no number; its weights are wrong."
            )
        return Vectors([row.tolist() for row in points], sum(len(each) for each in tokens))
