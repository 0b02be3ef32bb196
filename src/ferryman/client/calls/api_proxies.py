"""Makes botocore clients that use the same proxies as all other connections of Ferryman (`transport.proxies`)."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.request import getproxies_environment

from ferryman.transport.proxies import proxies_for


def through_proxies(make: Callable[[Mapping[str, str] | None], Any]) -> Any:
    """Return `make(proxies)`, a botocore client; with None, botocore reads the environment itself.

    The proxy depends on the endpoint, which only a client knows: if the environment names proxies, a second client is
    made. Raises `Unreachable` if the proxy cannot be used, and whatever `make` raises.
    """
    client = make(None)
    if getproxies_environment():
        client = make(proxies_for(str(client.meta.endpoint_url)))
    return client
