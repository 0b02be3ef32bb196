import io
from collections.abc import Callable

import pytest

from ferryman.bootstrap.backup import sealed_file
from ferryman.bootstrap.backup.sealed_file import CHUNK, NotABackup, OpenedFile, SealingFile

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys with less work than a real backup's, which `tests/e2e/servers/test_backup.py` makes."""
    monkeypatch.setattr(sealed_file, "_SCRYPT_N", 1 << 4)


def sealed(content: bytes, passphrase: str | None = PASSPHRASE) -> bytes:
    target = io.BytesIO()
    with SealingFile(target, passphrase) as file:
        for start in range(0, len(content), 10_000):
            file.write(content[start : start + 10_000])
    return target.getvalue()


def opened(data: bytes, passphrase: str = PASSPHRASE) -> bytes:
    file = OpenedFile(io.BytesIO(data))
    if file.is_sealed:
        file.unlock(passphrase)
    return b"".join(iter(lambda: file.read(7_000), b""))


@pytest.mark.parametrize("size", [0, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_written_is_read(size: int) -> None:
    content = bytes(index * 7 % 251 for index in range(size))
    data = sealed(content)
    assert opened(data) == content
    assert opened(sealed(content, None)) == content
    assert size == 0 or content[:100] not in data


def test_two_backups_of_the_same_content_differ() -> None:
    assert sealed(b"the same") != sealed(b"the same")


def test_a_wrong_passphrase() -> None:
    with pytest.raises(NotABackup, match="passphrase is wrong"):
        opened(sealed(b"content"), "another passphrase")


CONTENT = bytes(2 * CHUNK + 100)
LAST, SEALED_CHUNK = 100 + 16, CHUNK + 16
"""The bytes of the last chunk and of another, each with its tag."""


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data[:-LAST],
        lambda data: data[: -LAST - 2 * SEALED_CHUNK] + data[-LAST - SEALED_CHUNK :],
        lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
        lambda data: data[:30] + bytes([data[30] ^ 1]) + data[31:],
    ],
    ids=["a byte short", "a chunk short", "no first chunk", "a bit of the end", "a bit of the salt"],
)
def test_whatever_is_changed_shows(change: Callable[[bytes], bytes]) -> None:
    data = sealed(CONTENT)
    assert opened(data) == CONTENT
    with pytest.raises(NotABackup):
        opened(change(data))


@pytest.mark.parametrize("data", [b"", b"\n", b"ferryman backup 2 scrypt\n", bytes(1000)])
def test_another_file_is_not_a_backup(data: bytes) -> None:
    with pytest.raises(NotABackup, match="does not begin as one"):
        opened(data)
