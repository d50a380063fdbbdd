"""Where a server of the OpenAI API is found, which key it gets, and through which proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urlsplit

from promptops.canonical import digest_of
from promptops.errors import SettingsError
from promptops.providers import ProviderSettings

PUBLIC_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
URL_VARIABLE = "OPENAI_BASE_URL"
CHAT = "/chat/completions"


@dataclass(frozen=True)
class Address:
    """One server: the URL to post to, the key for it, and what names it in a cache key."""

    url: str
    origin: str
    account: str
    """Server and digest of the key, for what counts by both."""
    key: str | None = field(repr=False)
    proxy: str | None = field(repr=False)

    def at(self, endpoint: str) -> Address:
        """Return another endpoint of the same server, which gets the same key."""
        path, mark, query = self.url.partition("?")
        return replace(self, url=f"{path.removesuffix(CHAT)}/{endpoint}{mark}{query}")


def address_of(settings: ProviderSettings, environment: Mapping[str, str]) -> Address:
    """Return the server that settings and environment name. Raises SettingsError saying what to set."""
    base, source = _base_url(settings, environment)
    parts = _checked(base, source)
    _check_headers(settings.headers)
    path = parts.path.rstrip("/")
    query = f"?{parts.query}" if parts.query else ""
    key = _key(settings, environment, parts)
    return Address(
        url=f"{parts.scheme}://{parts.netloc}{path}{CHAT}{query}",
        origin=_origin(f"{parts.scheme}://{parts.netloc}{path}", parts.query, settings),
        account=f"{parts.scheme}://{parts.netloc}#{digest_of(key)[:16]}",
        key=key,
        proxy=_proxy(parts, environment),
    )


def _base_url(settings: ProviderSettings, environment: Mapping[str, str]) -> tuple[str, str]:
    if settings.base_url is not None:
        return settings.base_url, "base_url"
    if environment.get(URL_VARIABLE):
        return environment[URL_VARIABLE], URL_VARIABLE
    return PUBLIC_URL, "base_url"


def _checked(base: str, source: str) -> SplitResult:
    try:
        parts = urlsplit(base.strip())
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = SplitResult("", "", "", "", ""), False
    if "@" in parts.netloc:
        raise SettingsError(
            f"{source} holds a user name or password (before '@'). Take it out; name the variable that holds "
            "the key with api_key_env instead."
        )
    if not port_is_fine or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(
            f"{source} is no web address: {base!r}. Write it like 'http://127.0.0.1:8000/v1'."
        )
    return parts


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not name or not name.isascii() or any(not sign.isprintable() for sign in name + value):
            raise SettingsError(f"headers: {name!r} can't be sent: a name or value holds control characters.")


def _origin(place: str, query: str, settings: ProviderSettings) -> str:
    # Extra fields and headers can change every answer, so they are part of where it comes from.
    if not (query or settings.body or settings.headers):
        return place
    extra = digest_of({"query": query, "body": settings.body, "headers": settings.headers})
    return f"{place}#{extra[:16]}"


def _key(settings: ProviderSettings, environment: Mapping[str, str], parts: SplitResult) -> str | None:
    # The default key belongs to the default address: a server named in the settings gets a key only by name.
    variable = settings.api_key_env or (KEY_VARIABLE if settings.base_url is None else "")
    key = environment.get(variable, "").strip() if variable else ""
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        what = "spaces or unprintable characters" if key.isascii() else "characters outside ASCII"
        raise SettingsError(f"The value of {variable} can't be a key: it holds {what}.")
    if not key and (variable == settings.api_key_env or not _is_private(parts.hostname or "")):
        server = f"{parts.scheme}://{parts.netloc}"
        if settings.api_key_env:
            raise SettingsError(
                f"No key for {server}: set the environment variable {variable}. If the server needs no key, "
                "take api_key_env out of its settings."
            )
        advice = (
            f"set the environment variable {variable}" if variable else "name its variable with api_key_env"
        )
        raise SettingsError(
            f"No key for {server}: {advice}. A server on this machine or in a private network needs none."
        )
    return key or None


def _is_private(host: str) -> bool:
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        # A name without a dot (a container, a machine of the house) is known to no public server.
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
    return number.is_private or number.is_loopback or number.is_link_local


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _proxy(parts: SplitResult, environment: Mapping[str, str]) -> str | None:
    # Found once for a Model: aiohttp's trust_env asks a thread again for every call.
    host = parts.hostname or ""
    proxy = _variable(environment, f"{parts.scheme}_proxy") or _variable(environment, "all_proxy")
    if not proxy or _is_loopback(host):
        return None
    import urllib.request  # slow to import, and needed behind proxies only

    if urllib.request.proxy_bypass_environment(  # type: ignore[attr-defined]  # public, not in typeshed
        parts.netloc, {"no": _variable(environment, "no_proxy")}
    ):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if urlsplit(proxy).scheme not in {"http", "https"}:
        raise SettingsError(
            f"The proxy for {parts.scheme} is none of http or https: unset {parts.scheme}_proxy and "
            f"all_proxy, or add {host!r} to no_proxy."
        )
    return proxy


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""
