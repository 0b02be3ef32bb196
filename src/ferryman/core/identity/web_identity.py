"""AssumeRoleWithWebIdentity: people with a token of an OpenID Connect provider assume a role."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ferryman.core.authorization.request_context import Keys, origin_keys
from ferryman.core.iam.roles import role_keys
from ferryman.core.identity.assume_role import (
    RoleSession,
    SessionRequest,
    actions_of,
    enter,
    find_role,
    request_keys,
    trust_policy,
)
from ferryman.core.identity.id_tokens import WebIdentity, verify_token
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Origin
from ferryman.model.identity.credential_sessions import SOURCE_IDENTITY_LIMIT, SessionKind
from ferryman.model.identity.roles import IamRole
from ferryman.model.tags import TAG_LIMIT
from ferryman.policy.context import Value, fold, request_context
from ferryman.policy.evaluation import PolicySet, Request, evaluate
from ferryman.policy.principals import Requester

TAGS_CLAIM = "https://aws.amazon.com/tags"
SOURCE_IDENTITY_CLAIM = "https://aws.amazon.com/source_identity"
_WAY = "sts:AssumeRoleWithWebIdentity"


@dataclass(frozen=True, slots=True)
class WebIdentitySession:
    """A web identity's session, and what its token says.

    That is the subject, the issuer, and the first of its audiences that is one of ours.
    """

    session: RoleSession
    subject: str
    issuer: str
    audience: str


async def assume_role_with_web_identity(
    service: Service, origin: Origin, token: str, request: SessionRequest
) -> WebIdentitySession:
    """AssumeRoleWithWebIdentity: the token is the credential; the trust policy names the provider as Federated.

    Its conditions may use any claim that is a text, a number, a boolean or a list of texts, as `ISSUER:claim`, where
    ISSUER is the provider's URL without the scheme. Raises as `verify_token` and `enter`, and AccessDeniedException,
    also for a role that does not exist; IDPRejectedClaim for claims that are not valid tags or source identity.
    """
    identity = await verify_token(service, token)
    request = replace(request, **_claimed(identity.claims))
    role = await find_role(service, request.role_arn)
    if role is None or not await _is_trusted(service, origin, identity, role, request):
        raise ServiceError("AccessDeniedException", f"Not authorized to perform {_WAY}")
    arn = service.arns.oidc_provider(identity.provider.name)
    session = await enter(service, role, request, SessionKind.WEB_IDENTITY, provider=arn, subject=identity.subject)
    return WebIdentitySession(session, identity.subject, identity.issuer, identity.audiences[0])


async def _is_trusted(
    service: Service, origin: Origin, identity: WebIdentity, role: IamRole, request: SessionRequest
) -> bool:
    arn = service.arns.oidc_provider(identity.provider.name)
    context = request_context(
        {
            **claim_keys(identity),
            **origin_keys(service, origin),
            **request_keys(request),
            **await role_keys(service, role),
            "aws:FederatedProvider": arn,
        }
    )
    policies, requester = PolicySet(resource=trust_policy(role)), Requester(provider=arn)
    return all(
        evaluate(policies, Request(action, request.role_arn, context, requester)).allowed
        for action in actions_of(_WAY, request)
    )


def claim_keys(identity: WebIdentity) -> Keys:
    """Return the condition keys of a token's claims; `aud` contains only audiences that are the provider's client ids.

    Condition keys ignore case, claims do not: of claims that differ only in case, only the lower-case one counts. No
    claim is left out for its length, or a negated condition would hold: a token has at most 20,000 characters, and a
    decision is limited in its work.
    """
    keys: dict[str, Value | tuple[Value, ...]] = {}
    spellings = Counter(fold(name) for name in identity.claims)
    for name, value in identity.claims.items():
        if spellings[fold(name)] > 1 and name != fold(name):
            continue
        values = value if isinstance(value, list) else [value]
        texts = tuple(each for each in values if isinstance(each, str | bool | int))
        if texts:
            keys[f"{identity.provider.name}:{name}"] = texts
    return {**keys, f"{identity.provider.name}:aud": identity.audiences}


def _claimed(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the session tags and the source identity that a provider sets, in the claims that AWS names for them."""
    given = claims.get(TAGS_CLAIM, {})
    source_identity = claims.get(SOURCE_IDENTITY_CLAIM, "")
    tags: dict[str, str] = {}
    try:
        for key, values in given.get("principal_tags", {}).items():
            (tags[key],) = [values] if isinstance(values, str) else values
        transitive = tuple(given.get("transitive_tag_keys", ()))
    except (AttributeError, TypeError, ValueError) as error:
        raise _rejected("the tags are not in the form that AWS gives them") from error
    texts = [*tags, *tags.values(), *transitive, source_identity]
    if len(tags) > TAG_LIMIT or len({key.casefold() for key in tags}) != len(tags):
        raise _rejected(f"there may be {TAG_LIMIT} tags, each key once")
    if (
        not all(isinstance(each, str) and len(each) <= 256 for each in texts)
        or len(source_identity) > SOURCE_IDENTITY_LIMIT
    ):
        raise _rejected("a tag or the source identity is not a string, or is too long")
    return {"tags": tags, "transitive_keys": transitive, "source_identity": source_identity}


def _rejected(cause: str) -> ServiceError:
    message = f"The provider's token sets a value that a session cannot have: {cause}."
    return ServiceError("IDPRejectedClaim", message, status=403)
