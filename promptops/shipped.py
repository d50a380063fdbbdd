"""Where the folders lie that travel with the package: migrations, dashboards, evalsets."""

from __future__ import annotations

from pathlib import Path

from promptops.errors import UnknownName

SHIPPED = ("dashboards", "evalsets", "migrations")


def shipped_folder(name: str) -> Path:
    """Return a shipped folder: inside an installed package, or at the top of a checkout.

    Raises UnknownName where the name is none of SHIPPED or the folder is not there.
    """
    package = Path(__file__).resolve().parent
    if name in SHIPPED:
        for folder in (package / "_shipped" / name, package.parent / name):
            if folder.is_dir():
                return folder
    raise UnknownName("shipped folder", name, SHIPPED, hint="If it should be there, install promptops again.")
