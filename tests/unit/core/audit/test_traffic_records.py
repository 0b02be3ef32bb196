"""Records of what sessions carried: what they say, and how many one session can cause."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ferryman.core.audit.traffic_records import PortTotals, connections_summed, file_copied
from ferryman.core.ports.audit import Entry, NoTrail
from ferryman.model.values.copy_reasons import FileCopy

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


class Trail(NoTrail):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)


async def test_session_whose_ends_come_and_go_causes_only_so_many_records(world: "World") -> None:
    ticket = await world.start(await world.node())
    session, trail = await world.session(ticket.session_id), Trail()
    service = replace(world.service, trail=trail)
    for _ in range(150):
        connections_summed(service, session, "", "8080", PortTotals(3, 2, 1, 40, 50, is_complete=False))
        file_copied(service, session, FileCopy("download", "a\ud800"), None)
    summaries, copies = trail.entries[::2], trail.entries[1::2]
    assert (len(summaries), len(copies)) == (100, 100)
    ours = {"sessionId": session.session_id, "target": session.target, "owner": session.owner}
    assert summaries[0]["detail"] == ours | {
        "port": "8080",
        "connections": 3,
        "listed": 2,
        "refused": 1,
        "bytesFromClient": 40,
        "bytesFromNode": 50,
        "complete": False,
    }
    assert copies[0]["detail"] == ours | {"direction": "download", "name": "a?", "reportedBy": "client"}
