"""Every fuzz target."""

from tests.fuzz.rooms import (
    agent,
    awsapi,
    channel,
    cli,
    core,
    operations,
    plugin,
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
        recording,
        transport,
        server,
        operations,
        agent,
        plugin,
        cli,
    )
    for target in room.TARGETS
)
