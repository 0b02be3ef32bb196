"""Finds where an existing trail continues, and which records are missing from its end."""

from collections.abc import Sequence

from ferryman.core.audit.chain import BrokenChain, ChainLink, changed_to, key_id, open_line
from ferryman.core.ports.audit import TrailHead


def resume(last_line: bytes, keys: Sequence[bytes]) -> tuple[bytes, ChainLink]:
    """Return the key and the link to continue with; raises `BrokenChain` if no key opens the last line."""
    if not last_line:
        return keys[0], ChainLink()
    broken = BrokenChain("there is no key")
    for key in keys:
        try:
            link = open_line(key, last_line)[0]
        except BrokenChain as error:
            broken = error
            continue
        follower = changed_to(last_line)
        return next((each for each in keys if key_id(each) == follower), key), link
    raise broken


def missing_records(known: TrailHead, found: ChainLink) -> dict[str, int] | None:
    """Return the numbers of the first and last record that the trail is known to have had and does not; None if none.

    `found` is the trail's last record.
    """
    if found.sequence < known.sequence:
        return {"firstSequence": found.sequence + 1, "lastSequence": known.sequence}
    if found.sequence == known.sequence and found.mac != known.mac:
        return {"firstSequence": known.sequence, "lastSequence": known.sequence}
    return None
