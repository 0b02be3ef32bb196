"""The settings of watching sessions live."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Watching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether sessions can be watched live, and by how many."""

    enabled: bool = True
    announce: bool = True
    watchers_per_session: Annotated[int, Meta(ge=1, le=100)] = 10
    sessions_per_person: Annotated[int, Meta(ge=1, le=1000)] = 10
    observer_grace_seconds: Annotated[int, Meta(ge=0, le=3600)] = 30
    observer_wait_seconds: Annotated[int, Meta(ge=10, le=3600)] = 300
