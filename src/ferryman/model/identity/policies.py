"""Policies as documents: their owners, names and versions. The language itself is in `ferryman.policy`."""

from dataclasses import dataclass

from ferryman.model.identifiers import Millis


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy that applies to a caller: its ARN, or the owner's id and its name if it is inline; and its JSON text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A policy with an ARN, of this account or built in. `policy_id` is `ANPA` and 17 characters, never reused."""

    arn: str
    policy_id: str
    name: str
    description: str
    default_version: int
    latest_version: int
    created_at: Millis
    updated_at: Millis
    path: str = "/"


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a managed policy, counted from 1."""

    arn: str
    version: int
    text: str
    created_at: Millis
