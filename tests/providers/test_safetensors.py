"""Weights out of a file that nobody vouches for."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.errors import FileProblems
from promptops.providers._safetensors import MAX_HEADER, Safetensors


def file_of(folder: Path, header: object, data: bytes = b"", *, length: int | None = None) -> Path:
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(told) if length is None else length) + told + data)
    return path


def told(dtype: str, shape: list[object], begin: object, end: object) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_numbers_of_all_three_types_are_read_as_numpy_and_the_format_have_them(tmp_path: Path) -> None:
    numbers = np.array([[1.5, -2.25, 0.0], [3e-3, 1e4, -7.0]], np.float32)
    half = numbers.astype("<f2")
    upper = (numbers.view(np.uint32) >> 16).astype("<u2")
    header = {
        "__metadata__": {"format": "pt"},
        "single": told("F32", [2, 3], 0, 24),
        "half": told("F16", [2, 3], 24, 36),
        "brain": told("BF16", [2, 3], 36, 48),
        "ids": told("I64", [1], 48, 56),
    }
    path = file_of(
        tmp_path, header, numbers.tobytes() + half.tobytes() + upper.tobytes() + struct.pack("<q", 3)
    )
    read = Safetensors(path)
    assert read.names == {"single", "half", "brain", "ids"}
    np.testing.assert_array_equal(read.tensor("single", (2, 3)), numbers)
    np.testing.assert_array_equal(read.tensor("half", (2, 3)), half.astype(np.float32))
    np.testing.assert_allclose(read.tensor("brain", (2, 3)), numbers, rtol=2**-7)
    assert read.tensor("brain", (2, 3))[0].tolist() == [1.5, -2.25, 0.0]  # few bits, so kept whole
    with pytest.raises(FileProblems, match="'ids' is of type I64"):
        read.tensor("ids", (1,))
    with pytest.raises(FileProblems, match=r"the shape \[2, 3\], not \[3, 2\]"):
        read.tensor("single", (3, 2))
    with pytest.raises(FileProblems, match="has no tensor 'bias'"):
        read.tensor("bias", (3,))


@pytest.mark.parametrize(
    ("header", "data", "length", "reason"),
    [
        ({}, b"", 2**63, "its header would have"),
        ({}, b"", MAX_HEADER + 1, "its header would have"),
        ({}, b"", 10_000, "ends within its header"),
        (b"[]", b"", None, "no JSON object"),
        (b"{", b"", None, "is not JSON"),
        (b"\xff\xfe", b"", None, "UTF-16"),
        (b'{"a": 1, "a": 2}', b"", None, "stands here twice"),
        (b"[" * 5000, b"", None, "nested deeper"),
        ({"a": told("F32", [2], 0, 8)}, b"1234", None, "lies outside the file"),
        ({"a": told("F32", [2], 2**60, 2**60 + 8)}, b"12345678", None, "lies outside the file"),
        ({"a": told("F32", [2], 8, 0)}, b"12345678", None, "lies outside the file"),
        ({"a": told("F32", [3], 0, 8)}, b"12345678", None, "its shape contradicts"),
        ({"a": told("F32", [2**62, 2**62], 0, 8)}, b"12345678", None, "its shape contradicts"),
        ({"a": told("F32", [-1, -2], 0, 8)}, b"12345678", None, "can be read"),
        ({"a": told("F32", [True], 0, 4)}, b"1234", None, "can be read"),
        ({"a": told("F32", [1] * 9, 0, 4)}, b"1234", None, "can be read"),
        ({"a": told("Q4", [2], 0, 8)}, b"12345678", None, "can be read"),
        ({"a": {"dtype": "F32", "shape": [2]}}, b"12345678", None, "can be read"),
        ({"a": "F32"}, b"", None, "can be read"),
        ({"a": told("F32", [1], 0, 4), "b": told("F32", [1], 0, 4)}, b"1234", None, "overlaps another"),
        ({"a": told("F32", [1], 4, 8)}, b"12345678", None, "leaves a gap"),
        ({"a": told("F32", [1], 0, 4)}, b"12345678", None, "its tensors end at byte"),
    ],
)
def test_a_header_that_lies_is_refused_with_what_is_wrong(
    tmp_path: Path, header: object, data: bytes, length: int | None, reason: str
) -> None:
    with pytest.raises(FileProblems, match=reason):
        Safetensors(file_of(tmp_path, header, data, length=length))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_refused(tmp_path: Path, number: float) -> None:
    read = Safetensors(file_of(tmp_path, {"a": told("F32", [1], 0, 4)}, struct.pack("<f", number)))
    with pytest.raises(FileProblems, match="not finite"):
        read.tensor("a", (1,))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblems, match="no such file"):
        Safetensors(tmp_path / "model.safetensors")
    with pytest.raises(FileProblems, match="no regular file"):
        Safetensors(tmp_path)
    (tmp_path / "short").write_bytes(b"1234567")
    with pytest.raises(FileProblems, match="has no header"):
        Safetensors(tmp_path / "short")


@given(data=st.binary(max_size=200), place=st.integers(0, 150))
def test_any_bytes_end_as_weights_or_as_a_fault(
    data: bytes, place: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    good = file_of(folder, {"a": told("F32", [2], 0, 8)}, b"12345678").read_bytes()
    path = folder / "broken.safetensors"
    path.write_bytes(good[:place] + data + good[place + len(data) :])
    try:
        found = Safetensors(path)
        numbers = [found.tensor(name, (2,)) for name in found.names]
    except FileProblems as fault:
        assert "broken.safetensors" in str(fault)
    else:
        assert all(np.isfinite(each).all() for each in numbers)
