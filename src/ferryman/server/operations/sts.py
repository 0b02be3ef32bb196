"""STS: the caller's identity, session tokens and roles."""

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
from ferryman.server.operations.context import Key, OperationContext, Operations, Parameters, Result, UnsignedOperation
from ferryman.server.operations.parameters import requested_tags
from ferryman.server.operations.results import credentials_result


async def get_caller_identity(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """GetCallerIdentity: needs no permission."""
    return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}


async def get_session_token(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """GetSessionToken."""
    _refuse_mfa(parameters)
    minimum = parameters.get("MinimumSessionTokenSize", 0)
    issued = session_token_of(context.service, caller, parameters.get("DurationSeconds"), minimum)
    return {
        "Credentials": credentials_result(issued.credentials, issued.expires_at),
        **_token_size("GetSessionToken", issued),
    }


async def assume_role(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """AssumeRole."""
    _refuse_mfa(parameters)
    if parameters.get("ProvidedContexts"):
        raise ServiceError("ValidationException", "Context providers are not supported. Leave out ProvidedContexts.")
    request = _session_request(parameters, requested_tags(parameters))
    return _role_session("AssumeRole", await role_sessions.assume_role(context.service, caller, request))


async def assume_role_with_web_identity(context: OperationContext, parameters: Parameters) -> Result:
    """AssumeRoleWithWebIdentity: unsigned; the token is the credential."""
    if parameters.get("ProviderId"):
        raise ServiceError("ValidationException", "ProviderId is for OAuth 2.0 access tokens, which are not supported.")
    request, token = _session_request(parameters, {}), parameters["WebIdentityToken"]
    made = await web_identities.assume_role_with_web_identity(context.service, context.origin, token, request)
    return {
        **_role_session("AssumeRoleWithWebIdentity", made.session),
        "SubjectFromWebIdentityToken": made.subject,
        "Provider": made.issuer,
        "Audience": made.audience,
    }


def _session_request(parameters: Parameters, tags: Mapping[str, str]) -> role_sessions.SessionRequest:
    return role_sessions.SessionRequest(
        parameters["RoleArn"],
        parameters["RoleSessionName"],
        parameters.get("DurationSeconds"),
        parameters.get("Policy"),
        [each.get("arn", "") for each in parameters.get("PolicyArns") or []],
        tags,
        tuple(dict.fromkeys(parameters.get("TransitiveTagKeys") or [])),
        parameters.get("SourceIdentity", ""),
        parameters.get("ExternalId", ""),
        parameters.get("MinimumSessionTokenSize", 0),
    )


def _role_session(operation: str, session: role_sessions.RoleSession) -> dict[str, Any]:
    return {
        "Credentials": credentials_result(session.issued.credentials, session.issued.expires_at),
        "AssumedRoleUser": {"AssumedRoleId": session.assumed_role_id, "Arn": session.arn},
        "PackedPolicySize": session.issued.packed_percent,
        "SourceIdentity": session.source_identity or None,
        **_token_size(operation, session.issued),
    }


def _token_size(operation: str, issued: TemporaryCredentials) -> Result:
    """Return the size of a session token, if the installed botocore's model has members for it (1.44 and newer)."""
    model = operation_model("sts", operation)
    token = issued.credentials.session_token
    if token is None or model is None or model.output_shape is None:
        return {}
    size = len(token.reveal())
    found = {"SessionTokenSize": size, "SessionTokenUtilization": token_utilization(size)}
    return {name: value for name, value in found.items() if name in model.output_shape.members}


def _refuse_mfa(parameters: Parameters) -> None:
    if parameters.get("SerialNumber") or parameters.get("TokenCode"):
        raise ServiceError(
            "AccessDeniedException",
            "MultiFactorAuthentication failed: MFA devices are not supported. Leave out SerialNumber and TokenCode.",
        )


OPERATIONS: Operations = {
    ("sts", "GetCallerIdentity"): get_caller_identity,
    ("sts", "GetSessionToken"): get_session_token,
    ("sts", "AssumeRole"): assume_role,
}
OPERATIONS_UNSIGNED: Mapping[Key, UnsignedOperation] = {
    ("sts", "AssumeRoleWithWebIdentity"): assume_role_with_web_identity,
}
