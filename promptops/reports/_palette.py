"""Colours and styles of pages and plots, light or dark as the reader's system or page is."""

from __future__ import annotations

from pathlib import Path

LIGHT = (
    "--ground: #ffffff; --card: #f6f7f9; --ink: #1c2330; --quiet: #586174; --line: #d8dce3; "
    "--pass: #1a7f4b; --fail: #c02f45; --open: #8f5a00; --unknown: #7a3fb0; "
    "--better: #2a9d63; --worse: #d1495b; --mean: #3d5a80; "
    "--removed: #fde4e7; --added: #ddf4e6;"
)
DARK = (
    "--ground: #12161d; --card: #1b212b; --ink: #e6e9ef; --quiet: #a3adbd; --line: #343d4b; "
    "--pass: #4cc38a; --fail: #ff7b8b; --open: #e5ac4c; --unknown: #c39bf0; "
    "--better: #3fb57a; --worse: #e56a7b; --mean: #8fb3e0; "
    "--removed: #4a1f28; --added: #173b2a;"
)


def page_style() -> str:
    """Return the style of a whole page."""
    return f":root {{ color-scheme: light dark; }}\n{_colours()}{_file('page.css')}{_file('plot.css')}"


def plot_style() -> str:
    """Return the style of a plot by itself.

    Of an image, browsers take the scheme from the element that shows it, not only from the system.
    """
    return f"{_colours()}{_file('plot.css')}"


def _colours() -> str:
    dark = f"@media (prefers-color-scheme: dark) {{ :root {{ {DARK} }} }}"
    return f":root {{ {LIGHT} }}\n{dark}\n"


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")
