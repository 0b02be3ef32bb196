"""Exceptions in words for people."""

import asyncio
import errno
import os
import socket
import ssl
from pathlib import Path

import pytest

from ferryman.model.failures import counted, said_by


def raised_by_encoding() -> UnicodeError:
    with pytest.raises(UnicodeError) as caught:
        socket.getaddrinfo("a" * 70, 80)
    return caught.value


def test_nothing_is_left_of_what_python_adds(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(OSError, match="missing") as of_file:
        missing.open()
    assert said_by(of_file.value) == f"No such file or directory: {missing}"
    assert said_by(OSError(errno.ECONNRESET, "Connection reset by peer")) == "Connection reset by peer"
    assert said_by(OSError(errno.ECONNREFUSED, "Connect call failed ('::1', 1)")) == "Connection refused"
    assert said_by(RuntimeError("failed: [Errno 104] Connection reset by peer")) == "failed: Connection reset by peer"
    assert said_by(TimeoutError()) == "TimeoutError"
    assert "codec" not in said_by(raised_by_encoding())


def test_certificates_that_openssl_adds_are_not_used(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate\n")
    with pytest.raises(ssl.SSLError) as caught:
        ssl.create_default_context(cafile=os.fspath(tmp_path / "ca.pem"))
    assert said_by(caught.value) == "no certificate or crl found"


async def test_a_refused_connection_is_reported_in_the_systems_words(unused_tcp_port: int) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        await asyncio.open_connection("127.0.0.1", unused_tcp_port)
    assert said_by(caught.value) == "Connection refused"


@pytest.mark.parametrize(("number", "said"), [(0, "0 nodes"), (1, "1 node"), (2, "2 nodes")])
def test_numbers_agree_with_their_nouns(number: int, said: str) -> None:
    assert counted(number, "node") == said
