"""A signed API call, byte for byte."""

from ferryman.model.identity.credentials import Credentials
from tests.server.running import Server

CALL = b"POST / HTTP/1.1\r\nHost: ferryman.test\r\nX-Amz-Target: AmazonSSM.GetDocument\r\n"


def signed_call(
    server: Server, operation: str, body: bytes, credentials: Credentials | None = None, service: str = "ssm"
) -> bytes:
    """A whole request, the administrator's unless others' credentials are given."""
    prefix = {"ssm": "AmazonSSM", "ec2messages": "EC2WindowsMessageDeliveryService"}[service]
    names = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{prefix}.{operation}"}
    headers = server.signed("POST", "/", "", body, names, credentials, service=service)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
