"""KMS keys: their states, the generations of their material, aliases and grants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ferryman.model.identifiers import Millis

ALIAS_PREFIX = "alias/"
RESERVED_PREFIX = "alias/aws/"
"""Aliases of AWS's own keys, which nobody can create."""


class KeyState(StrEnum):
    """A key's state, as DescribeKey shows it."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"


class RotationType(StrEnum):
    """Why a generation began; the first generation has none."""

    AUTOMATIC = "AUTOMATIC"
    ON_DEMAND = "ON_DEMAND"


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A symmetric key, without its material.

    `generation` is the newest, from 1. `policy` is the key policy's text, `principal_ids` the ids that its users and
    roles had when it was written. `deletion_at` and `pending_days` are set while it waits for its deletion,
    `rotation_days` and `next_rotation_at` while it is rotated automatically.
    """

    key_id: str
    description: str
    state: KeyState
    policy: str
    principal_ids: Mapping[str, str]
    created_at: Millis
    generation: int = 1
    deletion_at: Millis | None = None
    pending_days: int | None = None
    rotation_days: int | None = None
    next_rotation_at: Millis | None = None


@dataclass(frozen=True, slots=True)
class KeyGeneration:
    """One generation of a key's material: 32 bytes, `sealed` under the server's key.

    `material_id` is 64 hex digits that identify the material and reveal nothing about it.
    """

    generation: int
    sealed: bytes = field(repr=False)
    material_id: str
    created_at: Millis
    rotation: RotationType | None = None


@dataclass(frozen=True, slots=True)
class KeyAlias:
    """A name of a key, `alias/…`."""

    name: str
    key_id: str
    created_at: Millis
    updated_at: Millis


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """A grant: `grantee` may perform `operations` on the key, if the encryption context satisfies the constraints.

    `grantee_id` and `retiring_id` are the ids that the two ARNs had when the grant was made; `retiring` and its id are
    empty if nobody in particular may retire it. `subset` must be in the encryption context, `equals` must be all of it;
    None if there is no such constraint.
    """

    grant_id: str
    key_id: str
    name: str
    grantee: str
    grantee_id: str
    operations: tuple[str, ...]
    created_at: Millis
    retiring: str = ""
    retiring_id: str = ""
    subset: Mapping[str, str] | None = None
    equals: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key as one call needs it: with one generation of its material, its aliases and tags.

    `generation` is None if the key does not have the one that was asked for.
    """

    key: KmsKey
    generation: KeyGeneration | None
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
