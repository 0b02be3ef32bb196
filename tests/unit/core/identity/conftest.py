"""What tests of web identities share."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ferryman.core.iam import attached_policies as held_policies
from ferryman.core.iam import oidc_providers, roles
from ferryman.core.iam.attached_policies import Holder, HolderKind
from ferryman.core.iam.roles import RoleDraft
from tests.unit.core.identity.issuers import ISSUER, KEYS, OPERATOR, TRUST, Issuer, People

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


@pytest.fixture
async def people(world: "World") -> People:
    issuer = Issuer([KEYS["rsa"].as_dict(private=False), KEYS["ec"].as_dict(private=False)])
    service, root = replace(world.service, fetch=issuer.fetch), world.administrator
    await oidc_providers.create_oidc_provider(service, root, ISSUER, ["ferryman", "other"], [], {})
    await roles.create_role(service, root, RoleDraft("People", json.dumps(TRUST)), {})
    await held_policies.attach_policy(service, root, Holder(HolderKind.ROLE, "People"), OPERATOR)
    return People(world, service, issuer)
