"""Every fuzz target."""

from tests.fuzz.rooms import (
    agent,
    audit,
    awsapi,
    channel,
    cli,
    client,
    core,
    operations,
    policy,
    recording,
    server,
    signing,
    transport,
    wire,
)
from tests.fuzz.target import Target

TARGETS: tuple[Target, ...] = tuple(
    target
    for room in (
        wire,
        signing,
        policy,
        channel,
        awsapi,
        core,
        audit,
        transport,
        recording,
        server,
        operations,
        agent,
        client,
        cli,
    )
    for target in room.TARGETS
)
