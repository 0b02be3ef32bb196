"""The connections of one port session, in the order in which they were opened."""

from collections.abc import Callable
from dataclasses import dataclass

from ferryman.core.audit.traffic_records import PortTotals

MOST_LISTED = 1000
"""Connections that are listed one by one; of all others there are only totals."""
LONGEST_REASON = 200
"""Bytes."""
Report = Callable[[dict[str, object]], None]
"""Gets what happened to a connection: what a recording's event of the kind `c` has."""

CLIENT, NODE, SESSION, OTHER_CLIENT = "client", "node", "session", "other-client"
"""Who closed a connection; SESSION if it was open when the session ended or both its ends had left this server."""


@dataclass(slots=True)
class ForwardedConnection:
    """A connection that is listed: the bytes that the client and the node sent on it, and who finished it first."""

    number: int
    sent: int = 0
    received: int = 0
    finished_by: str = ""


class ConnectionList:
    """Counts connections, and reports the first MOST_LISTED of them as they are opened and closed."""

    def __init__(self, report: Report) -> None:
        self.totals = PortTotals()
        self._report = report

    def open(self) -> ForwardedConnection | None:
        """Count a connection; return it if it is listed."""
        totals = self.totals
        totals.opened += 1
        if totals.opened > MOST_LISTED:
            if totals.opened == MOST_LISTED + 1:
                self._report({"state": "unlisted", "listed": MOST_LISTED})
            return None
        totals.listed = totals.opened
        self._report({"state": "opened", "connection": totals.opened})
        return ForwardedConnection(totals.opened)

    def close(self, connection: ForwardedConnection, by: str, reason: str = "") -> None:
        """Report that a connection is over; `reason` is the text of the end that reset it."""
        closed: dict[str, object] = {
            "state": "closed",
            "connection": connection.number,
            "by": connection.finished_by or by,
            "sent": connection.sent,
            "received": connection.received,
        }
        self._report(closed | ({"reason": reason} if reason else {}))
