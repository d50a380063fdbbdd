"""A BERT that turns tokens into points, with numpy alone, in float32 on the CPU.

Devlin et al. 2018 (arXiv 1810.04805) for the encoder; Reimers and Gurevych 2019 (arXiv 1908.10084) for the
mean over a text's tokens; Hendrycks and Gimpel 2016 (arXiv 1606.08415) for GELU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from promptops.providers._safetensors import Safetensors, Weights

BATCH_TOKENS = 4096
"""Of one pass, with padding: what a pass holds in memory at a time is some 100 MB for MiniLM."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a BERT, as its config.json says."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    inner: int
    """Width of the layer between, `intermediate_size`."""
    positions: int
    types: int
    epsilon: float
    """Of LayerNorm."""


@dataclass(frozen=True, slots=True)
class _Linear:
    weight: Weights
    """(inputs, outputs)."""
    bias: Weights

    def __call__(self, rows: Weights) -> Weights:
        return rows @ self.weight + self.bias


@dataclass(frozen=True, slots=True)
class _Norm:
    scale: Weights
    shift: Weights
    epsilon: float

    def __call__(self, rows: Weights) -> Weights:
        centred = rows - rows.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(self.epsilon))
        normed: Weights = centred / spread * self.scale + self.shift
        return normed


@dataclass(frozen=True, slots=True)
class _Layer:
    mixed: _Linear
    """Queries, keys and values side by side."""
    attended: _Linear
    first_norm: _Norm
    inner: _Linear
    outer: _Linear
    second_norm: _Norm


class Bert:
    """Weights and how they are run."""

    def __init__(self, weights: Safetensors, shape: Shape, pooling: Literal["mean", "cls"]) -> None:
        """Take the weights out of the file. Raises FileProblems where one is missing or of another shape."""
        self._shape = shape
        self._pooling = pooling
        read = _Reader(weights, shape.epsilon)
        self._words = read.tensor("embeddings.word_embeddings.weight", shape.vocabulary, shape.hidden)
        self._places = read.tensor("embeddings.position_embeddings.weight", shape.positions, shape.hidden)
        self._first_type = read.tensor("embeddings.token_type_embeddings.weight", shape.types, shape.hidden)[
            0
        ]
        self._norm = read.norm("embeddings.LayerNorm", shape.hidden)
        self._layers = [read.layer(f"encoder.layer.{place}", shape) for place in range(shape.layers)]

    def points(self, texts: Sequence[Sequence[int]]) -> Weights:
        """Return a point of length 1 for each text's tokens, (texts, hidden).

        Texts of about one length go together; what fills the shorter ones up is masked, so that a text's
        point is the same beside any others, up to rounding (some 1e-7).
        """
        found = np.empty((len(texts), self._shape.hidden), np.float32)
        for places in _batches([len(text) for text in texts]):
            found[places] = self._pass([texts[place] for place in places])
        return found

    def _pass(self, texts: Sequence[Sequence[int]]) -> Weights:
        lengths = np.array([len(text) for text in texts])
        longest = int(lengths.max())
        ids = np.zeros((len(texts), longest), np.int64)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
        real = np.arange(longest) < lengths[:, None]
        hidden = self._norm(self._words[ids] + self._places[:longest] + self._first_type)
        barred = np.where(real, np.float32(0), np.finfo(np.float32).min)[:, None, None, :]
        for layer in self._layers:
            hidden = self._through(layer, hidden, barred)
        if self._pooling == "cls":
            pooled = hidden[:, 0]
        else:
            counted = real[:, :, None].astype(np.float32)
            pooled = (hidden * counted).sum(axis=1) / counted.sum(axis=1)
        length = np.linalg.norm(pooled, axis=1, keepdims=True)
        points: Weights = pooled / np.maximum(length, np.float32(1e-12))
        return points

    def _through(self, layer: _Layer, hidden: Weights, barred: Weights) -> Weights:
        texts, longest, width = hidden.shape
        heads = self._shape.heads
        apart = layer.mixed(hidden).reshape(texts, longest, 3, heads, width // heads)
        queries, keys, values = apart.transpose(2, 0, 3, 1, 4)
        scores = queries @ keys.swapaxes(-1, -2) / np.float32(math.sqrt(width // heads)) + barred
        np.exp(scores - scores.max(axis=-1, keepdims=True), out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        seen = (scores @ values).transpose(0, 2, 1, 3).reshape(texts, longest, width)
        hidden = layer.first_norm(layer.attended(seen) + hidden)
        return layer.second_norm(layer.outer(gelu(layer.inner(hidden))) + hidden)


def gelu(x: Weights) -> Weights:
    """Return x times the normal distribution function at x, in float32.

    erf is Abramowitz and Stegun's 7.1.26, whose error is at most 1.5e-7: with float32's own rounding, GELU
    is within 1e-6 where |x| < 6, and exact to float32 beyond.
    """
    size = np.abs(x) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = np.float32(1.061405429) * t
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(coefficient)) * t
    erf = 1 - series * np.exp(-size * size)
    found: Weights = x * (1 + np.copysign(erf, x)) / 2
    return found


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield places of texts, the shortest first, so many at a time as fill a pass."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[place] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Reader:
    """Takes parts of a BERT out of a file, whose names may stand below `bert.`."""

    weights: Safetensors
    epsilon: float

    def tensor(self, name: str, *shape: int) -> Weights:
        below = f"bert.{name}"
        return self.weights.tensor(below if below in self.weights.names else name, shape)

    def linear(self, name: str, inputs: int, outputs: int) -> _Linear:
        weight = self.tensor(f"{name}.weight", outputs, inputs)
        return _Linear(np.ascontiguousarray(weight.T), self.tensor(f"{name}.bias", outputs))

    def norm(self, name: str, width: int) -> _Norm:
        return _Norm(self.tensor(f"{name}.weight", width), self.tensor(f"{name}.bias", width), self.epsilon)

    def layer(self, name: str, shape: Shape) -> _Layer:
        mixed = [
            self.linear(f"{name}.attention.self.{part}", shape.hidden, shape.hidden)
            for part in ("query", "key", "value")
        ]
        return _Layer(
            _Linear(
                np.concatenate([each.weight for each in mixed], axis=1),
                np.concatenate([each.bias for each in mixed]),
            ),
            self.linear(f"{name}.attention.output.dense", shape.hidden, shape.hidden),
            self.norm(f"{name}.attention.output.LayerNorm", shape.hidden),
            self.linear(f"{name}.intermediate.dense", shape.hidden, shape.inner),
            self.linear(f"{name}.output.dense", shape.inner, shape.hidden),
            self.norm(f"{name}.output.LayerNorm", shape.hidden),
        )
