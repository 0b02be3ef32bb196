"""The information that a node reports with UpdateInstanceInformation (`protocol/agent.md` §2)."""

import platform
import socket
from typing import Any
from urllib.parse import urlsplit

from ferryman.model.values.versions import AGENT_NAME, AGENT_VERSION

TARGET = "AmazonSSM.UpdateInstanceInformation"


def ping(node_id: str) -> dict[str, Any]:
    """Return the short form: that the node is there, and with which agent."""
    return {
        "AgentName": AGENT_NAME,
        "AgentVersion": AGENT_VERSION,
        "InstanceId": node_id,
        "PlatformType": "Linux",
    }


def full(node_id: str, endpoint: str, name: str | None = None) -> dict[str, Any]:
    """Return the long form: also `name` or the host's, local address towards `endpoint`, and operating system."""
    system, version = _operating_system()
    return {
        **ping(node_id),
        "AgentStatus": "Active",
        "ComputerName": (name or socket.gethostname())[:255],
        "IPAddress": _address_towards(endpoint)[:46],
        "PlatformName": system,
        "PlatformVersion": version,
        "SSMConnectionChannel": "ssmmessages",
    }


def _operating_system() -> tuple[str, str]:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return platform.system(), platform.release()
    return release.get("NAME", platform.system()), release.get("VERSION_ID", platform.release())


def _address_towards(endpoint: str) -> str:
    """Return the local address that packets to the endpoint leave from; a datagram socket's connect sends none."""
    parts = urlsplit(endpoint)
    port = parts.port or 443
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return ""
