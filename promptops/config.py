"""Settings: promptops.toml or [tool.promptops], then PROMPTOPS_* variables, then flags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from promptops.errors import FileProblems, Problem, SettingsError
from promptops.files.located import KeyPath, Located, Place, did_you_mean, field_name, is_name, kind_of, shown
from promptops.files.textfile import file_name
from promptops.files.tomlfile import read_toml
from promptops.production.alertrules import AlertRule, MonitorSettings
from promptops.production.settings import LoggingSettings
from promptops.providers import ProviderSettings

OWN_FILE = "promptops.toml"
SHARED_FILE = "pyproject.toml"
VARIABLES = (
    "database",
    "model",
    "judge_model",
    "evalsets",
    "concurrency",
    "attempts",
    "deadline",
    "engine",
)
"""Settings that PROMPTOPS_NAME may set."""

OTHER_VARIABLES = ("actor", "log", "root", "refresh_docs")
"""What else is read under such a name."""


class Settings(BaseModel):
    """How this project's folder is used. Folders are relative to the root."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: str = Field(min_length=1)
    """An SQLAlchemy URL; SQLite in the root's .promptops folder if not set."""
    model: str | None = None
    judge_model: str | None = None
    evalsets: str = Field(default="evalsets", min_length=1)
    concurrency: int = Field(default=8, ge=1, le=4096)
    attempts: int = Field(default=4, ge=1, le=100)
    deadline: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    """Seconds for one answer, with all its attempts and waits."""
    engine: str = Field(default="local", min_length=1)
    """Where models are asked from: this process, or `ray`."""
    allow_code: tuple[str, ...] = ()
    """Models such as `python/app:answer` and metrics such as `app:Polite` that prompts and sets may name.

    Naming one runs its code, and prompts and sets are data: what is not listed here is refused in them.
    """
    providers: dict[str, ProviderSettings] = {}
    monitor: MonitorSettings = MonitorSettings()
    logging: LoggingSettings = LoggingSettings()
    """How production is logged."""


def load_settings(start: Path, environment: Mapping[str, str], **flags: object) -> tuple[Settings, Path]:
    """Return the settings and the project's root.

    The root is the nearest folder upward with a settings file, else `start`. Flags that are None
    weren't given. Raises SettingsError with file, line and key.
    """
    start = start.absolute()
    if not start.is_dir():
        what = (
            f"{file_name(start)} is no folder" if start.exists() else f"There is no folder {file_name(start)}"
        )
        raise SettingsError(f"{what}. Name the project's folder.")
    root, file, located = _nearest(start)
    written = _checked(file, located)
    variables = _variables(environment)
    given = {key: value for key, value in flags.items() if value is not None}
    values: dict[str, object] = {"database": _default_database(root), **written, **variables, **given}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_told(error, file, located, variables, given)) from None
    logged = settings.logging.database
    logging = settings.logging.model_copy(update={"database": logged and _absolute(logged, root)})
    return settings.model_copy(
        update={"database": _absolute(settings.database, root), "logging": logging}
    ), root


def unread_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the PROMPTOPS_* variables that nothing reads, each with the one that may be meant, or ""."""
    known = [f"PROMPTOPS_{name.upper()}" for name in (*VARIABLES, *OTHER_VARIABLES)]
    unread = sorted(name for name in environment if name.startswith("PROMPTOPS_") and name not in known)
    return {name: next(iter(get_close_matches(name[:100], known, 1, 0.8)), "") for name in unread}


def redact_url(url: str) -> str:
    """Return a URL without the user, password and query values that it may hold."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "", url
    # A password may hold an unescaped / or @, so all up to the last @ goes; SQLite's paths have none.
    if "@" in rest and not scheme.startswith("sqlite"):
        rest = "***@" + rest.rpartition("@")[2]
    return scheme + mark + re.sub(r"([?&;][^=&;]*=)[^&;]*", r"\1***", rest)


def _nearest(start: Path) -> tuple[Path, str, Located]:
    for folder in (start, *start.parents):
        own = folder / OWN_FILE
        if own.exists() or own.is_symlink():
            return folder, file_name(own), _toml(own)
        shared = folder / SHARED_FILE
        if shared.is_file():
            located = _toml(shared)
            table = _tool_table(located)
            if table is not None:
                return folder, file_name(shared), located.inside(table, ("tool", "promptops"))
    return start, "", Located({}, lambda path: Place())


def _toml(path: Path) -> Located:
    try:
        return read_toml(path)
    except FileProblems as error:
        raise SettingsError(str(error)) from error


def _tool_table(located: Located) -> JsonValue:
    tool = located.value.get("tool") if isinstance(located.value, dict) else None
    return tool.get("promptops") if isinstance(tool, dict) else None


def _checked(file: str, located: Located) -> dict[str, JsonValue]:
    """Return the file's keys once they are known and hold no secret."""
    if not isinstance(located.value, dict):
        raise SettingsError(f"{file}: promptops must be a table, not {kind_of(located.value)}.")
    _refuse_secrets(located.value, (), file, located)
    _refuse_unknown(located.value, (), tuple(Settings.model_fields), file, located)
    providers = located.value.get("providers", {})
    if isinstance(providers, dict):
        for name, provider in providers.items():
            if not is_name(name):
                raise _wrong(file, located, ("providers", name), "is no name for a provider")
            if isinstance(provider, dict):
                known = tuple(ProviderSettings.model_fields)
                _refuse_unknown(provider, ("providers", name), known, file, located)
    _refuse_unknown_of_monitor(located.value.get("monitor"), file, located)
    logging = located.value.get("logging")
    if isinstance(logging, dict):
        _refuse_unknown(logging, ("logging",), tuple(LoggingSettings.model_fields), file, located)
    return located.value


