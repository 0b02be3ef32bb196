"""KMS's operations: AWS's members to use cases and back."""

from ferryman.server.operations.context import Operations
from ferryman.server.operations.kms import aliases, cryptography, grants, keys, policies, rotation, tags

OPERATIONS: Operations = {
    **keys.OPERATIONS,
    **cryptography.OPERATIONS,
    **aliases.OPERATIONS,
    **policies.OPERATIONS,
    **rotation.OPERATIONS,
    **tags.OPERATIONS,
    **grants.OPERATIONS,
}
