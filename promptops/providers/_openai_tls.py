"""Whose certificates are believed: the system's authorities, and one of the user's own beside them."""

from __future__ import annotations

import ssl
from pathlib import Path

from promptops.errors import SettingsError


def context_with(ca_file: str, root: Path) -> ssl.SSLContext:
    """Return a TLS context that believes the system's authorities and those in a PEM file.

    A relative path is one below the project's root. `SSL_CERT_FILE` replaces the system's, as everywhere in
    Python. Raises SettingsError where the file can't be read or holds no certificate.
    """
    path = root / Path(ca_file).expanduser()
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise SettingsError(
            f"ca_file: {ca_file!r} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)."
        ) from None
    except (OSError, ValueError) as error:
        why = (error.strerror or "") if isinstance(error, OSError) else "no path"
        raise SettingsError(
            f"ca_file: {ca_file!r} can't be read ({why.lower()}). Name a file of certificates; "
            "a relative path is one below the project's folder."
        ) from None
    return context
