"""Clients of botocore that take the same way to the server as everything else of ours (`transport.proxies`)."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.request import getproxies_environment

from ferryman.transport.proxies import proxies_for


def through_proxies(make: Callable[[Mapping[str, str] | None], Any]) -> Any:
    """Return `make(proxies)`, a client of botocore, whose setting `proxies` None means botocore's own reading.

    Which proxy it is depends on the endpoint, which only a client knows: where the environment names proxies, a second
    one is made. Raises `Unreachable` if the proxy cannot be used, and whatever `make` raises.
    """
    client = make(None)
    if getproxies_environment():
        client = make(proxies_for(str(client.meta.endpoint_url)))
    return client
