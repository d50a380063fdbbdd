"""Tell an alert to a program or an address: JSON, within a time limit, and never silently in vain."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import JsonValue

from promptops.errors import PromptopsError, SettingsError
from promptops.production.alertrules import MonitorSettings
from promptops.texts.redaction import Redactor

ATTEMPTS = 3
_PAUSE = 1.0
"""Seconds before the second attempt; the third waits twice as long."""
_SHOWN = 200


class NotDelivered(PromptopsError):
    """An alert that did not arrive."""

    exit_code = 3


def address_of(settings: MonitorSettings, environment: Mapping[str, str]) -> str | None:
    """Return the webhook's address, if there is one. Raises SettingsError where it can't be used."""
    address, told = settings.webhook, "[monitor] webhook"
    if settings.webhook_env is not None:
        address, told = environment.get(settings.webhook_env, "").strip(), settings.webhook_env
        if not address:
            raise SettingsError(f"The environment variable {told} holds no address of a webhook. Set it.")
    if address is None:
        return None
    try:
        parts = urlsplit(address)
        usable = parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or ""))
        usable = usable and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    # The address itself may be a secret, so it is never shown.
    if not usable or not address.isascii() or not address.isprintable() or " " in address:
        raise SettingsError(f"{told} is no https:// address (http:// only for this machine, as localhost).")
    return address


def run_command(
    command: Sequence[str], payload: Mapping[str, JsonValue], folder: Path, seconds: float, redactor: Redactor
) -> None:
    """Give a program an alert on its standard input. Raises NotDelivered where it does not end well."""
    name = Path(command[0]).name
    try:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotDelivered(f"The command {name!r} can't be started: {reason}.") from None
    try:
        _, said = process.communicate(json.dumps(payload).encode() + b"\n", timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise NotDelivered(f"The command {name!r} took over {seconds:g} s and was killed.") from None
    if process.returncode:
        last = redactor.text(said.decode("utf-8", "replace").strip())[-_SHOWN:]
        told = f": {last}" if last else "."
        raise NotDelivered(f"The command {name!r} ended with {process.returncode}{told}")


def post(address: str, payload: Mapping[str, JsonValue], seconds: float, *, pause: float = _PAUSE) -> None:
    """Post an alert to a webhook, up to three times where that may help. Raises NotDelivered.

    A redirect is not followed: an alert goes nowhere but to the address that was written.
    """
    parts = urlsplit(address)
    fault = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * attempt)
        try:
            status = _posted(parts, json.dumps(payload).encode(), seconds)
        except (OSError, http.client.HTTPException, ValueError) as error:
            fault = f"{type(error).__name__}" if not isinstance(error, TimeoutError) else "no answer in time"
            continue
        if 200 <= status < 300:
            return
        fault = f"it answered {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")
        if status != 429 and status < 500:
            break
    raise NotDelivered(f"The webhook at {parts.hostname} was not told: {fault}.")


def _posted(parts: SplitResult, body: bytes, seconds: float) -> int:
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=seconds)
    )
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
