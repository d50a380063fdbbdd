"""`--report` and `--github`: what a gate or a comparison found, for people who were not at the terminal."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from promptops.errors import PromptopsError
    from promptops.project import Project
    from promptops.reports import Report

report_option = click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a report; the ending says which: .md .html .xml (JUnit) .json. Repeatable.",
)
ranking_report_option = click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a report; the ending says which: .md .html .json. Repeatable.",
)
github_option = click.option(
    "--github/--no-github",
    "github",
    default=None,
    help="Annotations and step summary on GitHub (default: where GITHUB_ACTIONS is true).",
)


@dataclass(frozen=True)
class Telling:
    """Where a report is to go."""

    files: tuple[Path, ...]
    github: bool = False
    quiet: bool = False
    """True where stdout belongs to a program: the runner reads annotations on stderr as well."""

    @property
    def wanted(self) -> bool:
        """Whether a report must be made at all."""
        return bool(self.files) or self.github

    def tell(self, report: Report) -> None:
        """Write all files, then the annotations and the step summary.

        Raises FileProblems where a file can't be written.
        """
        from promptops.analysis.reportfiles import write_report
        from promptops.cli.safe import safe_line

        for file in self.files:
            write_report(report, file)
            click.echo(f"Wrote {safe_line(str(file))}", err=self.quiet)
        if self.github:
            _annotate(report, quiet=self.quiet)
            _summarise(report)

    def refuse(self, project: Project, evalset: str, error: PromptopsError) -> None:
        """Tell a gate that could not measure anything; whoever waits for a file shall know why."""
        from promptops.analysis.reporting import refusal_report
        from promptops.analysis.reportplaces import placed
        from promptops.errors import PromptopsError

        report = refusal_report(Path(evalset).name, str(error))
        try:
            folder = project.evalset_folder(evalset)
        except PromptopsError:
            folder = None
        self.tell(placed(report, folder, (), project.root, project.environment))


def telling(files: tuple[Path, ...], *, github: bool | None, quiet: bool, verdict: bool = True) -> Telling:
    """Check the files' endings before anything is spent. Raises UsageError."""
    if files:
        from promptops.analysis.reportfiles import form_for

        for file in files:
            form_for(file, verdict=verdict)
    if github is None:
        github = os.environ.get("GITHUB_ACTIONS") == "true"
    return Telling(files, github and verdict, quiet)


def _annotate(report: Report, *, quiet: bool) -> None:
    from promptops.analysis.reportfiles import render_report

    click.echo(render_report(report, "github"), nl=False, err=quiet)


def _summarise(report: Report) -> None:
    """Add the Markdown to the step summary, where there is one."""
    from promptops.analysis.reportfiles import render_report

    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    try:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(f"\n{render_report(report, 'md')}")
    except OSError as error:
        # The verdict stands; only its copy on the page of the job is missing.
        click.echo(f"The step summary can't be written: {error.strerror}.", err=True)
