"""The operations of STS, from AWS's spelling to the use cases and back."""

from collections.abc import Mapping
from typing import Any

from ferryman.awsapi.models import operation_model
from ferryman.core.identity import assume_role as role_sessions
from ferryman.core.identity import web_identity as web_identities
from ferryman.core.identity.credentials import TemporaryCredentials
from ferryman.core.identity.security_tokens import get_session_token as session_token_of
from ferryman.core.identity.temporary_credentials import token_utilization
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import (
    Key,
    Operations,
    Parameters,
    Result,
    Surroundings,
    UnsignedOperation,
    moment,
    tags_given,
)


async def get_caller_identity(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """GetCallerIdentity: no policy is asked."""
    return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}


async def get_session_token(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """GetSessionToken."""
    _refuse_mfa(given)
    minimum = given.get("MinimumSessionTokenSize", 0)
    issued = session_token_of(here.service, caller, given.get("DurationSeconds"), minimum)
    return {"Credentials": credentials(issued), **_token_size("GetSessionToken", issued)}


async def assume_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """AssumeRole."""
    _refuse_mfa(given)
    if given.get("ProvidedContexts"):
        raise ServiceError("ValidationException", "There are no context providers here. Leave out ProvidedContexts.")
    request = _session_request(given, tags_given(given))
    return _role_session("AssumeRole", await role_sessions.assume_role(here.service, caller, request))


async def assume_role_with_web_identity(here: Surroundings, given: Parameters) -> Result:
    """AssumeRoleWithWebIdentity: unsigned; the token is the credential."""
    if given.get("ProviderId"):
        raise ServiceError(
            "ValidationException", "ProviderId is for OAuth 2.0 access tokens, which are not taken here."
        )
    request, token = _session_request(given, {}), given["WebIdentityToken"]
    made = await web_identities.assume_role_with_web_identity(here.service, here.origin, token, request)
    return {
        **_role_session("AssumeRoleWithWebIdentity", made.session),
        "SubjectFromWebIdentityToken": made.subject,
        "Provider": made.issuer,
        "Audience": made.audience,
    }


def _session_request(given: Parameters, tags: Mapping[str, str]) -> role_sessions.SessionRequest:
    return role_sessions.SessionRequest(
        given["RoleArn"],
        given["RoleSessionName"],
        given.get("DurationSeconds"),
        given.get("Policy"),
        [each.get("arn", "") for each in given.get("PolicyArns") or []],
        tags,
        tuple(dict.fromkeys(given.get("TransitiveTagKeys") or [])),
        given.get("SourceIdentity", ""),
        given.get("ExternalId", ""),
        given.get("MinimumSessionTokenSize", 0),
    )


def _role_session(operation: str, session: role_sessions.RoleSession) -> dict[str, Any]:
    return {
        "Credentials": credentials(session.issued),
        "AssumedRoleUser": {"AssumedRoleId": session.assumed_role_id, "Arn": session.arn},
        "PackedPolicySize": session.issued.packed_percent,
        "SourceIdentity": session.source_identity or None,
        **_token_size(operation, session.issued),
    }


def _token_size(operation: str, issued: TemporaryCredentials) -> Result:
    """Return the size of a session token, as far as this botocore's model has members for it (1.44 and newer)."""
    model = operation_model("sts", operation)
    token = issued.credentials.session_token
    if token is None or model is None or model.output_shape is None:
        return {}
    size = len(token.reveal())
    found = {"SessionTokenSize": size, "SessionTokenUtilization": token_utilization(size)}
    return {name: value for name, value in found.items() if name in model.output_shape.members}


def _refuse_mfa(given: Parameters) -> None:
    if given.get("SerialNumber") or given.get("TokenCode"):
        raise ServiceError(
            "AccessDeniedException",
            "MultiFactorAuthentication failed: there are no MFA devices here. Leave out SerialNumber and TokenCode.",
        )


def credentials(issued: TemporaryCredentials) -> Result:
    """Return the structure Credentials."""
    token = issued.credentials.session_token
    return {
        "AccessKeyId": issued.credentials.access_key_id,
        "SecretAccessKey": issued.credentials.secret_access_key.reveal(),
        "SessionToken": None if token is None else token.reveal(),
        "Expiration": moment(issued.expires_at),
    }


OPERATIONS: Operations = {
    ("sts", "GetCallerIdentity"): get_caller_identity,
    ("sts", "GetSessionToken"): get_session_token,
    ("sts", "AssumeRole"): assume_role,
}
OPERATIONS_UNSIGNED: Mapping[Key, UnsignedOperation] = {
    ("sts", "AssumeRoleWithWebIdentity"): assume_role_with_web_identity,
}
