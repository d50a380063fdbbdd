"""Held by reading the source: no text of a user or model reaches anything that renders markup."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TypeGuard

import pytest

FOLDER = Path(__file__).parents[2] / "dashboards"
FILES = sorted(path for path in FOLDER.rglob("*.py"))
CONTROL = frozenset({"cache_data", "cache_resource", "stop", "switch_page", "set_page_config", "App"})
SAFE = CONTROL | {"text", "code", "dataframe", "selectbox", "columns", "container", "pagination", "button"}
SAFE |= {"navigation", "Page", "fragment", "rerun", "progress", "multiselect", "number_input", "page_link"}
SAFE |= {"vega_lite_chart", "date_input", "text_input", "text_area"}
"""What shows its data as text, or shows none."""
MARKUP = frozenset({"markdown", "caption", "header", "subheader", "badge", "expander"})
MARKUP |= {"spinner", "segmented_control", "checkbox"}
"""What renders markdown: called with texts of our own only."""
OPEN_TO = frozenset({"promptops", "dashboards", "streamlit", "pandas", "starlette"})


LABELLED = frozenset({"urlstate.choice", "sides.choice", "sides.field_choice", "st.Page"})
"""What hands its first argument on as a label."""


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    tree = ast.parse(path.read_text("utf-8"))
    return [
        (node.func.attr, node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "st"
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_known_commands_of_streamlit_are_called(path: Path) -> None:
    assert {name for name, _ in calls(path)} <= SAFE | MARKUP | {"html", "image"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_renders_markdown_gets_texts_of_our_own_only(path: Path) -> None:
    for name, call in calls(path):
        if name in MARKUP:
            assert all(_own(argument) for argument in call.args), ast.unparse(call)
        for keyword in call.keywords:
            if keyword.arg in {"help", "placeholder", "unsafe_allow_html"}:
                ours = isinstance(keyword.value, ast.Constant) or ast.unparse(keyword.value).isupper()
                assert ours, ast.unparse(call)
            assert keyword.arg != "unsafe_allow_html"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_html_comes_from_functions_that_escape(path: Path) -> None:
    for name, call in calls(path):
        if name == "html":
            made = ast.unparse(call.args[0]).partition("(")[0]
            assert made in {"side_html", "sentence_html", "quiet_html"}, ast.unparse(call)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_picture_is_a_plot_of_ours_within_the_page_and_has_no_caption(path: Path) -> None:
    for name, call in calls(path):
        if name == "image":
            assert path.stem == "shown"
            assert ast.unparse(call.args[0]).startswith("f'data:image/svg+xml;base64,"), ast.unparse(call)
            # A caption would be read as markdown.
            assert {keyword.arg for keyword in call.keywords} == {"width", "alt"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_chart_takes_data_from_a_table_and_fetches_and_links_nothing(path: Path) -> None:
    if path.stem == "charts":
        words = {node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if _is_word(node)}
        assert not words & {"href", "url", "image", "data", "datasets", "usermeta", "transform", "expr"}
    else:
        assert "vega_lite_chart" not in {name for name, _ in calls(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_labels_of_widgets_are_our_own(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in LABELLED:
            assert _own(node.args[0]) or path.stem in {"compare", "app", "sides"}, ast.unparse(node)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_dashboard_stands_on_the_public_face_alone(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            named = [node.module]
        for module in named:
            top = module.partition(".")[0]
            assert top in OPEN_TO or top in __import__("sys").stdlib_module_names, module
            if top == "promptops":
                # `figures` and `visible` are how every face writes numbers and texts.
                assert module in {"promptops", "promptops.texts.figures", "promptops.texts.visible"}, module


def _is_word(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _own(argument: ast.expr) -> bool:
    """Tell whether an argument is made of constants, numbers of ours, and the fixed words of a verdict."""
    if isinstance(argument, ast.Constant):
        return True
    if isinstance(argument, ast.IfExp):
        return _own(argument.body) and _own(argument.orelse)
    if isinstance(argument, ast.JoinedStr):
        return all(
            isinstance(part, ast.Constant) or ast.unparse(part.value) == "left" for part in argument.values
        )
    if isinstance(argument, ast.List):
        return all(_own(each) or ast.unparse(each).isupper() for each in argument.elts)
    return ast.unparse(argument) == "found.outcome.replace('_', ' ')"
