"""The folders that travel with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptops.errors import UnknownName
from promptops.shipped import SHIPPED, shipped_folder

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", SHIPPED)
def test_in_a_checkout_the_folders_at_its_top_are_meant(name: str) -> None:
    assert shipped_folder(name) == ROOT / name


def test_no_other_folder_is_handed_out() -> None:
    for name in ("tests", "migration", "..", ""):
        with pytest.raises(UnknownName, match=r"There is|Did you mean"):
            shipped_folder(name)


def test_what_is_shipped_is_in_the_wheel() -> None:
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {name: f"promptops/_shipped/{name}" for name in SHIPPED}
