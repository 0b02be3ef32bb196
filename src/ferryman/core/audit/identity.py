"""CloudTrail's userIdentity: who called, and in which session of temporary credentials."""

from collections.abc import Mapping
from typing import Any

from ferryman.core.audit.redaction import text
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.credential_sessions import TemporarySession
from ferryman.model.values.timestamps import from_millis, iso_seconds

_TYPES = {CallerKind.USER: "IAMUser", CallerKind.ROLE: "AssumedRole", CallerKind.NODE: "ManagedNode"}


def user_identity(caller: Caller | None, claimed_key: str | None) -> dict[str, Any]:
    """Return CloudTrail's userIdentity; of type Unknown, with the claimed key, if the caller was not authenticated."""
    key = {} if claimed_key is None else {"accessKeyId": text(claimed_key)}
    if caller is None:
        return {"type": "Unknown", **key}
    identity: dict[str, Any] = {
        "type": _TYPES[caller.kind],
        "principalId": caller.user_id,
        "arn": caller.arn,
        "accountId": caller.account_id,
        **key,
    }
    if caller.kind is CallerKind.USER:
        identity["userName"] = caller.name
    if caller.session is not None:
        identity["sessionContext"] = _session_context(caller, caller.session)
    return identity


def web_identity(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return CloudTrail's userIdentity of a caller with a provider's token, from the result; None for other calls."""
    if result is None or "SubjectFromWebIdentityToken" not in result:
        return None
    subject, issuer = text(result["SubjectFromWebIdentityToken"]), text(result["Provider"])
    return {
        "type": "WebIdentityUser",
        "principalId": f"{issuer}:{text(result['Audience'])}:{subject}",
        "userName": subject,
        "identityProvider": issuer,
    }


def _session_context(caller: Caller, session: TemporarySession) -> dict[str, Any]:
    created = iso_seconds(from_millis(session.issued_at))
    context: dict[str, Any] = {"attributes": {"creationDate": created, "mfaAuthenticated": "false"}}
    if caller.role_arn:
        context["sessionIssuer"] = {
            "type": "Role",
            "principalId": session.identity_id,
            "arn": caller.role_arn,
            "accountId": caller.account_id,
            "userName": caller.role_arn.rpartition("/")[2],
        }
    if session.provider:
        context["webIdFederationData"] = {"federatedProvider": session.provider, "subject": text(session.subject)}
    if session.source_identity:
        context["sourceIdentity"] = session.source_identity
    if session.access_request_id:
        context["accessRequestId"] = session.access_request_id
    return context
