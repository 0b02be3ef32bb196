"""Policies as documents: who holds them, and under which name; the language itself is `ferryman.policy`'s."""

from dataclasses import dataclass

from ferryman.model.identifiers import Millis


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy that bears on a caller: its ARN, or the owner's id and its name if it is inline; and its JSON text."""

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


def policy_arn(account_id: str, name: str, path: str = "/") -> str:
    """Return the ARN of a managed policy; the account of built-in ones is `aws`."""
    return f"arn:aws:iam::{account_id}:policy{path}{name}"


def name_of_policy(arn: str) -> str:
    """Return the name that is in a managed policy's ARN."""
    return arn.rpartition("/")[2]


def path_of_policy(arn: str) -> str:
    """Return the path that is in a managed policy's ARN; it begins and ends with a slash."""
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"
