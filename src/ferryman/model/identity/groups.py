"""Groups: users who share policies."""

from dataclasses import dataclass

from ferryman.model.identifiers import Millis


@dataclass(frozen=True, slots=True)
class Group:
    """A group. `group_id` is `AGPA` and 17 characters, never reused; `path` begins and ends with a slash."""

    group_id: str
    name: str
    created_at: Millis
    path: str = "/"
