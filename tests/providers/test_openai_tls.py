"""Servers with a certificate of one's own authority: real TLS on loopback, certificates made by openssl."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from promptops.errors import CallFailed, SettingsError
from promptops.providers import ProviderSettings
from promptops.providers.openai import OpenAI
from promptops.types import Completion, Message, Request
from tests.providers.fault_server import KEY, FaultServer

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="no openssl to make certificates with"
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an authority, another one, and a server's certificate of the first."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "theirs"):
        _openssl(
            folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
    _openssl(
        folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server",
    )  # fmt: skip
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    _openssl(
        folder, "x509", "-req", "-in", "server.csr", "-CA", "ours.pem", "-CAkey", "ours.key",
        "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem",
    )  # fmt: skip
    return folder


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@asynccontextmanager
async def serving(certificates: Path) -> AsyncIterator[FaultServer]:
    faults, context = FaultServer(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    server = await asyncio.start_server(faults.serve, "127.0.0.1", 0, ssl=context)
    faults.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield faults
    finally:
        server.close()
        await faults.stop()


def answer(certificates: Path, ca_file: str | None) -> Completion:
    async def ask() -> Completion:
        async with serving(certificates) as server:
            settings = ProviderSettings(base_url=server.url, timeout=10, ca_file=ca_file, api_key_env="K")
            model = OpenAI("m", settings, {"K": KEY}, certificates)
            try:
                return await model.generate(Request(messages=(Message(role="user", content="Hello"),)))
            finally:
                await model.close()
                assert ca_file == "ours.pem" or not server.calls, (
                    "the key went to a server nobody vouched for"
                )

    return asyncio.run(ask())


def test_an_authority_of_ones_own_is_believed_by_a_path_below_the_project(certificates: Path) -> None:
    assert answer(certificates, "ours.pem").text == "echo: Hello"


@pytest.mark.parametrize("ca_file", [None, "theirs.pem"])
def test_no_other_certificate_is_believed_and_the_setting_is_named(
    certificates: Path, ca_file: str | None
) -> None:
    with pytest.raises(CallFailed, match=r"certificate verify failed.*ca_file") as caught:
        answer(certificates, ca_file)
    assert caught.value.kind == "connection"


def test_the_systems_authorities_are_believed_beside_it(certificates: Path) -> None:
    # SSL_CERT_FILE stands for the system's here, and is read when the process begins.
    script = certificates / "ask.py"
    script.write_text(
        "import asyncio, pathlib, sys\n"
        "from promptops.providers import ProviderSettings\n"
        "from promptops.providers.openai import OpenAI\n"
        "from promptops.types import Message, Request\n"
        "async def ask():\n"
        "    settings = ProviderSettings(base_url=sys.argv[1], timeout=10, ca_file='theirs.pem')\n"
        "    model = OpenAI('m', settings, {}, pathlib.Path(sys.argv[2]))\n"
        "    print((await model.generate(Request(messages=(Message(role='user', content='Hi'),)))).text)\n"
        "    await model.close()\n"
        "asyncio.run(ask())\n"
    )

    async def way() -> subprocess.CompletedProcess[str]:
        async with serving(certificates) as server:
            return await asyncio.to_thread(
                subprocess.run,
                [sys.executable, str(script), server.url, str(certificates)],
                env={
                    **os.environ,
                    "SSL_CERT_FILE": str(certificates / "ours.pem"),
                    "PYTHONPATH": str(Path.cwd()),
                },
                capture_output=True,
                text=True,
                check=False,
            )

    done = asyncio.run(way())
    assert done.stdout.strip() == "echo: Hi", done.stderr


@pytest.mark.parametrize(
    ("ca_file", "told"),
    [
        ("missing.pem", r"'missing.pem' can't be read \(no such file"),
        (".", "can't be read|holds no certificate"),
        ("names", "'names' holds no certificate in PEM form"),
        ("a\0b", "can't be read"),
    ],
)
def test_a_file_that_holds_no_certificate_is_told_before_any_call(
    certificates: Path, ca_file: str, told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        OpenAI("m", ProviderSettings(base_url="https://127.0.0.1:9/v1", ca_file=ca_file), {}, certificates)
