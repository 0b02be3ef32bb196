"""What Ferryman's ends agree on in the handshake, and what holds with AWS's."""

from ferryman.wire.payloads import Extensions

AWS = Extensions(max_payload=1024)
"""With AWS's ends: the payload they send themselves, smux version 1 (client.md §10.4, §13)."""
OURS = Extensions(max_payload=131072, mux=2, stdin=True, undigested=True, exit_code=True)


def agree(theirs: Extensions) -> Extensions:
    """Return what both ends can do, if the peer offers `theirs`, whatever the numbers in it."""
    return Extensions(
        max_payload=max(1, min(OURS.max_payload, theirs.max_payload)),
        mux=max(AWS.mux, min(OURS.mux, theirs.mux)),
        stdin=OURS.stdin and theirs.stdin,
        undigested=OURS.undigested and theirs.undigested,
        exit_code=OURS.exit_code and theirs.exit_code,
    )