def _refuse_unknown_of_monitor(monitor: JsonValue, file: str, located: Located) -> None:
    if not isinstance(monitor, dict):
        return
    _refuse_unknown(monitor, ("monitor",), tuple(MonitorSettings.model_fields), file, located)
    alerts = monitor.get("alert", [])
    for place, alert in enumerate(alerts if isinstance(alerts, list) else []):
        if isinstance(alert, dict):
            _refuse_unknown(alert, ("monitor", "alert", place), tuple(AlertRule.model_fields), file, located)


def _refuse_unknown(
    table: dict[str, JsonValue], path: KeyPath, known: tuple[str, ...], file: str, located: Located
) -> None:
    for key in table:
        if key not in known:
            raise _wrong(file, located, (*path, key), "unknown key." + did_you_mean(key, known))


_SECRET_KEY = re.compile(
    r"(.*[_-])?(api[_-]?key|apikey|secret|password|passwd|authorization|(access|auth|bearer|api)[_-]?token|token)",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"(Bearer\s+\S|sk-[A-Za-z0-9_-]{16}|gh[pousr]_[A-Za-z0-9]{20}|xox[abp]-|AKIA[A-Z0-9]{16})"
)


def _refuse_secrets(value: JsonValue, path: KeyPath, file: str, located: Located) -> None:
    """Keys belong in the environment: a settings file is committed, copied and shown."""
    if isinstance(value, dict):
        for key, member in value.items():
            if _SECRET_KEY.fullmatch(key) and isinstance(member, str):
                raise _wrong(file, located, (*path, key), _ENVIRONMENT)
            _refuse_secrets(member, (*path, key), file, located)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _refuse_secrets(member, (*path, index), file, located)
    elif isinstance(value, str) and _SECRET_VALUE.match(value):
        raise _wrong(file, located, path, _ENVIRONMENT)
    elif isinstance(value, str) and _has_password(value):
        instead = _INSTEAD.get(path, "api_key_env")
        raise _wrong(file, located, path, f"holds a password; a file is no place for one. Use {instead}.")


_INSTEAD: dict[KeyPath, str] = {
    ("database",): "PROMPTOPS_DATABASE",
    ("logging", "database"): "promptops.configure_logging(database=...)",
}
_ENVIRONMENT = (
    "looks like a secret; a file is no place for one. Put it into an environment variable and write "
    'api_key_env = "NAME_OF_THE_VARIABLE".'
)


def _has_password(text: str) -> bool:
    try:
        return bool(urlsplit(text).password) if "://" in text else False
    except ValueError:
        return False


def _wrong(file: str, located: Located, path: KeyPath, reason: str) -> SettingsError:
    place = located.place(path)
    return SettingsError(str(Problem(file, reason, place.line, place.column, field_name(path))))


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what PROMPTOPS_* variables say; an empty one counts as not set, as shells and CI leave them."""
    found = {name: environment.get(f"PROMPTOPS_{name.upper()}", "").strip() for name in VARIABLES}
    return {name: value for name, value in found.items() if value}


def _told(
    error: ValidationError,
    file: str,
    located: Located,
    variables: Mapping[str, str],
    given: Mapping[str, object],
) -> str:
    """Say where the first wrong value was set: by a flag, a variable or the file."""
    fault = error.errors()[0]
    path = tuple(fault["loc"])
    key = str(path[0])
    told = fault["msg"].removeprefix("Value error, ")
    reason = f"{told[:1].lower()}{told[1:]}"
    if not isinstance(fault["input"], (dict, list, tuple)):  # what is wrong with a table, its words say
        reason += f", not {shown(_hidden(fault['input']))}"
    if key in given:
        return f"--{key.replace('_', '-')}: {reason}."
    if key in variables:
        return f"PROMPTOPS_{key.upper()}: {reason}."
    return str(Problem(file, reason, *located.place(path), field=field_name(path)))


def _hidden(value: object) -> object:
    return redact_url(value) if isinstance(value, str) and "://" in value else value


def database_name(url: str) -> str:
    """Return what a database is called for people: its file, or its URL without what may be secret."""
    prefix, slashes, path = url.partition(":///")
    return path if slashes and prefix.startswith("sqlite") else redact_url(url)


def _default_database(root: Path) -> str:
    return f"sqlite:///{root / '.promptops' / 'promptops.db'}"


def _absolute(url: str, root: Path) -> str:
    """Let a relative SQLite file mean the same from every folder: it lies under the root."""
    prefix, slashes, path = url.partition(":///")
    if not slashes or not prefix.startswith("sqlite") or not path:
        return url
    if path.startswith(("/", ":memory:", "file:")) or re.match(r"[A-Za-z]:[\\/]", path):
        return url
    return f"{prefix}:///{root / path}"
