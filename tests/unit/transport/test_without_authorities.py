"""aiohttp, imported without the authorities that it loads for itself."""

import asyncio
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from ferryman.bootstrap.keys.certificates import issue
from tests.waiting import PATIENCE

SCRIPT = """
import asyncio, os, sys
from ferryman.transport.without_authorities import import_aiohttp
import_aiohttp()
assert os.environ["SSL_CERT_FILE"] == sys.argv[1] and "SSL_CERT_DIR" not in os.environ
import aiohttp
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import UpgradeRefused
from ferryman.transport.http import HttpClient

async def main():
    os.environ["HTTP_PROXY"] = sys.argv[2]
    for url in (sys.argv[2].replace("https:", "wss:"), "ws://node.invalid"):
        async with Dialler(user_agent="test", heartbeat=20.0) as dialler:
            try:
                await dialler.dial(url)
            except UpgradeRefused as refused:
                print(refused.status)
    async with HttpClient(sys.argv[2], user_agent="test") as client:
        print((await client.send("GET", "/", "", {}, b"", None)).status)
    async with aiohttp.ClientSession() as session:
        try:
            await session.get(sys.argv[2])
        except aiohttp.ClientConnectorCertificateError:
            print("trusts nobody")

asyncio.run(main())
"""
ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


async def test_clients_trust_the_systems_authorities_and_aiohttp_itself_none(tmp_path: Path) -> None:
    made = issue("localhost", datetime.now(UTC))
    authority, chain, key = (tmp_path / name for name in ("ca.pem", "certificate.pem", "key.pem"))
    authority.write_bytes(made.issuer.certificate)
    chain.write_bytes(made.certificate)
    key.write_bytes(made.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        command = [sys.executable, "-c", SCRIPT, str(authority), f"https://localhost:{port}"]
        environment = {"SSL_CERT_FILE": str(authority)}
        done = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
    assert done.stdout.split() == ["204", "204", "204", "trusts", "nobody"], done.stderr
