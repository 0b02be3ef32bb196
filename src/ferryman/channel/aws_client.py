"""Sending to AWS's client, whose receiver behaves in its own way (`protocol/client.md` §7.2).

It acknowledges the message it expects after writing it out. If that acknowledgement fails to be sent, because the
connection is gone, it expects the same message again and writes it out again. What arrives ahead of a gap it
acknowledges first, keeps only if that worked, and writes out once. So every group of messages travels ahead of an
empty one of the lower number, its cover: only the cover is ever taken twice.

It is silent about duplicates. A message whose acknowledgement was lost is never acknowledged, however often it is sent.
So one that was sent DOUBTFUL_SENDS times over one connection no longer fills the window (up to one more window of
them), and after PRESUMED_SENDS it counts as delivered once something first sent after that is acknowledged. When
nothing else is on its way, an empty message, the probe, asks for the one acknowledgement that proves the others'
delivery. None of this before the client can show what it gets: until then it ignores it, and expects it later.
"""

import math
from collections import deque
from dataclasses import dataclass

from ferryman.channel.streams.resending import Messages, Outstanding
from ferryman.channel.streams.window import Window

DOUBTFUL_SENDS = 3
PRESUMED_SENDS = 8
PRESUMED_SENDS_COVERED = 4
"""Enough if its cover, sent after it, has arrived."""
PROBE_SECONDS = 0.5
COVERED_MESSAGES = 64
"""A group's size: AWS's client shows nothing of it before its end is there."""


@dataclass(slots=True)
class _Doubt:
    """What is known of one message's delivery, places being positions in the order of sending."""

    first_place: int = 0
    presumable_from: int | None = None
    doubtful: bool = False
    cover: int | None = None


class AwsClient:
    """The state of those habits over the messages of one stream.

    `listens`: the client can show what it gets. `covers`: groups of messages travel ahead of a cover.
    """

    def __init__(self, messages: Messages, window: Window, *, listens: bool, covers: bool = True) -> None:
        self._messages = messages
        self._window = window
        self._listens = listens
        self._covers = covers
        self._doubts: dict[int, _Doubt] = {}
        self._doubtful = 0
        self._doubtful_bytes = 0
        self._places = 0
        self._proven_place = 0
        self._proof_is_new = False
        self._probe_at = -math.inf
        self._open_cover: int | None = None
        self._covered = 0

    @property
    def forgiven(self) -> tuple[int, int]:
        """Return how many messages and payload bytes do not count for the window."""
        return min(self._doubtful, self._window.messages), min(self._doubtful_bytes, self._window.size)

    @property
    def needs_cover(self) -> bool:
        """Return whether an empty message must be numbered, and given to `cover`, before the next one."""
        return self._covers and self._listens and self._open_cover is None

    def cover(self, number: int) -> None:
        """Take the number of an empty message that travels behind those numbered after it."""
        self._open_cover = number

    def covered(self, number: int) -> list[int]:
        """Take the number of a message; return those that go out behind it."""
        if self._open_cover is None:
            return []
        self._doubt(number).cover = self._open_cover
        self._covered += 1
        return self.close_group() if self._covered >= COVERED_MESSAGES else []

    def close_group(self) -> list[int]:
        """Return the cover that goes out now, at the end of its group."""
        if self._open_cover is None:
            return []
        cover, self._open_cover, self._covered = self._open_cover, None, 0
        return [cover]

    def listening(self) -> None:
        """Note that the client can now show what it gets; its silence before then meant nothing."""
        self._listens = True
        for doubt in self._doubts.values():
            doubt.presumable_from = None
            doubt.doubtful = False
        self._doubtful = self._doubtful_bytes = 0

    def sent(self, number: int, item: Outstanding) -> bool:
        """Note that a message is sent, after its `sends` was raised; return whether the client is past it.

        Then the client has it or misses it, so there is no reason to wait longer each time.
        """
        self._places += 1
        doubt = self._doubt(number)
        if item.sends == 1:
            doubt.first_place = self._places
        if item.sends >= DOUBTFUL_SENDS and not doubt.doubtful:
            doubt.doubtful = True
            self._doubtful += 1
            self._doubtful_bytes += item.size
        if item.sends == (PRESUMED_SENDS if doubt.cover is None else PRESUMED_SENDS_COVERED):
            doubt.presumable_from = self._places
        return doubt.first_place < self._proven_place

    def acknowledged(self, number: int) -> None:
        """Note that a message was acknowledged by name."""
        self._proven_place = max(self._proven_place, self._doubt(number).first_place)
        self._proof_is_new = True

    def freed(self, number: int, item: Outstanding) -> None:
        """Forget a message that was acknowledged or given up."""
        doubt = self._doubts.pop(number, None)
        if doubt is not None and doubt.doubtful:
            self._doubtful -= 1
            self._doubtful_bytes -= item.size

    def presumed(self) -> list[int]:
        """Return the messages that now count as delivered."""
        if not self._proof_is_new:
            return []
        self._proof_is_new = False
        if not self._doubtful or not self._listens:
            return []
        gone: list[int] = []
        for number in self._messages:
            doubt = self._doubts.get(number)
            if doubt is None or doubt.presumable_from is None or doubt.presumable_from >= self._proven_place:
                continue
            if doubt.cover not in self._messages or doubt.cover in gone:
                gone.append(number)
        return gone

    def probe_is_due(self, now: float) -> bool:
        """Return whether to ask for proof of delivery with an empty message.

        It is if messages wait for it and nothing that could bring it is on its way.
        """
        if not self._doubtful or not self._listens or now < self._probe_at:
            return False
        waiting = [place for number in self._messages if (place := self._waits_for_proof_after(number)) is not None]
        if not waiting or any(self._doubt(number).first_place > max(waiting) for number in self._messages):
            return False
        self._probe_at = now + PROBE_SECONDS
        return True

    def restart(self) -> deque[int]:
        """Forget all doubt, for a new connection; return the messages in sending order, covers behind their groups."""
        self._open_cover = None
        self._covered = 0
        self._doubtful = self._doubtful_bytes = 0
        for doubt in self._doubts.values():
            doubt.doubtful = False
            doubt.presumable_from = None
        covers = {doubt.cover for doubt in self._doubts.values() if doubt.cover is not None}
        order: deque[int] = deque()
        held: int | None = None
        for number in self._messages:
            if held is not None and self._doubt(number).cover != held:
                order.append(held)
                held = None
            if number in covers:
                held = number
            else:
                order.append(number)
        if held is not None:
            order.append(held)
        return order

    def _doubt(self, number: int) -> _Doubt:
        return self._doubts.setdefault(number, _Doubt())

    def _waits_for_proof_after(self, number: int) -> int | None:
        """Return the place after which an acknowledged message would tell something of this one."""
        doubt = self._doubt(number)
        if doubt.presumable_from is not None:
            return doubt.presumable_from
        return doubt.first_place if doubt.doubtful and self._messages[number].size else None
