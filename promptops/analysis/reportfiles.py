"""Reports as files: the ending chooses the form, and a file is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from promptops import plugins
from promptops.errors import UsageError
from promptops.files.textfile import file_name, replacing
from promptops.reports import Form, Report

WING = "reports"


def form_for(path: str | Path, *, verdict: bool = True) -> Form:
    """Return the form that a file's ending asks for; without a `verdict` only forms that need none.

    Raises UsageError with the endings that there are.
    """
    known = plugins.names(WING)
    ending = Path(path).suffix.removeprefix(".").lower()
    if ending not in known:
        endings = ", ".join(f".{name}" for name in known)
        raise UsageError(f"{file_name(Path(path))!r}: a report's file ends with one of {endings}.")
    form = plugins.find(WING, ending, Form)()  # type: ignore[type-abstract]
    if form.needs_verdict and not verdict:
        raise UsageError(
            f"{file_name(Path(path))!r} would tell how rules came out, and there are none here. "
            "Take another ending, or `promptops gate`."
        )
    return form


def render_report(report: Report, form: str) -> str:
    """Return a report in one form, named by its ending without the dot. Raises UsageError."""
    return form_for(f"report.{form}", verdict=report.verdict is not None).render(report)


def write_report(report: Report, path: str | Path) -> Path:
    """Write a report in the form that the file's ending asks for, whole or not at all.

    Raises UsageError for an unknown ending, FileProblems where the file can't be written.
    """
    text = form_for(path, verdict=report.verdict is not None).render(report)
    with replacing(Path(path)) as file:
        file.write(text.encode("utf-8"))
    return Path(path)
