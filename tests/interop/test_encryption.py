"""Sessions that are encrypted end to end, between every pair; KMS is the server's own.

AWS's plugin up to 1.2.792 knows KMS by its name at AWS only. In the lab, that name is the server's: a proxy on port 443
ends TLS for it.
"""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.processes.programs import PROGRAMS
from tests.interop.conftest import Pair, cut
from tests.interop.lab import PORT, REGION, Lab
from tests.waiting import wait_until

KMS_HOST = f"kms.{REGION}.amazonaws.com"
ENCRYPTED = "This session is encrypted using AWS KMS."
_PROXY = f"""\
import asyncio, ssl, sys

async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def serve(reader, writer):
    verified = ssl.create_default_context(cafile=sys.argv[2])
    there = await asyncio.open_connection("127.0.0.1", {PORT}, ssl=verified)
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer), return_exceptions=True)

async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    server = await asyncio.start_server(serve, "127.0.0.1", 443, ssl=context)
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def certificate(path: Path, name: str) -> bytes:
    """Write a key and a certificate of its own for a name; the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + pem)
    return pem


@pytest.fixture(scope="module")
def kms_key(lab: Lab) -> str:
    """A key of the server's, which is KMS by AWS's name, too."""
    pem = lab.directory / "kms.pem"
    lab.trust(certificate(pem, KMS_HOST))
    hosts = lab.path("/etc/hosts")
    hosts.write_text(hosts.read_text() + f"127.0.0.1 {KMS_HOST}\n")
    lab.start("kms.log", PROGRAMS / "python", "-c", _PROXY, pem, lab.authority)
    wait_until(lambda: "ready" in (lab.directory / "kms.log").read_text())
    kms = lab.client("kms")
    key = str(lab.do(kms.create_key)["KeyMetadata"]["Arn"])
    for name, session_type in (("Encrypted-Shell", "Standard_Stream"), ("Encrypted-Port", "Port")):
        content: dict[str, Any] = {"schemaVersion": "1.0", "sessionType": session_type, "inputs": {"kmsKeyId": key}}
        if session_type == "Port":
            content["properties"] = {"portNumber": "9"}
        lab.call("create_document", Name=name, Content=json.dumps(content), DocumentType="Session")
    command: dict[str, Any] = {
        "schemaVersion": "1.0",
        "sessionType": "NonInteractiveCommands",
        "inputs": {"kmsKeyId": key},
        "parameters": {"command": {"type": "String"}},
        "properties": {"linux": {"commands": "{{ command }}", "separateOutputStream": "true"}},
    }
    lab.call("create_document", Name="Encrypted-Command", Content=json.dumps(command), DocumentType="Session")
    return key


def test_shell_is_encrypted(pair: Pair, kms_key: str) -> None:
    session = pair.start("Encrypted-Shell")
    session.expect(ENCRYPTED)
    session.prompt()
    session.send("echo $((6*7))\r")
    session.expect("42\r+\n")
    session.send("exit\r")
    session.end()
    session.ended()


def test_command_is_encrypted(pair: Pair, kms_key: str) -> None:
    session = pair.start("Encrypted-Command", command="sh -c 'echo out-$((1+1)); echo err-$((1+1)) >&2; exit 3'")
    said = session.end()
    assert ENCRYPTED.encode() in said
    assert b"out-2" in said
    assert b"err-2" in said
    assert b"EXIT_CODE: 3" in said
    session.ended()


def test_resumed_session_is_encrypted(pair: Pair, kms_key: str) -> None:
    session = pair.start("Encrypted-Shell")
    session.expect(ENCRYPTED)
    session.prompt()
    session.send("echo begun-$((1+1)); sleep 3; echo after-$((40+2))\r")  # typing during the outage ends AWS's plugin
    session.expect("begun-2\r+\n")
    assert cut(session.plugin())
    session.expect("after-42\r+\n")
    session.send("exit\r")
    session.end()
    session.ended()


def test_disabled_key_is_refused_with_the_reason(pair: Pair, kms_key: str) -> None:
    kms = pair.lab.client("kms")
    pair.lab.do(lambda: kms.disable_key(KeyId=kms_key))
    try:
        session = pair.start("Encrypted-Shell")
        assert b"DisabledException" in session.end()
    finally:
        pair.lab.do(lambda: kms.enable_key(KeyId=kms_key))


def test_port_is_encrypted_by_ferrymans_agent_and_refused_with_awss(pair: Pair, kms_key: str) -> None:
    session = pair.start("Encrypted-Port")
    if pair.agent_is_aws:
        assert b"requires encryption" in session.end()
    else:
        session.expect(ENCRYPTED)


def test_port_that_only_the_preferences_encrypt_is_encrypted_by_ferrymans_agent(pair: Pair, kms_key: str) -> None:
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"kmsKeyId": kms_key}}
    preferences = "SSM-SessionManagerRunShell"
    pair.lab.call("create_document", Name=preferences, Content=json.dumps(content), DocumentType="Session")
    try:
        session = pair.start("AWS-StartPortForwardingSession", portNumber="9", localPortNumber="0")
        said = session.expect("Waiting for connections")
    finally:
        pair.lab.call("delete_document", Name=preferences)
    assert (ENCRYPTED.encode() in said) != pair.agent_is_aws
