"""Detects that this is not the machine that was registered, but one with a copy of its files.

This guards against copies made by accident (cloned disks, images, restored backups), not against thieves: whoever can
read the state directory can also edit it.
"""

import os
from hashlib import sha256
from pathlib import Path

import msgspec

_MACHINE_ID = Path("/etc/machine-id")
_HARDWARE = (Path("/sys/class/dmi/id/product_uuid"), Path("/sys/firmware/devicetree/base/serial-number"))
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"), Path("/run/systemd/container"))
_CONTAINER_VARIABLES = ("KUBERNETES_SERVICE_HOST", "container")
_PLACEHOLDERS = frozenset({"03000200-0400-0500-0006-000700080009", "not settable", "not specified"})
"""Placeholders that board manufacturers leave instead of a serial number."""


class Machine(msgspec.Struct, frozen=True):
    """Hashes of what identifies a machine, each empty where it has none or it cannot be read."""

    machine_id: str = ""
    """Of /etc/machine-id: new after an installation, the same on a cloned disk."""
    hardware: str = ""
    """Of the hardware's or virtual machine's own number: different on a machine that a disk was cloned or moved to."""

    def difference_from(self, registered: "Machine") -> str:
        """Return the evidence that this is not the machine that was `registered`, empty if it is.

        Hardware is compared where both numbers are known: only root can read it, and older agents did not record it.
        """
        if registered.machine_id != self.machine_id:
            return "/etc/machine-id"
        if registered.hardware and self.hardware and registered.hardware != self.hardware:
            return "the hardware's serial number"
        return ""


def this_machine() -> Machine:
    """Return the identifiers of the machine that this process runs on."""
    return Machine(_digest(_text(_MACHINE_ID)), _digest(_hardware_number()))


def _hardware_number() -> str:
    """Return the hardware's number; none in a container, which may continue on another host."""
    if any(mark.exists() for mark in _CONTAINER_MARKS) or any(name in os.environ for name in _CONTAINER_VARIABLES):
        return ""
    for path in _HARDWARE:
        number = _text(path).strip("\0")
        if number and number.lower() not in _PLACEHOLDERS and len(set(number) - {"-"}) > 1:
            return number
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _digest(text: str) -> str:
    return sha256(b"ferryman-agent/" + text.encode()).hexdigest() if text else ""
