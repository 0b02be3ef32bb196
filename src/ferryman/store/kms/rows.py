"""Rows of KMS keys and their parts, as entities and back."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace

import msgspec

from ferryman.model.kms import KeyGeneration, KeyGrant, KeyState, KmsKey, RotationType
from ferryman.store.connections import Record
from ferryman.store.tables import kms_grants, kms_key_generations, kms_keys

KEY_COLUMNS = tuple(kms_keys.c[each.name] for each in fields(KmsKey))
GENERATION_COLUMNS = tuple(kms_key_generations.c[each.name] for each in fields(KeyGeneration))
GRANT_COLUMNS = (
    kms_grants.c.grant_id,
    kms_grants.c.key_id,
    kms_grants.c.name,
    kms_grants.c.grantee,
    kms_grants.c.grantee_id,
    kms_grants.c.operations,
    kms_grants.c.created_at,
    kms_grants.c.retiring,
    kms_grants.c.retiring_id,
    kms_grants.c.constraints,
)


class _Constraints(msgspec.Struct, frozen=True, omit_defaults=True):
    """The constraints of a grant, as stored."""

    subset: dict[str, str] | None = None
    equals: dict[str, str] | None = None


def key_values(key: KmsKey) -> dict[str, object]:
    """Return the columns of a key."""
    ids = "\n".join(f"{arn} {identity_id}" for arn, identity_id in key.principal_ids.items())
    return {**asdict(key), "state": key.state.value, "principal_ids": ids}


def key_of(row: Record) -> KmsKey:
    """Return the key of a row of `KEY_COLUMNS`."""
    found = KmsKey(*row[: len(KEY_COLUMNS)])
    ids = dict(line.split(" ") for line in str(found.principal_ids).splitlines())
    return replace(found, state=KeyState(found.state), principal_ids=ids)


def generation_values(key_id: str, generation: KeyGeneration) -> dict[str, object]:
    """Return the columns of a generation."""
    rotation = None if generation.rotation is None else generation.rotation.value
    return {"key_id": key_id, **asdict(generation), "rotation": rotation}


def generation_of(row: Record) -> KeyGeneration:
    """Return the generation of a row of `GENERATION_COLUMNS`."""
    number, sealed, material_id, created_at, rotation = row
    return KeyGeneration(
        number, bytes(sealed), material_id, created_at, None if rotation is None else RotationType(rotation)
    )


def grant_values(grant: KeyGrant) -> dict[str, object]:
    """Return the columns of a grant."""
    constraints = _Constraints(_plain(grant.subset), _plain(grant.equals))
    values = {name: value for name, value in asdict(grant).items() if name not in ("subset", "equals")}
    encoded = msgspec.json.encode(constraints).decode()
    return {**values, "operations": "\n".join(grant.operations), "constraints": encoded}


def grant_of(row: Record) -> KeyGrant:
    """Return the grant of a row of `GRANT_COLUMNS`."""
    *plain, text = row
    found = KeyGrant(*plain)
    constraints = msgspec.json.decode(text, type=_Constraints)
    operations = tuple(str(found.operations).splitlines())
    return replace(found, operations=operations, subset=constraints.subset, equals=constraints.equals)


def _plain(pairs: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if pairs is None else dict(pairs)
