"""The reasons of a copy's sessions: what was copied, on one line, within StartSession's limit."""

import pytest

from ferryman.model.values.copy_reasons import (
    LONGEST,
    FileCopy,
    download_reason,
    file_copy,
    folder_reason,
    upload_reason,
)

DIGEST = "0" * 64


def test_files_are_named_with_size_and_digest() -> None:
    assert upload_reason("app.conf", "/etc/", 12, DIGEST) == (
        f"ferryman cp: upload of app.conf to /etc/, 12 bytes, SHA-256 {DIGEST}"
    )
    assert download_reason("/etc/app.conf", 12, DIGEST) == (
        f"ferryman cp: download of /etc/app.conf, 12 bytes, SHA-256 {DIGEST}"
    )
    assert download_reason("/etc/app.conf") == "ferryman cp: download of /etc/app.conf"
    assert folder_reason("site", "/srv", 3, 99) == "ferryman cp: upload of folder site to /srv, 3 files, 99 bytes"


@pytest.mark.parametrize("name", ["a" * 5000, "line\nfeed\x1b[2J" * 50, "\udcff\ud800" * 60, "\U0001f6a2" * 300])
def test_any_name_is_printable_and_fits(name: str) -> None:
    most = 10**18
    for reason in (
        upload_reason(name, name, most, DIGEST),
        download_reason(name, most, DIGEST),
        folder_reason(name, name, 10**6, most),
    ):
        assert reason.isprintable()
        assert len(reason) <= LONGEST


def test_the_end_of_a_long_name_is_kept() -> None:
    assert download_reason("/very" * 50 + "/app.conf").endswith("/very/app.conf")


@pytest.mark.parametrize(
    ("reason", "copy"),
    [
        (
            upload_reason("app.conf", "/etc/", 12, DIGEST),
            FileCopy("upload", "app.conf", "/etc/", size=12, digest=DIGEST),
        ),
        (upload_reason("folder a", "/etc/"), FileCopy("upload", "folder a", "/etc/")),
        (download_reason("/srv/a, 3 files"), FileCopy("download", "/srv/a, 3 files")),
        (
            download_reason("/srv/a to b", 5, DIGEST),
            FileCopy("download", "/srv/a to b", size=5, digest=DIGEST),
        ),
        (folder_reason("site", "/srv", 3, 99), FileCopy("upload", "site", "/srv", files=3, size=99)),
        ("TICKET-1", None),
        ("ferryman cp: upload of x", None),
        (None, None),
    ],
)
def test_reasons_are_read(reason: str | None, copy: FileCopy | None) -> None:
    assert file_copy(reason) == copy
