"""The origin of a policy that decided: its name, its holder, and its text."""

from dataclasses import dataclass

from ferryman.core.authorization.builtin_policies import BUILTIN_POLICIES
from ferryman.core.service import Service
from ferryman.model.arns import name_of_policy
from ferryman.model.identity.policies import PolicyDocument


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A policy's origin. `kind` is IAM's PolicySourceType; `holder` is the name of the holder of an inline policy."""

    name: str
    kind: str
    holder: str = ""
    arn: str = ""

    @property
    def title(self) -> str:
        """The policy's name for people: `inline policy look of group watchers`."""
        if self.arn:
            return f"{'built-in' if self.kind == 'aws-managed' else 'managed'} policy {self.name}"
        return f"inline policy {self.name} of {self.kind} {self.holder}" if self.holder else self.name


async def source_of(service: Service, document: PolicyDocument) -> PolicySource:
    """Return a policy's origin; one that exists only in a simulation is of kind `none`."""
    if document.name.startswith("arn:"):
        kind = "aws-managed" if document.name in BUILTIN_POLICIES else "user-managed"
        return PolicySource(name_of_policy(document.name), kind, arn=document.name)
    owner_id, _, name = document.name.partition("/")
    if owner_id.startswith("AIDA") and (user := await service.store.identities.get_user(owner_id)) is not None:
        return PolicySource(name, "user", user.name)
    if owner_id.startswith("AGPA") and (group := await service.store.groups.get(owner_id)) is not None:
        return PolicySource(name, "group", group.name)
    if owner_id.startswith("AROA") and (role := await service.store.roles.get(owner_id)) is not None:
        return PolicySource(name, "role", role.name)
    return PolicySource(document.name, "none")
