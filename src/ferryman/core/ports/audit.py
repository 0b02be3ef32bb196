"""The ports for the audit trail and for notices about it."""

from typing import Any, Protocol

Entry = dict[str, Any]
"""A record of the audit trail: texts, whole numbers, booleans, None, lists and maps of these."""


class Unrecorded(Exception):
    """The entry is not in the trail."""


class AuditTrail(Protocol):
    """What happened, in order, for good. An entry belongs to the trail once it is given."""

    @property
    def failure(self) -> str | None:
        """Why the trail cannot be written at the moment; None while it can."""

    def note(self, entry: Entry) -> None:
        """Put an entry into the trail soon."""

    async def keep(self, entry: Entry) -> None:
        """Put an entry into the trail and return when it is there; raises `Unrecorded`."""


class Notices(Protocol):
    """Who is told of access requests. Best effort: what cannot be delivered is given up after some tries."""

    def put(self, entry: Entry) -> None:
        """Tell soon; of too many that wait the oldest are dropped."""
