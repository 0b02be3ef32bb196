"""Operations on grants."""

from ferryman.core.kms import grants
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import KeyGrant
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.kms.pages import limit_of, page_result
from ferryman.server.operations.results import as_datetime


async def _create_grant(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    _refuse_services(parameters)
    constraints = parameters.get("Constraints") or {}
    request = grants.GrantRequest(
        key=parameters["KeyId"],
        grantee=parameters.get("GranteePrincipal") or "",
        operations=tuple(parameters["Operations"]),
        retiring=parameters.get("RetiringPrincipal") or "",
        name=parameters.get("Name") or "",
        subset=constraints.get("EncryptionContextSubset"),
        equals=constraints.get("EncryptionContextEquals"),
        grant_tokens=tuple(parameters.get("GrantTokens") or ()),
        is_dry_run=bool(parameters.get("DryRun")),
    )
    grant, token = await grants.create_grant(context.service, caller, request)
    return {"GrantToken": token, "GrantId": grant.grant_id}


async def _list_grants(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    page = await grants.list_grants(
        context.service,
        caller,
        parameters["KeyId"],
        parameters.get("Marker"),
        limit_of(parameters, 50, 100),
        grant_id=parameters.get("GrantId"),
        grantee=parameters.get("GranteeServicePrincipal") or parameters.get("GranteePrincipal"),
    )
    return page_result("Grants", page, [_grant(context, each) for each in page.items])


async def _revoke_grant(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    dry = bool(parameters.get("DryRun"))
    await grants.revoke_grant(context.service, caller, parameters["KeyId"], parameters["GrantId"], is_dry_run=dry)
    return {}


async def _retire_grant(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await grants.retire_grant(
        context.service,
        caller,
        parameters.get("GrantToken"),
        parameters.get("KeyId"),
        parameters.get("GrantId"),
        is_dry_run=bool(parameters.get("DryRun")),
    )
    return {}


def _refuse_services(parameters: Parameters) -> None:
    for member in ("GranteeServicePrincipal", "RetiringServicePrincipal"):
        if parameters.get(member):
            raise ServiceError("ValidationException", f"{member} is not supported: grants are to users and roles.")


def _grant(context: OperationContext, grant: KeyGrant) -> Result:
    constraints = {"EncryptionContextSubset": grant.subset, "EncryptionContextEquals": grant.equals}
    given = {name: value for name, value in constraints.items() if value is not None}
    return {
        "KeyId": context.service.arns.kms_key(grant.key_id),
        "GrantId": grant.grant_id,
        "Name": grant.name,
        "CreationDate": as_datetime(grant.created_at),
        "GranteePrincipal": grant.grantee,
        "RetiringPrincipal": grant.retiring or None,
        "IssuingAccount": f"arn:aws:iam::{context.service.settings.account_id}:root",
        "Operations": list(grant.operations),
        "Constraints": given or None,
    }


OPERATIONS: Operations = {
    ("kms", "CreateGrant"): _create_grant,
    ("kms", "ListGrants"): _list_grants,
    ("kms", "RevokeGrant"): _revoke_grant,
    ("kms", "RetireGrant"): _retire_grant,
}
