"""The verbs of prompts: register, find, list, and let aliases stand for versions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from promptops.errors import UnknownName, UsageError
from promptops.files.located import NAME_RULE, is_name
from promptops.prompts.files import YAML_SUFFIXES, read_prompt
from promptops.prompts.text import prompt_yaml
from promptops.types import AliasMove, Prompt, PromptVersion
from promptops.verbs.workspace import Workspace

if TYPE_CHECKING:
    from promptops.files.gitbase import Changed

LONGEST_NUMBER = 9
"""Digits of a version's number; databases hold no longer one."""
PROMPT_SUFFIXES = (".yaml", ".yml", ".txt", ".md")


class Registry(Workspace):
    """Prompts in the database, found by `name`, `name@number`, `name@alias`, or as files."""

    def add_prompt(
        self, source: str | Path | Prompt, *, name: str | None = None, note: str = ""
    ) -> tuple[PromptVersion, bool]:
        """Register a prompt; returns the version and whether it is new (the same content never is)."""
        prompt = source if isinstance(source, Prompt) else read_prompt(Path(source))
        called = name or prompt.name
        if not called:
            raise UsageError("The prompt has no name: give it one in the file or by --name.")
        if not is_name(called) or called.endswith(PROMPT_SUFFIXES):
            raise UsageError(
                f"A prompt can't be named {called!r}: a name has {NAME_RULE}, and no file's ending."
            )
        return self.store.add_prompt(called, prompt, note or prompt.note, self.actor)

    def prompt(self, reference: str | Path) -> tuple[Prompt, str]:
        """Return the prompt that a reference means, and how it was found.

        References: `reply` (latest), `reply@3`, `reply@production`, or the path of a prompt file.
        """
        written = str(reference)
        if written.endswith(PROMPT_SUFFIXES) or "/" in written or isinstance(reference, Path):
            return read_prompt(Path(written)), written
        name = written.partition("@")[0]
        file = self.root / "prompts" / f"{name}.prompt.yaml"
        if name and file.is_file() and name not in self.prompt_names():
            raise UsageError(
                f"No prompt {written!r} is registered, but there is a file: name it as {str(file)!r}, or "
                f"register it by `promptops prompt add {file}`."
            )
        if (self.root / written).is_dir() and written not in self.prompt_names():
            raise UsageError(f"{written!r} is a folder: write {written + '/'!r} for all prompt files in it.")
        version = self.prompt_version(written)
        return version.prompt, version.reference

    def prompt_files(self, references: Sequence[str | Path]) -> list[str | Path]:
        """Return prompts as they were named, and in place of a folder all prompt files that lie in it.

        A folder is written with a slash (`prompts/`), so that no name is taken for one.
        """
        found: list[str | Path] = []
        for reference in references:
            written = str(reference)
            if not (("/" in written or isinstance(reference, Path)) and Path(written).is_dir()):
                found.append(reference)
                continue
            inside = sorted(
                path
                for path in Path(written).iterdir()
                if path.name.endswith(YAML_SUFFIXES) and path.is_file()
            )
            if not inside:
                raise UsageError(f"The folder {written!r} holds no prompt file (*.prompt.yaml).")
            found.extend(str(path) for path in inside)
        return found

    def changed_prompts(self, references: Sequence[str | Path], base: str | None = None) -> Changed:
        """Tell which prompt files (or those in folders) say something else than where git's branch began.

        `base` is a branch, tag or commit; by default origin/HEAD, main or master, whichever git knows first.
        Raises UsageError where there is no git, and for a registered prompt, which has no file.
        """
        from promptops.files.gitbase import changed_since  # only this asks git

        files = [str(each) for each in self.prompt_files(references)]
        for written in files:
            if not (written.endswith(PROMPT_SUFFIXES) or "/" in written):
                raise UsageError(
                    f"--changed is about prompt files, and {written!r} names a registered prompt."
                )
        if not files:
            raise UsageError("Name at least one prompt.")
        return changed_since(files, base)

    def prompt_version(self, reference: str) -> PromptVersion:
        """Return a registered version by `name`, `name@number` or `name@alias`."""
        name, at, which = reference.partition("@")
        if not at:
            return self.store.prompt_version(name)
        if which.isdecimal():
            if len(which) > LONGEST_NUMBER:
                raise UnknownName(
                    f"version of {name!r}", which[:40], [str(item.number) for item in self.versions(name)]
                )
            return self.store.prompt_version(name, int(which))
        return self.store.prompt_by_alias(name, which)

    def prompt_text(self, reference: str | Path) -> str:
        """Return a prompt as the YAML of a prompt file, for people to read and compare."""
        return prompt_yaml(self.prompt(reference)[0])

    def prompt_names(self) -> list[str]:
        """List the registered prompts."""
        return self.store.prompt_names()

    def versions(self, name: str) -> list[PromptVersion]:
        """List a prompt's versions, the oldest first."""
        return self.store.versions(name)

    def aliases(self, name: str) -> dict[str, int]:
        """Return a prompt's aliases and the versions that they stand for."""
        return self.store.aliases(name)

    def alias_history(self, name: str) -> list[AliasMove]:
        """List every move of a prompt's aliases, the oldest first."""
        return self.store.alias_history(name)

    def set_alias(self, reference: str, alias: str, *, reason: str = "") -> PromptVersion:
        """Let an alias stand for a version; the move is kept."""
        version = self.prompt_version(reference)
        if not is_name(alias):
            raise UsageError(f"{alias!r} can't be an alias: one has {NAME_RULE}.")
        self.store.set_alias(version.name, alias, version.number, self.actor, reason)
        return version
