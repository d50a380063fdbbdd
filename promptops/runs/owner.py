"""Which process works on a run, and whether it is still alive."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from pathlib import Path
from typing import NamedTuple


class Lease(NamedTuple):
    """Who claimed a run and has not released it."""

    owner: str
    lapsed: bool
    """Whether it was not renewed in time, so that anybody may claim the run."""


def own_name() -> str:
    """Return a name for this process: host, process id, and when it started."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid()) or '-'}:{secrets.token_hex(4)}"


def is_dead(owner: str) -> bool:
    """Tell whether an owner was a process of this host that is surely gone.

    Elsewhere, or where it can't be told, the answer is no: then its lease has to run out.
    """
    host, _, rest = owner.rpartition(":")[0].partition(":")
    number, _, started = rest.partition(":")
    if host != socket.gethostname() or not number.isdigit():
        return False
    if started != "-":
        return _started(int(number)) != started or _is_zombie(int(number))
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def works(lease: Lease) -> bool:
    """Tell whether the owner of a lease is there; of one on another host only its lease tells."""
    return not is_dead(lease.owner) and not (lease.lapsed and host_of(lease.owner) != socket.gethostname())


def process_name(number: int) -> str:
    """Return a name for a process of this host that no later one has."""
    return f"{number}:{_started(number) or '-'}"


def is_gone(name: str) -> bool:
    """Tell whether the process of such a name has ended; a dead one whose parent has not heard of it, too."""
    number, _, started = name.strip().partition(":")
    if not number.isdigit():
        return True
    if started != "-":
        return _started(int(number)) != started or _is_zombie(int(number))
    return is_dead(f"{socket.gethostname()}:{number}:-:")


def interrupt(owner: str) -> bool:
    """Send an owner what Ctrl-C sends; False where it is not a living process of this host, or not ours."""
    return _signal(owner, signal.SIGINT)


def hold_or_release(owner: str) -> bool:
    """Send an owner that listens the signal by which it is held or goes on; returns what `interrupt` does."""
    return _signal(owner, signal.SIGUSR1)


def _signal(owner: str, what: signal.Signals) -> bool:
    host, _, rest = owner.rpartition(":")[0].partition(":")
    number = rest.partition(":")[0]
    if host != socket.gethostname() or not number.isdigit() or is_dead(owner):
        return False
    try:
        os.kill(int(number), what)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def host_of(owner: str) -> str:
    """Return the name of the host that an owner is a process of."""
    return owner.partition(":")[0]


def _is_zombie(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _started(number: int) -> str | None:
    """Return when a process started, in clock ticks since boot; a number used again has another one."""
    try:
        told = Path(f"/proc/{number}/stat").read_text("utf-8")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except OSError:
        return None
    return f"{told.rpartition(')')[2].split()[19]}@{boot[:8]}"
