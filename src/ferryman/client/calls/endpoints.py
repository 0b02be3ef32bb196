"""Addresses of servers: whether one can be called at all, and the errors for calls that did not get there."""

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ferryman.model.failures import Failure, said_by

SERVER_FILE = Path("/etc/ferryman/ferryman.toml")
"""The configuration of an installed server, which only root and the server may read."""
_LOG_IN = "Sign in with `ferryman login https://SERVER`, or set up a server with `ferryman init`"
_CORRECT = "Correct --endpoint-url, AWS_ENDPOINT_URL or the profile: https://HOST[:PORT]"


def log_in() -> str:
    """Return the advice for somebody who knows no server yet; on a server's own machine, its administrator is root."""
    try:
        is_servers = SERVER_FILE.exists() and not os.access(SERVER_FILE, os.R_OK)
    except PermissionError:
        is_servers = True
    return (
        f"{_LOG_IN}. A server is installed on this machine: its administrator runs this with `sudo`"
        if is_servers
        else _LOG_IN
    )


class Absent(Failure):
    """The server does not answer, or the node is not connected: another try may succeed."""


def is_default_endpoint(endpoint_url: str) -> bool:
    """Whether this is the default address of ssm, sts or iam, which is AWS: nobody configured another.

    A Ferryman server may use the name of AWS's ssmmessages, which is not the default of any of those.
    """
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and not host.startswith("ssmmessages.")


def check_endpoint(endpoint: str) -> str:
    """Return `endpoint`, a URL that a server can have. Raises Failure, which names what is wrong with it."""
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError:  # half an IPv6 address, or a port out of range
        raise not_an_address(endpoint) from None
    if parts.scheme not in {"http", "https"} or not host:
        raise not_an_address(endpoint)
    return endpoint


def not_an_address(endpoint: str) -> Failure:
    """Return the Failure for an endpoint that cannot be a server's address."""
    bare = urlsplit(f"//{endpoint}") if "://" not in endpoint and "[" not in endpoint else None
    cause = f"{endpoint or 'an empty text'} is not the address of a server"
    if bare is not None and bare.netloc:
        cause += ": it lacks https:// or http://"
    return Failure("The endpoint cannot be used", cause, _CORRECT)


def unreachable(error: BaseException, endpoint: str) -> Failure:
    """Return the Failure for a call that got no answer from `endpoint`; `Absent` if another try may succeed."""
    there = f"The server at {endpoint} does not answer"
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return Failure(
                f"The certificate of {endpoint} is not trusted",
                each.verify_message or said_by(each),
                "Renew it on the server, or check this machine's clock"
                if "expired" in str(each)
                else "Set AWS_CA_BUNDLE to the server's CA certificate",
            )
        if isinstance(each, ssl.SSLError):
            if "WRONG_VERSION_NUMBER" in str(each):
                return Failure(f"{endpoint} does not speak TLS", "", "Use http:// in its address, or check the port")
            return Failure(f"TLS with {endpoint} failed", said_by(each), "Check the port, and proxies in between")
        if isinstance(each, socket.gaierror):
            return Absent(there, f"its name is not known here ({said_by(each)})", "Check the name and the network")
        if isinstance(each, ConnectionRefusedError):
            return Absent(there, "nothing is listening there", "Start it, or check the address with `ferryman doctor`")
        if isinstance(each, TimeoutError):
            return Absent(
                there, "it is too slow, or a firewall drops the packets", "Check the address with `ferryman doctor`"
            )
        if type(each).__name__ in {"ConnectionClosedError", "RemoteDisconnected"}:
            advice = "Use https:// in its address, if it has a certificate" if endpoint.startswith("http:") else ""
            return Absent(there, "it closed the connection", advice or "Check the address with `ferryman doctor`")
    return Absent(
        there, f"something in between may block the connection ({type(error).__name__})", "Run `ferryman doctor`"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the chain of causes of an error of botocore's, the first cause first, the error itself last."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        inner = getattr(current, "kwargs", {}).get("error") if hasattr(current, "kwargs") else None
        wrapped = next((each for each in current.args if isinstance(each, BaseException)), None)
        current = inner or current.__cause__ or current.__context__ or wrapped
    yield from reversed(chain)
