"""Weights in the safetensors format, read by hand: eight bytes of length, a JSON header, raw tensors.

The format is Hugging Face's (github.com/huggingface/safetensors). A file is untrusted: its header has a
limit, every tensor must lie inside the file at exactly the size that its shape says, and tensors may neither
overlap nor leave gaps.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from promptops.errors import FileProblems, Problem
from promptops.files.jsonfile import read_json
from promptops.files.textfile import decode, file_name, open_regular

MAX_BYTES = 2_000_000_000
"""Of a file; MiniLM has 91 MB, the largest usual BERT 1.3 GB."""
MAX_HEADER = 10_000_000
"""Of its header, in bytes; MiniLM's has 11,000."""

Weights = NDArray[np.float32]

_LENGTH = 8
_SIZES = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("BOOL", "U8", "I8"), 1),
}
"""Bytes of one number of each type."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Safetensors:
    """The tensors of one file by their names, and the SHA-256 of its bytes."""

    def __init__(self, path: Path) -> None:
        """Read a file and check its header. Raises FileProblems."""
        self._file = file_name(path)
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise self._fault(f"is larger than {MAX_BYTES:,} bytes")
        self._data = data
        self.sha256 = hashlib.sha256(data).hexdigest()
        self._start = self._header_end()
        self._tensors = self._checked(self._header())

    @property
    def names(self) -> frozenset[str]:
        """The tensors that are there."""
        return frozenset(self._tensors)

    def tensor(self, name: str, shape: tuple[int, ...]) -> Weights:
        """Return a tensor in float32 that must have this shape. Raises FileProblems where it is none such.

        Numbers must be F32, F16 or BF16, and finite.
        """
        found = self._tensors.get(name)
        if found is None:
            raise self._fault(f"has no tensor {name!r}")
        if found.shape != shape:
            raise self._fault(f"tensor {name!r} has the shape {list(found.shape)}, not {list(shape)}")
        raw = memoryview(self._data)[self._start + found.begin : self._start + found.end]
        if found.dtype == "F32":
            numbers = np.frombuffer(raw, "<f4").astype(np.float32, copy=False)
        elif found.dtype == "F16":
            numbers = np.frombuffer(raw, "<f2").astype(np.float32)
        elif found.dtype == "BF16":  # the upper half of a float32
            numbers = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            raise self._fault(f"tensor {name!r} is of type {found.dtype}; F32, F16 and BF16 are read")
        if not np.isfinite(numbers).all():
            raise self._fault(f"tensor {name!r} holds numbers that are not finite; the file is damaged")
        return numbers.reshape(shape)

    def _header_end(self) -> int:
        if len(self._data) < _LENGTH:
            raise self._fault("is no safetensors file: it has no header")
        length = int.from_bytes(self._data[:_LENGTH], "little")
        if length > MAX_HEADER:
            raise self._fault(f"is no safetensors file: its header would have {length:,} bytes")
        if _LENGTH + length > len(self._data):
            raise self._fault("ends within its header; load it again")
        return _LENGTH + length

    def _header(self) -> dict[str, JsonValue]:
        text = decode(self._data[_LENGTH : self._start], self._file)
        header = read_json(text, self._file).value
        if not isinstance(header, dict):
            raise self._fault("is no safetensors file: its header is no JSON object")
        return header

    def _checked(self, header: dict[str, JsonValue]) -> dict[str, _Tensor]:
        tensors = {name: self._tensor(name, told) for name, told in header.items() if name != "__metadata__"}
        reached = 0
        for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
            if tensor.begin != reached:
                raise self._fault(f"tensor {name[:200]!r} overlaps another or leaves a gap before it")
            reached = tensor.end
        if self._start + reached != len(self._data):
            raise self._fault(
                f"its tensors end at byte {self._start + reached:,} of {len(self._data):,}; load it again"
            )
        return tensors

    def _tensor(self, name: str, told: JsonValue) -> _Tensor:
        told = told if isinstance(told, dict) else {}
        dtype, shape, offsets = (told.get(key) for key in ("dtype", "shape", "data_offsets"))
        sizes, ends = _counts(shape), _counts(offsets)
        if (
            not isinstance(dtype, str)
            or dtype not in _SIZES
            or sizes is None
            or ends is None
            or len(ends) != 2
        ):
            raise self._fault(f"tensor {name[:200]!r} has no type, shape and offsets that can be read")
        begin, end = ends
        if not begin <= end <= len(self._data) - self._start:
            raise self._fault(f"tensor {name[:200]!r} lies outside the file ({begin:,} to {end:,})")
        if end - begin != math.prod(sizes) * _SIZES[dtype]:
            raise self._fault(f"tensor {name[:200]!r} has {end - begin:,} bytes, which its shape contradicts")
        return _Tensor(dtype, sizes, begin, end)

    def _fault(self, reason: str) -> FileProblems:
        return FileProblems([Problem(self._file, reason)])


def _counts(value: JsonValue) -> tuple[int, ...] | None:
    """Return a short list of counts; None where it is none."""
    if not isinstance(value, list) or len(value) > 8:
        return None
    counts = [each for each in value if isinstance(each, int) and not isinstance(each, bool) and each >= 0]
    return tuple(counts) if len(counts) == len(value) else None
