"""Imports aiohttp without the certificate authorities that it loads for itself when it is imported: 3 MB, and 80 ms
where the system has 140 of them.

Only for programs of ours, in which nothing but `HttpClient`, `Dialler` and `Documents` connects with aiohttp. They have
their TLS contexts from `trust`; those of aiohttp trust no server afterwards.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_OPENSSL_READS = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}


def import_aiohttp() -> None:
    """Import aiohttp, unless it has been imported already. Call it while the process has one thread."""
    if "aiohttp" in sys.modules:
        return
    with _environment(_OPENSSL_READS):
        import aiohttp  # noqa: F401 imported for those who import it later


@contextmanager
def _environment(changed: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
