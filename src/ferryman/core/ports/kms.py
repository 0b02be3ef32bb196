"""The ports of KMS: the stores of keys, aliases and grants, and a KMS elsewhere for the data keys of recordings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ferryman.model.identifiers import Millis
from ferryman.model.kms import FoundKey, KeyAlias, KeyGeneration, KeyGrant, KmsKey

MATERIAL_PURPOSE = "kms-key"
"""The vault's purpose for the material of keys; the context is `material_context`."""


def material_context(key_id: str, generation: int) -> bytes:
    """Return what sealed material is bound to."""
    return f"{key_id}/{generation}".encode()


class KmsKeyStore(Protocol):
    """Keys and the generations of their material. Tags are in the store of tags, and deleted with their key."""

    async def add(self, key: KmsKey, generation: KeyGeneration, most: int) -> bool:
        """Insert a key with its first generation; False if there are `most` keys already."""

    async def find(self, name: str, generation: int | None = None) -> FoundKey | None:
        """Return the key with an id, or with an alias (`alias/…`), and a generation; None for the newest."""

    async def page(self, after: str, limit: int) -> Sequence[str]:
        """Return up to `limit` ids of keys, in order, after `after`."""

    async def change(self, key: KmsKey, to: KmsKey) -> bool:
        """Change all columns of a key except its generation; False if they are no longer what `key` has."""

    async def rotate(self, key: KmsKey, generation: KeyGeneration, next_rotation_at: Millis | None) -> bool:
        """Add the generation that follows the newest of an enabled key; False if another was added meanwhile."""

    async def generations(self, key_id: str) -> Sequence[KeyGeneration]:
        """Return a key's generations, oldest first."""

    async def due_for_deletion(self, now: Millis, limit: int) -> Sequence[KmsKey]:
        """Return keys whose waiting time is over."""

    async def due_for_rotation(self, now: Millis, limit: int) -> Sequence[KmsKey]:
        """Return enabled keys whose next automatic rotation is due."""

    async def delete(self, key: KmsKey) -> bool:
        """Delete a key with all that belongs to it, its tags too; False if it is no longer what `key` has."""

    async def generations_after(self, after: tuple[str, int], limit: int) -> Sequence[tuple[str, KeyGeneration]]:
        """Return up to `limit` generations of all keys, by key id and number, after one; for resealing."""

    async def reseal(self, key_id: str, generation: int, before: bytes, after: bytes) -> bool:
        """Replace sealed material that is still `before`; False if it is not."""


class KmsAliasStore(Protocol):
    """Aliases; those of a key go with the key."""

    async def add(self, alias: KeyAlias, most: int) -> bool:
        """Insert an alias; False if the key has `most` already. `ServiceError` AlreadyExistsException."""

    async def get(self, name: str) -> KeyAlias | None:
        """Return the alias with a name."""

    async def move(self, name: str, before: str, key_id: str, now: Millis, most: int) -> bool:
        """Make an alias of the key `before` name another; False if it is not one, or the other has `most` already."""

    async def remove(self, name: str, key_id: str) -> bool:
        """Delete an alias of this key; False if it is not one."""

    async def page(self, key_id: str | None, after: str, limit: int) -> Sequence[KeyAlias]:
        """Return up to `limit` aliases of a key, or of all, by name, after `after`."""


class KmsGrantStore(Protocol):
    """Grants; those of a key go with the key."""

    async def add(self, grant: KeyGrant, most: int, most_to_one: int) -> bool:
        """Insert a grant; False if the key has `most` already, or `most_to_one` to the same grantee."""

    async def get(self, grant_id: str) -> KeyGrant | None:
        """Return the grant with an id."""

    async def to(self, key_id: str, grantees: Collection[str]) -> Sequence[KeyGrant]:
        """Return a key's grants to the given ARNs, by id."""

    async def page(self, key_id: str, grantee: str | None, after: str, limit: int) -> Sequence[KeyGrant]:
        """Return up to `limit` grants of a key, to one grantee or all, by id, after `after`."""

    async def remove(self, grant_id: str) -> bool:
        """Delete a grant; False if there is none."""


Context = Mapping[str, str]
"""An encryption context."""


class KeyUnusable(Exception):
    """A KMS key cannot be used: the text is one sentence that names the key and says why, without a full stop."""


class ForeignKms(Protocol):
    """A KMS elsewhere. Calls take bounded time and never block."""

    async def encrypt(self, key: str, plaintext: bytes, context: Context) -> bytes:
        """Return the ciphertext of up to 4,096 bytes under a key. Raises KeyUnusable."""

    async def decrypt(self, key: str, ciphertext: bytes, context: Context) -> bytes:
        """Return the plaintext of a ciphertext that `encrypt` made. Raises KeyUnusable."""


@dataclass(frozen=True, slots=True)
class KeyCustody:
    """Which KMS key wraps the data keys of new recordings: `key`, in the KMS elsewhere if there is one.

    `key` is an id, an alias or an ARN; "" if no key wraps them, and only the server's own key seals them.
    """

    key: str = ""
    foreign: ForeignKms | None = field(default=None, repr=False)


NO_CUSTODY = KeyCustody()
