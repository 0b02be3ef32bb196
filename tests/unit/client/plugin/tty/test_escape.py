"""The `~` escapes of `protocol/client.md` §14."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.client.plugin.tty.escape import Escape, EscapeParser


def feed(*reads: bytes) -> list[bytes | Escape]:
    """What one parser makes of the reads, neighbouring bytes joined."""
    parser = EscapeParser()
    joined: list[bytes | Escape] = []
    for read in reads:
        for piece in parser.feed(read):
            if joined and isinstance(piece, bytes) and isinstance(joined[-1], bytes):
                joined[-1] += piece
            else:
                joined.append(piece)
    return joined


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (b"~.", [Escape.TERMINATE]),
        (b"ls\r~.", [b"ls\r", Escape.TERMINATE]),
        (b"ls\n~.rest", [b"ls\n", Escape.TERMINATE, b"rest"]),
        (b"ls ~.", [b"ls ~."]),
        (b"a~.", [b"a~."]),
        (b"\r~?~?~.", [b"\r", Escape.HELP, Escape.HELP, Escape.TERMINATE]),
        (b"~~.", [b"~."]),
        (b"~~\r~.", [b"~\r", Escape.TERMINATE]),
        (b"~x~.", [b"~x~."]),
        (b"~\r~.", [b"~\r", Escape.TERMINATE]),
        (b"~-\r~.\r~?", [Escape.OFF, b"\r~.\r~?"]),
        (b"~", []),
        (b"", []),
    ],
)
def test_escapes_are_recognised_in_typed_keys(typed: bytes, meant: list[bytes | Escape]) -> None:
    assert feed(typed) == meant
    assert feed(*[bytes([byte]) for byte in typed]) == meant


@given(st.lists(st.sampled_from([b"~", b".", b"?", b"-", b"\r", b"\n", b"a"]), max_size=12), st.integers(0, 12))
def test_how_the_reads_are_cut_does_not_matter(keys: list[bytes], cut: int) -> None:
    typed = b"".join(keys)
    assert feed(typed[:cut], typed[cut:]) == feed(typed)


@given(st.binary().filter(lambda data: b"~" not in data))
def test_bytes_without_a_tilde_pass_as_they_are(data: bytes) -> None:
    assert feed(data) == ([data] if data else [])
