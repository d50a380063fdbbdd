"""The one door to the wings: a name becomes a class, and nothing else is imported.

The folder is the registry: `promptops/metrics/rouge.py` is the metric `rouge`. Other packages add
theirs by the entry-point group `promptops.WING`; a one-off is written `package.module:Name`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import pkgutil
from functools import cache
from pathlib import Path
from typing import TypeVar

from promptops.errors import UnknownName, UsageError

WINGS = ("metrics", "judges", "providers", "engines", "reports")

Contract = TypeVar("Contract")


def names(wing: str) -> tuple[str, ...]:
    """List a wing's plugins by name without importing any of them."""
    return tuple(sorted({*_files(wing), *_entry_points(wing)}))


def find(wing: str, name: str, contract: type[Contract]) -> type[Contract]:
    """Return the class that a plugin's name stands for.

    Raises UnknownName with the nearest names, or UsageError where a module holds no such class.
    """
    if ":" in name:
        return _one_off(name, contract)
    if name in _files(wing):
        return _only_class(f"promptops.{wing}.{name}", contract)
    foreign = _entry_points(wing)
    if name in foreign:
        loaded = foreign[name].load()
        if not (inspect.isclass(loaded) and issubclass(loaded, contract)):
            raise UsageError(f"The entry point {name!r} of promptops.{wing} is no {contract.__name__}.")
        return loaded
    raise UnknownName(wing.removesuffix("s"), name, names(wing), hint="`promptops plugins` lists them.")


def exists(wing: str, name: str) -> bool:
    """Tell whether a wing has a plugin of that name."""
    return name in _files(wing) or name in _entry_points(wing)


def summary(wing: str, name: str) -> str:
    """Return the first line of a shipped plugin's docstring, read without importing it."""
    import ast

    if name not in _files(wing):
        return "from another package"
    source = (Path(__file__).parent / wing / f"{name}.py").read_text("utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def _files(wing: str) -> tuple[str, ...]:
    if wing not in WINGS:
        raise UnknownName("wing", wing, WINGS)
    folder = Path(__file__).parent / wing
    return tuple(
        module.name for module in pkgutil.iter_modules([str(folder)]) if not module.name.startswith("_")
    )


@cache
def _entry_points(wing: str) -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=f"promptops.{wing}")}


def _only_class(module_name: str, contract: type[Contract]) -> type[Contract]:
    module = importlib.import_module(module_name)
    found = [
        item
        for item in vars(module).values()
        if inspect.isclass(item)
        and issubclass(item, contract)
        and item.__module__ == module_name
        and not item.__name__.startswith("_")
    ]
    if len(found) != 1:
        raise UsageError(
            f"{module_name} must hold exactly one public {contract.__name__}; it has {len(found)}."
        )
    return found[0]


def _one_off(name: str, contract: type[Contract]) -> type[Contract]:
    module_name, _, attribute = name.partition(":")
    try:
        item = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{name!r} can't be loaded: {error}. Write it as package.module:Name.") from error
    if not (inspect.isclass(item) and issubclass(item, contract)):
        raise UsageError(f"{name!r} is no {contract.__name__}.")
    return item
