"""The documentation is run: sessions, examples, commands and links.

Blocks are told apart by their info string:

console   `$ command` lines, run in order by bash in the page's own folder (a project as `promptops init`
          makes it; for the README an empty one). A command that fails on purpose ends with `# exit N`. The
          lines below a command must stand in its output in that order; numbers and ids may differ, `...`
          stands for what was left out. PROMPTOPS_REFRESH_DOCS=1 writes this run's figures into the pages.
python    run in the same folder
toml, yaml, json, jsonl   parsed; those that belong to us are read by our own readers
text      not run (a key or a network is needed, or it is no program); commands in it must still exist

A line that ends with `` `PATH`: `` before a block makes the block that file of the session.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
import pytest
import yaml

import promptops
from promptops.calls.models import build_metric
from promptops.calls.prices import read_prices
from promptops.cli import app
from promptops.config import load_settings
from promptops.prompts.files import parse_prompt
from promptops.sets.evalset import read_evalset
from promptops.starter import write_starter
from tests import warm

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "docs" / "properties.md",
        *ROOT.glob("docs/guide/*.md"),
        *ROOT.glob("docs/decisions/*.md"),
    ]
)
WORKFLOWS = sorted(ROOT.glob("docs/guide/*.yml"))
INFO_STRINGS = {"console", "python", "toml", "yaml", "json", "jsonl", "text"}
REFRESH = os.environ.get("PROMPTOPS_REFRESH_DOCS") == "1"

_FILE = re.compile(r"`([\w./-]+)`:\s*$")
_NUMBER = r"[<+-]?\.?\d+(?:[.,]\d+)*"
_VARYING = re.compile(rf"\b[0-9a-f]{{12}}\b|{_NUMBER}|\.\.\.|\s+")
_COMMAND = re.compile(r"(?:^|[\s`(])(?<!from )promptops (?!import )((?:-|[a-z])[^`]*)")


@dataclass(frozen=True)
class Block:
    """A fenced block: where its first line stands, its info string, its text, and the file that it is."""

    page: Path
    line: int
    info: str
    text: str
    file: str | None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    found: list[Block] = []
    lines = page.read_text("utf-8").splitlines()
    at, before = 0, ""
    while at < len(lines):
        if lines[at].startswith("```"):
            end = lines.index("```", at + 1)
            named = _FILE.search(before)
            text = "\n".join(lines[at + 1 : end]) + "\n"
            found.append(Block(page, at + 2, lines[at][3:], text, named[1] if named else None))
            at, before = end, ""
        elif lines[at].strip():
            before = lines[at]
        at += 1
    return tuple(found)


def all_blocks(*infos: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.info in infos]


def sessions() -> list[Path]:
    return [page for page in PAGES if any(block.info in {"console", "python"} for block in blocks(page))]


@pytest.mark.parametrize("page", sessions(), ids=lambda page: page.stem)
def test_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    session = Session(tmp_path / "project", tmp_path)
    if page.name != "README.md":  # what that shows is run by the installed program
        warm.stand_in(tmp_path / "bin")
        write_starter(session.folder, "offline/extractive")
    for block in blocks(page):
        if block.file is not None and not block.file.startswith("promptops/"):
            target = session.folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, "utf-8")
        elif block.info == "python" and block.file is None:
            session.run(shlex.join([sys.executable, "-c", block.text]), 0, block.place)
        elif block.info == "console":
            session.play(block)
    if REFRESH:
        session.refresh(page)


@pytest.mark.parametrize("block", all_blocks("toml", "yaml", "json", "jsonl"), ids=lambda block: block.place)
def test_an_example_of_a_file_is_read(block: Block, tmp_path: Path) -> None:
    if block.info == "toml":
        read_toml(block, tmp_path)
    elif block.info == "yaml":
        value = yaml.safe_load(block.text)
        if isinstance(value, dict) and "messages" in value:
            parse_prompt(block.text, block.place, "example")
        elif isinstance(value, list) and "id" in value[0]:
            read_set(tmp_path, {"metrics": {"exact": {}}}, "samples.yaml", block.text)
    elif block.info == "json":
        json.loads(block.text)
    else:
        assert all(isinstance(json.loads(line), dict) for line in block.text.splitlines())


def test_only_known_kinds_of_blocks_are_used() -> None:
    unknown = [f"{block.place}: {block.info!r}" for page in PAGES for block in blocks(page)]
    assert not [told for told in unknown if told.partition(": ")[2].strip("'") not in INFO_STRINGS]


def test_every_command_and_option_that_is_named_exists() -> None:
    wrong = []
    for page in [*PAGES, *WORKFLOWS]:
        for number, line in commands(page):
            try:
                parse(line)
            except (click.ClickException, ValueError, AssertionError) as error:
                told = error.format_message() if isinstance(error, click.ClickException) else str(error)
                wrong.append(f"{page.relative_to(ROOT)}:{number}: promptops {line}: {told}")
    assert not wrong, "\n".join(wrong)


def test_every_relative_link_leads_somewhere() -> None:
    dead = []
    for page in PAGES:
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                path, _, anchor = target.partition("#")
                if "://" in target:
                    continue
                aim = page if not path else page.parent / path
                if not aim.exists() or (anchor and anchor not in anchors(aim)):
                    dead.append(f"{page.relative_to(ROOT)}:{number}: {target}")
    assert not dead, "\n".join(dead)


def test_the_page_of_the_python_api_is_complete_and_right() -> None:
    text = (ROOT / "docs/guide/api.md").read_text("utf-8")
    missing = [name for name in promptops.__all__ if f"`{name}`" not in text]
    assert not missing
    written = dict(re.findall(r"^- `(\w+)(\(.*)`", text, re.MULTILINE))
    verbs = {
        name: re.sub(r"'([^']+)'", r"\1", str(inspect.signature(member)).replace("''", '""'))
        for name, member in inspect.getmembers(promptops.Project, callable)
        if not name.startswith("_")
    }
    assert {name: _plain(told) for name, told in written.items()} == {
        name: _plain(told) for name, told in verbs.items()
    }


def test_the_metric_of_the_readme_needs_one_new_file(tmp_path: Path) -> None:
    [block] = [block for block in blocks(ROOT / "README.md") if (block.file or "").startswith("promptops/")]
    assert len(block.text.splitlines()) < 20
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "promptops", tmp_path / "promptops", ignore=skipped)
    (tmp_path / str(block.file)).write_text(block.text, "utf-8")
    shutil.copy(ROOT / "tests/metrics/test_contract.py", tmp_path)
    listed = _python(tmp_path, "-m", "promptops", "plugins", "metrics")
    assert re.search(r"polite +Share of outputs", listed)
    tested = _python(
        tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_contract.py", "-k", "polite"
    )
    assert re.search(r"\b\d+ passed", tested) and "failed" not in tested


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_gives_forks_no_secrets_and_pins_its_actions(workflow: Path) -> None:
    found = yaml.safe_load(workflow.read_text("utf-8"))
    assert set(found[True]) == {"pull_request"}  # YAML 1.1 reads the key `on` as true
    assert found["permissions"] == {"contents": "read"}
    for job in found["jobs"].values():
        for step in job["steps"]:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + 40 * "0"))
        if "secrets." in json.dumps(job):
            assert "head.repo.full_name == github.repository" in job["if"]


class Session:
    """The commands of one page, run one after the other in its folder."""

    def __init__(self, folder: Path, home: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._home = home
        self._renewed: dict[int, str] = {}

    def play(self, block: Block) -> None:
        """Run a console block and compare what it shows."""
        number = block.line
        command, shown = "", list[tuple[int, str]]()
        for line in [*block.text.splitlines(), "$ true"]:
            if line.startswith("$ "):
                if command:
                    self._compare(command, shown, block)
                command, shown = line[2:], []
            else:
                shown.append((number, line))
            number += 1

    def run(self, command: str, code: int, place: str) -> list[str]:
        """Return the lines that a command prints; where it leaves the shell is where the next one begins."""
        told = self._home / "folder"
        done = subprocess.run(
            ["bash", "-c", f"{command}\ncode=$?\npwd > {told}\nexit $code"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            env=environment(self._home),
            check=False,
        )
        assert done.returncode == code, f"{place}: {command}\nexit {done.returncode}\n{done.stdout}"
        assert "Traceback" not in done.stdout, done.stdout
        self.folder = Path(told.read_text("utf-8").strip())
        return done.stdout.splitlines()

    def refresh(self, page: Path) -> None:
        """Write what was really printed in place of what the page shows."""
        lines = page.read_text("utf-8").split("\n")
        for number, line in self._renewed.items():
            lines[number - 1] = line
        page.write_text("\n".join(lines), "utf-8")

    def _compare(self, command: str, shown: list[tuple[int, str]], block: Block) -> None:
        wanted = re.search(r"# exit (\d+)$", command)
        printed = self.run(command, int(wanted[1]) if wanted else 0, block.place)
        left = iter(printed)
        for number, line in shown:
            if line.strip() in {"...", ""}:
                continue
            pattern = skeleton(line)
            found = next((each for each in left if pattern.fullmatch(each.rstrip())), None)
            told = "\n".join(printed)
            assert found is not None, (
                f"{block.page.name}:{number}: {line!r} was not printed by\n{command}\n{told}"
            )
            if "..." not in line:
                self._renewed[number] = found.rstrip()


def skeleton(line: str) -> re.Pattern[str]:
    """Return a pattern for a line in which numbers, ids and what is left out may differ."""
    parts: list[str] = []
    at = 0
    for varying in _VARYING.finditer(line.rstrip()):
        parts.append(re.escape(line[at : varying.start()]))
        text = varying[0]
        if text == "...":
            parts.append(".*")
        elif text.isspace():
            parts.append(r"\s+")
        else:
            parts.append("[0-9a-f]{12}" if re.fullmatch("[0-9a-f]{12}", text) else _NUMBER)
        at = varying.end()
    return re.compile("".join([*parts, re.escape(line.rstrip()[at:])]))


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a newcomer: no keys, no settings, our command on the PATH."""
    path = os.pathsep.join(
        [str(home / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    )
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "USER": "you", "COLUMNS": "120"}


def read_toml(block: Block, folder: Path) -> None:
    """Read settings, sets (or parts of them) and prices as what they are; anything else must be TOML."""
    table = tomllib.loads(block.text)
    if {"metrics", "gate", "card"} & set(table):
        read_set(folder, table, "samples.jsonl", None)
    elif "price" in table:
        (folder / "prices.toml").write_text(block.text, "utf-8")
        read_prices(folder)
    elif set(table) != {"project"}:
        (folder / "promptops.toml").write_text(block.text, "utf-8")
        load_settings(folder, {})


def read_set(folder: Path, table: dict[str, object], samples: str, text: str | None) -> None:
    """Read a set with what the example leaves out filled in, and make its metrics."""
    target = folder / "example"
    target.mkdir()
    rules = table.get("gate", [])
    tags = {str(rule["slice"]) for rule in rules if "slice" in rule} if isinstance(rules, list) else set()
    tags |= set(table.get("slices", []))  # type: ignore[call-overload]
    whole = {"format": 1, "card": {"description": "an example"}, **table}
    (target / "evalset.toml").write_text(_toml(whole), "utf-8")
    row = {"id": "a", "inputs": {}, "target": "x", "tags": sorted(tags)}
    (target / samples).write_text(text or json.dumps(row), "utf-8")
    found = read_evalset(target)
    settings, _ = load_settings(folder, {})
    for spec in found.metrics:
        build_metric(spec, folder=target, language="en", judge_model="mock/echo", settings=settings)


def commands(page: Path) -> Iterator[tuple[int, str]]:
    """Yield each command line of ours on a page, without the name of the program."""
    inside = page.suffix == ".yml"
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.startswith("```"):
            inside = not inside and line[3:] in {"console", "text", "yaml"}
        elif inside and not line.lstrip().startswith("#"):
            yield from ((number, found) for found in _COMMAND.findall(line))
        else:
            spans = re.findall(r"`([^`]+)`", line)
            yield from ((number, found) for span in spans for found in _COMMAND.findall(span))


def parse(line: str) -> None:
    """Raise where a command line names a command or option that does not exist, or too many arguments."""
    words = [word for word in shlex.split(line, comments=True) if word != "..."]
    for end, word in enumerate(words):
        if word in {"|", ">", "&&", ";"}:
            words = words[:end]
            break
    command: click.Command = app
    while True:
        context = click.Context(command)
        _, rest, _ = command.make_parser(context).parse_args(list(words))
        if not isinstance(command, click.Group):
            assert not rest, f"too many arguments: {rest}"
            return
        if not rest:
            return
        inner = command.get_command(context, rest[0])
        assert inner is not None, f"no command {rest[0]!r}"
        command, words = inner, rest[1:]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _plain(signature: str) -> str:
    return re.sub(r"[\"']", "", signature).replace("(self, ", "(").replace("(self)", "()")


def _python(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _toml(table: dict[str, object]) -> str:
    """Write a table as TOML with inline values: JSON spells texts, numbers, truth and lists the same."""
    return "".join(f"{json.dumps(key)} = {_inline(value)}\n" for key, value in table.items())


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
