"""Start the Streamlit dashboard on this machine, bound to 127.0.0.1."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

from promptops.errors import UsageError
from promptops.shipped import shipped_folder

HOST = "127.0.0.1"
HEADINGS = ("1.8rem", "1.5rem", "1.2rem")


def address(port: int, baseline: str | None = None, candidate: str | None = None) -> str:
    """Return the URL of the dashboard, on the compare page where runs are named."""
    if not baseline and not candidate:
        return f"http://{HOST}:{port}/"
    query = {"baseline": baseline, "candidate": candidate}
    return f"http://{HOST}:{port}/compare?" + urlencode({key: value for key, value in query.items() if value})


def serve(
    root: Path,
    database: str,
    port: int,
    *,
    open_browser: bool = True,
    baseline: str | None = None,
    candidate: str | None = None,
) -> int:
    """Serve until Ctrl-C; returns the server's exit code. Raises UsageError where the port is taken."""
    _refuse_taken(port)
    app = shipped_folder("dashboards") / "server.py"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(app.parent.parent), os.environ.get("PYTHONPATH", "")]).rstrip(
            os.pathsep
        ),
        "PROMPTOPS_ROOT": str(root),
        "PROMPTOPS_DATABASE": database,
        # Else a file in the folder where one stands could be imported in place of a library.
        "PYTHONSAFEPATH": "1",
    }
    process = subprocess.Popen(command(app, port), env=environment)
    # Told to end, the server ends with us; else it would go on serving without anyone who can stop it.
    # A script's shell has what it starts in the background ignore SIGINT, unless that asks for it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        if open_browser:
            _open(address(port, baseline, candidate))
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        return 0


def command(app: Path, port: int) -> list[str]:
    """Return the command that serves `app` with the settings that keep it private."""
    settings = {
        "server.address": HOST,
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": "20",
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": HOST,
        # Else every string that stands alone in a page's file would be drawn.
        "runner.magicEnabled": "false",
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        # The URL gives widgets their values, the default is only theirs.
        "global.disableWidgetStateDuplicationWarning": "true",
        "theme.baseFontSize": "14",
        "theme.baseRadius": "small",
        "theme.light.primaryColor": "#3d5a80",
        "theme.dark.primaryColor": "#8fb3e0",
    }
    flags = [part for key, value in settings.items() for part in (f"--{key}", value)]
    flags += [part for size in HEADINGS for part in ("--theme.headingFontSizes", size)]
    # By any other name this server is reached only through DNS rebinding.
    flags += [part for name in (HOST, "localhost") for part in ("--server.allowedHosts", name)]
    return [sys.executable, "-m", "streamlit", "run", str(app), *flags]


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UsageError(
                f"Port {port} is taken. Give another one: promptops view --port {port + 1}"
            ) from None


def _open(url: str) -> None:
    import threading
    import webbrowser

    threading.Timer(2.0, webbrowser.open, [url]).start()
